//! The engine's own CSV, in the contract's forms, by the same uploader; plain and packed by itself.

use std::sync::atomic::{AtomicU32, Ordering};

use report_store::{ReportStore, Upload};
use schemas::times::Moment;
use tokio::io::AsyncReadExt;

use crate::export::rows::TENANT;
use crate::ingest::stage::Stage;
use crate::process;

/// Statements into which the range is cut: sorting all of it at once would only be dearer.
const STATEMENTS: i64 = 2;
/// Order of the report.
pub(crate) const ORDERED: &str = "ORDER BY end_time, event_id_tail";

/// The report's columns, as near as `FORMAT CSV` comes: it quotes every text.
pub(super) fn statement(range: (Moment, Moment), order: &str) -> String {
    let rows = rows_within(range.0, range.1);
    format!(
        "SELECT left(toString(start_time), 22) || ' UTC', if(event_type = 'closed_connection', left(toString(end_time), 22) || ' UTC', ''),
             user_email, user_id, device_id, replaceOne(ifNull(toString(client_ip), ''), '::ffff:', ''), connector_name, connector_id,
             replaceOne(ifNull(toString(resource_ip), ''), '::ffff:', ''), nullIf(resource_port, 0),
             if(isNull(toIPv6OrNull(resource_address)), resource_address, '') AS domain, resource_id, protocol,
             multiIf(event_type = 'closed_connection', 'NORMAL', event_type = 'denied_access', 'ACCESS_DENIED',
                 isNull(resource_ip) AND domain != '', 'DNS_ERROR', 'CONNECTION_FAILED'),
             if(event_type = 'closed_connection', bytes_transferred, NULL), if(event_type = 'closed_connection', bytes_received, NULL),
             remote_network_name, remote_network_id, applied_rule, arrayStringConcat(relay_names, ';'),
             arrayStringConcat(arrayMap(ip -> replaceOne(ifNull(toString(ip), ''), '::ffff:', ''), relay_ips), ';'),
             arrayStringConcat(arrayMap(port -> toString(port), relay_ports), ';'), service_account_name, service_account_id,
             service_account_key, service_account_key_id
         FROM connections
         WHERE {rows}
         {order} SETTINGS format_csv_null_representation = '', output_format_compression_level = 6"
    )
}

/// A file that nobody has begun: none is overwritten.
pub(crate) fn begin(store: &ReportStore, ending: &str) -> anyhow::Result<Upload> {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    Ok(store.begin(&format!("peer-{}.{ending}", BEGUN.fetch_add(1, Ordering::Relaxed)))?)
}

/// CPU seconds of the engine's own JSON, ordered: its columns, which are not the envelope, but as many values.
pub(crate) async fn json(stage: &Stage, store: &ReportStore, range: (Moment, Moment)) -> anyhow::Result<f64> {
    let before = used(stage)?;
    let mut upload = begin(store, "ndjson")?;
    for (from, to) in cut(range) {
        let columns = "end_time, event_type, client_ip, protocol, bytes_received, bytes_transferred, error_message, connector_id,
            connector_name, remote_network_id, remote_network_name, resource_address, applied_rule, resource_id, resource_ip,
            resource_port, relay_ips, relay_names, relay_ports, device_id, user_id, user_email, service_account_id,
            service_account_name, service_account_key, service_account_key_id, latitude, longitude";
        let sql = format!("SELECT {columns} FROM connections WHERE {} {ORDERED}", rows_within(from, to));
        let mut answer = stage.clickhouse.stream(&sql, "JSONEachRow")?;
        while let Some(piece) = answer.next().await? {
            upload.write(&piece).await?;
        }
    }
    upload.finish().await?;
    Ok(used(stage)? - before)
}

/// CPU seconds and bytes of the engine's own Parquet, ordered: columns, types and nulls of ours.
pub(crate) async fn parquet(stage: &Stage, store: &ReportStore, range: (Moment, Moment)) -> anyhow::Result<(f64, u64)> {
    let before = used(stage)?;
    let mut upload = begin(store, "parquet")?;
    for (from, to) in cut(range) {
        let sql = format!(
            "SELECT start_time, if(ended, end_time, NULL) AS ended_at, nullIf(user_email, ''), toNullable(toInt64(user_id)),
                 toNullable(toInt64(device_id)), replaceOne(toString(client_ip), '::ffff:', ''), nullIf(connector_name, ''),
                 toInt64(connector_id), replaceOne(toString(resource_ip), '::ffff:', ''), nullIf(toInt32(resource_port), 0),
                 if(isNull(toIPv6OrNull(resource_address)), nullIf(resource_address, ''), NULL) AS domain, toInt64(resource_id),
                 toString(protocol), multiIf(ended, 'NORMAL', event_type = 'denied_access', 'ACCESS_DENIED',
                     isNull(resource_ip) AND isNotNull(domain), 'DNS_ERROR', 'CONNECTION_FAILED'),
                 if(ended, toInt64(bytes_transferred), NULL), if(ended, toInt64(bytes_received), NULL), nullIf(remote_network_name, ''),
                 toInt64(remote_network_id), nullIf(applied_rule, ''), nullIf(arrayStringConcat(relay_names, ';'), ''),
                 nullIf(arrayStringConcat(arrayMap(ip -> replaceOne(ifNull(toString(ip), ''), '::ffff:', ''), relay_ips), ';'), ''),
                 nullIf(arrayStringConcat(arrayMap(port -> toString(port), relay_ports), ';'), ''), nullIf(service_account_name, ''),
                 toInt64(service_account_id), nullIf(service_account_key, ''), toInt64(service_account_key_id)
             FROM (SELECT *, start_time, event_type = 'closed_connection' AS ended FROM connections WHERE {})
             {ORDERED} SETTINGS output_format_parquet_compression_method = 'zstd'",
            rows_within(from, to)
        );
        let mut answer = stage.clickhouse.stream(&sql, "Parquet")?;
        while let Some(piece) = answer.next().await? {
            upload.write(&piece).await?;
        }
    }
    let size_bytes = upload.finish().await?;
    Ok((used(stage)? - before, size_bytes))
}

/// CPU seconds of a Summary by the engine alone, in one statement; `each_once`: copies fall out, as in ours.
pub(crate) async fn summary(stage: &Stage, (from, to): (Moment, Moment), each_once: bool) -> anyhow::Result<f64> {
    let copies = "ORDER BY _kafka_source, _kafka_partition, _kafka_offset
        LIMIT 1 BY toUnixTimestamp64Milli(end_time), event_id_tail";
    let sql = format!(
        "SELECT resource_id, argMax((applied_rule, resource_address, remote_network_name, remote_network_id), (end_time, event_id_tail)),
             count(), countIf(event_type = 'closed_connection'), countIf(event_type = 'failed_to_connect' AND resource_ip IS NULL),
             sumIf(toUInt128(bytes_transferred), event_type = 'closed_connection'),
             sumIf(toUInt128(bytes_received), event_type = 'closed_connection'), groupUniqArray(protocol),
             countIf(event_type = 'closed_connection' AND tunnel_path = 'relay'), sumMap(map(toString(resource_address), 1))
         FROM (
             SELECT resource_id, applied_rule, resource_address, remote_network_name, remote_network_id, end_time, event_id_tail, event_type,
                 resource_ip, bytes_transferred, bytes_received, protocol, tunnel_path
             FROM connections WHERE {} {})
         GROUP BY resource_id",
        rows_within(from, to),
        if each_once { copies } else { "" }
    );
    let before = used(stage)?;
    let mut answer = stage.clickhouse.stream(&sql, "TabSeparated")?;
    while answer.next().await?.is_some() {}
    Ok(used(stage)? - before)
}

fn rows_within(from: Moment, to: Moment) -> String {
    format!(
        "tenant = '{TENANT}' AND event_type != 'denied_access' AND end_time >= fromUnixTimestamp64Micro({}, 'UTC')
         AND end_time < fromUnixTimestamp64Micro({}, 'UTC')",
        from.as_micros(),
        to.as_micros()
    )
}

pub(super) fn cut((from, to): (Moment, Moment)) -> impl Iterator<Item = (Moment, Moment)> {
    let (from, to) = (from.as_micros(), to.as_micros());
    let at = move |part: i64| Moment::from_micros(from + (to - from) / STATEMENTS * part);
    (0..STATEMENTS)
        .map(move |part| (at(part), if part + 1 == STATEMENTS { Moment::from_micros(to) } else { at(part + 1) }))
}

/// CPU seconds of the engine, of this process and of what it has started.
pub(super) fn used(stage: &Stage) -> anyhow::Result<f64> {
    Ok(process::cpu_seconds(stage.engine.pid())?
        + process::cpu_seconds(std::process::id())?
        + process::ended_children_cpu_seconds()?)
}

/// CPU seconds of the engine's CSV, saved by our uploader.
pub(crate) async fn csv(
    stage: &Stage,
    store: &ReportStore,
    range: (Moment, Moment),
    order: &str,
) -> anyhow::Result<f64> {
    let before = used(stage)?;
    let mut upload = begin(store, "csv")?;
    for range in cut(range) {
        let mut answer = stage.clickhouse.stream(&statement(range, order), "CSV")?;
        while let Some(piece) = answer.next().await? {
            upload.write(&piece).await?;
        }
    }
    upload.finish().await?;
    Ok(used(stage)? - before)
}

/// CPU seconds of the engine's CSV, packed by the engine, with gzip's level 6; through a file, which is then uploaded.
pub(crate) async fn engine_gzip(
    stage: &Stage,
    store: &ReportStore,
    range: (Moment, Moment),
    order: &str,
) -> anyhow::Result<f64> {
    let before = used(stage)?;
    let mut upload = begin(store, "csv.gz")?;
    for (number, range) in cut(range).enumerate() {
        let path = stage.folder.path().join(format!("peer-{number}-{}.csv.gz", order.len()));
        let sql = format!("INSERT INTO FUNCTION file('{}', 'CSV') {}", path.display(), statement(range, order));
        stage.clickhouse.execute(&sql).await?;
        upload_file(&path, &mut upload).await?;
        std::fs::remove_file(&path)?;
    }
    upload.finish().await?;
    Ok(used(stage)? - before)
}

async fn upload_file(path: &std::path::Path, upload: &mut Upload) -> anyhow::Result<()> {
    let (mut file, mut piece) = (tokio::fs::File::open(path).await?, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        upload.write(&piece[..read]).await?;
    }
}
