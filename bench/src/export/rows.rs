//! Rows in the table, made by the engine itself: 300 Remote Networks, 2000 Users, a third over relays, one in 21 a service account.

use std::time::Duration;

use clickhouse_io::ClickHouse;
use schemas::times::Moment;

use crate::figure::said;

/// The rows' tenant.
pub(crate) const TENANT: &str = "acme";
/// The rows lie in these days.
const DAYS: i64 = 30;
/// 2026-10-01 UTC.
const BEGIN: Moment = Moment::from_millis(1_790_812_800_000);
const HOUR_MICROS: i64 = 3_600_000_000;
const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Rows of one insert.
const BATCH: u64 = 1_000_000;
/// A tenant that has few rows.
pub(crate) const SMALL_TENANT: &str = "globex";
/// How many.
pub(crate) const SMALL_ROWS: u64 = 5_000;

/// The range that has a share of the rows, whole days.
pub(crate) fn range(share: f64) -> (Moment, Moment) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a number of days")]
    let days = (DAYS as f64 * share).ceil() as i64;
    // The last rows lie up to 3 s behind.
    let spare = if share < 1.0 { 0 } else { DAY_MICROS };
    (BEGIN, Moment::from_micros(BEGIN.as_micros() + days * DAY_MICROS + spare))
}

/// The first hours, each with as many rows as the others.
pub(crate) fn hours(hours: i64) -> (Moment, Moment) {
    (BEGIN, Moment::from_micros(BEGIN.as_micros() + hours * HOUR_MICROS))
}

/// The hours in which so many of all rows lie.
pub(crate) fn hours_of(rows: u64, all: u64) -> i64 {
    let hours = (rows * DAYS.unsigned_abs() * 24).div_ceil(all);
    i64::try_from(hours).unwrap_or(i64::MAX)
}

/// Gives another tenant some of the rows, where it has none.
pub(crate) async fn fill_small_tenant(clickhouse: &ClickHouse) -> anyhow::Result<()> {
    if count(clickhouse, SMALL_TENANT).await? > 0 {
        return Ok(());
    }
    // The inner query first: a replaced column's new value would else be what WHERE sees.
    let sql = format!(
        "INSERT INTO connections SELECT * REPLACE ('{SMALL_TENANT}' AS tenant) FROM (
             SELECT * FROM connections WHERE tenant = '{TENANT}' AND event_type != 'denied_access' LIMIT {SMALL_ROWS})
         SETTINGS async_insert = 0"
    );
    Ok(clickhouse.execute(&sql).await?)
}

/// Fills the table where it is empty, and waits until its parts have been merged.
pub(crate) async fn fill(clickhouse: &ClickHouse, rows: u64) -> anyhow::Result<()> {
    anyhow::ensure!(
        rows > 0 && rows.is_multiple_of(BATCH),
        "{rows} rows are asked for: there have to be whole millions"
    );
    match count(clickhouse, TENANT).await? {
        0 => {
            for batch in 0..rows / BATCH {
                clickhouse.execute(&generated(batch * BATCH, rows)).await?;
                said(&format!("{} of {} M rows are made", batch + 1, rows / BATCH));
            }
        }
        kept => anyhow::ensure!(
            kept == rows,
            "the folder that ROWS names has {kept} rows and not {rows}: name another one, or ask for {kept} by EVENTS"
        ),
    }
    while clickhouse.text("SELECT count() FROM system.merges").await?.trim() != "0" {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

async fn count(clickhouse: &ClickHouse, tenant: &str) -> anyhow::Result<u64> {
    let sql = format!("SELECT count() FROM connections WHERE tenant = '{tenant}'");
    Ok(clickhouse.text(&sql).await?.trim().parse()?)
}

/// A batch of them, in order of time, give or take 3 s.
fn generated(first: u64, rows: u64) -> String {
    let begin = BEGIN.as_millis();
    let step = DAYS.unsigned_abs() * 86_400_000_000 / rows;
    format!(
        "INSERT INTO connections (tenant, end_time, duration_us, event_id_tail, event_type, connection_id_form, connection_id_high, connection_id_low,
        connector_id, connector_name, remote_network_id, remote_network_name, resource_id, resource_address, applied_rule, resource_ip, resource_port,
        protocol, tunnel_path, client_ip, bytes_received, bytes_transferred, error_message, device_id, user_id, user_email, service_account_id,
        service_account_name, service_account_key, service_account_key_id, relay_names, relay_ips, relay_ports, has_location, country,
        _kafka_source, _kafka_partition, _kafka_offset)
        WITH ['quiet', 'brave', 'calm', 'eager', 'fuzzy', 'giant', 'happy', 'icy', 'jolly', 'kind'] AS adjectives,
        ['heron', 'otter', 'lynx', 'raven', 'tapir', 'wolf', 'yak', 'zebra', 'ibis', 'moose'] AS animals,
        ['wiki', 'git', 'jira', 'grafana', 'vault', 'api', 'db', 'build', 'mail', 'files'] AS services,
        cityHash64(number, 1) AS h1, cityHash64(number, 2) AS h2, cityHash64(number, 3) AS h3, cityHash64(number, 4) AS h4, cityHash64(number, 5) AS h5,
        toUInt64(300 * pow((h1 % 1000003) / 1000003, 2)) AS network, toUInt64(2000 * pow((h2 % 1000003) / 1000003, 1.5)) AS person,
        toUInt64(20 * pow((h3 % 10007) / 10007, 1.5)) AS resource, h4 % 21 = 0 AS machine,
        multiIf(h5 % 1000 < 5, 'denied_access', h5 % 1000 < 45, 'failed_to_connect', 'closed_connection') AS kind,
        resource % 4 = 0 AS by_address, kind != 'closed_connection' AND NOT by_address AND h5 % 2 = 0 AS unresolved,
        if(kind = 'closed_connection' AND h3 % 100 < 35, if(h3 % 100 < 28, [network % 60], [network % 60, h2 % 60]), []::Array(UInt64)) AS relays
        SELECT 'acme', fromUnixTimestamp64Milli(toInt64({begin} + intDiv(number * {step}, 1000) + h1 % 3000), 'UTC'),
        if(kind = 'closed_connection', toUInt64(exp2(h2 % 1000 / 1000 * 32)), 0),
        toFixedString(unhex('8' || substring(hex(h3), 1, 3) || '8' || substring(hex(h4), 1, 15)), 10), kind,
        'hex16_decimal', h5, number, 150000 + network * 4 + h4 % 3, adjectives[1 + network % 10] || '-' || animals[1 + intDiv(network, 10) % 10] || '-' || toString(h4 % 3),
        64000 + network * 7 AS remote_network_id, if(network % 50 = 3, 'dc, frankfurt ' || toString(network), 'aws-us-east-' || toString(network)), 2326000 + network * 20 + resource,
        if(by_address, '10.' || toString(network % 250) || '.' || toString(resource) || '.7', services[1 + h2 % 10] || '-' || toString(resource) || '.team' || toString(network) || '.corp.example'),
        if(by_address, '10.' || toString(network % 250) || '.0.0/16', '*.team' || toString(network) || '.corp.example'),
        if(unresolved, NULL, toIPv6('10.' || toString(network % 250) || '.' || toString(resource) || '.' || toString(h2 % 200))),
        [443, 443, 443, 22, 5432, 3306, 8080, 3389, 53, 6443][1 + resource % 10], if(h4 % 100 < 80, 'tcp', 'udp'), if(empty(relays), 'direct', 'relay'),
        toIPv6(toIPv4(toUInt32(1300000000 + person * 7919 + h5 % 3))), if(kind = 'closed_connection', toUInt64(exp2(h3 % 4096 / 4096 * 30)), 0),
        if(kind = 'closed_connection', toUInt64(exp2(h4 % 4096 / 4096 * 24)), 0), if(kind = 'closed_connection', '', 'connection refused'),
        if(machine, NULL, 200000 + person * 3 + h5 % 3), if(machine, NULL, 113000 + person), if(machine, '', 'person' || toString(person) || '@corp.example'),
        if(machine, 900000 + person % 40, NULL), if(machine, 'ci-runner-' || toString(person % 40), ''), if(machine, 'key-' || toString(person % 80), ''),
        if(machine, 950000 + person % 80, NULL), arrayMap(relay -> 'relay-' || toString(relay), relays),
        arrayMap(relay -> toNullable(toIPv6('198.51.100.' || toString(relay))), relays), arrayMap(relay -> toUInt16(30000 + relay * 13), relays),
        true, 'DE', 'main', kafkaMurmurHash(toString(remote_network_id)) % 16, number
        FROM numbers({first}, {BATCH}) SETTINGS max_insert_threads = 2, max_partitions_per_insert_block = 0, min_insert_block_size_rows = 1000000, min_insert_block_size_bytes = 0, async_insert = 0"
    )
}
