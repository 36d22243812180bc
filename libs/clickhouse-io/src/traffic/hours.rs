//! Facts by hour from the roll-up: how large a range is, and what its rows are held against.

use clickhouse::Row;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::{Field, TrafficFilter};

use super::condition::condition;
use super::facts::Wanted;
use super::parameters::Parameters;
use super::sources::{HOUR_MICROS, counted_until, down, knows_field, up};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rollup::{HOURS_TABLE, Unit};

/// An hour by its begin, microseconds, and what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub(crate) struct HourCount {
    pub(crate) begin: i64,
    pub(crate) rows: u64,
}

/// The whole hours of a filter's range that the roll-up should have by `now`, `[first, end)`; `None` where there are none, or it does not know what the
/// filter chooses by.
pub(crate) fn settled_hours(filter: &TrafficFilter, now: Moment) -> Option<(i64, i64)> {
    let is_known = Field::ALL.into_iter().all(|field| knows_field(field) || !filter.narrows(field));
    let first = up(filter.from.as_micros(), HOUR_MICROS);
    let end = down(filter.to.as_micros(), HOUR_MICROS).min(counted_until(now).as_micros());
    (is_known && first < end).then_some((first, end))
}

/// Facts that the filter lets through, of each hour of its range of which the roll-up knows anything of the tenant's: also 0. Denied attempts only
/// where they are wanted. The range is one of whole hours, and the filter one that the roll-up knows.
pub(crate) async fn facts_by_hour(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    denied: bool,
) -> Result<Vec<HourCount>, QueryError> {
    let wanted = Wanted::of((tenant, filter), (&[], &[]), filter.to);
    let mut parameters = Parameters::default();
    let counted = wanted.rollup(Unit::Hour, filter, &mut parameters);
    let known = condition(tenant, &filter_of_all(filter), "hour", &mut parameters);
    let refused = if denied { " + refused" } else { "" };
    let sql = format!(
        "SELECT at AS begin, sum(number) AS rows FROM (
             SELECT at, normal + dns + other{refused} AS number FROM ({counted})
             UNION ALL
             SELECT toInt64(toUnixTimestamp(hour)) * 1000000 AS at, toUInt64(0) AS number FROM {HOURS_TABLE}
             WHERE {known} GROUP BY hour)
         GROUP BY at ORDER BY at"
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await
}

/// Begin of the first hour in the range, microseconds, of which the roll-up knows anything of the tenant's.
pub(crate) async fn first_hour(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
) -> Result<Option<i64>, QueryError> {
    let mut parameters = Parameters::default();
    let known = condition(tenant, &filter_of_all(filter), "hour", &mut parameters);
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp(hour)) * 1000000 AS begin FROM {HOURS_TABLE} WHERE {known} ORDER BY tenant, hour LIMIT 1"
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_optional::<i64>()).await
}

/// All traffic of its range.
pub(crate) fn filter_of_all(filter: &TrafficFilter) -> TrafficFilter {
    TrafficFilter::default().within(filter.from, filter.to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-01T00:00:00Z.
    const DAY: i64 = 1_793_491_200_000_000;

    fn of(from: i64, to: i64) -> TrafficFilter {
        TrafficFilter::default().within(Moment::from_micros(from), Moment::from_micros(to))
    }

    #[test]
    fn hours_that_are_whole_and_old_enough_and_known_are_asked_for() {
        let hour = |hours: i64| DAY + hours * HOUR_MICROS;
        let long_after = Moment::from_micros(hour(1_000));
        assert_eq!(settled_hours(&of(hour(1), hour(5)), long_after), Some((hour(1), hour(5))));
        assert_eq!(settled_hours(&of(hour(1) + 1, hour(5) - 1), long_after), Some((hour(2), hour(4))));
        assert_eq!(settled_hours(&of(hour(1) + 1, hour(2) + 1), long_after), None);
        let soon = Moment::from_micros(hour(5) + 1);
        assert_eq!(settled_hours(&of(hour(1), hour(5)), soon), Some((hour(1), hour(3))));
        assert_eq!(settled_hours(&of(hour(3), hour(5)), soon), None);
        let of_domain = TrafficFilter { domain: Some("example".to_owned()), ..of(hour(1), hour(5)) };
        assert_eq!(settled_hours(&of_domain, long_after), None);
    }
}
