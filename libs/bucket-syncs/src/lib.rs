//! Bucket syncs: a tenant's events, interval by interval, as objects in a bucket.
//!
//! All of a sync is the fold of its events on one topic, where both people and exporters write. What belongs into an object is a range of
//! Kafka offsets, and the first plan of a number that lies on the topic says which; whoever makes it, and however often, makes the same
//! object under the same name (`docs/adr/0043-bucket-sync.md`).

mod book;
mod change;
mod config;
mod journal;
mod state;

pub use book::{SharedSyncs, follow_syncs};
pub use change::{Changed, backfill, cancel_backfill, check, created, wish};
pub use config::Config;
pub use journal::SyncJournal;
pub use state::{Backfill, BackfillEnd, Failing, Offsets, Packed, Plan, Stored, SyncState, offsets_of, take};
