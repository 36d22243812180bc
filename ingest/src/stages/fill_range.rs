//! One partition under one assignment: its records become the rows and the refusals of its ranges.

use std::sync::Arc;
use std::time::Instant;

use event_columns::EventColumns;
use exactly_once::{Assignment, ClosedRange, Limits, RangeCutter, Refused, Taken};

use crate::block::{Pool, RangeBlock, RefusedRecord};
use crate::stages::know_schemas::Reading;

/// Why a record is refused again that was refused when its range was begun.
const REFUSED_BEFORE: &str = "refused when its range was begun";

/// A record as it lies with the client.
pub(crate) struct Incoming<'a> {
    pub(crate) offset: i64,
    /// Kafka's time, Unix milliseconds.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: Option<&'a [u8]>,
    /// Parsed only where the record is refused.
    pub(crate) headers: &'a dyn Fn() -> Vec<(String, Vec<u8>)>,
}

/// Fills one range after the other.
pub(crate) struct RangeFiller {
    cutter: RangeCutter,
    /// `None`: the open range has no rows yet.
    columns: Option<EventColumns>,
    refused: Vec<Refused>,
    refused_records: Vec<RefusedRecord>,
    refused_bytes: usize,
    /// Kafka's time of the open range's first record.
    oldest_ms: Option<i64>,
    partition: i32,
    pool: Arc<Pool>,
}

/// A range that is closed.
pub(crate) struct Filled {
    pub(crate) range: ClosedRange<RangeBlock>,
    pub(crate) records: u64,
    /// Kafka's time of its first record.
    pub(crate) oldest_ms: Option<i64>,
}

impl RangeFiller {
    pub(crate) fn new(partition: i32, assignment: &Assignment, limits: Limits, pool: &Arc<Pool>) -> Self {
        Self {
            cutter: RangeCutter::new(limits, assignment),
            columns: None,
            refused: Vec::new(),
            refused_records: Vec::new(),
            refused_bytes: 0,
            oldest_ms: None,
            partition,
            pool: Arc::clone(pool),
        }
    }

    /// True where the open range ends before this offset: close it first.
    pub(crate) fn ends_before(&mut self, offset: i64, now: Instant) -> bool {
        self.cutter.ends_before(offset, now)
    }

    /// Gives a record its fate. `reading` says how its value is read, and not that it has to wait.
    pub(crate) fn add(&mut self, record: &Incoming<'_>, reading: &Reading<'_>, now: Instant) {
        let offset = record.offset;
        self.oldest_ms.get_or_insert(record.timestamp_ms);
        let mut bytes = 0;
        let reason = if self.cutter.stays_refused(offset) {
            Some(REFUSED_BEFORE.to_owned())
        } else {
            match reading {
                Reading::Refuse(reason) => Some((*reason).to_owned()),
                Reading::Wait { id, .. } => Some(format!("schema {id} is not known")),
                Reading::Read(program, body) => {
                    let kafka_time_micros = record.timestamp_ms.saturating_mul(1_000);
                    let columns = self.columns.get_or_insert_with(|| self.pool.columns(self.partition));
                    let before = columns.size_bytes();
                    let appended = columns.append(program, body, offset, kafka_time_micros);
                    bytes = columns.size_bytes() - before;
                    appended.err().map(|refusal| refusal.to_string())
                }
            }
        };
        match reason {
            None => self.cutter.add(offset, bytes, Taken::Row, now),
            Some(reason) => self.refuse(record, reason, now),
        }
    }

    fn refuse(&mut self, record: &Incoming<'_>, reason: String, now: Instant) {
        let kept = RefusedRecord {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.map(<[u8]>::to_vec),
            payload: record.payload.unwrap_or_default().to_vec(),
            headers: (record.headers)(),
        };
        let bytes = kept.size_bytes() + reason.len();
        self.refused_bytes += bytes;
        self.refused.push(Refused { offset: record.offset, reason });
        self.refused_records.push(kept);
        self.cutter.add(record.offset, bytes, Taken::Refused, now);
    }

    /// Everything before `position` was added, or is no record.
    pub(crate) fn move_to(&mut self, position: i64, now: Instant) {
        self.cutter.move_to(position, now);
    }

    /// True where nothing more may be added before the open range is closed.
    pub(crate) fn is_full(&self) -> bool {
        self.cutter.is_full()
    }

    /// True where the open range is to be closed now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.cutter.is_due(now)
    }

    /// True where the open range ends where its intent says, and cannot be closed to make room.
    pub(crate) fn ends_as_recorded(&self) -> bool {
        self.cutter.ends_as_recorded()
    }

    /// What the open range takes in memory, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.columns.as_ref().map_or(0, EventColumns::memory_bytes) + self.refused_bytes
    }

    /// Records of the open range.
    pub(crate) fn records(&self) -> u64 {
        (self.columns.as_ref().map_or(0, EventColumns::rows) + self.refused.len()) as u64
    }

    /// Kafka's time of the open range's first record.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.oldest_ms
    }

    /// Closes the open range. `None`: there is nothing to close, or its intent names an end that was not reached.
    pub(crate) fn close(&mut self) -> Option<Filled> {
        let records = self.records();
        let cut = self.cutter.close()?;
        let columns = self.columns.take();
        let refused_records = std::mem::take(&mut self.refused_records);
        self.refused_bytes = 0;
        let block = RangeBlock::new(columns, refused_records, &self.pool);
        let range = ClosedRange { cut, block, refused: std::mem::take(&mut self.refused) };
        Some(Filled { range, records, oldest_ms: self.oldest_ms.take() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use event_columns::Program;
    use exactly_once::Block;
    use proptest::prelude::*;
    use schema_registry::{Encoder, SchemaId};
    use schemas::avro_schemas::CONNECTION_EVENT;
    use schemas::connection_event::EventType;
    use schemas::examples::connection;

    use super::*;

    const KAFKA_MS: i64 = 1_700_000_000_000;

    fn limits(rows: usize) -> Limits {
        Limits { rows, bytes: 1 << 30, age: Duration::from_secs(1) }
    }

    fn value(number: usize) -> Vec<u8> {
        let event = connection(EventType::DeniedAccess, &format!("c-{number}"), 1_700_000_000_000);
        Encoder::new(SchemaId::new(1), &CONNECTION_EVENT).unwrap().encode(&event).unwrap()
    }

    struct World {
        program: Program,
        filler: RangeFiller,
        pool: Arc<Pool>,
        now: Instant,
    }

    impl World {
        fn new(assignment: &Assignment, rows: usize) -> Self {
            let pool = Pool::new("main");
            let filler = RangeFiller::new(3, assignment, limits(rows), &pool);
            Self { program: Program::new(CONNECTION_EVENT.schema).unwrap(), filler, pool, now: Instant::now() }
        }

        fn add(&mut self, offset: i64, value: &[u8]) {
            let headers = || vec![("h".to_owned(), b"v".to_vec())];
            let record = Incoming {
                offset,
                timestamp_ms: KAFKA_MS + offset,
                key: Some(b"64894"),
                payload: Some(value),
                headers: &headers,
            };
            assert!(!self.filler.ends_before(offset, self.now));
            self.filler.add(&record, &Reading::Read(&self.program, &value[5..]), self.now);
        }
    }

    #[test]
    fn record_is_a_row_or_is_kept_as_it_was_with_its_reason() {
        let mut world = World::new(&Assignment::new(Some((7, "")), 7), 2);
        let right = value(0);
        world.add(7, &right);
        world.add(8, &right[..40]);
        world.add(9, &right);
        assert!(world.filler.is_full());
        let Filled { range, records, oldest_ms } = world.filler.close().unwrap();
        assert_eq!((range.cut.first(), range.cut.last(), records, oldest_ms), (7, 9, 3, Some(KAFKA_MS + 7)));
        assert_eq!((range.block.rows(), range.block.offsets()), (2, [7, 9].into()));
        assert_eq!(range.refused.len(), 1);
        assert!(range.refused[0].reason.contains("not what its schema says"), "{:?}", range.refused);
        let kept = &range.block.refused[0];
        assert_eq!((kept.offset, &kept.payload[..], kept.key.as_deref()), (8, &right[..40], Some(&b"64894"[..])));
        assert_eq!(kept.headers, [("h".to_owned(), b"v".to_vec())]);
    }

    #[test]
    fn range_that_was_begun_is_cut_and_refused_as_its_intent_says() {
        let note = exactly_once::Intent {
            first: 7,
            last: 9,
            rows: 2,
            refused: vec![8],
            token: "main/connection-events/3/7-9@1".to_owned(),
            encoder: 1,
            created_ms: 1,
        };
        let note = note.to_note().unwrap();
        let mut world = World::new(&Assignment::new(Some((7, &note)), 7), 1);
        let right = value(0);
        for offset in 7..=9 {
            assert!(!world.filler.is_full(), "its limits do not count");
            world.add(offset, &right);
        }
        assert!(world.filler.is_full());
        let range = world.filler.close().unwrap().range;
        assert_eq!((range.cut.first(), range.cut.last()), (7, 9));
        assert_eq!(range.block.offsets(), [7, 9].into());
        assert_eq!(range.refused[0].reason, REFUSED_BEFORE);
    }

    #[test]
    fn memory_of_a_range_comes_back() {
        let mut world = World::new(&Assignment::new(None, 0), 9);
        world.add(0, &value(0));
        assert!(world.filler.memory_bytes() > 0);
        let range = world.filler.close().unwrap().range;
        assert!(world.pool.closed_bytes() > 0);
        let inserts = range.block.inserts(None);
        assert_eq!(inserts.len(), 1);
        // Tried again: the same bytes, and not encoded anew.
        assert_eq!(inserts[0].body.as_ptr(), range.block.inserts(None)[0].body.as_ptr());
        drop((range, inserts));
        assert_eq!(world.pool.closed_bytes(), 0);
    }

    proptest! {
        /// Whatever is right and wrong, and wherever there are gaps: each record has one fate, in one range.
        #[test]
        fn every_record_has_one_fate(records in prop::collection::vec((1..4_i64, any::<bool>()), 1..40), rows in 1..9_usize) {
            let mut world = World::new(&Assignment::new(None, 0), rows);
            let (right, mut offset, mut rows_at, mut refused_at, mut end) = (value(0), 0, Vec::new(), Vec::new(), 0);
            let (mut expected_rows, mut expected_refused) = (Vec::new(), Vec::new());
            let mut ranges = Vec::new();
            for (gap, is_right) in records {
                offset += gap;
                if is_right { expected_rows.push(offset) } else { expected_refused.push(offset) }
                world.add(offset, if is_right { &right } else { &right[..30] });
                if world.filler.is_full() {
                    ranges.extend(world.filler.close());
                }
            }
            ranges.extend(world.filler.close());
            for Filled { range, .. } in ranges {
                prop_assert_eq!(range.cut.first(), end, "ranges follow each other");
                end = range.cut.last() + 1;
                prop_assert!(range.block.rows() <= rows);
                rows_at.extend(range.block.offsets());
                refused_at.extend(range.refused.iter().map(|it| it.offset));
            }
            prop_assert_eq!((rows_at, refused_at, end), (expected_rows, expected_refused, offset + 1));
        }
    }
}
