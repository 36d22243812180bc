//! How many facts a report should have read: what the roll-up says of hours in which nothing moves any more, and rows around them; and, where that is not
//! what it has read, what the rows of those hours say.
//!
//! A report has every fact that was stored when it was asked for, and may have some that came while it was made. So rows say two numbers: at
//! least those before the offsets that it waited for, at most those that are there when it is done. A right report lies between them.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse::Row;
use schemas::times::Moment;
use serde::Deserialize;

use super::ReportQuery;
use super::sizes::{HOUR, Months, hours_without};
use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::pieces;
use crate::rollup::{DEFINITION, hours_behind, hours_of_another};

/// Where the source of the rows stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// Configured name of the topic's life.
    pub source: String,
    /// First offset of each partition that the report did not wait for.
    pub awaited: BTreeMap<i32, i64>,
    /// First offset of each partition that the aggregator had not counted by minute.
    pub counted: BTreeMap<i32, i64>,
}

/// Two numbers between which a right one lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The least.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Bounds {
    /// Of something and something else.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { least: self.least + other.least, most: self.most + other.most }
    }

    /// Of what is certain.
    #[must_use]
    pub fn exactly(number: u64) -> Self {
        Self { least: number, most: number }
    }

    /// True of a number that may be right.
    #[must_use]
    pub fn hold(self, number: u64) -> bool {
        (self.least..=self.most).contains(&number)
    }
}

/// What the roll-up says of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Facts of each hour that it is asked about, by its begin in microseconds.
    pub hours: BTreeMap<i64, u64>,
    /// Facts of the report's range around them, by the rows.
    pub around: Bounds,
}

impl RolledUp {
    /// Of the whole report.
    #[must_use]
    pub fn facts(&self) -> Bounds {
        Bounds::exactly(self.hours.values().sum()).and(self.around)
    }

    /// First end time after the last hour that it is asked about.
    #[must_use]
    pub fn until(&self) -> Option<Moment> {
        self.hours.last_key_value().map(|(hour, _)| Moment::from_micros(hour + HOUR))
    }
}

/// What the rows say of the hours that the roll-up was asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    /// Of all of them.
    pub facts: Bounds,
    /// Hours of which the roll-up had more than there are rows, by their begins.
    pub lost: Vec<Moment>,
}

#[derive(Row, Deserialize)]
struct HourOfRows {
    hour: i64,
    least: u64,
    most: u64,
}

/// What the roll-up says of a report that was read before; `None` where it knows nothing of it for certain: the filter chooses by what it does not have,
/// or no whole hour of the range is counted and at rest.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn rolled_up(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    positions: &Positions,
    now: Moment,
) -> Result<Option<RolledUp>, QueryError> {
    let range = (query.filter.from.as_micros(), query.filter.to.as_micros());
    let Some(settled) = query.settled(range, now) else { return Ok(None) };
    let (from, to) = (Moment::from_micros(settled.0), Moment::from_micros(settled.1));
    // Before the roll-up is read: an hour that was counted then is in it. And after it: what was stored later is in neither.
    let behind = hours_behind(clickhouse, &query.tenant, (from, to)).await?;
    let of_another = hours_of_another(clickhouse, DEFINITION, &query.tenant, (from, to)).await?;
    let mut hours = BTreeMap::new();
    let mut months = Months::new(clickhouse, query, settled, Some(settled));
    while let Some(piece) = months.next().await? {
        // A piece begins and ends with an hour, as what is settled does.
        let known = query.rolled_up(clickhouse, piece).await?;
        hours.extend(known.into_iter().map(|hour| (hour.begin, hour.rows)));
    }
    let moving = if hours.is_empty() { Vec::new() } else { moving(clickhouse, query, positions, settled).await? };
    for hour in behind.iter().chain(&of_another).chain(&moving) {
        hours.remove(hour);
    }
    if hours.is_empty() {
        return Ok(None);
    }
    let at_rest: BTreeSet<i64> = hours.keys().copied().collect();
    let (mut around, mut months) = (Bounds::default(), Months::new(clickhouse, query, range, Some(settled)));
    while let Some(piece) = months.next().await? {
        for hour in counted(clickhouse, query, positions, piece, &hours_without(piece, &at_rest)).await? {
            around = around.and(Bounds { least: hour.least, most: hour.most });
        }
    }
    Ok(Some(RolledUp { hours, around }))
}

/// What the rows say of those hours now.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn hold_against_rows(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    positions: &Positions,
    rolled_up: &RolledUp,
) -> Result<Raw, QueryError> {
    let mut raw = Raw::default();
    let hours: Vec<i64> = rolled_up.hours.keys().copied().collect();
    let month = |hour: &i64| hour.div_euclid(31 * 24 * HOUR);
    for of_month in hours.chunk_by(|left, right| month(left) == month(right)) {
        let range = (of_month[0], of_month[of_month.len() - 1] + HOUR);
        let found = counted(clickhouse, query, positions, range, of_month).await?;
        let most: BTreeMap<i64, u64> = found.iter().map(|it| (it.hour, it.most)).collect();
        for hour in of_month {
            if rolled_up.hours[hour] > most.get(hour).copied().unwrap_or(0) {
                raw.lost.push(Moment::from_micros(*hour));
            }
        }
        for hour in found {
            raw.facts = raw.facts.and(Bounds { least: hour.least, most: hour.most });
        }
    }
    Ok(raw)
}

/// Facts by the rows, of each of these hours that has any, in the range; by statements that hold the ids of some millions.
async fn counted(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    positions: &Positions,
    range: (i64, i64),
    hours: &[i64],
) -> Result<Vec<HourOfRows>, QueryError> {
    if hours.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query.counted(clickhouse, range, HOUR, Some(hours)).await?;
    let rows: Vec<(i64, u64)> = rows.into_iter().map(|bucket| (bucket.from, bucket.rows)).collect();
    let mut found = Vec::new();
    for some in pieces::together(&rows) {
        let named: Vec<i64> = some.iter().map(|(hour, _)| *hour).collect();
        found.extend(facts(clickhouse, query, positions, range, &named).await?);
    }
    Ok(found)
}

async fn facts(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    positions: &Positions,
    range: (i64, i64),
    hours: &[i64],
) -> Result<Vec<HourOfRows>, QueryError> {
    const FACT: &str = "toUnixTimestamp64Milli(end_time), event_id_tail";
    let awaited = by_partition(&positions.awaited, "<");
    let (from, to) = (Moment::from_micros(range.0), Moment::from_micros(range.1));
    let counted = query.statement(&clickhouse.client, (from, to), Some(hours), |rows| {
        format!(
            "SELECT intDiv(toUnixTimestamp64Micro(end_time), {HOUR}) * {HOUR} AS hour,
                 uniqExactIf({FACT}, _kafka_source = {{source:String}} AND {awaited}) AS least, uniqExact({FACT}) AS most
             FROM connections WHERE {} GROUP BY hour ORDER BY hour",
            rows.counting()
        )
    });
    clickhouse.within(counted.param("source", &positions.source).fetch_all()).await
}

/// Hours of a range, by their begins, in which rows lie that the aggregator had not counted, or that came after the report was asked for.
async fn moving(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    positions: &Positions,
    (from, to): (i64, i64),
) -> Result<Vec<i64>, QueryError> {
    let still = |(partition, awaited): (&i32, &i64)| {
        let counted = positions.counted.get(partition).copied().unwrap_or(0);
        (*partition, counted.min(*awaited))
    };
    let later = by_partition(&positions.awaited.iter().map(still).collect(), ">=");
    let (from, to) = (Moment::from_micros(from), Moment::from_micros(to));
    // All of the tenant's, whatever is chosen: its index of offsets tells where they lie.
    let all =
        ReportQuery { filter: traffic_query::TrafficFilter::default().within(from, to), denied: true, ..query.clone() };
    let found = all.statement(&clickhouse.client, (from, to), None, |rows| {
        format!(
            "SELECT intDiv(toUnixTimestamp64Micro(end_time), {HOUR}) * {HOUR} AS hour
             FROM connections WHERE {} AND _kafka_source = {{source:String}} AND {later} GROUP BY hour ORDER BY hour",
            rows.counting()
        )
    });
    clickhouse.within(found.param("source", &positions.source).fetch_all::<i64>()).await
}

/// Rows before these offsets, or from them on.
fn by_partition(offsets: &BTreeMap<i32, i64>, relation: &str) -> String {
    let each = offsets
        .iter()
        .map(|(partition, offset)| format!("(_kafka_partition = {partition} AND _kafka_offset {relation} {offset})"));
    let each: Vec<String> = each.collect();
    if each.is_empty() { "false".to_owned() } else { format!("({})", each.join(" OR ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_numbers_lie_between_what_was_awaited_and_what_is_there() {
        let rolled_up = RolledUp { hours: [(0, 5), (HOUR, 7)].into(), around: Bounds { least: 2, most: 4 } };
        assert_eq!(rolled_up.facts(), Bounds { least: 14, most: 16 });
        assert_eq!([13, 14, 16, 17].map(|number| rolled_up.facts().hold(number)), [false, true, true, false]);
        assert_eq!(rolled_up.until(), Some(Moment::from_micros(2 * HOUR)));
    }

    #[test]
    fn offsets_are_told_by_partition_and_none_is_no_row() {
        let offsets = BTreeMap::from([(0, 7), (3, 9)]);
        let expected = "((_kafka_partition = 0 AND _kafka_offset < 7) OR (_kafka_partition = 3 AND _kafka_offset < 9))";
        assert_eq!(by_partition(&offsets, "<"), expected);
        assert_eq!(by_partition(&BTreeMap::new(), ">="), "false");
    }
}
