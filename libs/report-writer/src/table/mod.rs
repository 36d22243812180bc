//! Rows of typed cells: what formats are made of that know more than text.

mod builder;
mod events;
mod parquet_file;
mod record;

use parquet::errors::ParquetError;

use crate::groups::BadRun;

pub(crate) use events::EventTable;
pub(crate) use parquet_file::ParquetFile;
pub(crate) use record::{bytes_of as cell_record_bytes, checked_take as take_cell_record, push as push_cell_record};

/// A cell of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing, where the CSV has an empty field.
    Absent,
    /// A text that is not empty.
    Text(&'a [u8]),
    /// An id, a port, a count.
    Number(u64),
    /// Unix microseconds.
    Time(u64),
    /// A sum, exact beyond 64 bits.
    Sum(u128),
    /// A share in hundredths of a percent.
    Percent(u64),
}

impl<'a> Cell<'a> {
    /// A text, or nothing where it is empty.
    pub(crate) fn text(text: &'a [u8]) -> Self {
        if text.is_empty() { Self::Absent } else { Self::Text(text) }
    }
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// Texts that come again.
    Text,
    /// Texts of which each row has its own.
    OwnText,
    /// Below 2^63.
    Number,
    /// Of a port.
    Port,
    /// Moments.
    Time,
    /// Sums.
    Sum,
    /// Shares.
    Percent,
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: &'static str,
    /// Of its cells.
    pub cell_type: CellType,
    /// True where a cell may be absent.
    pub is_optional: bool,
}

impl TableColumn {
    pub(crate) const fn required(name: &'static str, cell_type: CellType) -> Self {
        Self { name, cell_type, is_optional: false }
    }

    pub(crate) const fn optional(name: &'static str, cell_type: CellType) -> Self {
        Self { name, cell_type, is_optional: true }
    }
}

/// A column that rows are in order of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SortedBy {
    /// Its name.
    pub name: &'static str,
    /// The greatest first.
    pub is_descending: bool,
}

/// What a table's file says of itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableFacts {
    /// The first one first; all of them are columns of the table.
    pub(crate) sorted_by: Vec<SortedBy>,
    /// Names and values.
    pub(crate) said: Vec<(&'static str, String)>,
}

/// Rows could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TableError(String);

impl TableError {
    fn of_parquet(reason: &impl std::fmt::Display) -> Self {
        Self(format!("writing Parquet: {reason}"))
    }
}

impl From<BadRun> for TableError {
    fn from(bad: BadRun) -> Self {
        Self(bad.to_string())
    }
}

impl From<ParquetError> for TableError {
    fn from(error: ParquetError) -> Self {
        Self::of_parquet(&error)
    }
}
