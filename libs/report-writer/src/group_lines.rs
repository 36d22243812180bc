//! Rows of groups to the bytes of a file, or of several.

use crate::CsvOptions;
use crate::groups::BadRun;
use crate::groups::csv::{push_header, push_row};
use crate::split::{Split, TakeFiles};
use crate::table::{Cell, ParquetFile, TableColumn, TableError, take_cell_record};
use crate::writer::{add_line, next_table};

/// What a file of groups is.
pub(crate) enum GroupFile {
    Csv(CsvOptions),
    Parquet(Box<ParquetFile>),
}

/// Files of groups, whose rows come in the order of the report.
pub struct GroupLines {
    file: GroupFile,
    split: Split,
    line: Vec<u8>,
    rows: u64,
}

impl GroupFile {
    /// What stands before the rows of each file.
    pub(crate) fn begin(&self, table: &[TableColumn]) -> Vec<u8> {
        let Self::Csv(options) = self else { return Vec::new() };
        let mut header = options.mark().to_vec();
        push_header(&mut header, table);
        header
    }
}

impl GroupLines {
    pub(crate) fn new(file: GroupFile, split: Split) -> Self {
        Self { file, split, line: Vec::new(), rows: 0 }
    }

    /// Adds a row as [`RowSorter`](crate::RowSorter) gives it. False when `files` wants no more.
    ///
    /// # Errors
    /// When it is no row, or the format cannot hold it.
    pub fn add(&mut self, mut record: &[u8], files: &mut impl TakeFiles) -> Result<bool, TableError> {
        let mut cells = Vec::new();
        while !record.is_empty() {
            cells.push(take_cell_record(&mut record).ok_or(BadRun)?);
        }
        self.rows += 1;
        match &mut self.file {
            GroupFile::Csv(options) => {
                self.line.clear();
                push_row(&mut self.line, &cells, *options);
                Ok(add_line(&mut self.split, &self.line, files))
            }
            GroupFile::Parquet(file) => add_cells(&mut self.split, file, &cells, files),
        }
    }

    /// The end of the last file. Gives how many groups there are.
    ///
    /// # Errors
    /// When the format cannot hold it.
    pub fn end(mut self, files: &mut impl TakeFiles) -> Result<u64, TableError> {
        if let GroupFile::Parquet(file) = &mut self.file {
            files.bytes(&file.end()?);
        }
        files.file_ends(self.split.rows());
        Ok(self.rows)
    }
}

fn add_cells(
    split: &mut Split,
    file: &mut ParquetFile,
    cells: &[Cell<'_>],
    files: &mut impl TakeFiles,
) -> Result<bool, TableError> {
    // Bytes do not end a table.
    if let Some(rows) = split.row(0)
        && !next_table(file, rows, files)?
    {
        return Ok(false);
    }
    Ok(!file.row(cells)? || files.bytes(&file.take()?))
}
