//! Rows of groups to the bytes of a file, or of several.

use crate::CsvOptions;
use crate::groups::BadRun;
use crate::groups::csv::{push_header, push_row};
use crate::split::{Split, TakeFiles};
use crate::table::{Cell, ParquetFile, TableColumn, TableError, cell_record_bytes, take_cell_record};
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
    /// Of each dimension the column of its names.
    named: Vec<usize>,
    open: Option<Open>,
    line: Vec<u8>,
    rows: u64,
}

/// A row that names may come behind.
struct Open {
    key: Vec<u8>,
    record: Vec<u8>,
    /// With the columns that they are for.
    names: Vec<(usize, Vec<u8>)>,
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
    pub(crate) fn new(file: GroupFile, split: Split, named: Vec<usize>) -> Self {
        Self { file, split, named, open: None, line: Vec::new(), rows: 0 }
    }

    /// Adds a row as [`RowSorter`](crate::RowSorter) gives it, or a name of the row before, as [`Naming`](crate::Naming) gave it. False when
    /// `files` wants no more.
    ///
    /// # Errors
    /// When it is neither, or the format cannot hold it.
    pub fn add(&mut self, key: &[u8], value: &[u8], files: &mut impl TakeFiles) -> Result<bool, TableError> {
        if let (Some(open), Some((place, row))) = (&mut self.open, key.split_last())
            && open.key == row
        {
            let column = self.named.get(usize::from(*place)).ok_or(BadRun)?;
            open.names.push((*column, value.to_vec()));
            return Ok(true);
        }
        let wants_more = self.end_row(files);
        self.open = Some(Open { key: key.to_vec(), record: value.to_vec(), names: Vec::new() });
        wants_more
    }

    fn end_row(&mut self, files: &mut impl TakeFiles) -> Result<bool, TableError> {
        let Some(Open { record, names, .. }) = self.open.take() else { return Ok(true) };
        let (mut cells, mut record) = (Vec::new(), &record[..]);
        while !record.is_empty() {
            cells.push(take_cell_record(&mut record).ok_or(BadRun)?);
        }
        for (column, name) in &names {
            *cells.get_mut(*column).ok_or(BadRun)? = Cell::text(name);
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
        self.end_row(files)?;
        if let GroupFile::Parquet(file) = &mut self.file {
            file.end(files)?;
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
    // As the record would have that knows its names.
    let bytes = cells.iter().map(|cell| cell_record_bytes(*cell)).sum();
    if let Some(rows) = split.row(bytes)
        && !next_table(file, rows, files)?
    {
        return Ok(false);
    }
    Ok(!file.row(cells)? || file.give(files)?)
}
