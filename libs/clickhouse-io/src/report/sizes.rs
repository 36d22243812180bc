//! How many rows the hours of a report have, to cut it by: as the roll-up says where it knows, else counted. No statement is over more than a month.

use std::collections::BTreeSet;

use clickhouse::Row;
use schemas::times::Moment;
use serde::Deserialize;

use super::ReportQuery;
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::traffic::condition::{END_TIME, condition};
use crate::traffic::hours::{HourCount, facts_by_hour, filter_of_all, first_hour, settled_hours};
use crate::traffic::parameters::Parameters;

/// Microseconds of an hour, which is what the table is sorted by.
pub(super) const HOUR: i64 = 3_600_000_000;
/// The longest range of one statement.
const MONTH: i64 = 31 * 24 * HOUR;

/// Rows of a piece of time that begins here, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub(super) struct Bucket {
    pub(super) from: i64,
    pub(super) rows: u64,
}

impl ReportQuery {
    /// Rows that are read, copies included, by pieces of this width; of hours only those that are named, where some are.
    pub(super) async fn counted(
        &self,
        clickhouse: &ClickHouse,
        (from, to): (i64, i64),
        width: i64,
        hours: Option<&[i64]>,
    ) -> Result<Vec<Bucket>, QueryError> {
        let range = (Moment::from_micros(from), Moment::from_micros(to));
        let counted = self.statement(&clickhouse.client, range, hours, |rows| {
            format!(
                "SELECT intDiv(toUnixTimestamp64Micro(end_time), {width}) * {width} AS from, count() AS rows
                 FROM connections WHERE {} GROUP BY from ORDER BY from",
                rows.counting()
            )
        });
        clickhouse.within(counted.fetch_all()).await
    }

    /// True where the roll-up should have some of it by `now`.
    #[must_use]
    pub fn is_known_to_rollup(&self, now: Moment) -> bool {
        self.settled((self.filter.from.as_micros(), self.filter.to.as_micros()), now).is_some()
    }

    /// The whole hours of a range that the roll-up should have by `now`; `None` where there are none, or it does not know what is asked for.
    pub(super) fn settled(&self, (from, to): (i64, i64), now: Moment) -> Option<(i64, i64)> {
        let filter = self.filter.within(Moment::from_micros(from), Moment::from_micros(to));
        if self.offsets.is_some() { None } else { settled_hours(&filter, now) }
    }

    /// Facts by hour, of those hours of the range of which the roll-up knows anything: also 0.
    pub(super) async fn rolled_up(
        &self,
        clickhouse: &ClickHouse,
        (from, to): (i64, i64),
    ) -> Result<Vec<HourCount>, QueryError> {
        let filter = self.filter.within(Moment::from_micros(from), Moment::from_micros(to));
        facts_by_hour(clickhouse, &self.tenant, &filter, self.denied).await
    }
}

/// These hours only, by their begins in microseconds. The key has them, so nothing else is read.
pub(super) fn in_hours(hours: &[i64]) -> String {
    let named: Vec<String> = hours.iter().map(|hour| format!("toDateTime({}, 'UTC')", hour / 1_000_000)).collect();
    format!("toStartOfHour(end_time) IN ({})", named.join(", "))
}

/// A range as the pieces of at most a month that have anything of the tenant's in them, one after the other.
pub(super) struct Months<'a> {
    clickhouse: &'a ClickHouse,
    query: &'a ReportQuery,
    /// Hours that the roll-up may know.
    settled: Option<(i64, i64)>,
    at: i64,
    end: i64,
}

impl<'a> Months<'a> {
    pub(super) fn new(
        clickhouse: &'a ClickHouse,
        query: &'a ReportQuery,
        (at, end): (i64, i64),
        settled: Option<(i64, i64)>,
    ) -> Self {
        Self { clickhouse, query, settled, at, end }
    }

    /// The next one, microseconds; it begins within an hour only where the range does.
    pub(super) async fn next(&mut self) -> Result<Option<(i64, i64)>, QueryError> {
        if self.at >= self.end {
            return Ok(None);
        }
        // A short range is asked about as a whole: what is empty costs nothing.
        let begin = if self.end - self.at > MONTH { self.first().await? } else { Some(self.at) };
        let Some(begin) = begin else {
            self.at = self.end;
            return Ok(None);
        };
        self.at = (hour_of(begin) + MONTH).min(self.end);
        Ok(Some((begin, self.at)))
    }

    /// Where the next hour is that has anything in it, by roll-up or rows.
    async fn first(&self) -> Result<Option<i64>, QueryError> {
        let known = match self.within_settled((self.at, self.end)) {
            Some((from, to)) => {
                let range =
                    filter_of_all(&self.query.filter.within(Moment::from_micros(from), Moment::from_micros(to)));
                first_hour(self.clickhouse, &self.query.tenant, &range).await?
            }
            None => None,
        };
        if known == Some(self.at) {
            return Ok(known);
        }
        let (from, to) = (Moment::from_micros(self.at), Moment::from_micros(known.unwrap_or(self.end)));
        let mut parameters = Parameters::default();
        let range = filter_of_all(&self.query.filter.within(from, to));
        let rows = condition(&self.query.tenant, &range, END_TIME, &mut parameters);
        // Along the key: one granule of each part.
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(toStartOfHour(end_time))) * 1000000 AS begin FROM connections WHERE {rows}
             ORDER BY tenant, toStartOfHour(end_time) LIMIT 1"
        );
        let found = parameters.query(self.clickhouse, &sql).fetch_optional::<i64>();
        let found = self.clickhouse.within(found).await?;
        Ok(found.map(|begin| begin.max(self.at)).or(known))
    }

    /// What of a range the roll-up may know.
    pub(super) fn within_settled(&self, (from, to): (i64, i64)) -> Option<(i64, i64)> {
        let (first, end) = self.settled?;
        let both = (first.max(from), end.min(to));
        (both.0 < both.1).then_some(both)
    }
}

/// Rows of each hour of a range, in order; hours without any may be left out. What the roll-up knows of is taken from it, where `now` is told: facts, of
/// which there may be more by now, and copies; and hours with none. What it does not know is counted.
pub(super) async fn rows_by_hour(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    range: (i64, i64),
    now: Option<Moment>,
) -> Result<Vec<Bucket>, QueryError> {
    let settled = now.and_then(|now| query.settled(range, now));
    let (mut months, mut all) = (Months::new(clickhouse, query, range, settled), Vec::new());
    while let Some(piece) = months.next().await? {
        let known = match months.within_settled(piece) {
            Some(hours) => query.rolled_up(clickhouse, hours).await?,
            None => Vec::new(),
        };
        let begins: BTreeSet<i64> = known.iter().map(|hour| hour.begin).collect();
        let others = hours_without(piece, &begins);
        let mut found: Vec<Bucket> = known.iter().map(|it| Bucket { from: it.begin, rows: it.rows }).collect();
        if !others.is_empty() {
            let named = (!known.is_empty()).then_some(&others[..]);
            found.extend(query.counted(clickhouse, piece, HOUR, named).await?);
        }
        found.sort_unstable_by_key(|bucket| bucket.from);
        all.append(&mut found);
    }
    Ok(all)
}

/// Begins of the hours of a range that are not among these.
pub(super) fn hours_without((from, to): (i64, i64), known: &BTreeSet<i64>) -> Vec<i64> {
    let first = hour_of(from);
    let hours = (0..).map(|hour| first + hour * HOUR).take_while(|hour| *hour < to);
    hours.filter(|hour| !known.contains(hour)).collect()
}

fn hour_of(micros: i64) -> i64 {
    micros.div_euclid(HOUR) * HOUR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_are_not_known_are_those_that_the_range_touches_without_them() {
        let known = BTreeSet::from([HOUR, 3 * HOUR]);
        assert_eq!(hours_without((7, 5 * HOUR), &known), [0, 2 * HOUR, 4 * HOUR]);
        assert_eq!(hours_without((HOUR, 3 * HOUR + 1), &known), [2 * HOUR]);
        assert!(hours_without((HOUR, 2 * HOUR), &known).is_empty());
    }
}
