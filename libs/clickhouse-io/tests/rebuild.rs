//! Roll-ups made anew on the real engine, while others read and count.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{self, DayOfNetwork, HourOfNetwork, Rebuild, Unit, rebuild};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use schemas::connection_event::EventType;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;

/// 2026-11-01T00:00:00Z.
const BEGIN_MS: i64 = 1_793_491_200_000;
const MINUTE_MS: i64 = 60_000;
/// Facts are 20 minutes apart: 300 of them are five days.
const FACTS: i64 = 300;

fn end_ms(fact: i64) -> i64 {
    BEGIN_MS + fact * 20 * MINUTE_MS
}

/// A connection to a Resource.
fn row(fact: i64, resource: &str) -> ConnectionRow {
    let id = format!("{fact:x}-{resource}");
    let mut event = connection(EventType::ClosedConnection, &id, end_ms(fact).unsigned_abs());
    event.resource_id = resource.parse().unwrap();
    ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset: fact })
}

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

fn everything() -> (Moment, Moment) {
    (Moment::from_millis(BEGIN_MS), Moment::from_millis(end_ms(FACTS)))
}

/// Rows of Resources 7 and 8, counted; then those of 8 are away, and others are there that nobody has counted.
async fn fill_and_change(clickhouse: &ClickHouse) {
    let resource = |fact: i64| if fact % 3 == 0 { "8" } else { "7" };
    let rows = (0..FACTS).map(|fact| row(fact, resource(fact))).collect();
    insert(clickhouse, EventTable::Connections, rows, "first").await.unwrap();
    rebuild(clickhouse, rollup::DEFINITION, &acme(), everything(), |_, _| {}).await.unwrap();
    assert!(differences(clickhouse).await.is_empty());
    clickhouse.execute("DELETE FROM connections WHERE resource_id = 8").await.unwrap();
    let rows = (0..FACTS).flat_map(|fact| [row(fact, "9"), row(fact, "10")]).collect();
    insert(clickhouse, EventTable::Connections, rows, "second").await.unwrap();
    // Of each of 100 hours, and of 5 days, three groups; and of 5 days the Remote Network.
    assert_eq!(differences(clickhouse).await.len(), 320);
}

async fn differences(clickhouse: &ClickHouse) -> Vec<rollup::Difference> {
    let mut found = Vec::new();
    for unit in [Unit::Hour, Unit::Day, Unit::NetworkDay] {
        found.extend(rollup::verify(clickhouse, &acme(), unit, everything(), 500).await.unwrap());
    }
    found
}

/// What a reader sees of all hours and of all days: connections, and groups that have any.
async fn seen(clickhouse: &ClickHouse, table: &str) -> String {
    let sql = format!("SELECT sum(succeeded), countIf(succeeded > 0) FROM {table} FINAL WHERE tenant = 'acme'");
    clickhouse.text(&sql).await.unwrap()
}

async fn tables_of_rebuilds(clickhouse: &ClickHouse) -> String {
    let sql = "SELECT count() FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'rebuild_')";
    clickhouse.text(sql).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reader_sees_what_was_or_what_is_and_never_half() {
    let engine = engine().await;
    let clickhouse = engine.database("rebuild").await;
    fill_and_change(&clickhouse).await;
    let mut readers = Vec::new();
    let is_over = Arc::new(AtomicBool::new(false));
    for table in ["connections_by_hour", "connections_by_day"] {
        let (clickhouse, is_over) = (clickhouse.clone(), Arc::clone(&is_over));
        let before = seen(&clickhouse, table).await;
        readers.push(tokio::spawn(async move {
            let (mut all, mut reads) = (BTreeSet::new(), 0);
            while !is_over.load(Ordering::Acquire) {
                all.insert(seen(&clickhouse, table).await);
                reads += 1;
            }
            (all, BTreeSet::from([before, seen(&clickhouse, table).await]), reads)
        }));
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut told = Vec::new();
    rebuild(&clickhouse, rollup::DEFINITION, &acme(), everything(), |done, all| told.push((done, all))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    is_over.store(true, Ordering::Release);
    for reader in readers {
        let (all, expected, reads) = reader.await.unwrap();
        assert_eq!(expected.len(), 2, "what is differs from what was");
        assert_eq!(all, expected, "{reads} reads");
        println!("{reads} reads");
    }
    assert_eq!(told, [(0, 100), (100, 100)]);
    assert!(differences(&clickhouse).await.is_empty());
    assert_eq!(tables_of_rebuilds(&clickhouse).await, "0\n");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn rebuild_that_is_broken_off_leaves_what_was_and_may_be_done_again() {
    let engine = engine().await;
    let clickhouse = engine.database("rebuild_broken").await;
    fill_and_change(&clickhouse).await;
    let before = seen(&clickhouse, "connections_by_hour").await;
    // As a kill leaves it: built, not in place, not taken away.
    let (tenant, range) = (acme(), everything());
    let broken_off = Rebuild::begin(&clickhouse, rollup::DEFINITION, &tenant, range).await.unwrap();
    assert_eq!(broken_off.build(|_, _| {}).await.unwrap(), 100);
    assert_eq!(seen(&clickhouse, "connections_by_hour").await, before);
    assert_eq!(tables_of_rebuilds(&clickhouse).await, "3\n");
    rebuild(&clickhouse, rollup::DEFINITION, &tenant, range, |_, _| {}).await.unwrap();
    assert!(differences(&clickhouse).await.is_empty());
    // What lies there is of others, perhaps of one that still runs; this late, it would not undo what came after it.
    assert_eq!(tables_of_rebuilds(&clickhouse).await, "3\n");
    broken_off.swap().await.unwrap();
    assert!(differences(&clickhouse).await.is_empty());
    broken_off.end().await.unwrap();
    assert_eq!(tables_of_rebuilds(&clickhouse).await, "0\n");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn hour_that_is_counted_meanwhile_is_not_lost_nor_its_day_nor_another_tenants() {
    let engine = engine().await;
    let clickhouse = engine.database("rebuild_meanwhile").await;
    fill_and_change(&clickhouse).await;
    let (tenant, range) = (acme(), everything());
    let rebuild = Rebuild::begin(&clickhouse, rollup::DEFINITION, &tenant, range).await.unwrap();
    rebuild.build(|_, _| {}).await.unwrap();
    // As the aggregator does when late events come.
    let mut late = vec![row(31, "11"), row(32, "7")];
    late[1] = ConnectionRow::from_event(
        schemas::connection_event::ConnectionEvent {
            tenant: "globex".parse().unwrap(),
            ..late[1].clone().into_event().unwrap()
        },
        Source { name: "main", partition: 3, offset: 1_000 },
    );
    insert(&clickhouse, EventTable::Connections, late, "late").await.unwrap();
    let (end, network) = (Moment::from_millis(end_ms(31)), "64894".parse().unwrap());
    for tenant in [acme(), "globex".parse().unwrap()] {
        rollup::count_again(&clickhouse, rollup::DEFINITION, &[HourOfNetwork::of(tenant.clone(), end, network)].into())
            .await
            .unwrap();
        rollup::count_days(&clickhouse, rollup::DEFINITION, &[DayOfNetwork::of(tenant, end, network)]).await.unwrap();
    }
    rebuild.swap().await.unwrap();
    rebuild.end().await.unwrap();
    assert!(differences(&clickhouse).await.is_empty());
    let globex = clickhouse.text("SELECT sum(succeeded) FROM connections_by_hour FINAL WHERE tenant = 'globex'").await;
    assert_eq!(globex.unwrap(), "1\n");
    engine.drop(&clickhouse).await;
}
