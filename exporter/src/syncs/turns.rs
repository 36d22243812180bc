//! What a sync has to do now.

use std::time::Duration;

use bucket_syncs::SyncState;
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type};
use schemas::times::Moment;

use super::tell::due_at;

/// What a sync does, beside each other: neither waits for the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// The next object.
    Live,
    /// The past range that was asked for first.
    Backfill,
    /// Telling a receiver that it fails, or is well again.
    Mail(String),
}

impl Work {
    /// All that is to be done now.
    pub(super) fn due(state: &SyncState, now: Moment, mail_after: Duration) -> Vec<Self> {
        let mut due = Vec::new();
        if (state.open.is_some() && !state.is_paused) || state.due(now).is_some() {
            due.push(Self::Live);
        }
        if state.open_backfill().is_some() {
            due.push(Self::Backfill);
        }
        if due_at(state, mail_after).is_some_and(|at| at <= now) {
            due.extend(state.to_tell().cloned().map(Self::Mail));
        }
        due
    }

    /// What this is the event of; `None` of what people do, and of what is said in the midst of a step.
    pub(super) fn of(event: &BucketSyncEvent) -> Option<Self> {
        match event.event_type {
            Type::Failed if event.number.is_some() => Some(Self::Backfill),
            Type::Looked | Type::Planned | Type::Stored | Type::Failed => Some(Self::Live),
            Type::BackfillProgressed | Type::Backfilled => Some(Self::Backfill),
            Type::Notified => event.receiver.clone().map(Self::Mail),
            Type::Unknown
            | Type::Created
            | Type::Changed
            | Type::Paused
            | Type::Resumed
            | Type::Deleted
            | Type::BackfillRequested
            | Type::BackfillCancelled
            | Type::Packed => None,
        }
    }
}
