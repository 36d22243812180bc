//! Blocks of ranges on the real engine: what is read back is what was counted.

use clickhouse_io::open;
use clickhouse_io::rollup::insert_minutes;
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use local_parts::{ClickHouseProcess, Silent};
use schemas::migrations;

use super::*;
use crate::block::Tables;

/// Lines as [`line`] has them.
const MINUTES: &str = "SELECT tenant, toUnixTimestamp(minute), remote_network_id, user_id, service_account_id, resource_id, connector_id,
    toInt8(protocol), toInt8(tunnel_path), country, succeeded, failed_dns, failed_other, denied, bytes_received, bytes_transferred,
    _kafka_offsets FROM connections_by_minute WHERE _kafka_source = 'main' AND _kafka_partition = 3 AND written_at > now() - 3600";
const OPEN: &str = "SELECT tenant, connector_id, connection_id, is_open, toUnixTimestamp64Micro(opened_at),
    toUnixTimestamp64Micro(ended_at), toInt8(end_reason), remote_network_id, remote_network_name, resource_id, resource_address, user_id,
    user_email, service_account_id, service_account_name, client_ip, toInt8(protocol), version FROM open_connections FINAL";

/// Lines that a query gives, in one order.
async fn asked(clickhouse: &ClickHouse, sql: &str) -> Vec<String> {
    let mut lines: Vec<_> = clickhouse.text(sql).await.unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The entries of open connections that events of these offsets leave, as lines: of each connection the highest version.
fn left_open(events: &[(i64, ConnectionEvent)], only: Option<&BTreeSet<i64>>) -> Vec<String> {
    let mut left: BTreeMap<(u64, &str), (u64, String)> = BTreeMap::new();
    for (offset, event) in events.iter().filter(|(offset, _)| only.is_none_or(|only| only.contains(offset))) {
        let end_reason = match event.event_type {
            EventType::EstablishedConnection => 0,
            EventType::ClosedConnection => 1,
            EventType::FailedToConnect => 2,
            EventType::DeniedAccess | EventType::Unknown => continue,
        };
        let is_open = end_reason == 0;
        let version = if is_open { 0 } else { 1 << 62 } + offset.unsigned_abs();
        let name = |name: &str| if is_open { name.to_owned() } else { String::new() };
        let (user, account) = (event.user.as_ref(), event.service_account.as_ref());
        let absent = || "\\N".to_owned();
        let fields = [
            event.tenant.to_string(),
            event.connector_id.to_string(),
            event.connection_id.clone(),
            is_open.to_string(),
            event.start_time.as_micros().to_string(),
            if is_open { absent() } else { event.end_time.as_micros().to_string() },
            end_reason.to_string(),
            event.remote_network_id.to_string(),
            name(&event.remote_network_name),
            event.resource_id.to_string(),
            name(&event.resource_address),
            user.map_or_else(absent, |user| user.id.to_string()),
            user.map(|user| name(&user.email)).unwrap_or_default(),
            account.map_or_else(absent, |account| account.id.to_string()),
            account.map(|account| name(&account.name)).unwrap_or_default(),
            event.client_ip.map_or_else(absent, |ip| std::net::Ipv6Addr::from(ip.octets()).to_string()),
            if event.protocol == Protocol::Udp { "2" } else { "1" }.to_owned(),
            version.to_string(),
        ];
        let entry = left.entry((event.connector_id.get(), &event.connection_id)).or_default();
        if version >= entry.0 {
            *entry = (version, fields.join("\t"));
        }
    }
    let mut lines: Vec<_> = left.into_values().map(|(_, line)| line).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn engine_reads_back_what_was_counted_whichever_offsets_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let binary = local_parts::flowledger_binary().unwrap();
    let engine = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
    migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
    let events: Vec<_> = (7..2_007)
        .map(|offset: i64| {
            let number = offset.unsigned_abs();
            let made = Made {
                kind: usize::try_from(number % 4).unwrap(),
                number: number * 7 % 300,
                second: number / 3 % 4,
                resource: 1 + number % 3,
                is_relay: number % 5 < 2,
                is_udp: number % 7 < 3,
                country: usize::try_from(number % 3).unwrap(),
                is_name: number.is_multiple_of(2),
            };
            (offset, event(&made))
        })
        .collect();
    let rows = filled(&events, CopyWindow::default());
    let every = |step| rows.offsets().into_iter().step_by(step).collect::<BTreeSet<i64>>();
    let mut tables = Tables::default();
    for (number, only) in [None, Some(every(3)), Some(every(2)), Some(every(1))].into_iter().enumerate() {
        let only = only.as_ref();
        clickhouse.execute("TRUNCATE TABLE connections_by_minute SYNC").await.unwrap();
        clickhouse.execute("TRUNCATE TABLE open_connections SYNC").await.unwrap();
        let body = tables.open(&rows, only, Vec::new());
        open::write(&clickhouse, body.into()).await.unwrap();
        let body = tables.minutes(&rows, only, "main", Vec::new());
        insert_minutes(&clickhouse, body.into(), &format!("range-{number}")).await.unwrap();
        assert_eq!(asked(&clickhouse, MINUTES).await, counted(&events, only, &mut BTreeSet::new()), "{number}");
        assert_eq!(asked(&clickhouse, OPEN).await, left_open(&events, only), "{number}");
    }
}
