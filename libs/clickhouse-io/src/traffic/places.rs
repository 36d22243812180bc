//! Where of a range rows can be of whoever is seldom there.
//!
//! The roll-up by day has a row of each day that holds anything of a User, a Resource or a Connector. It is believed of days that are over and of raw rows that the
//! aggregator has counted for certain ([`DaysCounted`]); whatever else there is may hold rows too.

use std::collections::BTreeSet;

use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::{Field, TrafficFilter};

use super::condition::{END_TIME, condition};
use super::parameters::Parameters;
use super::sources::knows_field;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::rollup::{Unit, days_counted};

const DAY_MICROS: i64 = 24 * 3_600_000_000;
/// The engine's code for an account that may not read what is asked for.
const ACCESS_DENIED: i32 = 497;
/// Most stretches that a statement names; of more it reads what lies between them too.
const STRETCHES_MAX: usize = 64;

/// A day by its begin, microseconds, and how many events the roll-up counts in it.
pub(super) type Day = (i64, u64);

/// What the roll-up by day counts of a filter in `[from, to)`, microseconds, and before it in the day of `from`, the newest day first. What it does not know of the filter lets everything
/// through: no day is missing that a count has.
pub(super) async fn days_of(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    (from, to): (i64, i64),
) -> Result<Vec<Day>, QueryError> {
    let unknown = Field::ALL.into_iter().filter(|field| !knows_field(*field) || *field == Field::Statuses);
    let filter = unknown.fold(filter.clone(), TrafficFilter::without);
    let (table, day) = Unit::Day.table();
    // Of the day that the range begins in too, all of which has one row.
    let from = from.div_euclid(DAY_MICROS) * DAY_MICROS;
    let range = filter.within(Moment::from_micros(from), Moment::from_micros(to));
    let mut parameters = Parameters::default();
    let condition = condition(tenant, &range, day, &mut parameters);
    // Of the versions of a group the last one: a page whose first step ends too early costs another one, and a long one.
    let sql = format!(
        "SELECT toInt64(toUnixTimestamp({day})) * 1000000 AS time, sum(succeeded + failed_dns + failed_other + denied) AS events
         FROM {table} FINAL WHERE {condition} GROUP BY {day} HAVING events > 0 ORDER BY {day} DESC"
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await
}

/// Days that can hold rows of a filter, and of which range it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// Begins of days.
    days: BTreeSet<i64>,
    /// `[from, until)`: whatever lies elsewhere can hold rows.
    known: (i64, i64),
}

impl Places {
    /// Of `[filter.from, to)`, microseconds: days that the roll-up counts something in, which are given too, the newest first, and those into which rows came
    /// that it may not have counted. `None` where nothing is noted of what is counted, or the account may not see which parts the table has.
    pub(super) async fn find(
        clickhouse: &ClickHouse,
        tenant: &Tenant,
        filter: &TrafficFilter,
        to: i64,
    ) -> Result<Option<(Self, Vec<Day>)>, QueryError> {
        // Before the days: what is noted of them is in them then.
        let Some(counted) = days_counted(clickhouse, tenant).await? else { return Ok(None) };
        let days = days_of(clickhouse, tenant, filter, (filter.from.as_micros(), to)).await?;
        let (from, until) = (counted.from.max(filter.from), counted.until.min(filter.to));
        let mut all: BTreeSet<i64> = days.iter().map(|(day, _)| *day).collect();
        if from < until {
            match late_days(clickhouse, tenant, &filter.within(from, until), counted.stored_before).await {
                Err(QueryError::Refused { code: ACCESS_DENIED, .. }) => return Ok(None),
                late => all.extend(late?),
            }
        }
        Ok(Some((Self { days: all, known: (from.as_micros(), until.as_micros()) }, days)))
    }

    /// Stretches of `[begin, end)` that can hold rows, in order, all of which it is made of where they are too many to be named.
    pub(super) fn within(&self, begin: i64, end: i64) -> Vec<(i64, i64)> {
        let (from, until) = self.known;
        let mut stretches: Vec<(i64, i64)> = Vec::new();
        let mut add = |first: i64, last: i64| {
            let (first, last) = (first.max(begin), last.min(end));
            match stretches.last_mut() {
                _ if first >= last => {}
                Some((_, until)) if *until >= first => *until = last.max(*until),
                _ => stretches.push((first, last)),
            }
        };
        add(begin, from.min(end));
        for day in self.days.range(..until.max(from)) {
            add((*day).max(from), (day + DAY_MICROS).min(until));
        }
        add(until.max(from), end);
        if stretches.len() > STRETCHES_MAX { vec![(begin, end)] } else { stretches }
    }
}

/// Days of the filter's range into which rows came of which the roll-up may not know: the days of those that lie in parts which are newer. A part that
/// merges have made anew is newer too, and what it holds is only looked through for nothing.
async fn late_days(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    stored_before: Moment,
) -> Result<Vec<i64>, QueryError> {
    let mut parameters = Parameters::default();
    let condition = condition(tenant, filter, END_TIME, &mut parameters);
    let second = parameters.number(stored_before.as_micros().div_euclid(1_000_000));
    // Parts that are known to be old are left out, not those that are new chosen: a merge may make one between the two looks. Those that were merged
    // meanwhile are told for some minutes still.
    let sql = format!(
        "SELECT DISTINCT toInt64(toUnixTimestamp(toStartOfDay({END_TIME}))) * 1000000 AS begin FROM connections
         WHERE {condition} AND _part NOT IN (
             SELECT name FROM system.parts WHERE database = currentDatabase() AND table = 'connections'
                 AND modification_time < toDateTime({second}, 'UTC'))"
    );
    clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = DAY_MICROS;

    fn places(days: impl IntoIterator<Item = i64>) -> Places {
        Places { days: days.into_iter().map(|day| day * DAY).collect(), known: (10 * DAY, 100 * DAY) }
    }

    #[test]
    fn stretch_is_days_that_are_known_and_whatever_nobody_knows_of() {
        let of = places([12, 13, 40]);
        assert_eq!(
            of.within(5 * DAY, 101 * DAY),
            [(5 * DAY, 10 * DAY), (12 * DAY, 14 * DAY), (40 * DAY, 41 * DAY), (100 * DAY, 101 * DAY)]
        );
        assert_eq!(of.within(13 * DAY + 5, 40 * DAY + 7), [(13 * DAY + 5, 14 * DAY), (40 * DAY, 40 * DAY + 7)]);
        assert_eq!(of.within(14 * DAY, 40 * DAY), []);
        assert_eq!(of.within(0, 10 * DAY), [(0, 10 * DAY)]);
        assert_eq!(of.within(200 * DAY, 201 * DAY), [(200 * DAY, 201 * DAY)]);
    }

    #[test]
    fn days_beside_what_is_not_known_are_one_stretch_with_it() {
        assert_eq!(places([10, 99]).within(9 * DAY, 101 * DAY), [(9 * DAY, 11 * DAY), (99 * DAY, 101 * DAY)]);
        // A range that nothing is known of: of a filter that begins after it.
        let nothing = Places { days: BTreeSet::new(), known: (100 * DAY, 50 * DAY) };
        assert_eq!(nothing.within(20 * DAY, 120 * DAY), [(20 * DAY, 120 * DAY)]);
    }

    #[test]
    fn too_many_stretches_are_one() {
        let each_second = |count: usize| (0..).step_by(2).map(|day| day + 10).take(count);
        assert_eq!(places(each_second(40)).within(10 * DAY, 100 * DAY).len(), 40);
        let of = Places { days: (0..65).map(|day| (day * 2 + 10) * DAY).collect(), known: (10 * DAY, 500 * DAY) };
        assert_eq!(of.within(10 * DAY, 500 * DAY), [(10 * DAY, 500 * DAY)]);
        assert_eq!(of.within(12 * DAY, 500 * DAY).len(), 64);
    }
}
