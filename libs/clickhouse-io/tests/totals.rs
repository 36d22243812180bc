//! Sizes of plans and totals of reports from the roll-up, on the real engine: what is counted is not read, and what is not counted is not left out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeMap;

use clickhouse_io::ClickHouse;
use clickhouse_io::report::{
    Bounds, ColumnSet, Cut, Positions, ReportQuery, Slice, count_slice, hold_against_rows, plan, rolled_up,
};
use clickhouse_io::rollup::{self, rebuild};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use schemas::connection_event::EventType;
use schemas::examples::connection;
use schemas::times::Moment;
use traffic_query::TrafficFilter;

/// 2026-11-01T00:00:00Z.
const BEGIN_MS: i64 = 1_793_491_200_000;
const HOUR_MS: i64 = 3_600_000;
/// Facts are 20 minutes apart: three an hour.
const HOURS: i64 = 100;
/// Long after all of it.
const NOW: Moment = Moment::from_millis(BEGIN_MS + 100_000 * HOUR_MS);
const CUT: Cut = Cut { stretch_rows: 40, slice_rows: 60, slices_max: 1_000 };

fn hour(hours: i64) -> Moment {
    Moment::from_millis(BEGIN_MS + hours * HOUR_MS)
}

/// A fact at a moment, as it lies at an offset of partition 3.
fn row(end_ms: i64, offset: i64) -> ConnectionRow {
    let event = connection(EventType::ClosedConnection, &format!("{offset:x}-1"), end_ms.unsigned_abs());
    ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
}

fn query(from: Moment, to: Moment) -> ReportQuery {
    ReportQuery {
        tenant: "acme".parse().unwrap(),
        filter: TrafficFilter::default().within(from, to),
        denied: true,
        columns: ColumnSet::ORDER,
        offsets: None,
    }
}

/// Facts of a hundred hours, and hours of them that are counted.
async fn fill(clickhouse: &ClickHouse, counted: i64) {
    let rows = (0..3 * HOURS).map(|fact| row(BEGIN_MS + fact * HOUR_MS / 3, fact)).collect();
    insert(clickhouse, EventTable::Connections, rows, "first").await.unwrap();
    rebuild(clickhouse, rollup::DEFINITION, &"acme".parse().unwrap(), (hour(0), hour(counted)), |_, _| {})
        .await
        .unwrap();
}

async fn late(clickhouse: &ClickHouse, end_ms: i64, offset: i64) {
    insert(clickhouse, EventTable::Connections, vec![row(end_ms, offset)], &format!("late-{offset}")).await.unwrap();
}

/// Rows that a report reads, by what each of its slices has when it is begun.
async fn to_be_read(clickhouse: &ClickHouse, query: &ReportQuery, slices: &[Slice]) -> u64 {
    let mut rows = 0;
    for slice in slices {
        let slice = count_slice(clickhouse, query, slice, &CUT, NOW).await.unwrap();
        assert!(slice.stretches.iter().all(|it| it.rows <= CUT.stretch_rows), "{slice:?}");
        rows += slice.rows();
    }
    rows
}

fn rows(slices: &[Slice]) -> u64 {
    slices.iter().map(Slice::rows).sum()
}

#[tokio::test]
async fn plan_of_hours_that_are_counted_reads_no_row() {
    let engine = engine().await;
    let clickhouse = engine.database("plan_rolled_up").await;
    fill(&clickhouse, HOURS).await;
    clickhouse.execute("RENAME TABLE connections TO connections_kept").await.unwrap();
    let whole = query(hour(0), hour(HOURS));
    let slices = plan(&clickhouse, &whole, &CUT, NOW).await.unwrap();
    assert_eq!((rows(&slices), slices.len() >= 5), (300, true));
    let of_none = ReportQuery {
        filter: TrafficFilter { users: ["999".parse().unwrap()].into(), ..whole.filter.clone() },
        ..whole.clone()
    };
    assert_eq!(rows(&plan(&clickhouse, &of_none, &CUT, NOW).await.unwrap()), 0);
    // What the roll-up does not have has to be counted, and there is no table.
    let of_domain = ReportQuery {
        filter: TrafficFilter { domain: Some("example".to_owned()), ..whole.filter.clone() },
        ..whole.clone()
    };
    let half = query(hour(0), Moment::from_millis(hour(2).as_millis() + 1));
    let soon = Moment::from_millis(hour(HOURS).as_millis());
    for (query, now) in [(&of_domain, NOW), (&half, NOW), (&whole, soon)] {
        assert!(plan(&clickhouse, query, &CUT, now).await.is_err());
    }
    clickhouse.execute("RENAME TABLE connections_kept TO connections").await.unwrap();
    assert_eq!(to_be_read(&clickhouse, &whole, &slices).await, 300);
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn nothing_is_left_out_that_the_roll_up_does_not_have() {
    let engine = engine().await;
    let clickhouse = engine.database("plan_behind").await;
    // The second half is not counted; and of hours that are, some have rows that are not.
    fill(&clickhouse, HOURS / 2).await;
    for (number, end_ms) in (0..).zip([BEGIN_MS + 7, BEGIN_MS + 7 * HOUR_MS + 7, BEGIN_MS + 8 * HOUR_MS - 1]) {
        late(&clickhouse, end_ms, 1_000 + number).await;
    }
    // A full hour, of which the roll-up knows three rows.
    let full = (0..100).map(|number| row(BEGIN_MS + 20 * HOUR_MS + number * 1_000, 2_000 + number)).collect();
    insert(&clickhouse, EventTable::Connections, full, "full").await.unwrap();
    // Far before and after, with nothing between.
    for (number, days) in (0..).zip([-9_000, -500, 400]) {
        late(&clickhouse, BEGIN_MS + days * 24 * HOUR_MS, 3_000 + number).await;
    }
    for (from, to, expected) in [
        (hour(0), hour(HOURS), 403),
        (Moment::FIRST, Moment::END, 406),
        (Moment::from_millis(BEGIN_MS + 1), Moment::from_millis(BEGIN_MS + 7 * HOUR_MS + 8), 23),
        (hour(HOURS), Moment::END, 1),
        (hour(HOURS), hour(HOURS + 1), 0),
    ] {
        let query = query(from, to);
        let slices = plan(&clickhouse, &query, &CUT, NOW).await.unwrap();
        assert!(rows(&slices) <= expected, "{from:?}");
        assert_eq!(to_be_read(&clickhouse, &query, &slices).await, expected, "{from:?}");
        let apart = slices.windows(2).all(|two| two[0].stretches.last().unwrap().to <= two[1].stretches[0].from);
        assert!(apart, "{slices:?}");
    }
    engine.drop(&clickhouse).await;
}

fn positions(awaited: i64) -> Positions {
    let at = BTreeMap::from([(3, awaited)]);
    Positions { source: "main".to_owned(), awaited: at.clone(), counted: at }
}

#[tokio::test]
async fn hours_that_are_counted_by_another_definition_are_left_to_the_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("totals_definitions").await;
    fill(&clickhouse, HOURS).await;
    let by_another = |change: &str| {
        format!(
            "INSERT INTO connections_by_hour
             SELECT * REPLACE (definition {change} AS definition, succeeded + 5 AS succeeded, version + 1 AS version)
             FROM connections_by_hour FINAL WHERE toHour(hour) = 3"
        )
    };
    // Of each day one, counted by a newer program.
    clickhouse.execute(&by_another("+ 1")).await.unwrap();
    let whole = query(hour(0), hour(HOURS));
    let rolled = rolled_up(&clickhouse, &whole, &positions(300), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.facts()), (95, Bounds::exactly(300)));
    // The same number with other counts, as if rows were gone: it is believed again.
    clickhouse.execute(&by_another("- 1")).await.unwrap();
    let rolled = rolled_up(&clickhouse, &whole, &positions(300), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.facts()), (100, Bounds::exactly(300 + 5 * 10)));
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn totals_are_those_of_the_roll_up_and_of_rows_where_hours_move() {
    let engine = engine().await;
    let clickhouse = engine.database("totals").await;
    fill(&clickhouse, HOURS).await;
    let whole = query(hour(0), hour(HOURS));
    let rolled = rolled_up(&clickhouse, &whole, &positions(300), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.around), (100, Bounds::default()));
    assert_eq!((rolled.facts(), rolled.until()), (Bounds::exactly(300), Some(hour(HOURS))));
    let half = query(Moment::from_millis(BEGIN_MS + 1), Moment::from_millis(BEGIN_MS + 3 * HOUR_MS + 1));
    let rolled = rolled_up(&clickhouse, &half, &positions(300), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.around), (2, Bounds::exactly(3)));

    // One that came while the report was made: its hour is left to the rows, and it may be in it or not.
    late(&clickhouse, BEGIN_MS + 5 * HOUR_MS + 7, 300).await;
    // And a copy of one, which counts nothing.
    let event = connection(EventType::ClosedConnection, "3-1", (BEGIN_MS + HOUR_MS).unsigned_abs());
    let copy = ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset: 301 });
    insert(&clickhouse, EventTable::Connections, vec![copy], "copy").await.unwrap();
    let rolled = rolled_up(&clickhouse, &whole, &positions(300), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.facts()), (98, Bounds { least: 300, most: 301 }));
    // One that was there before, which the roll-up does not have: rows say so.
    let rolled = rolled_up(&clickhouse, &whole, &positions(302), NOW).await.unwrap().unwrap();
    assert_eq!((rolled.hours.len(), rolled.facts()), (100, Bounds::exactly(300)));
    let raw = hold_against_rows(&clickhouse, &whole, &positions(302), &rolled).await.unwrap();
    assert_eq!((raw.facts, raw.lost.len()), (Bounds::exactly(301), 0));
    // Rows that are gone.
    let gone = format!(
        "DELETE FROM connections WHERE end_time < fromUnixTimestamp64Milli(toInt64({}), 'UTC')",
        BEGIN_MS + HOUR_MS
    );
    clickhouse.execute(&gone).await.unwrap();
    let raw = hold_against_rows(&clickhouse, &whole, &positions(302), &rolled).await.unwrap();
    assert_eq!((raw.facts, raw.lost), (Bounds::exactly(298), vec![hour(0)]));
    // Of what it does not know it says nothing.
    let filter = TrafficFilter { domain: Some("example".to_owned()), ..whole.filter.clone() };
    let of_domain = ReportQuery { filter, ..whole.clone() };
    assert_eq!(rolled_up(&clickhouse, &of_domain, &positions(302), NOW).await.unwrap(), None);
    let soon = rolled_up(&clickhouse, &whole, &positions(302), hour(1)).await.unwrap();
    assert_eq!(soon, None);
    engine.drop(&clickhouse).await;
}
