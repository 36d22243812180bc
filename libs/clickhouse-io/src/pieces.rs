//! Hours of a tenant, in pieces that one statement can take.

use clickhouse::query::Query;
use schemas::ids::Tenant;
use schemas::times::Moment;

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;
/// Seconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// Raw rows of one statement that holds their ids in memory.
pub const ROWS_AT_ONCE: u64 = 4_000_000;

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
    clickhouse.within(bound(clickhouse.reading(&sql), tenant, from, to).fetch_all()).await
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

/// Cuts `[from, to)` behind each piece of units of so many seconds; how many of them each stretch has, and its begin and end. No part of the
/// range is left out.
pub(crate) fn stretches(pieces: &[&[(i64, u64)]], (from, to): (i64, i64), unit: i64) -> Vec<(usize, (i64, i64))> {
    let (mut stretches, mut begin) = (Vec::new(), from);
    for (at, piece) in pieces.iter().enumerate() {
        let end = if at + 1 == pieces.len() { to } else { piece.last().map_or(begin, |(last, _)| last + unit) };
        stretches.push((piece.len(), (begin, end)));
        begin = end;
    }
    if pieces.is_empty() {
        stretches.push((0, (from, to)));
    }
    stretches
}

/// Days with rows, and how many, from hours.
pub(crate) fn days_of(hours: &[(i64, u64)]) -> Vec<(i64, u64)> {
    let day = |hour: i64| hour.div_euclid(DAY) * DAY;
    let of_days = hours.chunk_by(|(left, _), (right, _)| day(*left) == day(*right));
    of_days.map(|hours| (day(hours[0].0), hours.iter().map(|(_, rows)| rows).sum())).collect()
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
pub(crate) fn bound(query: Query, tenant: &Tenant, from: i64, to: i64) -> Query {
    query.param("tenant", tenant.as_str()).param("from", from).param("to", to)
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

    #[test]
    fn days_have_the_rows_of_their_hours() {
        let hours = [(DAY, 2), (DAY + 23 * HOUR, 3), (2 * DAY, 5), (9 * DAY + HOUR, 1)];
        assert_eq!(days_of(&hours), [(DAY, 5), (2 * DAY, 5), (9 * DAY, 1)]);
    }

    #[test]
    fn stretches_are_the_whole_range_cut_behind_each_piece() {
        let hours = [(HOUR, 1), (2 * HOUR, 1), (5 * HOUR, 1)];
        let expected = [(2, (0, 3 * HOUR)), (1, (3 * HOUR, 7 * HOUR))];
        assert_eq!(stretches(&[&hours[..2], &hours[2..]], (0, 7 * HOUR), HOUR), expected);
        assert_eq!(stretches(&[&hours[..]], (HOUR, 6 * HOUR), HOUR), [(3, (HOUR, 6 * HOUR))]);
        assert_eq!(stretches(&[], (0, HOUR), HOUR), [(0, (0, HOUR))]);
        let days = [(0, 1), (3 * DAY, 1)];
        let expected = [(1, (0, DAY)), (1, (DAY, 5 * DAY))];
        assert_eq!(stretches(&[&days[..1], &days[1..]], (0, 5 * DAY), DAY), expected);
    }
}
