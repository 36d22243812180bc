//! The roll-ups held against the raw rows, and made anew from them.

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::{COUNTS, DAY, HOUR, HOURS_TABLE, NAMES, Unit, counted, insert_counted, put_together};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces::{bound, hours_with_rows, together, whole, within};

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
        Unit::Minute => put_together(unit, time, &format!("{table} WHERE {}", within(time))),
        Unit::Hour | Unit::Day => format!("{table} FINAL WHERE {}", within(time)),
    };
    let rolled_up = match unit {
        Unit::Minute => format!("({rolled_up})"),
        Unit::Hour | Unit::Day => rolled_up,
    };
    let keys = unit.keys();
    let rolled_up = format!("SELECT {keys}, {COUNTS} FROM {rolled_up}");
    let raw = format!("SELECT {keys}, {COUNTS} FROM ({})", counted(unit, &within("end_time")));
    let sql = differences(time, &rolled_up, &raw, limit);
    clickhouse.within(bound(clickhouse, &sql, tenant, from, to).fetch_all()).await
}

/// Groups of two queries that differ; a group without any connection is the same as none.
fn differences(time: &str, rolled_up: &str, raw: &str, limit: u32) -> String {
    format!(
        "SELECT time, remote_network_id, keys, anyIf(counts, is_rolled_up) AS rolled_up, anyIf(counts, NOT is_rolled_up) AS raw
         FROM (
             SELECT toInt64(toUnixTimestamp({time})) AS time, remote_network_id, toString(({NAMES})) AS keys,
                 toString(({COUNTS})) AS counts, is_rolled_up
             FROM (SELECT *, true AS is_rolled_up FROM ({rolled_up}) UNION ALL SELECT *, false FROM ({raw}))
             WHERE succeeded + failed_dns + failed_other + denied > 0)
         GROUP BY time, remote_network_id, keys HAVING rolled_up != raw
         ORDER BY time, remote_network_id, keys LIMIT {limit}"
    )
}

/// Counts all hours anew that `[from, to)` touches, also those of which no raw rows are left, and puts their days together from them;
/// gives how many hours with raw rows that were. Readers see each group as it was or as it is, and events may keep coming: nothing
/// counts as sealed for it, so what ingest stores later is counted as ever. `progress` is told hours that are done, and of how many.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then some of it was done, and it may be done again.
pub async fn rebuild(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    mut progress: impl FnMut(usize, usize),
) -> Result<usize, QueryError> {
    let days = whole(from, to, DAY);
    let (from, to) = whole(from, to, HOUR);
    let bound = |sql: &str, from: i64, to: i64| {
        let query = bound(clickhouse, sql, tenant, from, to);
        query.with_setting("max_partitions_per_insert_block", "0").with_setting("transform_null_in", "1")
    };
    let hours = hours_with_rows(clickhouse, "connections", tenant, (from, to)).await?;
    let of_hours = counted(Unit::Hour, &within("end_time"));
    let [gone, counted] = [gone(Unit::Hour, &of_hours), insert_counted(Unit::Hour, &of_hours)];
    let mut done = 0;
    for some in together(&hours) {
        progress(done, hours.len());
        let (Some((first, _)), Some((last, _))) = (some.first(), some.last()) else { continue };
        clickhouse.within(bound(&gone, *first, last + HOUR).execute()).await?;
        clickhouse.within(bound(&counted, *first, last + HOUR).execute()).await?;
        done += some.len();
    }
    // Hours between and beside them.
    for (begin, end) in without_rows(&hours, from, to) {
        clickhouse.within(bound(&gone, begin, end).execute()).await?;
    }
    rebuild_days(&bound, clickhouse, days, &hours).await?;
    progress(done, hours.len());
    Ok(done)
}

/// Days of the hours that have rows, and those between and beside them, where groups may have to go.
async fn rebuild_days(
    bound: &impl Fn(&str, i64, i64) -> Query,
    clickhouse: &ClickHouse,
    (from, to): (i64, i64),
    hours: &[(i64, u64)],
) -> Result<(), QueryError> {
    let rows = format!("{HOURS_TABLE} FINAL WHERE {}", within("hour"));
    let of_hours = put_together(Unit::Day, "toStartOfDay(hour)", &rows);
    let [gone, counted] = [gone(Unit::Day, &of_hours), insert_counted(Unit::Day, &of_hours)];
    for of_day in hours.chunk_by(|left, right| left.0.div_euclid(DAY) == right.0.div_euclid(DAY)) {
        let day = of_day[0].0.div_euclid(DAY) * DAY;
        clickhouse.within(bound(&counted, day, day + DAY).execute()).await?;
    }
    // One statement for all: it reads the roll-ups alone.
    clickhouse.within(bound(&gone, from, to).execute()).await
}

/// Writes zeros over groups that nothing is left of, with a version above what is there.
fn gone(unit: Unit, groups: &str) -> String {
    let ((table, time), keys) = (unit.table(), unit.keys());
    format!(
        "INSERT INTO {table} ({keys}, {COUNTS}, version)
         SELECT {keys}, 0, 0, 0, 0, 0, 0, toUInt64(toUnixTimestamp64Nano(now64(9)))
         FROM {table} FINAL WHERE {} AND succeeded + failed_dns + failed_other + denied > 0
             AND ({keys}) NOT IN (SELECT {keys} FROM ({groups}))",
        within(time)
    )
}

/// The stretches of `[from, to)` between hours that have rows.
fn without_rows(hours: &[(i64, u64)], from: i64, to: i64) -> Vec<(i64, i64)> {
    let begins = std::iter::once(from).chain(hours.iter().map(|(hour, _)| hour + HOUR));
    let ends = hours.iter().map(|(hour, _)| *hour).chain(std::iter::once(to));
    begins.zip(ends).filter(|(begin, end)| begin < end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_between_hours_are_the_rest_of_the_range() {
        let hours = [(HOUR, 1), (2 * HOUR, 1), (5 * HOUR, 1)];
        let expected = [(0, HOUR), (3 * HOUR, 5 * HOUR), (6 * HOUR, 7 * HOUR)];
        assert_eq!(without_rows(&hours, 0, 7 * HOUR), expected);
        assert_eq!(without_rows(&[], 0, HOUR), [(0, HOUR)]);
        assert_eq!(without_rows(&hours[..1], HOUR, 2 * HOUR), []);
    }
}
