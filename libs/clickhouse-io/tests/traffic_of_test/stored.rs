//! Made-up events as they are stored and counted, and pages of them.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::rollup::{MinuteColumns, MinuteCounts, MinuteKey};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, rollup, traffic};
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, EventType, Protocol, TunnelPath};
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::TrafficFilter;

use super::plain::{self, Stored};

fn row(stored: &Stored) -> ConnectionRow {
    let source = Source { name: "main", partition: stored.partition, offset: stored.offset };
    ConnectionRow::from_event(stored.event.clone(), source)
}

/// Stores events, which nobody counts.
pub(crate) async fn store_raw(clickhouse: &ClickHouse, tenant: &Tenant, all: &[Stored]) {
    for (table, is_opening) in [(EventTable::Connections, false), (EventTable::ConnectionOpenings, true)] {
        let of_table = |it: &&Stored| (it.event.event_type == EventType::EstablishedConnection) == is_opening;
        let rows: Vec<ConnectionRow> = all.iter().filter(of_table).map(row).collect();
        let token = format!("{tenant}-{}-{}", all[0].offset, table.name());
        insert(clickhouse, table, rows, &token).await.unwrap();
    }
}

/// Counts the hours and days of events. Copies of two Remote Networks are known only where they are counted at once: all of an hour here, and all of
/// some days.
pub(crate) async fn count(clickhouse: &ClickHouse, all: &[Stored]) {
    let ended: Vec<&ConnectionEvent> = all.iter().map(|it| &it.event).filter(|it| it.status().is_some()).collect();
    let hour = |it: &&ConnectionEvent| rollup::HourOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id);
    let hours: BTreeSet<_> = ended.iter().map(hour).collect();
    assert!(hours.len() <= 500, "more than one statement counts");
    rollup::count_again(clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    let mut days: BTreeMap<i64, BTreeSet<rollup::DayOfNetwork>> = BTreeMap::new();
    for it in &ended {
        let day = rollup::DayOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id);
        days.entry(it.end_time.as_millis().div_euclid(86_400_000)).or_default().insert(day);
    }
    for some in days.into_values().collect::<Vec<_>>().chunks(6) {
        rollup::count_days(clickhouse, rollup::DEFINITION, some.iter().flatten()).await.unwrap();
    }
}

/// Stores events and counts them, by minute, hour and day.
pub(crate) async fn store(clickhouse: &ClickHouse, tenant: &Tenant, all: &[Stored]) {
    store_raw(clickhouse, tenant, all).await;
    count(clickhouse, all).await;
    let facts = plain::facts(all, &TrafficFilter { from: Moment::FIRST, to: Moment::END, ..TrafficFilter::default() });
    let mut minutes = MinuteColumns::default();
    facts.into_iter().zip(0..).for_each(|(event, offset)| push_minute(&mut minutes, event, offset));
    let (body, token) = (minutes.encode("main", 0, Vec::new()), format!("{tenant}-{}", all[0].offset));
    rollup::insert_minutes(clickhouse, body.into(), &token).await.unwrap();
}

/// One fact as a group of its own.
fn push_minute(columns: &mut MinuteColumns, event: &ConnectionEvent, offset: i64) {
    let key = MinuteKey {
        tenant: event.tenant.as_str().as_bytes(),
        minute: u32::try_from(event.end_time.as_millis() / 60_000 * 60).unwrap(),
        remote_network_id: event.remote_network_id.get(),
        user_id: event.user.as_ref().map(|it| it.id.get()),
        service_account_id: event.service_account.as_ref().map(|it| it.id.get()),
        resource_id: event.resource_id.get(),
        connector_id: event.connector_id.get(),
        protocol: match event.protocol {
            Protocol::Tcp | Protocol::Unknown => 1,
            Protocol::Udp => 2,
            Protocol::Icmp => 3,
        },
        tunnel_path: if event.tunnel_path == TunnelPath::Relay { 2 } else { 1 },
        country: event.location.as_ref().and_then(|it| it.country.as_deref()).map(str::as_bytes),
    };
    let is = |status| u64::from(event.status() == Some(status));
    let succeeded = is(ConnectionStatus::Normal);
    let counts = MinuteCounts {
        succeeded,
        failed_dns: is(ConnectionStatus::DnsError),
        failed_other: is(ConnectionStatus::ConnectionFailed),
        denied: is(ConnectionStatus::AccessDenied),
        bytes_received: u128::from(succeeded * event.bytes_received),
        bytes_transferred: u128::from(succeeded * event.bytes_transferred),
    };
    columns.push(&key, &counts, &[offset]);
}

/// All pages, one after the other.
pub(crate) async fn pages(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    limit: u32,
) -> Vec<ConnectionEvent> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let page = traffic::recent(clickhouse, tenant, filter, before, limit).await.unwrap();
        assert!(page.connections.len() <= limit as usize);
        assert!(page.next.is_none() || page.connections.len() == limit as usize, "only the last page is short");
        all.extend(page.connections);
        match page.next {
            // Enough to see that pages join; the rest is read at once.
            Some(next) if all.len() > 6 => {
                all.extend(traffic::recent(clickhouse, tenant, filter, Some(next), 500).await.unwrap().connections);
                return all;
            }
            Some(next) => before = Some(next),
            None => return all,
        }
    }
}
