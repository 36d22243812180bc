//! Blocks, and which rows belong into which.

use std::borrow::Cow;
use std::ops::Range;

use clickhouse_io::write::EventTable;

use crate::months::{Months, month_of, split};
use crate::order::{Group, Order};

/// The body of one `INSERT INTO … FORMAT Native`: one block. It names its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where it goes.
    pub table: EventTable,
    /// `None`: it holds all rows of its table. Else those that ended in these months, and its token says so.
    pub months: Option<Months>,
    /// Rows.
    pub rows: usize,
    /// The block.
    pub bytes: Vec<u8>,
}

/// The rows of one block.
#[derive(Debug)]
pub(crate) struct Selection<'a> {
    pub(crate) table: EventTable,
    pub(crate) months: Option<Months>,
    pub(crate) rows: Cow<'a, [u32]>,
}

/// The rows of each block, in the order of the tables. `is_wanted`: only rows of which it is true; into which block a row goes does not
/// depend on it.
pub(crate) fn selections<'a>(order: &'a Order, is_wanted: Option<&dyn Fn(u32) -> bool>) -> Vec<Selection<'a>> {
    let begin_of_openings = order.groups.partition_point(|(group, _)| !group.is_opening);
    let (ended, opened) = order.groups.split_at(begin_of_openings);
    let mut all = Vec::new();
    for (table, groups) in [(EventTable::Connections, ended), (EventTable::ConnectionOpenings, opened)] {
        let rows = |months| chosen(&order.rows, groups, months, is_wanted);
        match split(groups.iter().map(|(group, _)| group)) {
            None => all.push(Selection { table, months: None, rows: rows(None) }),
            Some(split) => all.extend(split.into_iter().map(|months| {
                let months = Some(months);
                Selection { table, months, rows: rows(months) }
            })),
        }
    }
    all.retain(|selection| !selection.rows.is_empty());
    all
}

/// The rows of these groups that ended in these months, and that are wanted.
fn chosen<'a>(
    rows: &'a [u32],
    groups: &[(Group, Range<usize>)],
    months: Option<Months>,
    is_wanted: Option<&dyn Fn(u32) -> bool>,
) -> Cow<'a, [u32]> {
    let all = groups.first().zip(groups.last()).map_or(0..0, |((_, first), (_, last))| first.start..last.end);
    if months.is_none() && is_wanted.is_none() {
        // They lie side by side already.
        return Cow::Borrowed(&rows[all]);
    }
    let in_months = |group: &Group| months.is_none_or(|months| months.contains(month_of(group.hour)));
    let of_groups = groups.iter().filter(|(group, _)| in_months(group)).flat_map(|(_, range)| &rows[range.clone()]);
    of_groups.copied().filter(|row| is_wanted.is_none_or(|is_wanted| is_wanted(*row))).collect()
}
