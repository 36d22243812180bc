//! Reports of groups: rows are folded as they come in order, and become rows of groups at the end.
//!
//! What is sorted are records of some words instead of lines; of a fact the copies have fallen out before it is folded. Memory grows with
//! groups and the different values beside them, not with rows; but for durations of which the middle one is asked for.

pub(crate) mod csv;
mod names;
mod record;
mod summary;
mod top_ten;
mod totals;
mod traffic;
mod users;

pub use summary::SummaryWriter;
pub use traffic::TrafficWriter;
pub use users::UsersWriter;

use crate::LineWriter;
use crate::table::{Cell, SortedBy, TableColumn};

/// Folds rows into groups. What [`LineWriter::line`] gives of a row is a record of it, for [`Self::add`].
pub trait GroupWriter: LineWriter {
    /// Folds a record. They come in order of end time and event id, each fact once: the last one is the newest.
    fn add(&mut self, record: &[u8]);

    /// What is held, bytes, roughly.
    fn size_bytes(&self) -> usize;

    /// Columns of the groups, in the order of the report.
    fn table(&self) -> Vec<TableColumn>;

    /// The columns that [`Self::rows`] are in order of, the first one first.
    fn order(&self) -> Vec<SortedBy>;

    /// Gives the rows of all groups to `take`, in their order, until it wants no more.
    fn rows(&mut self, take: &mut dyn FnMut(&[Cell<'_>]) -> bool);
}
