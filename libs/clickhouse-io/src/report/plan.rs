//! A report's range, cut so that what has to be sorted fits memory, and what is read at once is large.

use clickhouse::Row;
use schemas::times::Moment;
use serde::Deserialize;

use super::ReportQuery;
use crate::client::ClickHouse;
use crate::copies::deleted_within;
use crate::error::QueryError;

/// Widths of the buckets that are counted, microseconds: an hour, a minute, a second. Hours are what the table is sorted by.
const WIDTHS: [i64; 3] = [3_600_000_000, 60_000_000, 1_000_000];

/// What the table is sorted by, and one statement reads in order: hours.
const HOUR: i64 = WIDTHS[0];

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
    /// Rows in it when it was planned, copies included; later there may be more, and fewer only where copies were deleted.
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

#[derive(Clone, Copy, Debug, Row, Deserialize)]
struct Bucket {
    from: i64,
    rows: u64,
}

impl ReportQuery {
    async fn counted(
        &self,
        clickhouse: &ClickHouse,
        from: Moment,
        to: Moment,
        width: i64,
    ) -> Result<Vec<Bucket>, QueryError> {
        let counted = self.statement(&clickhouse.client, (from, to), |rows| {
            format!(
                "SELECT intDiv(toUnixTimestamp64Micro(end_time), {width}) * {width} AS from, count() AS rows
                 FROM connections WHERE {rows} GROUP BY from ORDER BY from"
            )
        });
        clickhouse.within(counted.fetch_all()).await
    }
}

/// The slice with the rows that are there now, where no more of a stretch are missing than copies of it were deleted; else as it is.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn recount(clickhouse: &ClickHouse, query: &ReportQuery, slice: &Slice) -> Result<Slice, QueryError> {
    let Some(range) = slice.range() else { return Ok(slice.clone()) };
    if deleted_within(clickhouse, &query.tenant, range).await? == 0 {
        return Ok(slice.clone());
    }
    let mut stretches = Vec::with_capacity(slice.stretches.len());
    for stretch in &slice.stretches {
        let range = (stretch.from, stretch.to);
        let sql = |rows: &str| format!("SELECT count() FROM connections WHERE {rows}");
        let counted = query.statement(&clickhouse.client, range, sql).fetch_one::<u64>();
        let counted = clickhouse.within(counted).await?;
        let deleted = deleted_within(clickhouse, &query.tenant, range).await?;
        let is_told = stretch.rows.saturating_sub(counted) <= deleted;
        stretches.push(Stretch { rows: if is_told { stretch.rows.min(counted) } else { stretch.rows }, ..*stretch });
    }
    Ok(Slice { stretches })
}

/// Cuts the range into stretches, without those that are empty, and puts them together as slices. A single second is one stretch, however
/// many rows it has.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn plan(clickhouse: &ClickHouse, query: &ReportQuery, cut: &Cut) -> Result<Vec<Slice>, QueryError> {
    let (mut hours, mut finer) = (Vec::new(), Vec::new());
    // Hours that are too full are counted again in minutes, and minutes in seconds.
    let mut open = vec![(query.filter.from, query.filter.to, 0)];
    while let Some((from, to, level)) = open.pop() {
        let width = WIDTHS[level];
        for bucket in query.counted(clickhouse, from, to, width).await? {
            let begin = Moment::from_micros(bucket.from.max(from.as_micros()));
            let end = Moment::from_micros((bucket.from + width).min(to.as_micros()));
            if bucket.rows > cut.stretch_rows && level + 1 < WIDTHS.len() {
                open.push((begin, end, level + 1));
            } else {
                let stretches = if level == 0 { &mut hours } else { &mut finer };
                stretches.push(Stretch { from: begin, to: end, rows: bucket.rows });
            }
        }
    }
    finer.sort_unstable_by_key(|stretch: &Stretch| stretch.from);
    Ok(slices(&hours, &finer, cut))
}

/// Stretches in order, together as long as they fit.
fn slices(hours: &[Stretch], finer: &[Stretch], cut: &Cut) -> Vec<Slice> {
    let mut stretches = merged(hours, cut.together_rows(), finer);
    stretches.extend(merged(finer, cut.stretch_rows, hours));
    stretches.sort_unstable_by_key(|stretch| stretch.from);
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

    fn stretch(from: i64, to: i64, rows: u64) -> Stretch {
        Stretch { from: Moment::from_micros(from), to: Moment::from_micros(to), rows }
    }

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
