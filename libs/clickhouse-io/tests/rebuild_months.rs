//! Seventy days of roll-ups made anew on the real engine, while rows keep being inserted and are counted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clickhouse_io::ClickHouse;
use clickhouse_io::rollup::{self, DEFINITION, DayOfNetwork, HourOfNetwork, Rebuild, Unit};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use engine_of_test::engine;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;

/// 2026-09-20T00:00:00Z; 70 days later it is November the 29th: three months.
const BEGIN_MS: u64 = 1_789_862_400_000;
const DAY_MS: u64 = 86_400_000;
const DAYS: u64 = 70;
const TABLES: [&str; 3] = ["connections_by_hour", "connections_by_day", "network_days"];

fn acme() -> Tenant {
    "acme".parse().unwrap()
}

fn everything() -> (Moment, Moment) {
    let at = |day: u64| Moment::from_millis(i64::try_from(BEGIN_MS + day * DAY_MS).unwrap());
    (at(0), at(DAYS))
}

/// Some fact of a tenant, in one of three Remote Networks.
fn event(random: &mut StdRng, tenant: &str, number: u64) -> ConnectionEvent {
    let kind = [EventType::ClosedConnection, EventType::ClosedConnection, EventType::DeniedAccess];
    let end_ms = BEGIN_MS + random.random_range(0..DAYS * DAY_MS);
    let mut event = connection(kind[random.random_range(0..3)], &format!("{number:x}-1"), end_ms);
    event.tenant = tenant.parse().unwrap();
    event.remote_network_id = random.random_range(1..4_u64).to_string().parse().unwrap();
    event.resource_id = random.random_range(1..4_u64).to_string().parse().unwrap();
    event.bytes_received = random.random_range(0..1_000_000);
    event.event_id =
        EventId::of_fact(&event.tenant, event.connector_id, &event.connection_id, event.event_type, end_ms);
    event
}

/// Rows of both tenants; each eighth a second time, one partition further.
fn rows(random: &mut StdRng, numbers: std::ops::Range<u64>) -> Vec<ConnectionRow> {
    let mut rows = Vec::new();
    for number in numbers {
        for (tenant, first) in [("acme", 0), ("globex", 1)] {
            let event = event(random, tenant, number);
            let offset = i64::try_from(2 * number + first).unwrap();
            if number % 8 == 0 {
                rows.push(ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 4, offset }));
            }
            rows.push(ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset }));
        }
    }
    rows
}

/// What GROUP BY says of acme's raw rows, each fact once, by units of this function; and what the roll-up says.
async fn both(clickhouse: &ClickHouse, begin: &str, table: &str, time: &str) -> (String, String) {
    let raw = format!(
        "SELECT {begin}(end_time), remote_network_id, resource_id, countIf(event_type = 'closed_connection'),
             countIf(event_type = 'denied_access'), sumIf(toUInt128(bytes_received), event_type = 'closed_connection')
         FROM (SELECT * FROM connections WHERE tenant = 'acme' LIMIT 1 BY end_time, event_id_tail)
         GROUP BY ALL ORDER BY ALL"
    );
    let counted = format!(
        "SELECT {time}, remote_network_id, resource_id, succeeded, denied, bytes_received FROM {table} FINAL
         WHERE tenant = 'acme' AND succeeded + failed_dns + failed_other + denied > 0 ORDER BY ALL"
    );
    (clickhouse.text(&raw).await.unwrap(), clickhouse.text(&counted).await.unwrap())
}

/// All that is stored of a tenant's roll-ups and counts, with its versions.
async fn stored(clickhouse: &ClickHouse, tenant: &str) -> String {
    let mut all = String::new();
    for table in TABLES {
        let sql = format!("SELECT * FROM {table} FINAL WHERE tenant = '{tenant}' ORDER BY ALL");
        all += &clickhouse.text(&sql).await.unwrap();
    }
    all
}

/// As ingest and aggregator do with what is late: stores rows of both tenants, and counts acme's hours and days anew. Gives how often.
async fn keep_inserting(clickhouse: ClickHouse, first: u64, is_over: Arc<AtomicBool>) -> u64 {
    let mut random = StdRng::seed_from_u64(8);
    let mut times = 0;
    while !is_over.load(Ordering::Acquire) {
        let begin = first + times * 20;
        let late = rows(&mut random, begin..begin + 20);
        let acmes: Vec<ConnectionEvent> =
            late.iter().map(|row| row.clone().into_event().unwrap()).filter(|it| it.tenant == acme()).collect();
        insert(&clickhouse, EventTable::Connections, late, &format!("late-{times}")).await.unwrap();
        let hours = acmes.iter().map(|it| HourOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
        rollup::count_again(&clickhouse, DEFINITION, &hours).await.unwrap();
        let days: BTreeSet<_> =
            acmes.iter().map(|it| DayOfNetwork::of(acme(), it.end_time, it.remote_network_id)).collect();
        rollup::count_days(&clickhouse, DEFINITION, &days).await.unwrap();
        times += 1;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn seventy_days_of_several_networks_are_what_group_by_says_while_rows_keep_being_inserted() {
    let engine = engine().await;
    let clickhouse = engine.database("rebuild_months").await;
    let facts = DAYS * 40;
    let all = rows(&mut StdRng::seed_from_u64(7), 0..facts);
    for (number, some) in all.chunks(1_000).enumerate() {
        insert(&clickhouse, EventTable::Connections, some.to_vec(), &format!("first-{number}")).await.unwrap();
    }
    let months =
        "SELECT uniqExact(toYYYYMM(end_time)), count() > uniqExact(tenant, end_time, event_id_tail) FROM connections";
    assert_eq!(clickhouse.text(months).await.unwrap(), "3\t1\n", "months, and copies");
    // Counted, and then wrong all over: numbers, and groups that no row has. Of both tenants.
    for tenant in ["acme", "globex"] {
        rollup::rebuild(&clickhouse, DEFINITION, &tenant.parse().unwrap(), everything(), |_, _| {}).await.unwrap();
    }
    for table in &TABLES[..2] {
        for wrong in ["denied + 3 AS denied", "77 AS resource_id"] {
            let sql =
                format!("INSERT INTO {table} SELECT * REPLACE ({wrong}, version + 1 AS version) FROM {table} FINAL");
            clickhouse.execute(&sql).await.unwrap();
        }
    }
    let sql =
        "INSERT INTO network_days SELECT * REPLACE ([7] AS devices, version + 1 AS version) FROM network_days FINAL";
    clickhouse.execute(sql).await.unwrap();
    let globex = stored(&clickhouse, "globex").await;

    let is_over = Arc::new(AtomicBool::new(false));
    let inserting = tokio::spawn(keep_inserting(clickhouse.clone(), facts, Arc::clone(&is_over)));
    let (tenant, range) = (acme(), everything());
    let rebuild = Rebuild::begin(&clickhouse, DEFINITION, &tenant, range).await.unwrap();
    let count_of = async || clickhouse.text("SELECT count() FROM connections").await.unwrap();
    let before = count_of().await;
    rebuild.build(|_, _| {}).await.unwrap();
    rebuild.swap().await.unwrap();
    rebuild.end().await.unwrap();
    assert_ne!(count_of().await, before, "rows came while it was built");
    is_over.store(true, Ordering::Release);
    let times = inserting.await.unwrap();
    println!("{times} times rows came");

    for (begin, table, time) in
        [("toStartOfHour", "connections_by_hour", "hour"), ("toStartOfDay", "connections_by_day", "day")]
    {
        let (raw, counted) = both(&clickhouse, begin, table, time).await;
        assert!(raw.lines().count() > 400, "{raw}");
        assert_eq!(raw, counted, "{table}");
    }
    for unit in [Unit::Hour, Unit::Day, Unit::NetworkDay] {
        assert_eq!(rollup::verify(&clickhouse, &tenant, unit, range, 10).await.unwrap(), [], "{unit:?}");
    }
    assert_eq!(stored(&clickhouse, "globex").await, globex, "another tenant's, wrong as it was");
    engine.drop(&clickhouse).await;
}
