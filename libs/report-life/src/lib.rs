//! The life of a report: its events, their fold, and the book of all reports that follows the topic.
//!
//! State is nothing but the fold. Who wants to change it appends an event; who wants to know it reads the book.

mod book;
#[cfg(test)]
mod examples;
mod filter;
mod journal;
mod limits;
mod pace;
mod state;
mod wish;

pub use book::{FollowError, SharedBook, follow};
pub use filter::{report_filter, traffic_filter};
pub use journal::{Journal, JournalError};
pub use limits::{Limits, OverLimit, Spent, Usage};
pub use pace::Pace;
pub use state::{Phase, ReportState};
pub use wish::{Actor, NotNow};
