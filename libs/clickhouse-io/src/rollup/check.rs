//! The roll-ups held against the raw rows.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::{Unit, counted, put_together};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{DAY, HOUR, bound, days_of, hours_with_rows, stretches, together, whole, within};

/// A group that a roll-up has otherwise than the raw rows.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Difference {
    /// Its minute, hour or day, Unix time in seconds.
    pub time: i64,
    /// Its Remote Network.
    pub remote_network_id: u64,
    /// Its other keys, as text.
    pub keys: String,
    /// Its counts in the roll-up, as text; empty where it is not there.
    pub rolled_up: String,
    /// Its counts by the raw rows, as text; empty where there are none.
    pub raw: String,
}

/// Where a roll-up and raw rows differ, in the units that `[from, to)` touches, by time; at most `limit`. Units that are still being
/// written to may differ for a moment. Minutes are those that are kept; a copy that came long after its fact is counted in them, and is
/// a difference.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn verify(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    unit: Unit,
    (from, to): (Moment, Moment),
    limit: u32,
) -> Result<Vec<Difference>, QueryError> {
    let ((from, to), (table, time)) = (whole(from, to, unit.seconds()), unit.table());
    let rolled_up = match unit {
        Unit::Minute => put_together(unit, time, &format!("{table} WHERE {}", within(time)), ""),
        Unit::Hour | Unit::Day | Unit::NetworkDay => format!("{table} FINAL WHERE {}", within(time)),
    };
    let rolled_up = match unit {
        Unit::Minute => format!("({rolled_up})"),
        Unit::Hour | Unit::Day | Unit::NetworkDay => rolled_up,
    };
    let (keys, counts) = (unit.keys(), unit.counts());
    let rolled_up = format!("SELECT {keys}, {counts} FROM {rolled_up}");
    let raw = format!("SELECT {keys}, {counts} FROM ({})", counted(unit, &within("end_time")));
    let hours = hours_with_rows(clickhouse, "connections", tenant, (from, to)).await?;
    let (rows, piece) = if unit.seconds() == DAY { (days_of(&hours), DAY) } else { (hours, HOUR) };
    let mut found = Vec::new();
    for (_, (begin, end)) in stretches(&together(&rows), (from, to), piece) {
        let left = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if left == 0 {
            break;
        }
        let sql = differences(unit, &rolled_up, &raw, left);
        let query = bound(clickhouse.reading(&sql), tenant, begin, end);
        found.extend(clickhouse.within(query.fetch_all::<Difference>()).await?);
    }
    Ok(found)
}

/// Groups of two queries that differ; a group without any connection is the same as none.
fn differences(unit: Unit, rolled_up: &str, raw: &str, limit: u32) -> String {
    let (time, names, counts, is_something) = (unit.table().1, unit.names(), unit.counts(), unit.is_something());
    format!(
        "SELECT time, remote_network_id, keys, anyIf(counts, is_rolled_up) AS rolled_up, anyIf(counts, NOT is_rolled_up) AS raw
         FROM (
             SELECT toInt64(toUnixTimestamp({time})) AS time, remote_network_id, toString(tuple({names})) AS keys,
                 toString(({counts})) AS counts, is_rolled_up
             FROM (SELECT *, true AS is_rolled_up FROM ({rolled_up}) UNION ALL SELECT *, false FROM ({raw}))
             WHERE {is_something})
         GROUP BY time, remote_network_id, keys HAVING rolled_up != raw
         ORDER BY time, remote_network_id, keys LIMIT {limit}"
    )
}
