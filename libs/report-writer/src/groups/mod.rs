//! Reports of groups: rows are folded as they come in order, and become rows of groups at the end.
//!
//! What is sorted are records of some words instead of lines; of a fact the copies have fallen out before it is folded. Memory grows with
//! Resources or Users and the different values beside them, not with rows.

pub(crate) mod csv;
mod names;
mod record;
mod summary;
mod top_ten;
mod totals;
mod users;

pub use summary::SummaryWriter;
pub use users::UsersWriter;

use crate::LineWriter;
use crate::table::{Cell, TableColumn};

/// Folds rows into groups. What [`LineWriter::line`] gives of a row is a record of it, for [`Self::add`].
pub trait GroupWriter: LineWriter {
    /// Folds a record. They come in order of end time and event id, each fact once: the last one is the newest.
    fn add(&mut self, record: &[u8]);

    /// What is held, bytes, roughly.
    fn size_bytes(&self) -> usize;

    /// Columns of the groups, in the order of the report.
    fn table(&self) -> Vec<TableColumn>;

    /// The column that orders groups of equally many connections, where it is one of them.
    fn id(&self) -> Option<&'static str> {
        None
    }

    /// Gives the rows of all groups to `take`, most connections first, then by id, until it wants no more.
    fn rows(&self, take: &mut dyn FnMut(&[Cell<'_>]) -> bool);
}
