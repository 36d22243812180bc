//! The roll-up held against the raw rows, and made anew from them.

use clickhouse::Row;
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;
use serde::Deserialize;

use super::{COUNTS, HOUR, HOURS_AT_ONCE, HourOfNetwork, KEYS, count_some, counted};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// A group that the roll-up has otherwise than the raw rows.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Difference {
    /// Its hour, Unix time in seconds.
    pub hour: i64,
    /// Its Remote Network.
    pub remote_network_id: u64,
    /// Its other keys, as text.
    pub keys: String,
    /// Its counts in the roll-up, as text; empty where it is not there.
    pub rolled_up: String,
    /// Its counts by the raw rows, as text; empty where there are none.
    pub raw: String,
}

/// Where roll-up and raw rows differ, in the hours that `[from, to)` touches, by hour; at most `limit`. Hours that are still being
/// written to may differ for a moment.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn verify(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    limit: u32,
) -> Result<Vec<Difference>, QueryError> {
    let (from, to) = hours_of(from, to);
    // A group without any connection is the same as none.
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(hour)) AS hour, remote_network_id, keys, anyIf(counts, is_rolled_up) AS rolled_up,
             anyIf(counts, NOT is_rolled_up) AS raw
         FROM (
             SELECT hour, remote_network_id, toString((user_id, service_account_id, resource_id, connector_id)) AS keys,
                 toString(({COUNTS})) AS counts, is_rolled_up
             FROM (SELECT {KEYS}, {COUNTS}, true AS is_rolled_up FROM connections_hourly FINAL WHERE {}
                   UNION ALL SELECT {KEYS}, {COUNTS}, false FROM ({}))
             WHERE succeeded + failed_dns + failed_other + denied > 0)
         GROUP BY hour, remote_network_id, keys HAVING rolled_up != raw
         ORDER BY hour, remote_network_id, keys LIMIT {limit}",
        within("hour"),
        counted(&within("toStartOfHour(end_time)")),
    );
    let query = clickhouse.client.query_raw(&sql).param("tenant", tenant.as_str()).param("from", from).param("to", to);
    clickhouse.within(query.fetch_all()).await
}

/// Counts all hours anew that `[from, to)` touches, also those of which no raw rows are left; gives how many hours of Remote Networks
/// that were. Readers see each group as it was or as it is, and events may keep coming.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then some of it was done, and it may be done again.
pub async fn rebuild(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    mut progress: impl FnMut(usize, usize),
) -> Result<usize, QueryError> {
    let (from, to) = hours_of(from, to);
    let bound = |sql: &str| {
        clickhouse.client.query_raw(sql).param("tenant", tenant.as_str()).param("from", from).param("to", to)
    };
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(toStartOfHour(end_time))) AS hour, remote_network_id AS network FROM connections WHERE {}",
        within("toStartOfHour(end_time)")
    );
    let found: Vec<(i64, u64)> = clickhouse.within(bound(&sql).fetch_all()).await?;
    let hours: Vec<HourOfNetwork> = found
        .into_iter()
        .filter_map(|(hour, number)| {
            Some(HourOfNetwork { tenant: tenant.clone(), hour, remote_network: RemoteNetworkId::new(number)? })
        })
        .collect();
    // What no raw row is left of: no connections, with a version above what is there.
    let gone = format!(
        "INSERT INTO connections_hourly
         SELECT {KEYS}, 0, 0, 0, 0, 0, 0, last_end_time, toUInt64(toUnixTimestamp64Nano(now64(9)))
         FROM connections_hourly FINAL WHERE {} AND ({KEYS}) NOT IN (SELECT {KEYS} FROM ({}))",
        within("hour"),
        counted(&within("toStartOfHour(end_time)")),
    );
    let query =
        bound(&gone).with_setting("max_partitions_per_insert_block", "0").with_setting("transform_null_in", "1");
    clickhouse.within(query.execute()).await?;
    for (at, some) in hours.chunks(HOURS_AT_ONCE).enumerate() {
        progress(at * HOURS_AT_ONCE, hours.len());
        count_some(clickhouse, tenant, &some.iter().collect::<Vec<_>>()).await?;
    }
    progress(hours.len(), hours.len());
    Ok(hours.len())
}

/// Beginnings of the first hour and of the first one after it, seconds.
fn hours_of(from: Moment, to: Moment) -> (i64, i64) {
    let micros = HOUR * 1_000_000;
    let up = -(-to.as_micros()).div_euclid(micros);
    (from.as_micros().div_euclid(micros) * HOUR, up * HOUR)
}

fn within(hour: &str) -> String {
    format!(
        "tenant = {{tenant:String}} AND {hour} >= toDateTime({{from:Int64}}, 'UTC') AND {hour} < toDateTime({{to:Int64}}, 'UTC')"
    )
}
