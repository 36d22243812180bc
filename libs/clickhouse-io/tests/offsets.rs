//! Rows by where they lay on Kafka, on the real engine: each fact is in one range of offsets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeMap;

use clickhouse_io::ClickHouse;
use clickhouse_io::report::{ColumnSet, Cut, Offsets, ReportQuery, Slice, hours, plan};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::stored;
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::{end_ms, engine};
use schemas::connection_event::{ConnectionEvent, EventType, Location};
use schemas::examples::connection;
use schemas::times::Moment;
use traffic_query::TrafficFilter;

const HOUR_MS: i64 = 3_600_000;

/// The fact of this number, so many hours late, as it lies at an offset of a partition.
fn at(source: &'static str, fact: i64, hours: i64, (partition, offset): (i32, i64)) -> ConnectionRow {
    let end_ms = (end_ms(fact) + hours * HOUR_MS).unsigned_abs();
    let event = connection(EventType::ClosedConnection, &format!("{fact:x}-1"), end_ms);
    ConnectionRow::from_event(event, Source { name: source, partition, offset })
}

/// Rows of `[from, until)`, and in how many hours they are.
async fn between(clickhouse: &ClickHouse, from: &[(i32, i64)], until: &[(i32, i64)]) -> (u64, usize) {
    of_filter(clickhouse, TrafficFilter::default(), from, until).await
}

/// The same of those that a filter lets through.
async fn of_filter(
    clickhouse: &ClickHouse,
    filter: TrafficFilter,
    from: &[(i32, i64)],
    until: &[(i32, i64)],
) -> (u64, usize) {
    let map = |offsets: &[(i32, i64)]| offsets.iter().copied().collect::<BTreeMap<_, _>>();
    let offsets = Offsets { source: "main".to_owned(), from: map(from), until: map(until), hours: Vec::new() };
    let mut query = ReportQuery {
        tenant: "acme".parse().unwrap(),
        filter,
        denied: true,
        columns: ColumnSet::ORDER,
        offsets: Some(offsets.clone()),
    };
    let found = hours(clickhouse, &query).await.unwrap();
    let (Some(first), Some(last)) = (found.first(), found.last()) else { return (0, 0) };
    let end = Moment::from_millis(last.as_millis() + HOUR_MS);
    let count = found.len();
    query.filter = query.filter.within(*first, end);
    query.offsets = Some(Offsets { hours: found, ..offsets });
    let cut = Cut { stretch_rows: 1_000, slice_rows: 1_000, slices_max: 1_000 };
    let slices = plan(clickhouse, &query, &cut, Moment::now()).await.unwrap();
    (slices.iter().map(Slice::rows).sum(), count)
}

#[tokio::test]
async fn each_fact_is_in_one_range_of_offsets() {
    let engine = engine().await;
    let clickhouse = engine.database("offsets").await;
    let first: Vec<_> = (0..10).map(|fact| at("main", fact, 0, (3, fact))).collect();
    insert(&clickhouse, EventTable::Connections, first, "first").await.unwrap();
    // Two that are late by a thousand hours, a copy of the second fact, and one of another life of the topic.
    let later = vec![at("main", 20, -1_000, (3, 10)), at("main", 21, -1_000, (1, 0)), at("main", 2, 0, (3, 11))];
    insert(&clickhouse, EventTable::Connections, later, "later").await.unwrap();
    insert(&clickhouse, EventTable::Connections, vec![at("old", 30, 0, (3, 5))], "old").await.unwrap();

    assert_eq!(between(&clickhouse, &[], &[(3, 10)]).await.0, 10);
    assert_eq!(between(&clickhouse, &[(3, 4)], &[(3, 10)]).await.0, 6);
    assert_eq!(between(&clickhouse, &[(3, 10)], &[(3, 11), (1, 1)]).await, (2, 1), "late ones come when they come");
    assert_eq!(between(&clickhouse, &[(3, 10), (1, 1)], &[(3, 12), (1, 1)]).await.0, 1, "without the copy");
    assert_eq!(between(&clickhouse, &[(3, 11), (1, 1)], &[(3, 12), (1, 1)]).await.0, 0, "nothing but a copy");
    assert_eq!(between(&clickhouse, &[(3, 12), (1, 1)], &[(3, 12), (1, 1)]).await, (0, 0));
    // A fact that an earlier life of the topic had is no new one.
    insert(&clickhouse, EventTable::Connections, vec![at("main", 30, 0, (3, 12))], "again").await.unwrap();
    assert_eq!(between(&clickhouse, &[(3, 12)], &[(3, 13)]).await.0, 0);
    engine.drop(&clickhouse).await;
}

/// A fact told as of another country by a copy, in a range of offsets that has both, and in two of which each has one.
#[tokio::test]
async fn filter_is_asked_of_the_first_row_of_a_range_that_has_several() {
    let engine = engine().await;
    let clickhouse = engine.database("offsets_told_otherwise").await;
    let of = |country: &str, fact: i64, (partition, offset): (i32, i64)| {
        let event = connection(EventType::ClosedConnection, &format!("{fact:x}-1"), end_ms(fact).unsigned_abs());
        let location = Some(Location { country: Some(country.to_owned()), ..Location::default() });
        ConnectionRow::from_event(ConnectionEvent { location, ..event }, Source { name: "main", partition, offset })
    };
    let rows =
        vec![of("DE", 1, (3, 0)), of("US", 1, (3, 1)), of("US", 2, (3, 2)), of("DE", 2, (1, 0)), of("DE", 3, (3, 3))];
    insert(&clickhouse, EventTable::Connections, rows, "rows").await.unwrap();
    let count = async |country: &str, from: &[(i32, i64)], until: &[(i32, i64)]| {
        let filter = TrafficFilter { countries: [country.to_owned()].into(), ..TrafficFilter::default() };
        of_filter(&clickhouse, filter, from, until).await.0
    };
    let all = [(1, 1), (3, 4)];
    assert_eq!(count("DE", &[], &all).await, 3);
    assert_eq!(count("US", &[], &all).await, 0, "both are copies of what is of DE");
    assert_eq!(count("US", &[], &[(3, 4)]).await, 1, "partition 1 is not in this range");
    assert_eq!((count("DE", &[], &[(3, 1)]).await, count("US", &[(3, 1)], &[(3, 2)]).await), (1, 0), "it came before");
    engine.drop(&clickhouse).await;
}

/// Granules that the plan of a statement reads, and how many there are.
async fn granules(clickhouse: &ClickHouse, sql: &str) -> (u64, u64) {
    let plan = clickhouse.text(&format!("EXPLAIN indexes = 1 {sql}")).await.unwrap();
    let counts: Vec<(u64, u64)> = plan
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Granules: ")?.split_once('/'))
        .map(|(read, all)| (read.parse().unwrap(), all.parse().unwrap()))
        .collect();
    // Each index is told with what the one before it left. A plan that reads nothing tells none.
    (counts.last().map_or(0, |it| it.0), counts.iter().map(|it| it.1).max().unwrap_or(0))
}

#[tokio::test]
async fn start_of_ingest_reads_little_of_what_is_stored() {
    const ROWS: i64 = 1_000_000;
    let engine = engine().await;
    let clickhouse = engine.database("behind").await;
    insert(&clickhouse, EventTable::Connections, vec![at("main", 0, 0, (3, 0))], "first").await.unwrap();
    let more = format!(
        "INSERT INTO connections SELECT one.* REPLACE (toInt64(number) AS _kafka_offset)
         FROM (SELECT * FROM connections) AS one CROSS JOIN numbers(1, {}) AS others",
        ROWS - 1
    );
    clickhouse.execute(&more).await.unwrap();
    let bucket = clickhouse.text("SELECT any(_partition_id) FROM connections").await.unwrap();
    let bucket = bucket.trim().rsplit_once('-').unwrap().1.parse().unwrap();
    let behind = async |end| stored::at_or_behind(&clickhouse, "main", &[(3, end), (4, ROWS)].into()).await.unwrap();
    assert_eq!(behind(ROWS - 1).await, [(3, ROWS - 1)].into());
    assert!(behind(ROWS).await.is_empty());

    let sql = stored::behind_sql(&[(3, ROWS), (4, ROWS)].into(), Some(bucket));
    // Of the table that has the rows.
    let sql = sql.split_once(" UNION ALL ").unwrap().0.replace("{source:String}", "'main'");
    let (read, all) = granules(&clickhouse, &sql).await;
    let (_, everything) = granules(&clickhouse, "SELECT max(end_time) FROM connections WHERE tenant != ''").await;
    assert!(everything > 100 && read < everything / 10, "{read} of {all}, {everything} in all");
    engine.drop(&clickhouse).await;
}
