//! The hourly roll-up: hours that changed are counted anew from the raw rows.

use std::collections::BTreeSet;

use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Seconds of an hour.
const HOUR: i64 = 3_600;

/// One hour of one Remote Network of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HourOfNetwork {
    tenant: Tenant,
    /// Unix time of its beginning, seconds.
    hour: i64,
    remote_network: RemoteNetworkId,
}

impl HourOfNetwork {
    /// The hour that an end time lies in.
    #[must_use]
    pub fn of(tenant: Tenant, end_time: Moment, remote_network: RemoteNetworkId) -> Self {
        let hour = end_time.as_micros().div_euclid(HOUR * 1_000_000) * HOUR;
        Self { tenant, hour, remote_network }
    }
}

/// Counts the groups of these hours anew. Done again, or by two at once, it gives the same. What is not stored yet is not in it.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn count_again(clickhouse: &ClickHouse, hours: &BTreeSet<HourOfNetwork>) -> Result<(), QueryError> {
    let (Some(first), Some(last)) = (hours.iter().map(|it| it.hour).min(), hours.iter().map(|it| it.hour).max()) else {
        return Ok(());
    };
    let tenants: Vec<&str> = hours.iter().map(|it| it.tenant.as_str()).collect();
    let begins: Vec<i64> = hours.iter().map(|it| it.hour).collect();
    let networks: Vec<u64> = hours.iter().map(|it| it.remote_network.get()).collect();
    // The version is a constant of the query, taken when it begins: who began later has seen at least as much.
    let sql = format!(
        "INSERT INTO connections_hourly
         SELECT tenant, hour, remote_network_id, user_id, service_account_id, resource_id, connector_id,
             countIf(event_type = 'closed_connection'), countIf(is_dns), countIf(event_type = 'failed_to_connect' AND NOT is_dns),
             countIf(event_type = 'denied_access'),
             sumIf(toUInt128(bytes_received), event_type = 'closed_connection'),
             sumIf(toUInt128(bytes_transferred), event_type = 'closed_connection'),
             max(end_time), toUInt64(toUnixTimestamp64Nano(now64(9)))
         FROM ({}) GROUP BY tenant, hour, remote_network_id, user_id, service_account_id, resource_id, connector_id",
        facts(
            "tenant IN {tenants:Array(String)}
             AND end_time >= toDateTime({first:Int64}, 'UTC') AND end_time < toDateTime({after:Int64}, 'UTC')
             AND has(arrayZip({tenants:Array(String)}, {hours:Array(Int64)}, {networks:Array(UInt64)}),
                     (toString(tenant), toInt64(toUnixTimestamp(toStartOfHour(end_time))), remote_network_id))"
        )
    );
    let query = clickhouse
        .client
        .query_raw(&sql)
        .param("tenants", tenants)
        .param("hours", begins)
        .param("networks", networks)
        .param("first", first)
        .param("after", last + HOUR);
    clickhouse.within(query.execute()).await
}

/// Rows of `connections`, each fact once: of copies the one with the lowest (partition, offset).
fn facts(condition: &str) -> String {
    format!(
        "SELECT tenant, toStartOfHour(end_time) AS hour, remote_network_id, user_id, service_account_id, resource_id,
             connector_id, event_type, bytes_received, bytes_transferred, end_time,
             event_type = 'failed_to_connect' AND resource_ip IS NULL AND resource_address != ''
                 AND NOT isIPv4String(resource_address) AND NOT isIPv6String(resource_address) AS is_dns
         FROM connections WHERE {condition}
         ORDER BY _kafka_source, _kafka_partition, _kafka_offset
         LIMIT 1 BY tenant, toUnixTimestamp64Milli(end_time), event_id_tail"
    )
}
