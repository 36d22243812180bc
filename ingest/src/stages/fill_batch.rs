//! Batches: the events of a contiguous range of one partition.

use std::time::{Duration, Instant};

use clickhouse_io::rows::ConnectionRow;
use kafka_io::{Partition, Record};

use crate::config::Config;
use crate::stages::accept_event::Decision;

/// A record that is refused, as it was, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reject {
    pub(crate) record: Record,
    pub(crate) reason: String,
}

/// The offsets that a batch has events of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) first: i64,
    pub(crate) last: i64,
}

/// What is written and committed together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Batch {
    pub(crate) partition: Partition,
    /// Assignment under which it was read.
    pub(crate) epoch: u64,
    /// `None`: nothing to write, only the position has moved.
    pub(crate) range: Option<Range>,
    /// Committed when all is durable: everything before it was in this batch, an earlier one, or is no record.
    pub(crate) position: i64,
    pub(crate) connections: Vec<ConnectionRow>,
    pub(crate) openings: Vec<ConnectionRow>,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) bytes: usize,
}

impl Batch {
    /// The token of an insert: the same rows always have the same, other rows never do.
    pub(crate) fn token(&self, source: &str) -> String {
        let (first, last) = self.range.map_or((self.position, self.position), |range| (range.first, range.last));
        format!("{source}/{}/{}/{first}-{last}", self.partition.topic, self.partition.number)
    }

    fn events(&self) -> usize {
        self.connections.len() + self.openings.len() + self.rejects.len()
    }
}

/// Limits at which a batch is closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    pub(crate) age: Duration,
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        Self { rows: config.batch_rows, bytes: config.batch_bytes, age: config.batch_age }
    }
}

/// Fills batches of one partition, one after the other.
#[derive(Debug)]
pub(crate) struct Batcher {
    partition: Partition,
    epoch: u64,
    open: Option<(Batch, Instant)>,
}

impl Batcher {
    pub(crate) fn new(partition: Partition, epoch: u64) -> Self {
        Self { partition, epoch, open: None }
    }

    /// Adds a record with its fate; gives the bytes that it takes.
    pub(crate) fn add(&mut self, record: Record, decision: Decision, now: Instant) -> usize {
        let offset = record.offset;
        let batch = self.open_at(offset, now);
        let range = batch.range.get_or_insert(Range { first: offset, last: offset });
        range.last = offset;
        batch.position = offset + 1;
        let bytes = match decision {
            Decision::Keep(row) => {
                let bytes = row.size_bytes();
                if row.is_opening() {
                    batch.openings.push(*row);
                } else {
                    batch.connections.push(*row);
                }
                bytes
            }
            Decision::Reject(reason) => {
                let bytes = record.size_bytes() + reason.len();
                batch.rejects.push(Reject { record, reason });
                bytes
            }
        };
        batch.bytes += bytes;
        bytes
    }

    /// Everything before `position` has been added, or is no record.
    pub(crate) fn moved_to(&mut self, position: i64, now: Instant) {
        self.open_at(position, now).position = position;
    }

    fn open_at(&mut self, position: i64, now: Instant) -> &mut Batch {
        let (partition, epoch) = (&self.partition, self.epoch);
        let empty = || Batch {
            partition: partition.clone(),
            epoch,
            range: None,
            position,
            connections: Vec::new(),
            openings: Vec::new(),
            rejects: Vec::new(),
            bytes: 0,
        };
        &mut self.open.get_or_insert_with(|| (empty(), now)).0
    }

    /// True where the open batch should be written now.
    pub(crate) fn is_due(&self, limits: &Limits, now: Instant) -> bool {
        self.open.as_ref().is_some_and(|(batch, since)| {
            self.is_full(limits) || now.duration_since(*since) >= limits.age || batch.range.is_none()
        })
    }

    /// True where the open batch should take no more.
    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        self.open.as_ref().is_some_and(|(batch, _)| batch.events() >= limits.rows || batch.bytes >= limits.bytes)
    }

    /// Bytes of the open batch.
    pub(crate) fn bytes(&self) -> usize {
        self.open.as_ref().map_or(0, |(batch, _)| batch.bytes)
    }

    /// Closes the open batch, if there is one.
    pub(crate) fn close(&mut self) -> Option<Batch> {
        self.open.take().map(|(batch, _)| batch)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::times::Moment;

    use super::*;

    fn partition() -> Partition {
        Partition { topic: "connection-events".into(), number: 3 }
    }

    fn record(offset: i64) -> Record {
        Record {
            partition: partition(),
            epoch: 1,
            offset,
            timestamp: Moment::FIRST,
            key: None,
            payload: None,
            headers: Vec::new(),
        }
    }

    fn limits(rows: usize) -> Limits {
        Limits { rows, bytes: 10_000, age: Duration::from_secs(1) }
    }

    #[test]
    fn batch_is_due_by_events_by_bytes_and_by_age() {
        let now = Instant::now();
        let mut batcher = Batcher::new(partition(), 1);
        assert!(!batcher.is_due(&limits(2), now));
        batcher.add(record(5), Decision::Reject("a".to_owned()), now);
        assert!(!batcher.is_due(&limits(2), now));
        assert!(batcher.is_due(&limits(2), now + Duration::from_secs(1)));
        batcher.add(record(6), Decision::Reject("x".repeat(10_000)), now);
        assert!(batcher.is_full(&limits(9)));
        let batch = batcher.close().unwrap();
        assert_eq!(batch.token("main"), "main/connection-events/3/5-6");
        assert_eq!(batch.position, 7);
        assert!(batcher.close().is_none());
    }

    #[test]
    fn position_that_moved_without_a_record_is_committed_alone() {
        let now = Instant::now();
        let mut batcher = Batcher::new(partition(), 1);
        batcher.moved_to(9, now);
        assert!(batcher.is_due(&limits(2), now));
        let batch = batcher.close().unwrap();
        assert_eq!((batch.range, batch.position), (None, 9));
    }

    proptest! {
        /// Whatever the gaps and limits: each record is in one batch, batches follow each other, and a position never lies
        /// before what it stands for.
        #[test]
        fn every_record_is_in_exactly_one_batch(gaps in prop::collection::vec(1..4_i64, 1..60), rows in 1..7_usize) {
            let now = Instant::now();
            let mut batcher = Batcher::new(partition(), 1);
            let (mut offset, mut sent, mut batches) = (0, Vec::new(), Vec::new());
            for gap in gaps {
                offset += gap;
                sent.push(offset);
                batcher.add(record(offset), Decision::Reject(String::new()), now);
                if batcher.is_due(&limits(rows), now) {
                    batches.extend(batcher.close());
                }
            }
            batches.extend(batcher.close());
            let got: Vec<i64> = batches.iter().flat_map(|batch| batch.rejects.iter().map(|it| it.record.offset)).collect();
            prop_assert_eq!(got, sent);
            for batch in &batches {
                let range = batch.range.unwrap();
                prop_assert_eq!(range.first, batch.rejects.first().unwrap().record.offset);
                prop_assert_eq!(range.last + 1, batch.position);
                prop_assert!(batch.rejects.len() <= rows);
            }
            prop_assert!(batches.windows(2).all(|pair| pair[0].position <= pair[1].range.unwrap().first));
        }
    }
}
