//! Hours of a tenant, in pieces that one statement can take.

use clickhouse::query::Query;
use schemas::ids::Tenant;
use schemas::times::Moment;

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;

/// Rows of one statement that holds their ids in memory.
const ROWS_AT_ONCE: u64 = 4_000_000;

/// The hours of `[from, to)`, seconds, that have rows in a table of events, and how many rows.
pub(crate) async fn hours_with_rows(
    clickhouse: &ClickHouse,
    table: &str,
    tenant: &Tenant,
    (from, to): (i64, i64),
) -> Result<Vec<(i64, u64)>, QueryError> {
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(toStartOfHour(end_time))) AS hour, count() FROM {table} WHERE {}
         GROUP BY hour ORDER BY hour",
        within("end_time")
    );
    clickhouse.within(bound(clickhouse, &sql, tenant, from, to).fetch_all()).await
}

/// Hours of one statement: together no more than so many rows, except where one hour has more.
pub(crate) fn together(hours: &[(i64, u64)]) -> Vec<&[(i64, u64)]> {
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

/// Beginnings of the first unit of so many seconds that is touched, and of the first one after it, seconds.
pub(crate) fn whole(from: Moment, to: Moment, unit: i64) -> (i64, i64) {
    let micros = unit * 1_000_000;
    let up = -(-to.as_micros()).div_euclid(micros);
    (from.as_micros().div_euclid(micros) * unit, up * unit)
}

/// The hours of a range `[from, to)` of end times, Unix seconds of the beginnings of the first and the last: what the key of the tables of events
/// begins with, behind the tenant. The engine does not conclude them from the times, because its hour has 32 bits and could wrap;
/// without them every month of the range is read whole.
pub(crate) fn hours_of(from: Moment, to: Moment) -> (i64, i64) {
    let hour = |moment: Moment| moment.as_micros().div_euclid(1_000_000).clamp(0, u32::MAX.into()) / HOUR * HOUR;
    (hour(from), hour(to))
}

/// A statement over `[from, to)` of a tenant, seconds, as [`within`] names them.
pub(crate) fn bound(clickhouse: &ClickHouse, sql: &str, tenant: &Tenant, from: i64, to: i64) -> Query {
    clickhouse.client.query_raw(sql).param("tenant", tenant.as_str()).param("from", from).param("to", to)
}

/// What [`bound`] binds, as a condition. Of end times the hours too, which the engine does not conclude and the key has.
pub(crate) fn within(time: &str) -> String {
    let hours = match time {
        "end_time" => {
            " AND toStartOfHour(end_time) BETWEEN toStartOfHour(toDateTime({from:Int64}, 'UTC')) AND toDateTime({to:Int64}, 'UTC')"
        }
        _ => "",
    };
    format!(
        "tenant = {{tenant:String}} AND {time} >= toDateTime({{from:Int64}}, 'UTC') AND {time} < toDateTime({{to:Int64}}, 'UTC'){hours}"
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
}
