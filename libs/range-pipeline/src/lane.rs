//! A partition that is ours: what fills its ranges, and the task that writes them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use exactly_once::{ClosedRange, Event, Observer};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::JoinHandle;

use crate::fill_range::RangeFiller;
use crate::job::{Fill, Job};
use crate::metrics::RangeMetrics;

/// A writer that gave its partition up, without the client having said so, is waited with for so long: longer than a session and the
/// rebalance behind it.
const DESERTED_MAX: Duration = Duration::from_secs(90);

/// A range is closed at so many times its age where there is a backlog.
const BACKLOG_AGES: u32 = 4;
/// And at so many where it is small and there are many like it.
const SMALL_AGES: u32 = 2;
/// A range with fewer records is small: what its insert costs is mostly the same for one record.
const SMALL_RECORDS: u64 = 4_096;

/// A closed range with records that is not done yet.
#[derive(Clone, Copy, Debug)]
struct Unwritten {
    /// Kafka's time of its first record.
    oldest_ms: Option<i64>,
    records: u64,
}

/// How far the writing of a partition is; shared by whoever fills its ranges and whoever writes them.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Closed ranges with records that are not done yet, oldest first. Of a range without a record nobody says that it is done.
    unwritten: Arc<Mutex<VecDeque<Unwritten>>>,
    /// Everything before it is durable.
    committed: Arc<AtomicI64>,
}

impl Progress {
    pub(crate) fn from(begin: i64) -> Self {
        Self { unwritten: Arc::default(), committed: Arc::new(AtomicI64::new(begin)) }
    }

    fn ranges(&self) -> std::sync::MutexGuard<'_, VecDeque<Unwritten>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn committed(&self) -> i64 {
        self.committed.load(Ordering::Relaxed)
    }

    pub(crate) fn commit(&self, offset: i64) {
        self.committed.store(offset, Ordering::Relaxed);
    }

    fn oldest_ms(&self) -> Option<i64> {
        self.ranges().iter().find_map(|range| range.oldest_ms)
    }

    /// Records of closed ranges that are not done: of a partition that has gone, its next owner reads them again.
    pub(crate) fn take_records(&self) -> u64 {
        self.ranges().drain(..).map(|range| range.records).sum()
    }
}

/// Notes what becomes of the ranges of one partition.
pub(crate) struct Notes {
    pub(crate) metrics: RangeMetrics,
    pub(crate) progress: Progress,
    pub(crate) partition: i32,
}

impl Observer for Notes {
    fn saw(&self, event: Event<'_>) {
        self.metrics.saw(&event, self.partition);
        if let Event::Done { .. } = event {
            self.progress.ranges().pop_front();
        }
    }
}

/// One partition under one assignment.
pub(crate) struct Lane<J: Job> {
    pub(crate) epoch: u64,
    pub(crate) filler: RangeFiller<J::Fill>,
    /// Its records wait, from this offset on, for a schema.
    pub(crate) held_at: Option<i64>,
    /// There is no backlog: since the open range was begun the partition's end was reached, or a record came that was young. Records that
    /// come all the time are fetched without ever an end between them.
    pub(crate) is_caught_up: bool,
    pub(crate) progress: Progress,
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
    /// Closes the open range, if there is something to close, and hands it to the writer.
    pub(crate) fn close(&mut self) {
        if let Some(filled) = self.filler.close() {
            self.is_caught_up = false;
            self.closed_to = filled.range.cut.last() + 1;
            if !filled.range.has_no_record() {
                self.progress.ranges().push_back(Unwritten { oldest_ms: filled.oldest_ms, records: filled.records });
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

    /// Kafka's time of the oldest record that is read and not yet durable.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.progress.oldest_ms().or(self.filler.oldest_ms())
    }
}

#[cfg(test)]
mod tests {
    use exactly_once::{Assignment, Limits};

    use super::*;
    use crate::fill_range::Incoming;
    use crate::job_of_test::{Offsets, TestJob};
    use crate::know_schemas::Reading;

    const AGE: Duration = Duration::from_secs(1);

    /// A lane whose writer takes nothing; and what would reach the writer.
    fn lane() -> (Lane<TestJob>, tokio::sync::mpsc::Receiver<ClosedRange<<Offsets as Fill>::Block>>) {
        let limits = Limits { rows: 10, bytes: 1_000, age: AGE };
        let (ranges, closed) = tokio::sync::mpsc::channel(1);
        let lane = Lane {
            epoch: 1,
            filler: RangeFiller::new(0, &Assignment::new(None, 0), limits, Offsets),
            held_at: None,
            is_caught_up: false,
            progress: Progress::from(0),
            closed_to: 0,
            writer: tokio::spawn(async {}),
            deserted_since: None,
            ranges,
            waiting: VecDeque::new(),
        };
        (lane, closed)
    }

    fn add(lane: &mut Lane<TestJob>, offset: i64, now: Instant) {
        let incoming = Incoming { offset, timestamp_ms: 0, key: None, payload: None, headers: &Vec::new };
        lane.filler.add(&incoming, &Reading::Refuse("by a test"), now);
    }

    fn done(lane: &Lane<TestJob>) {
        let metrics = RangeMetrics::default();
        let notes = Notes { metrics, progress: lane.progress.clone(), partition: 0 };
        notes.saw(Event::Done { stored: 0, found: 0, refused: 1 });
    }

    #[tokio::test]
    async fn range_without_a_record_is_waited_for_by_its_offset_and_counts_no_records() {
        let now = Instant::now();
        let (mut lane, mut closed) = lane();
        assert!(lane.is_all_written(), "nothing was read");
        // The marker of an aborted transaction.
        lane.filler.move_to(1, now);
        lane.close();
        assert!(closed.try_recv().unwrap().has_no_record());
        assert!(!lane.is_all_written());
        add(&mut lane, 1, now);
        lane.close();
        assert!(!closed.try_recv().unwrap().has_no_record());
        assert_eq!(lane.oldest_ms(), Some(0));
        done(&lane);
        assert_eq!((lane.oldest_ms(), lane.progress.take_records()), (None, 0));
        assert!(!lane.is_all_written(), "the offset is not committed yet");
        lane.progress.commit(1);
        assert!(!lane.is_all_written());
        lane.progress.commit(2);
        assert!(lane.is_all_written());
    }

    #[tokio::test]
    async fn range_that_waits_for_its_writer_is_not_written_yet() {
        let now = Instant::now();
        let (mut lane, mut closed) = lane();
        for offset in 0..2 {
            add(&mut lane, offset, now);
            lane.close();
        }
        assert!(lane.is_behind());
        lane.progress.commit(2);
        assert!(!lane.is_all_written());
        closed.try_recv().unwrap();
        lane.hand_on();
        assert!(lane.is_all_written());
    }

    #[tokio::test]
    async fn lane_is_deserted_only_when_the_client_has_had_time_to_say_so() {
        let now = Instant::now();
        let (mut lane, _closed) = lane();
        assert!(!lane.is_deserted(now + 2 * DESERTED_MAX));
        lane.deserted_since = Some(now);
        assert!(!lane.is_deserted(now + DESERTED_MAX));
        assert!(lane.is_deserted(now + DESERTED_MAX + Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn range_of_a_backlog_grows_older_than_one_at_the_end_of_its_partition() {
        let now = Instant::now();
        let (mut lane, mut closed) = lane();
        add(&mut lane, 0, now);
        lane.close_if_due(now + 3 * AGE, false);
        assert!(closed.try_recv().is_err());
        lane.close_if_due(now + BACKLOG_AGES * AGE, false);
        assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
        add(&mut lane, 1, now);
        lane.is_caught_up = true;
        lane.close_if_due(now + AGE / 2, false);
        assert!(closed.try_recv().is_err());
        lane.close_if_due(now + AGE, false);
        assert_eq!(closed.try_recv().unwrap().cut.last(), 1);
        assert!(!lane.is_caught_up, "the next range begins behind the end");
    }

    #[tokio::test]
    async fn records_that_come_all_the_time_are_no_backlog_though_no_end_is_seen_between_them() {
        let now = Instant::now();
        let (mut lane, mut closed) = lane();
        for (timestamp_ms, is_closed) in [(9_999, false), (10_000, true)] {
            add(&mut lane, timestamp_ms, now);
            lane.came(timestamp_ms, 10_000);
            lane.close_if_due(now + AGE, false);
            assert_eq!(closed.try_recv().is_ok(), is_closed, "{timestamp_ms}");
        }
    }

    #[tokio::test]
    async fn small_range_that_is_one_of_many_waits_twice_its_age() {
        let now = Instant::now();
        for (is_one_of_many, due) in [(false, AGE), (true, SMALL_AGES * AGE)] {
            let (mut lane, mut closed) = lane();
            add(&mut lane, 0, now);
            lane.is_caught_up = true;
            lane.close_if_due(now + due - AGE / 10, is_one_of_many);
            assert!(closed.try_recv().is_err());
            lane.close_if_due(now + due, is_one_of_many);
            assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
        }
    }

    #[tokio::test]
    async fn range_grows_while_the_writer_has_the_next_one() {
        let now = Instant::now();
        let (mut lane, mut closed) = lane();
        for offset in 0..2 {
            add(&mut lane, offset, now);
            lane.close_if_due(now + BACKLOG_AGES * AGE, false);
        }
        assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
        assert!(closed.try_recv().is_err());
        lane.close_if_due(now + BACKLOG_AGES * AGE, false);
        assert_eq!(closed.try_recv().unwrap().cut.last(), 1);
    }
}
