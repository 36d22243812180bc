//! The roll-ups held against the raw rows, and made anew from them.

use clickhouse::Row;
use clickhouse::query::Query;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;

use super::{COUNTS, HOUR, KEYS, MINUTES_TABLE, counted, counted_by};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Rows of one statement of [`rebuild`].
const ROWS_AT_ONCE: u64 = 4_000_000;
/// Seconds of a minute.
const MINUTE: i64 = 60;
/// What names a group by minute.
const MINUTE_KEYS: &str =
    "tenant, minute, remote_network_id, user_id, service_account_id, resource_id, connector_id, protocol,
    tunnel_path, country";
/// What is counted of it.
const MINUTE_COUNTS: &str = "succeeded, failed_dns, failed_other, denied, bytes_received, bytes_transferred";

/// A group that a roll-up has otherwise than the raw rows.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Difference {
    /// Its hour or minute, Unix time in seconds.
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
    let (from, to) = whole(from, to, HOUR);
    let rolled_up = format!("SELECT {KEYS}, {COUNTS} FROM connections_hourly FINAL WHERE {}", within("hour"));
    let raw = format!("SELECT {KEYS}, {COUNTS} FROM ({})", counted(&within("toStartOfHour(end_time)")));
    let sql =
        differences("hour", "user_id, service_account_id, resource_id, connector_id", COUNTS, &rolled_up, &raw, limit);
    clickhouse.within(bound(clickhouse, &sql, tenant, from, to).fetch_all()).await
}

/// The same for the roll-up by minute, in the minutes that `[from, to)` touches, of those that are kept. A copy that came long after
/// its fact is counted there, and is a difference.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn verify_minutes(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    limit: u32,
) -> Result<Vec<Difference>, QueryError> {
    let (from, to) = whole(from, to, MINUTE);
    let rolled_up = format!(
        "SELECT {MINUTE_KEYS}, sum(succeeded) AS succeeded, sum(failed_dns) AS failed_dns, sum(failed_other) AS failed_other,
             sum(denied) AS denied, sum(bytes_received) AS bytes_received, sum(bytes_transferred) AS bytes_transferred
         FROM {MINUTES_TABLE} WHERE {} GROUP BY {MINUTE_KEYS}",
        within("minute")
    );
    let facts = counted_by(MINUTE_KEYS, "toStartOfMinute(end_time) AS minute", &within("end_time"));
    let raw = format!("SELECT {MINUTE_KEYS}, {MINUTE_COUNTS} FROM ({facts})");
    let names = "user_id, service_account_id, resource_id, connector_id, protocol, tunnel_path, country";
    let sql = differences("minute", names, MINUTE_COUNTS, &rolled_up, &raw, limit);
    clickhouse.within(bound(clickhouse, &sql, tenant, from, to).fetch_all()).await
}

/// Groups of two queries that differ; a group without any connection is the same as none.
fn differences(time: &str, names: &str, counts: &str, rolled_up: &str, raw: &str, limit: u32) -> String {
    format!(
        "SELECT time, remote_network_id, keys, anyIf(counts, is_rolled_up) AS rolled_up, anyIf(counts, NOT is_rolled_up) AS raw
         FROM (
             SELECT toInt64(toUnixTimestamp({time})) AS time, remote_network_id, toString(({names})) AS keys,
                 toString(({counts})) AS counts, is_rolled_up
             FROM (SELECT *, true AS is_rolled_up FROM ({rolled_up}) UNION ALL SELECT *, false FROM ({raw}))
             WHERE succeeded + failed_dns + failed_other + denied > 0)
         GROUP BY time, remote_network_id, keys HAVING rolled_up != raw
         ORDER BY time, remote_network_id, keys LIMIT {limit}"
    )
}

/// Counts all hours anew that `[from, to)` touches, also those of which no raw rows are left; gives how many hours with raw rows that
/// were. Readers see each group as it was or as it is, and events may keep coming: no hour counts as sealed for it, so what ingest
/// stores later is counted as ever. `progress` is told hours that are done, and of how many.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then some of it was done, and it may be done again.
pub async fn rebuild(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    (from, to): (Moment, Moment),
    mut progress: impl FnMut(usize, usize),
) -> Result<usize, QueryError> {
    let (from, to) = whole(from, to, HOUR);
    let bound = |sql: &str, from: i64, to: i64| {
        let query = bound(clickhouse, sql, tenant, from, to);
        query.with_setting("max_partitions_per_insert_block", "0").with_setting("transform_null_in", "1")
    };
    let raw = within("toStartOfHour(end_time)");
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(toStartOfHour(end_time))) AS hour, count() FROM connections WHERE {raw}
         GROUP BY hour ORDER BY hour"
    );
    let hours: Vec<(i64, u64)> = clickhouse.within(bound(&sql, from, to).fetch_all()).await?;
    // What no raw row is left of: no connections, with a version above what is there.
    let gone = format!(
        "INSERT INTO connections_hourly
         SELECT {KEYS}, 0, 0, 0, 0, 0, 0, last_end_time, toUInt64(toUnixTimestamp64Nano(now64(9)))
         FROM connections_hourly FINAL WHERE {} AND ({KEYS}) NOT IN (SELECT {KEYS} FROM ({}))",
        within("hour"),
        counted(&raw),
    );
    let counted = format!(
        "INSERT INTO connections_hourly SELECT *, toUInt64(toUnixTimestamp64Nano(now64(9))) FROM ({})",
        counted(&raw)
    );
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
    progress(done, hours.len());
    Ok(done)
}

/// Hours of one statement: together no more than so many rows, whose ids it holds in memory, except where one hour has more.
fn together(hours: &[(i64, u64)]) -> Vec<&[(i64, u64)]> {
    let (mut pieces, mut begin, mut rows) = (Vec::new(), 0, 0);
    for (at, (_, count)) in hours.iter().enumerate() {
        if at > begin && rows + count > ROWS_AT_ONCE {
            pieces.push(&hours[begin..at]);
            (begin, rows) = (at, 0);
        }
        rows += count;
    }
    pieces.extend((begin < hours.len()).then(|| &hours[begin..]));
    pieces
}

/// The stretches of `[from, to)` between hours that have rows.
fn without_rows(hours: &[(i64, u64)], from: i64, to: i64) -> Vec<(i64, i64)> {
    let begins = std::iter::once(from).chain(hours.iter().map(|(hour, _)| hour + HOUR));
    let ends = hours.iter().map(|(hour, _)| *hour).chain(std::iter::once(to));
    begins.zip(ends).filter(|(begin, end)| begin < end).collect()
}

/// Beginnings of the first unit of so many seconds that is touched, and of the first one after it, seconds.
fn whole(from: Moment, to: Moment, unit: i64) -> (i64, i64) {
    let micros = unit * 1_000_000;
    let up = -(-to.as_micros()).div_euclid(micros);
    (from.as_micros().div_euclid(micros) * unit, up * unit)
}

/// A statement over hours of a tenant, as [`within`] names them.
fn bound(clickhouse: &ClickHouse, sql: &str, tenant: &Tenant, from: i64, to: i64) -> Query {
    clickhouse.client.query_raw(sql).param("tenant", tenant.as_str()).param("from", from).param("to", to)
}

fn within(hour: &str) -> String {
    format!(
        "tenant = {{tenant:String}} AND {hour} >= toDateTime({{from:Int64}}, 'UTC') AND {hour} < toDateTime({{to:Int64}}, 'UTC')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_go_together_up_to_a_number_of_rows_and_none_is_left_out() {
        let most = ROWS_AT_ONCE;
        let hours = [(0, 1), (HOUR, most - 1), (2 * HOUR, 1), (3 * HOUR, most + 9), (9 * HOUR, 5), (10 * HOUR, 5)];
        let pieces = together(&hours);
        assert_eq!(pieces.concat(), hours);
        assert_eq!(pieces.iter().map(|piece| piece.len()).collect::<Vec<_>>(), [2, 1, 1, 2]);
        assert!(together(&[]).is_empty());
    }

    #[test]
    fn stretches_between_hours_are_the_rest_of_the_range() {
        let hours = [(HOUR, 1), (2 * HOUR, 1), (5 * HOUR, 1)];
        let expected = [(0, HOUR), (3 * HOUR, 5 * HOUR), (6 * HOUR, 7 * HOUR)];
        assert_eq!(without_rows(&hours, 0, 7 * HOUR), expected);
        assert_eq!(without_rows(&[], 0, HOUR), [(0, HOUR)]);
        assert_eq!(without_rows(&hours[..1], HOUR, 2 * HOUR), []);
    }
}
