//! Reports of groups: rows are folded as they come in order, and become lines at the end.
//!
//! What is sorted are records of some words instead of lines; of a fact the copies have fallen out before it is folded. Memory grows with
//! Resources or Users and the different values beside them, not with rows.

mod names;
mod record;
mod summary;
mod top_ten;
mod totals;
mod users;

pub use summary::SummaryWriter;
pub use users::UsersWriter;

use crate::LineWriter;

/// Folds rows into groups and makes lines of those. What [`LineWriter::line`] gives of a row is a record of it, for [`Self::add`].
pub trait GroupWriter: LineWriter {
    /// Folds a record. They come in order of end time and event id, each fact once: the last one is the newest.
    fn add(&mut self, record: &[u8]);

    /// What is held, bytes, roughly.
    fn size_bytes(&self) -> usize;

    /// Gives the lines of all groups to `take`, in the order of the report, until it wants no more.
    fn lines(&self, take: &mut dyn FnMut(&[u8]) -> bool);
}
