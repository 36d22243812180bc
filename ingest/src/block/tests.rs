//! Records into ranges and blocks.

use std::time::{Duration, Instant};

use event_columns::Program;
use exactly_once::{Assignment, Limits};
use proptest::prelude::*;
use range_pipeline::{Filled, Incoming, RangeFiller, Reading};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::EventType;
use schemas::examples::connection;

use super::*;
use crate::job::EventRows;

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
    filler: RangeFiller<EventRows>,
    pool: Arc<Pool>,
    now: Instant,
}

impl World {
    fn new(assignment: &Assignment, rows: usize) -> Self {
        let pool = Pool::new("main");
        let filler = RangeFiller::new(3, assignment, limits(rows), EventRows(Arc::clone(&pool)));
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
    let right = value(0);
    // It would be a row now; and it is refused for the same reason as before.
    for (refused, reason) in
        [(&right[..], "refused when its range was begun"), (&right[..40], "not what its schema says")]
    {
        let mut world = World::new(&Assignment::new(Some((7, &note)), 7), 1);
        for offset in 7..=9 {
            assert!(!world.filler.is_full(), "its limits do not count");
            world.add(offset, if offset == 8 { refused } else { &right });
        }
        assert!(world.filler.is_full());
        let range = world.filler.close().unwrap().range;
        assert_eq!((range.cut.first(), range.cut.last()), (7, 9));
        assert_eq!(range.block.offsets(), [7, 9].into());
        assert!(range.refused[0].reason.contains(reason), "{:?}", range.refused);
        drop(range);
        assert_eq!(world.pool.closed_bytes(), 0);
    }
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
