//! Days of Remote Networks on the real engine: what merges whatever the order, and is bounded.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeSet;

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{self, DayOfNetwork, HourOfNetwork, SET_MAX, Unit};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::traffic::{self, Source as AnswerSource};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, Measure, SeriesQuery, TopQuery, TrafficFilter};

/// 2026-10-31T00:00:00Z.
const BEGIN_MS: u64 = 1_793_404_800_000;
const DAY_MS: u64 = 86_400_000;

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

/// A connection to a name of its own, ten seconds after the one before.
fn event(number: u64) -> ConnectionEvent {
    let mut event = connection(EventType::ClosedConnection, &format!("{number:x}-1"), BEGIN_MS + number * 10_000);
    event.resource_address = format!("host{number}.corp.example");
    event
}

async fn store(
    clickhouse: &ClickHouse,
    numbers: impl Iterator<Item = u64>,
    first_offset: i64,
) -> BTreeSet<DayOfNetwork> {
    let events: Vec<ConnectionEvent> = numbers.map(event).collect();
    let days = events.iter().map(|it| DayOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset });
    let rows = events.into_iter().zip(first_offset..).map(row).collect();
    insert(clickhouse, EventTable::Connections, rows, &first_offset.to_string()).await.unwrap();
    days
}

/// All that days of Remote Networks hold, but when it was counted.
async fn rows(clickhouse: &ClickHouse) -> String {
    clickhouse.text("SELECT * EXCEPT version FROM network_days FINAL ORDER BY ALL").await.unwrap()
}

/// Names that were asked for on each of two days, and on both.
async fn names(clickhouse: &ClickHouse) -> Vec<u128> {
    let (from, to) = (BEGIN_MS, BEGIN_MS + 2 * DAY_MS);
    let [from, to] = [from, to].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let filter = TrafficFilter::default().within(from, to);
    let later = Moment::from_micros(to.as_micros() + 86_400_000_000);
    let measures = [Measure::Addresses];
    let series = SeriesQuery::new(filter.clone(), Some(Bucket::Day), &[], &measures, 10).unwrap();
    let found = traffic::series(clickhouse, &acme(), &series, later).await.unwrap();
    assert_eq!(found.source, AnswerSource::Sketches);
    let all = TopQuery::new(filter, &[Dimension::RemoteNetwork], &measures, 10).unwrap();
    let all = traffic::top(clickhouse, &acme(), &all, later).await.unwrap();
    assert_eq!(all.source, AnswerSource::Sketches);
    let days = found.lines[0].values.iter().map(|values| values[0]);
    days.chain(all.groups.iter().map(|it| it.values[0])).collect()
}

#[tokio::test]
async fn set_that_is_full_tells_about_how_many_there_were_and_the_order_of_rows_does_not_matter() {
    let engine = engine().await;
    let (forward, backward) = (engine.database("network_days").await, engine.database("network_days_backward").await);
    let per_day = DAY_MS / 10_000;
    let days = store(&forward, 0..2 * per_day, 0).await;
    rollup::count_days(&forward, &days).await.unwrap();
    // The other way round, in two parts, some of them twice, and counted twice.
    let late = store(&backward, (per_day / 2..2 * per_day).rev(), 0).await;
    rollup::count_days(&backward, &late).await.unwrap();
    let early = store(&backward, (0..per_day).rev(), 100_000).await;
    rollup::count_days(&backward, &early).await.unwrap();
    assert_eq!(rows(&forward).await, rows(&backward).await);

    let found = names(&forward).await;
    assert_eq!(found, names(&backward).await);
    for (found, exact) in found.iter().zip([per_day, per_day, 2 * per_day]) {
        assert!(exact > u64::from(SET_MAX));
        // Four standard errors; the same names each time.
        let off = u64::try_from(*found).unwrap().abs_diff(exact);
        assert!(off * 64 < 4 * exact, "{found} for {exact}");
    }
    engine.drop(&forward).await;
    engine.drop(&backward).await;
}

#[tokio::test]
async fn day_that_is_wrong_or_missing_is_found_and_built_anew() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_verify").await;
    let days = store(&clickhouse, (0..100).map(|number| number * 150), 0).await;
    let [from, to] =
        [BEGIN_MS, BEGIN_MS + 3 * DAY_MS].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let range = (from, to);
    let differences = async || rollup::verify(&clickhouse, &acme(), Unit::NetworkDay, range, 10).await.unwrap();
    assert_eq!(differences().await.len(), 2, "none is counted");
    rollup::count_days(&clickhouse, &days).await.unwrap();
    assert_eq!(differences().await, []);
    for wrong in ["[1] AS durations", "[7, 9] AS devices", "99 AS remote_network_id"] {
        let sql = format!(
            "INSERT INTO network_days SELECT * REPLACE ({wrong}, version + 1 AS version) FROM network_days FINAL
             WHERE notEmpty(addresses) LIMIT 1"
        );
        clickhouse.execute(&sql).await.unwrap();
        assert_eq!(differences().await.len(), 1, "{wrong}");
        rollup::rebuild(&clickhouse, &acme(), range, |_, _| {}).await.unwrap();
        assert_eq!(differences().await, [], "{wrong}");
    }
    let other: Tenant = "globex".parse().unwrap();
    assert_eq!(rollup::verify(&clickhouse, &other, Unit::NetworkDay, range, 10).await.unwrap(), []);
    engine.drop(&clickhouse).await;
}

/// Names that were asked for on each of three days, and where the answer came from.
async fn names_by_day(clickhouse: &ClickHouse) -> (Vec<u128>, AnswerSource) {
    let [from, to] =
        [BEGIN_MS, BEGIN_MS + 3 * DAY_MS].map(|millis| Moment::from_millis(i64::try_from(millis).unwrap()));
    let later = Moment::from_micros(to.as_micros() + 86_400_000_000);
    let filter = TrafficFilter::default().within(from, to);
    let series = SeriesQuery::new(filter, Some(Bucket::Day), &[], &[Measure::Addresses], 10).unwrap();
    let found = traffic::series(clickhouse, &acme(), &series, later).await.unwrap();
    (found.lines[0].values.iter().map(|values| values[0]).collect(), found.source)
}

#[tokio::test]
async fn day_that_is_not_counted_yet_is_answered_from_raw_rows() {
    let engine = engine().await;
    let clickhouse = engine.database("network_days_uncounted").await;
    // Ten, twenty and thirty names a day.
    let per_day = DAY_MS / 10_000;
    let numbers = (0..3_u64).flat_map(|day| (0..10 * (day + 1)).map(move |at| day * per_day + at));
    let events: Vec<ConnectionEvent> = numbers.clone().map(event).collect();
    let days = store(&clickhouse, numbers, 0).await;
    let hours = events.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
    rollup::count_again(&clickhouse, &hours).await.unwrap();
    rollup::count_days(&clickhouse, &days).await.unwrap();
    assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], AnswerSource::Sketches));
    // As before an upgrade: the sums are there, and what merges is not; of some days, then of all.
    for (missing, source) in [("2026-11-01", AnswerSource::Sketches), ("2026-10-31", AnswerSource::Sketches)] {
        let sql = format!("DELETE FROM network_days WHERE day = '{missing} 00:00:00'");
        clickhouse.execute(&sql).await.unwrap();
        assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], source), "{missing}");
    }
    clickhouse.execute("TRUNCATE TABLE network_days").await.unwrap();
    assert_eq!(names_by_day(&clickhouse).await, (vec![10, 20, 30], AnswerSource::Raw));
    engine.drop(&clickhouse).await;
}
