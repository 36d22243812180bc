//! Which hours of the hourly roll-up are behind what was counted by minute.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse::Row;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::Deserialize;

use super::minutes::MINUTES_TABLE;
use super::{HOUR, HourOfNetwork};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// An insert may say that it began so long before its rows can be seen: longer than a statement of the aggregator may take.
pub const IN_FLIGHT: Duration = Duration::from_secs(300);

/// Hours to count anew, and for each the highest offset of each partition in it: raw rows have to be stored so far before.
pub type Unsealed = BTreeMap<HourOfNetwork, BTreeMap<i32, i64>>;

#[derive(Row, Deserialize)]
struct Found {
    tenant: String,
    hour: i64,
    network: u64,
    last: Vec<(i32, i64)>,
}

/// Hours that ended before `ended_by` and have rows by minute, written since `since`, that were not there for certain when the hour was
/// counted last.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn unsealed(
    clickhouse: &ClickHouse,
    source: &str,
    since: Moment,
    ended_by: Moment,
) -> Result<Unsealed, QueryError> {
    let sql = format!(
        "WITH changed AS (
             SELECT tenant, toStartOfHour(minute) AS hour, remote_network_id, max(written_at) AS written,
                 maxMap(map(_kafka_partition, _kafka_offsets[-1])) AS last
             FROM {MINUTES_TABLE}
             WHERE _kafka_source = {{source:String}} AND written_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC')
                 AND minute < toDateTime({{end:Int64}}, 'UTC')
             GROUP BY tenant, hour, remote_network_id),
         counted AS (
             SELECT tenant, hour, remote_network_id, max(version) AS counted_ns FROM connections_hourly
             WHERE (tenant, hour, remote_network_id) IN (SELECT tenant, hour, remote_network_id FROM changed)
             GROUP BY tenant, hour, remote_network_id)
         SELECT toString(tenant) AS tenant, toInt64(toUnixTimestamp(hour)) AS hour, remote_network_id AS network,
             CAST(last, 'Array(Tuple(Int32, Int64))') AS last
         FROM changed LEFT JOIN counted USING (tenant, hour, remote_network_id)
         WHERE toUInt64(toUnixTimestamp64Milli(written) + {{margin:Int64}}) * 1000000 > counted_ns"
    );
    let end = ended_by.as_micros().div_euclid(HOUR * 1_000_000) * HOUR;
    let margin = i64::try_from(IN_FLIGHT.as_millis()).unwrap_or(i64::MAX);
    let query = clickhouse.client.query_raw(&sql).param("source", source).param("since", since.as_micros());
    let found = clickhouse.within(query.param("end", end).param("margin", margin).fetch_all::<Found>()).await?;
    let mut unsealed = Unsealed::new();
    for Found { tenant, hour, network, last } in found {
        let (Ok(tenant), Some(remote_network)) = (tenant.parse::<Tenant>(), RemoteNetworkId::new(network)) else {
            continue;
        };
        unsealed.insert(HourOfNetwork { tenant, hour, remote_network }, last.into_iter().collect());
    }
    Ok(unsealed)
}
