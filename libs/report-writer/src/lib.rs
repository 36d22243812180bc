//! The engine of a report: columns to lines, lines in order and each fact once, lines to parts of the file.
//!
//! Each block is rendered once, as it came; what is sorted then are finished lines, by end time and event id. Texts of a dictionary
//! are rendered once a block. The file is a sequence of parts, each a whole gzip member or zstd frame without time and name: the same
//! lines give the same bytes, whoever packs which part.
//!
//! Nothing is allocated for a row, and buffers are used again. No I/O, no clock, no threads.

mod cells;
mod choose_writer;
mod count_rows;
mod csv;
mod estimate;
mod event_column;
mod group_lines;
mod groups;
mod ids;
mod json;
mod line;
mod line_sorter;
mod ndjson;
mod pack;
mod row;
mod split;
mod table;
mod writer;

use clickhouse_io::report::{ColumnSet, ConnectionColumns};

pub use choose_writer::choose_writer;
pub use count_rows::{count_parquet_rows, count_rows};
pub use csv::{CsvOptions, CsvWriter};
pub use estimate::{Estimate, estimate_measures, reads_denied};
pub use event_column::EventColumn;
pub use group_lines::GroupLines;
pub use groups::{
    BadRun, FOOTER_BYTES_MAX, GroupRows, GroupWriter, Merge, MergeStep, Naming, RowSorter, RunWriter, SummaryWriter,
    TakeRow, TrafficWriter, UsersWriter, footer, runs,
};
pub use line_sorter::{GivenLine, LineSorter};
pub use ndjson::NdjsonWriter;
pub use pack::{PackError, Packer, Packing};
pub use split::{FILES_MAX, SPLIT_BYTES_MIN, SPLIT_ROWS_MIN, SPREADSHEET_ROWS, TakeFiles};
pub use table::{Cell, CellType, SortedBy, TableColumn, TableError};
pub use writer::Writer;

/// Version of the bytes that are made of the same rows: raised with every change of a line, of what is stored of groups, of [`PART_TEXT_BYTES`] or of how a part is packed,
/// also by a library; and where a version before would read other rows of the same request. Slices of one file are made by one version. `tests/golden.rs` ties the bytes of known events to it.
pub const ENCODER_VERSION: i32 = 5;

/// Text of a part before it is packed, bytes: it is full with the line that reaches this.
pub const PART_TEXT_BYTES: usize = 1 << 20;

/// A column holds what no connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {0}")]
pub struct OddValue(pub &'static str);

/// Makes lines of rows.
pub trait LineWriter: Send {
    /// What it reads of a row.
    fn columns(&self) -> ColumnSet;

    /// What stands before the lines.
    fn header(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Renders the texts of a block, which has [`Self::columns`]; its lines follow.
    fn block(&mut self, columns: &ConnectionColumns<'_>);

    /// The line of a row of that block.
    ///
    /// # Errors
    /// When the row holds what no connection has.
    ///
    /// # Panics
    /// When there is no such row.
    fn line(&mut self, columns: &ConnectionColumns<'_>, row: usize) -> Result<&[u8], OddValue>;
}
