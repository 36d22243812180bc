//! A partition that is ours: what fills its ranges, and the task that writes them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use exactly_once::ClosedRange;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use crate::fill_range::RangeFiller;
use crate::job::{Fill, Job};
use crate::metrics::RangeMetrics;
use crate::progress::{Progress, Tally};

/// A writer that gave its partition up, without the client having said so, is waited with for so long: longer than a session and the
/// rebalance behind it.
const DESERTED_MAX: Duration = Duration::from_secs(90);

/// A range is closed at so many times its age where there is a backlog.
const BACKLOG_AGES: u32 = 4;
/// And at so many where it is small and there are many like it.
const SMALL_AGES: u32 = 2;
/// A range with fewer records is small: what its insert costs is mostly the same for one record.
const SMALL_RECORDS: u64 = 4_096;

/// A record that waits for its schema, and all behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeldRecord {
    pub(crate) offset: i64,
    /// Kafka's time of it.
    pub(crate) timestamp_ms: i64,
}

/// There are records behind what is durable, and none of them came.
#[derive(Clone, Copy, Debug)]
struct Unread {
    /// Everything before it is durable.
    from: i64,
    since: Instant,
}

/// One partition under one assignment.
pub(crate) struct Lane<J: Job> {
    pub(crate) epoch: u64,
    pub(crate) filler: RangeFiller<J::Fill>,
    /// Its records wait, from this one on, for a schema.
    pub(crate) held: Option<HeldRecord>,
    /// There is no backlog: since the open range was begun the partition's end was reached, or a record came that was young. Records that
    /// come all the time are fetched without ever an end between them.
    pub(crate) is_caught_up: bool,
    pub(crate) progress: Progress,
    pub(crate) tally: Tally,
    unread: Option<Unread>,
    /// Everything before it is in closed ranges.
    pub(crate) closed_to: i64,
    pub(crate) writer: JoinHandle<()>,
    /// Since when its writer has given it up: Kafka says that it is not ours, and the client does not say so yet.
    pub(crate) deserted_since: Option<Instant>,
    pub(crate) ranges: Sender<ClosedRange<<J::Fill as Fill>::Block>>,
    /// Closed ranges that the writer has no room for yet: at most those of one fetch, because nothing more is taken meanwhile.
    pub(crate) waiting: VecDeque<ClosedRange<<J::Fill as Fill>::Block>>,
}

impl<J: Job> Lane<J> {
    /// Nothing of it was read yet.
    pub(crate) fn new(
        epoch: u64,
        filler: RangeFiller<J::Fill>,
        progress: Progress,
        writer: JoinHandle<()>,
        ranges: Sender<ClosedRange<<J::Fill as Fill>::Block>>,
        metrics: RangeMetrics,
    ) -> Self {
        Self {
            epoch,
            filler,
            held: None,
            is_caught_up: false,
            closed_to: progress.committed(),
            progress,
            tally: Tally::new(metrics),
            unread: None,
            writer,
            deserted_since: None,
            ranges,
            waiting: VecDeque::new(),
        }
    }

    /// Closes the open range, if there is something to close, and hands it to the writer.
    pub(crate) fn close(&mut self) {
        self.count();
        if let Some(filled) = self.filler.close() {
            self.is_caught_up = false;
            self.closed_to = filled.range.cut.last() + 1;
            self.tally.closed();
            if !filled.range.has_no_record() {
                self.progress.closed(filled.oldest_ms, filled.records);
            }
            self.waiting.push_back(filled.range);
            self.hand_on();
        }
    }

    /// Hands on what waits, as far as the writer has room. A writer that has ended wants nothing: its end is told elsewhere.
    pub(crate) fn hand_on(&mut self) {
        while let Some(range) = self.waiting.pop_front() {
            match self.ranges.try_send(range) {
                Ok(()) => {}
                Err(TrySendError::Full(range)) => {
                    self.waiting.push_front(range);
                    return;
                }
                Err(TrySendError::Closed(_)) => self.waiting.clear(),
            }
        }
    }

    /// A record has come; since `young_since_ms` they are too young to be a backlog's.
    pub(crate) fn came(&mut self, timestamp_ms: i64, young_since_ms: i64) {
        self.is_caught_up |= timestamp_ms >= young_since_ms;
    }

    /// True where every closed range is durable and the offset stands behind it. That a range is done is told before its offset is
    /// committed, so it is the offset that counts.
    pub(crate) fn is_all_written(&self) -> bool {
        self.waiting.is_empty() && self.progress.committed() >= self.closed_to
    }

    /// True where its writer is behind.
    pub(crate) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Closes the open range where it is old enough. While the writer has the next one waiting already it would not be written any
    /// sooner: it grows on, so that a store that is slow gets fewer and larger inserts. So it does over a backlog, whose events are old
    /// whatever is done, but no longer than [`BACKLOG_AGES`]; and where it is small and one of many, but no longer than [`SMALL_AGES`].
    pub(crate) fn close_if_due(&mut self, now: Instant, is_one_of_many: bool) {
        let has_next = self.ranges.capacity() < self.ranges.max_capacity() || self.is_behind();
        let is_small = || is_one_of_many && self.filler.records() < SMALL_RECORDS;
        let ages = match self.is_caught_up {
            false => BACKLOG_AGES,
            true if is_small() => SMALL_AGES,
            true => 1,
        };
        if self.filler.is_full() || (!has_next && self.filler.is_due(now, ages)) {
            self.close();
        }
    }

    /// True where its writer has given it up, and the client has had time enough to say that it is gone. Its records would wait for
    /// ever.
    pub(crate) fn is_deserted(&self, now: Instant) -> bool {
        self.deserted_since.is_some_and(|since| now.duration_since(since) > DESERTED_MAX)
    }

    /// Counts what has come since the last time.
    pub(crate) fn count(&mut self) {
        self.tally.count(self.filler.records());
    }

    /// Lets the open range go: whoever has the partition next reads it again.
    pub(crate) fn let_go_open(&mut self) {
        self.count();
        self.tally.let_go();
    }

    /// Kafka's time of the oldest record that is known and not yet durable: read, or held until its schema is known.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        let held_ms = self.held.map(|held| held.timestamp_ms);
        [self.progress.oldest_ms(), self.filler.oldest_ms(), held_ms].into_iter().flatten().min()
    }

    /// Kafka has said where the partition ends.
    pub(crate) fn ends_at(&mut self, end: i64, now: Instant) {
        let from = self.progress.committed();
        let before = self.unread.filter(|unread| unread.from == from);
        let is_unread = end > from && self.oldest_ms().is_none();
        self.unread = is_unread.then(|| before.unwrap_or(Unread { from, since: now }));
    }

    /// How long what is not durable has waited: by Kafka's time, or, of what Kafka does not give, since it was known of.
    pub(crate) fn lag(&self, now: Instant, now_ms: i64) -> Duration {
        match self.oldest_ms() {
            Some(oldest_ms) => {
                Duration::from_millis(u64::try_from(now_ms.saturating_sub(oldest_ms)).unwrap_or_default())
            }
            None => {
                let unread = self.unread.filter(|unread| unread.from == self.progress.committed());
                unread.map_or(Duration::ZERO, |unread| now.saturating_duration_since(unread.since))
            }
        }
    }
}

#[cfg(test)]
mod tests;
