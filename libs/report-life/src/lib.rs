//! The life of a report: its events, their fold, and the book of all reports that follows the topic.
//!
//! State is nothing but the fold. Who wants to change it appends an event; who wants to know it reads the book.

mod barrier;
mod book;
mod files;
mod filter;
mod follow;
mod journal;
mod limits;
mod manifest;
mod pace;
mod phase;
mod plan;
mod receivers;
mod series;
mod state;
mod turn;
mod wish;

pub use barrier::barrier;
pub use book::{LastRun, ReportEnd, SharedBook, follow};
pub use files::{file_key, file_keys, file_places, folder_name, groups_key, manifest_key, saved_manifest, saved_name};
pub use filter::{report_filter, traffic_filter};
pub use follow::{FollowError, follow_topic};
pub use journal::{Journal, JournalError};
pub use limits::{Daily, Limits, OverLimit, ReportLimit, Spent, Usage};
pub use manifest::{Manifest, ManifestFile, ManifestRange, ManifestTotals, TotalsSource};
pub use pace::Pace;
pub use phase::{End, Phase};
pub use plan::{Failure, Plan, SliceDone};
pub use receivers::{Language, RECEIVERS_MAX, Receiver, Receivers, check_receivers, is_address};
pub use series::Series;
pub use state::ReportState;
pub use turn::Turn;
pub use wish::{Actor, NotNow};
