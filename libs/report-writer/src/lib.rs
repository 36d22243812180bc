//! The engine of a report: columns to lines, lines in order and each fact once, lines to parts of the file.
//!
//! Each block is rendered once, as it came; what is sorted then are finished lines, by end time and event id. Texts of a dictionary
//! are rendered once a block. The file is a sequence of parts, each a whole gzip member or zstd frame without time and name: the same
//! lines give the same bytes, whoever packs which part.
//!
//! Nothing is allocated for a row, and buffers are used again. No I/O, no clock, no threads.

mod cells;
mod csv;
mod line;
mod line_sorter;
mod pack;

pub use csv::{CsvBlock, CsvOptions, CsvWriter, HEADER};
pub use line_sorter::LineSorter;
pub use pack::{PackError, Packer, Packing};

/// Text of a part before it is packed, bytes: it is full with the line that reaches this.
pub const PART_TEXT_BYTES: usize = 1 << 20;

/// A column holds what no connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {0}")]
pub struct OddValue(pub &'static str);
