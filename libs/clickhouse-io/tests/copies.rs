//! Copies among the raw rows on the real engine: which go, what stays of them, and that nothing brings them back.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use clickhouse_io::ClickHouse;
use clickhouse_io::copies::{self, Copy};
use clickhouse_io::report::{ColumnSet, Cut, ReportQuery, plan, recount};
use clickhouse_io::rollup::{self, Unit};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::stored::{self, Stretch, Within};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::{end_ms, engine};
use schemas::connection_event::{EventType, Location};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::TrafficFilter;

/// The fact of this number, as it lies at an offset of a partition.
fn at(fact: i64, partition: i32, offset: i64) -> ConnectionRow {
    let event = connection(EventType::ClosedConnection, &format!("{fact:x}-1"), end_ms(fact).unsigned_abs());
    ConnectionRow::from_event(event, Source { name: "main", partition, offset })
}

/// Facts 0 to 9 at their offsets of partition 3; copies of 2 and 5 behind them; one of 7 in a lower partition; and 8 twice at one offset.
async fn fill(clickhouse: &ClickHouse) -> Vec<ConnectionRow> {
    let rows: Vec<ConnectionRow> =
        (0..10).map(|fact| at(fact, 3, fact)).chain([at(2, 3, 20), at(5, 3, 21), at(2, 3, 22)]).collect();
    insert(clickhouse, EventTable::Connections, rows.clone(), "range-0").await.unwrap();
    insert(clickhouse, EventTable::Connections, vec![at(7, 1, 99)], "range-99").await.unwrap();
    insert(clickhouse, EventTable::Connections, vec![at(8, 3, 8)], "twice").await.unwrap();
    insert(clickhouse, EventTable::ConnectionOpenings, vec![at(1, 3, 30), at(1, 3, 31)], "openings").await.unwrap();
    rows
}

fn everything() -> (Moment, Moment) {
    (Moment::from_millis(end_ms(0)), Moment::from_millis(end_ms(9) + 1))
}

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

async fn places(clickhouse: &ClickHouse, table: &str) -> String {
    let sql = format!("SELECT _kafka_partition, _kafka_offset FROM {table} ORDER BY ALL");
    clickhouse.text(&sql).await.unwrap().replace('\t', "-").replace('\n', " ")
}

fn named(copies: &[Copy]) -> Vec<(&str, i32, i64)> {
    copies.iter().map(|it| (it.event_table.as_str(), it.partition, it.offset)).collect()
}

const COPIES: [(&str, i32, i64); 5] = [
    ("connections", 3, 20),
    ("connections", 3, 22),
    ("connections", 3, 21),
    ("connections", 3, 7),
    ("connection_openings", 3, 31),
];

#[tokio::test]
async fn of_each_fact_the_first_row_stays_and_the_others_are_noted() {
    let engine = engine().await;
    let clickhouse = engine.database("copies").await;
    fill(&clickhouse).await;
    let (count, found) = copies::find(&clickhouse, &acme(), everything(), 100).await.unwrap();
    assert_eq!((count, named(&found)), (5, COPIES.to_vec()));
    let (count, found) = copies::find(&clickhouse, &acme(), everything(), 2).await.unwrap();
    assert_eq!((count, named(&found)), (5, COPIES[..2].to_vec()), "all are counted, few are named");
    let none = copies::find(&clickhouse, &"globex".parse().unwrap(), everything(), 100).await.unwrap();
    assert_eq!(none, (0, vec![]));

    // A report that was planned before, and a roll-up that was counted before.
    let query = ReportQuery {
        tenant: acme(),
        filter: TrafficFilter::default().within(everything().0, everything().1),
        denied: true,
        columns: ColumnSet::ORDER,
        offsets: None,
    };
    let cut = Cut { stretch_rows: 1_000, slice_rows: 1_000, slices_max: 1_000 };
    let slices = plan(&clickhouse, &query, &cut, Moment::now()).await.unwrap();
    assert_eq!(recount(&clickhouse, &query, &slices[0]).await.unwrap(), slices[0], "nothing was deleted");
    rollup::rebuild(&clickhouse, rollup::DEFINITION, &acme(), everything(), |_, _| {}).await.unwrap();

    let mut told = Vec::new();
    let done = copies::delete(&clickhouse, &acme(), everything(), "jane", |so_far| told.push(so_far)).await.unwrap();
    assert_eq!((done, told), (5, vec![4, 5]));
    assert_eq!(places(&clickhouse, "connections").await, "1-99 3-0 3-1 3-2 3-3 3-4 3-5 3-6 3-8 3-8 3-9 ");
    assert_eq!(places(&clickhouse, "connection_openings").await, "3-30 ");
    assert_eq!(places(&clickhouse, "copies_deleted").await, "3-7 3-20 3-21 3-22 3-31 ");
    let noted = "SELECT uniqExact(event_id), min(deleted_by), max(deleted_by) FROM copies_deleted WHERE event_id IN (
        SELECT event_id FROM connections UNION ALL SELECT event_id FROM connection_openings)";
    assert_eq!(clickhouse.text(noted).await.unwrap(), "4\tjane\tjane\n", "each beside its fact");

    assert_eq!(copies::find(&clickhouse, &acme(), everything(), 100).await.unwrap(), (0, vec![]));
    let counted = recount(&clickhouse, &query, &slices[0]).await.unwrap();
    assert_eq!(counted.rows(), slices[0].rows() - 4, "four of the five are no openings");
    let differences = rollup::verify(&clickhouse, &acme(), Unit::Hour, everything(), 10).await.unwrap();
    assert_eq!(differences, []);
    engine.drop(&clickhouse).await;
}

/// The same fact, said to be of a country.
fn of_country(country: &str, fact: i64, partition: i32, offset: i64) -> ConnectionRow {
    let mut event = at(fact, partition, offset).into_event().unwrap();
    event.location = Some(Location { country: Some(country.to_owned()), ..Location::default() });
    ConnectionRow::from_event(event, Source { name: "main", partition, offset })
}

#[tokio::test]
async fn rows_that_a_copy_leaves_out_that_came_since_are_not_waited_for() {
    let engine = engine().await;
    let clickhouse = engine.database("copies_leave_out").await;
    let rows = (0..10).map(|fact| of_country("DE", fact, 3, fact)).collect();
    insert(&clickhouse, EventTable::Connections, rows, "rows").await.unwrap();
    let filter = TrafficFilter { countries: ["DE".to_owned()].into(), ..TrafficFilter::default() };
    let query = ReportQuery {
        tenant: acme(),
        filter: filter.within(everything().0, everything().1),
        denied: true,
        columns: ColumnSet::ORDER,
        offsets: None,
    };
    let cut = Cut { stretch_rows: 1_000, slice_rows: 1_000, slices_max: 1_000 };
    let slices = plan(&clickhouse, &query, &cut, Moment::now()).await.unwrap();
    assert_eq!((slices.len(), slices[0].rows()), (1, 10));
    // Behind the fact, it says nothing; before it, it is the fact.
    let late = vec![of_country("US", 4, 3, 10), of_country("US", 5, 1, 0)];
    insert(&clickhouse, EventTable::Connections, late, "late").await.unwrap();
    assert_eq!(recount(&clickhouse, &query, &slices[0]).await.unwrap().rows(), 9);
    // What is gone is waited for.
    clickhouse.execute("DELETE FROM connections WHERE _kafka_offset = 7").await.unwrap();
    assert_eq!(recount(&clickhouse, &query, &slices[0]).await.unwrap(), slices[0]);
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn copy_that_was_deleted_is_stored_for_whoever_does_its_range_again() {
    let engine = engine().await;
    let clickhouse = engine.database("copies_replayed").await;
    let range = fill(&clickhouse).await;
    let stored = async || {
        let stretch = Stretch { source: "main", partition: 3, offsets: 0..=100 };
        stored::offsets(&clickhouse, &stretch, &Within::default()).await.unwrap()
    };
    let highest = async |from| stored::highest_offset(&clickhouse, "main", 3, from).await.unwrap();
    let before = stored().await;
    copies::delete(&clickhouse, &acme(), everything(), "jane", |_| {}).await.unwrap();
    let left = places(&clickhouse, "connections").await;

    // The intent's own token: the store knows it, and takes nothing, though rows of it are gone.
    insert(&clickhouse, EventTable::Connections, range.clone(), "range-0").await.unwrap();
    assert_eq!(places(&clickhouse, "connections").await, left);
    // Another attempt inserts what counting does not find: nothing.
    assert_eq!(stored().await, before);
    assert_eq!((highest(0).await, highest(31).await, highest(32).await), (Some(31), Some(31), None));
    let behind = async |ends: [(i32, i64); 3]| stored::at_or_behind(&clickhouse, "main", &ends.into()).await.unwrap();
    assert_eq!(behind([(0, 0), (1, 99), (3, 31)]).await, [(1, 99), (3, 31)].into());
    assert!(behind([(0, 0), (1, 100), (3, 32)]).await.is_empty());

    // A range that is done without counting brings a copy back: it is one again, and goes again.
    insert(&clickhouse, EventTable::Connections, vec![at(2, 3, 20)], "uncounted").await.unwrap();
    assert_eq!(copies::delete(&clickhouse, &acme(), everything(), "jane", |_| {}).await.unwrap(), 1);
    assert_eq!(places(&clickhouse, "connections").await, left);
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn hour_that_goes_on_is_left_alone() {
    let engine = engine().await;
    let clickhouse = engine.database("copies_now").await;
    let now = rollup::server_time(&clickhouse).await.unwrap();
    let event = connection(EventType::ClosedConnection, "7f-1", now.as_millis().unsigned_abs());
    let at = |offset| ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 3, offset });
    insert(&clickhouse, EventTable::Connections, vec![at(0), at(1)], "now").await.unwrap();
    let range = (Moment::from_micros(0), Moment::from_micros(now.as_micros() + 1));
    assert_eq!(copies::delete(&clickhouse, &acme(), range, "jane", |_| {}).await.unwrap(), 0);
    assert_eq!(places(&clickhouse, "connections").await, "3-0 3-1 ");
    engine.drop(&clickhouse).await;
}
