//! Hours and days of which some cannot be counted, on the real engine: all others are counted and noted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clickhouse_io::rollup::{self, HourOfNetwork, NotesReach};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, Refusal};
use engine_of_test::engine;
use local_parts::fault_proxy::Seen;
use local_parts::{Fault, FaultProxy};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::times::Moment;

/// 2026-10-31T00:00:00Z.
const BEGIN_MS: u64 = 1_793_404_800_000;

/// One connection of each of four Remote Networks of two tenants, all in one hour.
fn events() -> Vec<ConnectionEvent> {
    let event = |tenant: &str, network: u64| ConnectionEvent {
        tenant: tenant.parse().unwrap(),
        remote_network_id: network.to_string().parse().unwrap(),
        ..connection(EventType::ClosedConnection, &format!("{tenant}-{network}"), BEGIN_MS + network)
    };
    ["acme", "globex"].into_iter().flat_map(|tenant| (1..=4).map(move |network| event(tenant, network))).collect()
}

async fn store(clickhouse: &ClickHouse) -> Vec<ConnectionEvent> {
    let row = |(event, offset)| ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset });
    let rows = events().into_iter().zip(0..).map(row).collect();
    insert(clickhouse, EventTable::Connections, rows, "events").await.unwrap();
    events()
}

fn hours(events: &[ConnectionEvent]) -> BTreeSet<HourOfNetwork> {
    events.iter().map(|it| HourOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id)).collect()
}

/// Tenants and Remote Networks that are in a table, in order.
async fn known(clickhouse: &ClickHouse, table: &str) -> String {
    let sql = format!(
        "SELECT tenant, arraySort(groupUniqArray(remote_network_id)) FROM {table} GROUP BY tenant ORDER BY tenant"
    );
    clickhouse.text(&sql).await.unwrap()
}

/// True of what counts from raw rows: into any number of months.
fn is_count(seen: &Seen) -> bool {
    seen.target.contains("max_partitions_per_insert_block=0") && !seen.is_insert()
}

/// Breaks the first count, and counts them.
fn break_first(proxy: &FaultProxy, fault: Fault) -> Arc<AtomicUsize> {
    let counts = Arc::new(AtomicUsize::new(0));
    let seen_until_now = Arc::clone(&counts);
    proxy.plan(move |seen| {
        let is_first = is_count(seen) && seen_until_now.fetch_add(1, Ordering::Relaxed) == 0;
        is_first.then(|| fault.clone())
    });
    counts
}

#[tokio::test]
async fn hours_that_are_too_many_at_once_are_counted_in_halves() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("halves", |config| config.url = proxy.url()).await;
    let hours = hours(&store(&clickhouse).await);
    let memory = Fault::Answer {
        status: 500,
        code: Some(241),
        body: "Code: 241. DB::Exception: Query memory limit exceeded: would use 9.32 GiB. (MEMORY_LIMIT_EXCEEDED)\n"
            .to_owned(),
    };
    // Refused, and one without an answer though the server lives.
    for fault in [memory, Fault::SwallowAnswer] {
        let counts = break_first(&proxy, fault);
        let mut counted = Vec::new();
        let asked_at = rollup::server_time(&clickhouse).await.unwrap();
        rollup::count_and_seal(&clickhouse, rollup::DEFINITION, &hours, asked_at, |count| counted.push(count))
            .await
            .unwrap();
        // The other tenant's first.
        assert_eq!((counted, counts.load(Ordering::Relaxed)), (vec![4, 2, 2], 4));
        assert_eq!(known(&clickhouse, "connections_by_hour").await, "acme\t[1,2,3,4]\nglobex\t[1,2,3,4]\n");
        assert_eq!(known(&clickhouse, "hours_sealed").await, "acme\t[1,2,3,4]\nglobex\t[1,2,3,4]\n");
        for table in ["connections_by_hour", "hours_sealed"] {
            clickhouse.execute(&format!("TRUNCATE TABLE {table} SYNC")).await.unwrap();
        }
    }
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn hour_that_cannot_be_counted_holds_up_no_other_and_is_told() {
    let engine = engine().await;
    let clickhouse = engine.database("hour_alone").await;
    let hours = hours(&store(&clickhouse).await);
    let alter =
        async |what: &str| clickhouse.execute(&format!("ALTER TABLE connections_by_hour {what}")).await.unwrap();
    alter("ADD CONSTRAINT others CHECK NOT (tenant = 'acme' AND remote_network_id = 2)").await;
    let mut counted = 0;
    let asked_at = rollup::server_time(&clickhouse).await.unwrap();
    let error = rollup::count_and_seal(&clickhouse, rollup::DEFINITION, &hours, asked_at, |count| counted += count)
        .await
        .unwrap_err();
    assert_eq!((error.refusal(), counted), (Some(Refusal::Row), 7), "{error}");
    assert_eq!(known(&clickhouse, "hours_sealed").await, "acme\t[1,3,4]\nglobex\t[1,2,3,4]\n");
    alter("DROP CONSTRAINT others").await;
    rollup::count_and_seal(&clickhouse, rollup::DEFINITION, &hours, asked_at, |_| ()).await.unwrap();
    assert_eq!(known(&clickhouse, "hours_sealed").await, "acme\t[1,2,3,4]\nglobex\t[1,2,3,4]\n");
    // What no other piece would do better is told at once.
    alter("DROP COLUMN denied").await;
    let error = rollup::count_and_seal(&clickhouse, rollup::DEFINITION, &hours, asked_at, |_| panic!("none can be"))
        .await
        .unwrap_err();
    assert_eq!(error.refusal(), Some(Refusal::Schema), "{error}");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn day_that_cannot_be_counted_holds_up_no_other_and_is_told() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("day_alone", |config| config.url = proxy.url()).await;
    let events = store(&clickhouse).await;
    let asked_at = rollup::server_time(&clickhouse).await.unwrap();
    rollup::count_and_seal(&clickhouse, rollup::DEFINITION, &hours(&events), asked_at, |_| ()).await.unwrap();
    let ended_by = Moment::from_millis(i64::try_from(BEGIN_MS).unwrap() + 2 * 86_400_000);
    let reach = NotesReach { noted_since: Moment::FIRST, ended_since: Moment::FIRST, ended_by };
    let days = rollup::unsealed_days(&clickhouse, reach).await.unwrap();
    assert_eq!(days.len(), 8);
    clickhouse
        .execute("ALTER TABLE network_days ADD CONSTRAINT others CHECK NOT (tenant = 'acme' AND remote_network_id = 2)")
        .await
        .unwrap();
    let mut counted = 0;
    let error = rollup::count_and_seal_days(&clickhouse, rollup::DEFINITION, &days, |count| counted += count)
        .await
        .unwrap_err();
    assert_eq!((error.refusal(), counted), (Some(Refusal::Row), 7), "{error}");
    assert_eq!(known(&clickhouse, "days_sealed").await, "acme\t[1,3,4]\nglobex\t[1,2,3,4]\n");
    clickhouse.execute("ALTER TABLE network_days DROP CONSTRAINT others").await.unwrap();
    // No answer from a server that lives: nothing waits for it.
    break_first(&proxy, Fault::SwallowAnswer);
    rollup::count_and_seal_days(&clickhouse, rollup::DEFINITION, &days, |_| ()).await.unwrap();
    assert_eq!(known(&clickhouse, "days_sealed").await, "acme\t[1,2,3,4]\nglobex\t[1,2,3,4]\n");
    assert_eq!(rollup::unsealed_days(&clickhouse, reach).await.unwrap(), BTreeMap::new());
    engine.drop(&clickhouse).await;
}
