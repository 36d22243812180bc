//! What was asked for of the past.

use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::times::Moment;

use super::{Failing, HOUR};

/// A past range that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backfill {
    /// Its number, from 1.
    pub number: i64,
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// All before is in the bucket.
    pub reached: Moment,
    /// Objects in the bucket so far.
    pub objects: i64,
    /// When that was said.
    pub moved_at: Moment,
    /// How it has ended.
    pub end: Option<BackfillEnd>,
    /// Why it cannot be brought.
    pub failing: Option<Failing>,
}

/// How a past range has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackfillEnd {
    /// All of it is in the bucket.
    Done,
    /// The rest of it was not wanted any more.
    Cancelled,
}

impl Backfill {
    pub(super) fn new(number: i64, (from, to): (Moment, Moment), at: Moment) -> Self {
        Self { number, from, to, reached: from, objects: 0, moved_at: at, end: None, failing: None }
    }

    /// True where it is to be brought, now or after those before it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    /// Hours that are done with, and hours of the range.
    #[must_use]
    pub fn hours(&self) -> (i64, i64) {
        let since_begin = |moment: Moment| moment.as_micros().saturating_sub(self.from.as_micros()) / HOUR;
        (since_begin(self.reached), since_begin(self.to))
    }

    /// So much of it is in the bucket. Who brings it beside another one may be behind, and then says nothing.
    pub(super) fn moved(&mut self, reached: Moment, event: &BucketSyncEvent) {
        if reached > self.reached {
            (self.reached, self.moved_at) = (reached.min(self.to), event.at);
            self.objects = event.objects.unwrap_or(self.objects);
            self.failing = None;
        }
    }
}
