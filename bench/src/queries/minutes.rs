//! The large tenant's rows by minute of the days for which they are kept, as an aggregator leaves them that has a backlog: of each partition a
//! row a group, with its offsets. One that keeps up writes a row for nearly each event of traffic as thin as this.

use clickhouse_io::{ClickHouse, rollup};

use super::{DAY_MICROS, END, LARGE};

/// For so long they are kept by default.
pub(super) const DAYS: i64 = 30;

pub(super) async fn fill(clickhouse: &ClickHouse) -> anyhow::Result<()> {
    const GROUP: &str =
        "remote_network_id, user_id, service_account_id, resource_id, connector_id, protocol, tunnel_path, country";
    let sql = format!(
        "INSERT INTO {} (tenant, minute, {GROUP}, succeeded, failed_dns, failed_other, denied, bytes_received, bytes_transferred,
             _kafka_source, _kafka_partition, _kafka_offsets)
         SELECT tenant, toStartOfMinute(end_time), {GROUP}, countIf(event_type = 'closed_connection'),
             countIf(event_type = 'failed_to_connect' AND resource_ip IS NULL),
             countIf(event_type = 'failed_to_connect' AND resource_ip IS NOT NULL), countIf(event_type = 'denied_access'),
             sumIf(toUInt128(bytes_received), event_type = 'closed_connection'),
             sumIf(toUInt128(bytes_transferred), event_type = 'closed_connection'),
             _kafka_source, _kafka_partition, arraySort(groupArray(toInt64(_kafka_offset)))
         FROM connections WHERE {}
         GROUP BY tenant, toStartOfMinute(end_time), {GROUP}, _kafka_source, _kafka_partition
         SETTINGS max_partitions_per_insert_block = 0",
        rollup::MINUTES_TABLE,
        of_days()
    );
    Ok(clickhouse.execute(&sql).await?)
}

/// Which raw rows they are of.
pub(super) fn of_days() -> String {
    let (from, to) = (END.as_micros() - DAYS * DAY_MICROS, END.as_micros());
    format!(
        "tenant = '{LARGE}' AND end_time >= fromUnixTimestamp64Micro({from}, 'UTC') AND end_time < fromUnixTimestamp64Micro({to}, 'UTC')"
    )
}
