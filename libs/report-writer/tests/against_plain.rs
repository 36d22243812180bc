//! The engine against the plain way: the same events, the same bytes, however they are cut into blocks, and in whatever order they come.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod plain;

use std::collections::BTreeMap;

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use proptest::collection::vec;
use proptest::prelude::*;
use report_writer::{CsvOptions, CsvWriter, LineSorter};
use schemas::connection_event::{ConnectionEvent, EventType, Relay};
use schemas::event_id::EventId;
use schemas::examples::right_events;
use schemas::times::Moment;

/// A row of a report, and where it lay.
type Stored = (ConnectionEvent, (&'static str, i32, i64));

fn row((event, (name, partition, offset)): &Stored) -> ConnectionRow {
    ConnectionRow::from_event(event.clone(), Source { name, partition: *partition, offset: *offset })
}

fn by_engine(blocks: &[&[Stored]], piece: usize) -> String {
    let answer: Vec<u8> =
        blocks.iter().flat_map(|block| native_block(&block.iter().map(row).collect::<Vec<_>>())).collect();
    let mut pieces = answer.chunks(piece).map(Bytes::copy_from_slice);
    let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
    let (mut writer, mut sorter) = (CsvWriter::new(CsvOptions::default()), LineSorter::default());
    while let Some(block) = reader.next_block().unwrap() {
        let columns = ConnectionColumns::of(&block).unwrap();
        let mut lines = writer.block(&columns);
        for row in 0..columns.rows {
            sorter.hold(&columns, row, lines.line(row).unwrap());
        }
    }
    let mut text = Vec::new();
    sorter.drain(|line| {
        text.extend_from_slice(line);
        true
    });
    assert!(sorter.is_empty());
    String::from_utf8(text).unwrap()
}

/// Of each fact the copy that lies lowest, in order of end time and event id, as sentences of the contract have it.
fn the_plain_way(stored: &[Stored]) -> String {
    let mut facts: BTreeMap<EventId, &Stored> = BTreeMap::new();
    for one in stored {
        let kept = facts.entry(one.0.event_id).or_insert(one);
        if one.1 < kept.1 {
            *kept = one;
        }
    }
    let mut facts: Vec<_> = facts.into_values().collect();
    facts.sort_by_key(|(event, _)| (event.end_time, event.event_id));
    let mut text = Vec::new();
    for one in facts {
        plain::render_row(&mut text, &one.0, row(one).status().unwrap());
    }
    String::from_utf8(text).unwrap()
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,5}", "[a-z,\"\r\n;=]{0,6}", "[a-z]{31,34}", Just("x".repeat(300)), Just("10.0.0.7".to_owned())]
}

prop_compose! {
    /// An event with names that need care and a time that others share.
    fn careful_events()(
        event in right_events(),
        (user, network, asked, relay) in (names(), names(), names(), names()),
        (close, id) in (0..4_i64, 0..3_u8),
    ) -> ConnectionEvent {
        let mut event = event;
        // Few milliseconds, and in them few microseconds and few ids: ties and copies.
        if event.end_time.as_micros() % 3 > 0 {
            let lasted = event.end_time.as_micros() - event.start_time.as_micros();
            event.end_time = Moment::from_micros(1_793_491_200_000_000 + close * 500);
            event.start_time = Moment::from_micros(event.end_time.as_micros() - lasted);
            let millis = u64::try_from(event.end_time.as_millis()).unwrap();
            event.event_id = EventId::from_parts(millis, [0x80, 1, 0x80, 0, 0, 0, 0, 0, id / 2, id]);
        }
        if event.event_type == EventType::EstablishedConnection {
            event.event_type = EventType::FailedToConnect;
        }
        if let Some(it) = &mut event.user {
            it.email = user;
        }
        event.relays.extend(event.relays.first().cloned().map(|it| Relay { name: relay, ip: None, ..it }));
        event.remote_network_name = network;
        event.resource_address = asked;
        event.tenant = "acme".parse().unwrap();
        event
    }
}

proptest! {
    #[test]
    fn same_events_give_the_same_bytes(
        events in vec((careful_events(), prop::sample::select(vec!["b", "a"]), 0..2, 0..1_000_i64), 1..40),
        cut in 0..40_usize,
        piece in prop::sample::select(vec![1, 7, 100, 1 << 20]),
    ) {
        let mut stored: Vec<Stored> = Vec::new();
        for (event, source, partition, offset) in events {
            let place = (source, partition, offset);
            // Two events never lie in the same place.
            if stored.iter().all(|it| it.1 != place) {
                stored.push((event, place));
            }
        }
        let (first, second) = stored.split_at(cut.min(stored.len()));
        // A server sends no block without rows.
        let blocks: Vec<_> = [first, second].into_iter().filter(|block| !block.is_empty()).collect();
        prop_assert_eq!(by_engine(&blocks, piece), the_plain_way(&stored));
    }
}
