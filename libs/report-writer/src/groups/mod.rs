//! Reports of groups: rows are folded as they come in order, and become rows of groups at the end.
//!
//! What is sorted are records of some words instead of lines; of a fact the copies have fallen out before it is folded. What was folded
//! is given in the order of keys, one small pair after the other, and forgotten: so a range may be folded in pieces, by several. Whoever
//! has all pairs in order, of equal keys those of the earlier piece first, makes the rows of them, and holds one group at a time.

pub(crate) mod csv;
mod names;
mod naming;
mod number;
mod record;
mod row_sorter;
mod run;
mod summary;
mod top_ten;
mod totals;
mod traffic;
mod users;

pub use naming::Naming;
pub use row_sorter::RowSorter;
pub use run::{BadRun, FOOTER_BYTES_MAX, Merge, MergeStep, RunWriter, footer, runs};
pub use summary::SummaryWriter;
pub use traffic::TrafficWriter;
pub use users::UsersWriter;

use self::totals::Totals;
use crate::LineWriter;
use crate::table::{Cell, SortedBy, TableColumn};

/// Behind a group in the key of what was counted of it, before all else of it.
const HEAD: u8 = 0;

/// Takes a row, and by what it is sorted.
pub type TakeRow<'a> = &'a mut dyn FnMut(&[u8], &[Cell<'_>]);

/// Folds rows into groups. What [`LineWriter::line`] gives of a row is a record of it, for [`Self::add`].
pub trait GroupWriter: LineWriter {
    /// Folds a record. They come in order of end time and event id, each fact once: the last one is the newest.
    fn add(&mut self, record: &[u8]);

    /// What is held, bytes, roughly.
    fn size_bytes(&self) -> usize;

    /// Columns of the groups, in the order of the report.
    fn table(&self) -> Vec<TableColumn>;

    /// The columns that rows are in order of, the first one first.
    fn order(&self) -> Vec<SortedBy>;

    /// Gives what was folded to `take`, pairs of key and value in the order of keys, until it wants no more; and forgets it, with all
    /// texts: what is left of a block has to be begun anew.
    fn give(&mut self, take: &mut dyn FnMut(&[u8], &[u8]) -> bool);

    /// What makes rows of pairs, and holds so much of names of ids at most, bytes, roughly.
    fn rows(&self, names_bytes_max: usize) -> Box<dyn GroupRows>;

    /// Of each dimension of an id that a name may come for behind its row, the column of names.
    fn named(&self) -> Vec<usize> {
        Vec::new()
    }
}

/// Makes rows of what was folded, in one piece or several.
pub trait GroupRows: Send {
    /// A pair. They come in the order of keys, of equal ones that of the earlier rows first. Groups that are complete become rows, in no
    /// order.
    ///
    /// # Errors
    /// When it is none of this kind.
    fn add(&mut self, key: &[u8], value: &[u8], take: TakeRow<'_>) -> Result<(), BadRun>;

    /// The end of all pairs.
    fn end(&mut self, take: TakeRow<'_>);

    /// Names of ids that are not held, and rows that want one, for [`Naming`]: each has its own column empty until then. None where there
    /// are no such names.
    fn names(&mut self) -> Option<&mut RowSorter> {
        None
    }
}

/// Places of groups in the order of their keys, and of each place its rank.
#[expect(clippy::cast_possible_truncation, reason = "groups are fewer than 2^32: they fit memory")]
fn ranked<K: Ord>(groups: usize, key: impl Fn(usize) -> K) -> (Vec<u32>, Vec<u32>) {
    let mut order: Vec<u32> = (0..groups as u32).collect();
    order.sort_unstable_by_key(|place| key(*place as usize));
    let ranks = ranks(&order);
    (order, ranks)
}

fn ranks(order: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; order.len()];
    (0..).zip(order).for_each(|(rank, place)| ranks[*place as usize] = rank);
    ranks
}

/// Most connections first, then by id.
fn most_connections(totals: &Totals, id: u64) -> [u8; 16] {
    (u128::from(!totals.connections()) << 64 | u128::from(id)).to_be_bytes()
}

#[cfg(test)]
mod tests;
