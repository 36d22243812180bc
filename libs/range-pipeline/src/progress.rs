//! How far the writing of a partition is, and the count of what is read and has no fate yet.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use exactly_once::{Event, Observer};

use crate::metrics::RangeMetrics;

/// A closed range with records that is not done yet.
#[derive(Clone, Copy, Debug)]
struct Unwritten {
    /// Kafka's time of its first record.
    oldest_ms: Option<i64>,
    records: u64,
}

/// Shared by whoever fills a partition's ranges and whoever writes them.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Closed ranges with records that are not done yet, oldest first. Of a range without a record nobody says that it is done.
    unwritten: Arc<Mutex<VecDeque<Unwritten>>>,
    /// Everything before it is durable.
    committed: Arc<AtomicI64>,
    metrics: RangeMetrics,
}

impl Progress {
    pub(crate) fn from(begin: i64, metrics: RangeMetrics) -> Self {
        Self { unwritten: Arc::default(), committed: Arc::new(AtomicI64::new(begin)), metrics }
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

    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.ranges().iter().find_map(|range| range.oldest_ms)
    }

    /// A range with records is closed, and goes to the writer.
    pub(crate) fn closed(&self, oldest_ms: Option<i64>, records: u64) {
        self.ranges().push_back(Unwritten { oldest_ms, records });
    }

    /// Lets the closed ranges go that are not done: of a partition that has gone, its next owner reads them again.
    pub(crate) fn let_go(&self) {
        let mut ranges = self.ranges();
        self.metrics.let_go(ranges.drain(..).map(|range| range.records).sum());
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
        if let Event::Done { .. } = event {
            // A task that was aborted may come so far still. What was let go has its fate already: under the lock it has one only.
            let mut ranges = self.progress.ranges();
            if let Some(range) = ranges.pop_front() {
                self.metrics.saw(&event, self.partition);
                self.metrics.has_fate(range.records);
            }
        } else {
            self.metrics.saw(&event, self.partition);
        }
    }
}

/// Counts what comes of one partition and lies in its open range: a whole fetch, or what of it came before the range was closed, at once.
#[derive(Debug)]
pub(crate) struct Tally {
    metrics: RangeMetrics,
    /// Records that came and are not counted yet.
    arrived: u64,
    /// Records of the open range that are counted as held.
    held: u64,
}

impl Tally {
    pub(crate) fn new(metrics: RangeMetrics) -> Self {
        Self { metrics, arrived: 0, held: 0 }
    }

    #[cfg(test)]
    pub(crate) fn metrics(&self) -> &RangeMetrics {
        &self.metrics
    }

    pub(crate) fn came(&mut self) {
        self.arrived += 1;
    }

    /// Counts what has come; the open range has so many records.
    pub(crate) fn count(&mut self, open: u64) {
        let more = open.saturating_sub(self.held);
        self.metrics.came(std::mem::take(&mut self.arrived), more);
        self.held = open;
    }

    /// The open range, all of it counted, was closed.
    pub(crate) fn closed(&mut self) {
        self.held = 0;
    }

    /// The open range, all of it counted, is dropped: its records are read again.
    pub(crate) fn let_go(&mut self) {
        self.metrics.let_go(std::mem::take(&mut self.held));
    }
}
