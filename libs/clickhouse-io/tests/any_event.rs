//! Whatever an event holds comes back as it was, through the packed columns and through the aliases that people query.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::right_events;

#[tokio::test]
async fn whatever_an_event_holds_comes_back_as_it_was() {
    let engine = engine().await;
    let clickhouse = engine.database("any").await;
    let events = vec(right_events(), 400).new_tree(&mut TestRunner::default()).unwrap().current();
    // All of one tenant, and none that only opened: those have a table of their own.
    let mut events: Vec<ConnectionEvent> = events
        .into_iter()
        .filter(|event| event.event_type != EventType::EstablishedConnection)
        .map(|event| ConnectionEvent { tenant: "acme".parse().unwrap(), ..event })
        .collect();
    assert!(events.len() > 200);
    let source = |offset| Source { name: "main", partition: 3, offset };
    let rows = events.iter().cloned().zip(0..).map(|(event, offset)| ConnectionRow::from_event(event, source(offset)));
    insert(&clickhouse, EventTable::Connections, rows.collect(), "any").await.unwrap();

    let read = engine.stored_events(&clickhouse).await;
    events.sort_by_key(|event| (event.end_time, event.event_id));
    assert_eq!(read.len(), events.len());
    for (read, event) in read.iter().zip(&events) {
        assert_eq!(read, event);
    }

    let aliases = "SELECT hex(connection_id), event_id, toUnixTimestamp64Micro(start_time) FROM connections
        ORDER BY end_time, event_id_tail";
    let shown = clickhouse.text(aliases).await.unwrap();
    for (line, event) in shown.lines().zip(&events) {
        let id: String = event.connection_id.bytes().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(line, format!("{id}\t{}\t{}", event.event_id, event.start_time.as_micros()), "{event:?}");
    }
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}
