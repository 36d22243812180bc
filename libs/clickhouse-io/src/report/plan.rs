//! A report's range, cut so that what has to be sorted fits memory, and what is read at once is large.

use schemas::times::Moment;
use traffic_query::Field;

use super::ReportQuery;
use super::sizes::{HOUR, rows_by_hour};
use crate::client::ClickHouse;
use crate::copies::deleted_within;
use crate::error::QueryError;
use crate::traffic::raw_rows::RawRows;

/// Widths of the buckets that are counted, microseconds: an hour, a minute, a second. Hours are what the table is sorted by, and one statement
/// reads in order.
const WIDTHS: [i64; 3] = [HOUR, 60_000_000, 1_000_000];

/// How a range is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// Rows of a stretch, where it can be cut; they are held until they are sorted. An hour with fewer is whole, so that it is read once;
    /// several hours are put together only up to a quarter of that: more would take memory and save nothing.
    pub stretch_rows: u64,
    /// Rows of a slice, where it can be cut. A statement reads up to a granule (8192 rows) too many of each part of the table.
    pub slice_rows: u64,
    /// The most slices; they get larger instead.
    pub slices_max: u64,
}

/// What is sorted at once: `[from, to)`, rows in order of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First end time.
    pub from: Moment,
    /// First end time after it.
    pub to: Moment,
    /// Rows in it when it was counted, copies included; later there may be more, and fewer only where copies were deleted, or one came that is the first of
    /// its fact and is not let through. As it was planned perhaps only what the roll-up said.
    pub rows: u64,
}

/// What one exporter makes: stretches in order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// At least one.
    pub stretches: Vec<Stretch>,
}

impl Cut {
    /// Rows of several hours that are sorted together.
    fn together_rows(&self) -> u64 {
        self.stretch_rows / 4
    }
}

impl Slice {
    /// Rows when it was planned.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.rows).sum()
    }

    /// What is left when the first `done` stretches are done with.
    #[must_use]
    pub fn rest(&self, done: usize) -> Self {
        Self { stretches: self.stretches[done.min(self.stretches.len())..].to_vec() }
    }

    /// The first stretches, which are read by one statement: it comes hour by hour, so no two of them share an hour.
    #[must_use]
    pub fn one_statement(&self) -> Self {
        let is_apart = |two: &[Stretch]| hour_of(two[0].to.as_micros() - 1) < hour_of(two[1].from.as_micros());
        let count = self.stretches.windows(2).take_while(|two| is_apart(two)).count() + 1;
        Self { stretches: self.stretches[..count.min(self.stretches.len())].to_vec() }
    }

    /// First end time, and first end time after it.
    pub(crate) fn range(&self) -> Option<(Moment, Moment)> {
        Some((self.stretches.first()?.from, self.stretches.last()?.to))
    }
}

fn hour_of(micros: i64) -> i64 {
    micros.div_euclid(HOUR)
}

/// The slice with the rows that are read now, where no more of a stretch are missing than copies of it were deleted, or than a copy that came since
/// leaves out; else as it is.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn recount(clickhouse: &ClickHouse, query: &ReportQuery, slice: &Slice) -> Result<Slice, QueryError> {
    let Some(range) = slice.range() else { return Ok(slice.clone()) };
    let tells_apart = Field::ALL.into_iter().any(|field| query.filter.tells_copies_apart_by(field));
    if !tells_apart && deleted_within(clickhouse, &query.tenant, range).await? == 0 {
        return Ok(slice.clone());
    }
    let mut stretches = Vec::with_capacity(slice.stretches.len());
    for stretch in &slice.stretches {
        let range = (stretch.from, stretch.to);
        let counted = count(clickhouse, query, range, RawRows::counting).await?;
        // Rows of a fact whose first copy is another one now are still there.
        let there = if tells_apart { count(clickhouse, query, range, RawRows::let_through).await? } else { counted };
        let deleted = deleted_within(clickhouse, &query.tenant, range).await?;
        let is_told = stretch.rows.saturating_sub(there) <= deleted;
        stretches.push(Stretch { rows: if is_told { stretch.rows.min(counted) } else { stretch.rows }, ..*stretch });
    }
    Ok(Slice { stretches })
}

async fn count(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    range: (Moment, Moment),
    which: impl FnOnce(&RawRows) -> String,
) -> Result<u64, QueryError> {
    let counted = query.statement(&clickhouse.client, range, None, |rows| {
        format!("SELECT count() FROM connections WHERE {}", which(rows))
    });
    clickhouse.within(counted.fetch_one()).await
}

/// Cuts the range into slices, without what is empty for certain. Hours that are over are as large as the roll-up says, where it knows the filter and the
/// hour; all others are counted. So rows are a size and no promise before [`count_slice`] has counted them, and a stretch may be an hour
/// that is too full to be sorted at once. `now` decides which hours the roll-up should have.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn plan(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    cut: &Cut,
    now: Moment,
) -> Result<Vec<Slice>, QueryError> {
    let range = (query.filter.from.as_micros(), query.filter.to.as_micros());
    let whole_max = cut.slice_rows.max(cut.stretch_rows);
    let (hours, finer) = stretches(clickhouse, query, range, cut, (whole_max, Some(now))).await?;
    Ok(slices(&hours, &finer, cut))
}

/// The slice as it has to be read now: with the rows that are there, in stretches that can be sorted at once. As it is where it was planned so.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn count_slice(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    slice: &Slice,
    cut: &Cut,
    now: Moment,
) -> Result<Slice, QueryError> {
    let Some((from, to)) = slice.range() else { return Ok(slice.clone()) };
    let range = (from.as_micros(), to.as_micros());
    let second = WIDTHS[WIDTHS.len() - 1];
    let is_too_full = |it: &Stretch| it.rows > cut.stretch_rows && it.to.as_micros() - it.from.as_micros() > second;
    // Nothing tells where a size came from but where it may have come from.
    if query.settled(range, now).is_none() && !slice.stretches.iter().any(is_too_full) {
        return Ok(slice.clone());
    }
    let (hours, finer) = stretches(clickhouse, query, range, cut, (cut.stretch_rows, None)).await?;
    Ok(Slice { stretches: together(&hours, &finer, cut) })
}

/// Hours up to so many rows, and pieces of those that have more, which are counted again in minutes, and minutes in seconds. A single second is one
/// stretch, however many rows it has.
async fn stretches(
    clickhouse: &ClickHouse,
    query: &ReportQuery,
    range: (i64, i64),
    cut: &Cut,
    (hour_max, now): (u64, Option<Moment>),
) -> Result<(Vec<Stretch>, Vec<Stretch>), QueryError> {
    let (mut hours, mut finer, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for bucket in rows_by_hour(clickhouse, query, range, now).await? {
        let (from, to) = (bucket.from.max(range.0), (bucket.from + HOUR).min(range.1));
        if bucket.rows > hour_max {
            open.push((from, to, 1));
        } else {
            hours.push(stretch(from, to, bucket.rows));
        }
    }
    while let Some((from, to, level)) = open.pop() {
        let width = WIDTHS[level];
        for bucket in query.counted(clickhouse, (from, to), width, None).await? {
            let (begin, end) = (bucket.from.max(from), (bucket.from + width).min(to));
            if bucket.rows > cut.stretch_rows && level + 1 < WIDTHS.len() {
                open.push((begin, end, level + 1));
            } else {
                finer.push(stretch(begin, end, bucket.rows));
            }
        }
    }
    finer.sort_unstable_by_key(|stretch: &Stretch| stretch.from);
    Ok((hours, finer))
}

fn stretch(from: i64, to: i64, rows: u64) -> Stretch {
    Stretch { from: Moment::from_micros(from), to: Moment::from_micros(to), rows }
}

/// All in order, together as long as they fit what is sorted at once.
fn together(hours: &[Stretch], finer: &[Stretch], cut: &Cut) -> Vec<Stretch> {
    let mut stretches = merged(hours, cut.together_rows(), finer);
    stretches.extend(merged(finer, cut.stretch_rows, hours));
    stretches.sort_unstable_by_key(|stretch| stretch.from);
    stretches
}

/// Stretches in order, together as long as they fit.
fn slices(hours: &[Stretch], finer: &[Stretch], cut: &Cut) -> Vec<Slice> {
    let stretches = together(hours, finer, cut);
    let rows: u64 = stretches.iter().map(|stretch| stretch.rows).sum();
    // Two neighbours never fit into one slice, so there are no more than twice as many as there would be full ones.
    let slice_rows = cut.slice_rows.max(2 * rows / cut.slices_max.max(1) + 1);
    let mut slices: Vec<Slice> = Vec::new();
    for stretch in stretches {
        match slices.last_mut() {
            Some(slice) if slice.rows() + stretch.rows <= slice_rows => slice.stretches.push(stretch),
            _ => slices.push(Slice { stretches: vec![stretch] }),
        }
    }
    slices
}

/// Neighbours together, as long as they fit and nothing of `between` lies between them.
fn merged(stretches: &[Stretch], rows_max: u64, between: &[Stretch]) -> Vec<Stretch> {
    let mut merged: Vec<Stretch> = Vec::new();
    for stretch in stretches.iter().copied() {
        let is_apart = |last: &Stretch| {
            let next = between.partition_point(|it| it.from < last.to);
            between.get(next).is_some_and(|it| it.from < stretch.from)
        };
        match merged.last_mut() {
            Some(last) if last.rows + stretch.rows <= rows_max && !is_apart(last) => {
                last.to = stretch.to;
                last.rows += stretch.rows;
            }
            _ => merged.push(stretch),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_sorted_together_while_they_fit() {
        let stretches = [stretch(0, 1, 40), stretch(5, 6, 60), stretch(6, 7, 1), stretch(9, 10, 500)];
        assert_eq!(merged(&stretches, 100, &[]), [stretch(0, 6, 100), stretch(6, 7, 1), stretch(9, 10, 500)]);
    }

    const SMALL: Cut = Cut { stretch_rows: 100, slice_rows: 150, slices_max: 1_000 };

    #[test]
    fn slices_are_filled_in_order_whatever_their_stretches_are() {
        let hours =
            [stretch(0, 10, 60), stretch(10, 20, 60), stretch(30, 40, 10), stretch(40, 50, 15), stretch(50, 60, 1)];
        let finer = [stretch(20, 21, 90), stretch(21, 22, 70)];
        let planned = slices(&hours, &finer, &SMALL);
        let expected = [
            vec![stretch(0, 10, 60), stretch(10, 20, 60)],
            vec![stretch(20, 21, 90)],
            vec![stretch(21, 22, 70), stretch(30, 50, 25), stretch(50, 60, 1)],
        ];
        assert_eq!(planned, expected.map(|stretches| Slice { stretches }));
        assert_eq!(planned[0].rest(1), Slice { stretches: vec![stretch(10, 20, 60)] });
    }

    #[test]
    fn one_statement_reads_stretches_that_share_no_hour() {
        let hour = |from: i64, to: i64| stretch(from * HOUR, to * HOUR, 1);
        let minute =
            |hour: i64, from: i64| stretch(hour * HOUR + from * WIDTHS[1], hour * HOUR + (from + 20) * WIDTHS[1], 1);
        let all = [hour(0, 2), hour(2, 3), minute(3, 0), minute(3, 20), minute(3, 40), hour(4, 5), minute(5, 0)];
        let mut rest = Slice { stretches: all.to_vec() };
        let mut statements = Vec::new();
        while !rest.stretches.is_empty() {
            statements.push(rest.one_statement().stretches.len());
            rest = rest.rest(*statements.last().unwrap());
        }
        assert_eq!(statements, [3, 1, 3]);
        assert!(rest.one_statement().stretches.is_empty());
    }

    #[test]
    fn there_are_no_more_slices_than_may_be() {
        let hours: Vec<Stretch> = (0..5_000).map(|hour| stretch(hour, hour + 1, 60 + hour as u64 % 41)).collect();
        for slices_max in [1, 2, 10, 1_000] {
            let planned = slices(&hours, &[], &Cut { slices_max, ..SMALL });
            assert!(planned.len() as u64 <= slices_max, "{} of {slices_max}", planned.len());
            assert_eq!(planned.iter().map(|it| it.stretches.len()).sum::<usize>(), 5_000);
        }
    }

    #[test]
    fn hours_on_both_sides_of_a_full_one_are_not_put_together() {
        let planned = slices(&[stretch(0, 10, 1), stretch(20, 30, 1)], &[stretch(10, 11, 90)], &SMALL);
        let expected = vec![stretch(0, 10, 1), stretch(10, 11, 90), stretch(20, 30, 1)];
        assert_eq!(planned, [Slice { stretches: expected }]);
    }

    #[test]
    fn full_hours_on_both_sides_of_one_that_is_not_are_not_put_together() {
        let finer = [stretch(0, 1, 90), stretch(9, 10, 1), stretch(20, 21, 1)];
        let planned = slices(&[stretch(10, 20, 5)], &finer, &SMALL);
        let expected = vec![stretch(0, 10, 91), stretch(10, 20, 5), stretch(20, 21, 1)];
        assert_eq!(planned, [Slice { stretches: expected }]);
    }

    proptest::proptest! {
        /// Hours of ten units; a full one is cut into its units.
        #[test]
        fn each_row_is_planned_once_and_in_order(
            hours in proptest::collection::vec(proptest::collection::vec(0_u64..40, 10), 0..12),
        ) {
            let (mut whole, mut finer, mut there) = (Vec::new(), Vec::new(), Vec::new());
            for (hour, units) in (0_i64..).zip(&hours) {
                let begin = hour * 10;
                let of_units = (0..).zip(units).filter(|(_, rows)| **rows > 0);
                let of_units = of_units.map(|(unit, rows)| stretch(begin + unit, begin + unit + 1, *rows));
                let rows: u64 = units.iter().sum();
                there.extend(of_units.clone());
                if rows > 100 {
                    finer.extend(of_units);
                } else if rows > 0 {
                    whole.push(stretch(begin, begin + 10, rows));
                }
            }
            let planned: Vec<Stretch> = slices(&whole, &finer, &SMALL).into_iter().flat_map(|it| it.stretches).collect();
            proptest::prop_assert!(planned.windows(2).all(|two| two[0].to <= two[1].from));
            for it in &planned {
                let within = there.iter().filter(|unit| it.from <= unit.from && unit.to <= it.to);
                proptest::prop_assert_eq!(within.map(|unit| unit.rows).sum::<u64>(), it.rows);
            }
            let rows = |stretches: &[Stretch]| stretches.iter().map(|it| it.rows).sum::<u64>();
            proptest::prop_assert_eq!(rows(&planned), rows(&there));
        }
    }

    #[test]
    fn slice_ends_where_it_is_large_enough() {
        let hours: Vec<Stretch> = (0..12).map(|hour| stretch(hour, hour + 1, 1_000_000)).collect();
        let cut = Cut { stretch_rows: 1_000_000, slice_rows: 5_000_000, slices_max: 1_000 };
        let planned = slices(&hours, &[], &cut);
        assert_eq!(planned.iter().map(|slice| slice.stretches.len()).collect::<Vec<_>>(), [5, 5, 2]);
    }
}
