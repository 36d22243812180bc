//! Rows to the bytes of a file, whatever its kind and format.

use schemas::report_request::ReportSplit;

use crate::groups::csv::{push_header, push_row};
use crate::split::{Split, TakeFiles};
use crate::table::{Cell, EventTable, ParquetFile, TableError};
use crate::{CsvOptions, EventColumn, GroupWriter, LineWriter};

/// Makes records of rows, and a file of those, or several. Lines are records too.
pub struct Writer {
    made: Made,
    split: Split,
}

enum Made {
    /// Lines, in the order of the rows.
    Lines(Box<dyn LineWriter>),
    /// Rows of a table, in the order of the rows.
    Table(Box<EventTable>),
    /// Groups, once all rows were seen.
    Groups(Box<dyn GroupWriter>, GroupFile),
}

enum GroupFile {
    Csv(CsvOptions),
    Parquet(Box<ParquetFile>),
}

impl Writer {
    fn new(made: Made) -> Self {
        Self { made, split: Split::default() }
    }

    /// The same in files that end where `asked` says.
    #[must_use]
    pub fn split(self, asked: ReportSplit) -> Self {
        let split = Split::new(asked, self.begin());
        Self { split, ..self }
    }

    /// A file of lines.
    #[must_use]
    pub fn of_lines(lines: impl LineWriter + 'static) -> Self {
        Self::new(Made::Lines(Box::new(lines)))
    }

    /// A file of groups as CSV.
    #[must_use]
    pub fn of_groups(groups: impl GroupWriter + 'static, options: CsvOptions) -> Self {
        Self::new(Made::Groups(Box::new(groups), GroupFile::Csv(options)))
    }

    pub(crate) fn of_table(table: EventTable) -> Self {
        Self::new(Made::Table(Box::new(table)))
    }

    /// A file of network events as Parquet, with these columns, that says nothing of itself.
    ///
    /// # Errors
    /// When two of them have one name.
    pub fn of_event_table(columns: &[EventColumn]) -> Result<Self, TableError> {
        EventTable::new(columns, false, Vec::new()).map(Self::of_table)
    }

    pub(crate) fn of_group_table(groups: impl GroupWriter + 'static, file: ParquetFile) -> Self {
        Self::new(Made::Groups(Box::new(groups), GroupFile::Parquet(Box::new(file))))
    }

    /// What makes a line, or a record, of each row.
    #[inline]
    pub fn rows(&mut self) -> &mut dyn LineWriter {
        match &mut self.made {
            Made::Lines(lines) => &mut **lines,
            Made::Table(table) => &mut **table,
            Made::Groups(groups, _) => &mut **groups,
        }
    }

    /// True where rows are counted together, and what the file lists comes about at the end.
    #[must_use]
    pub fn makes_groups(&self) -> bool {
        matches!(self.made, Made::Groups(..))
    }

    /// True where a file ends between two rows as they come.
    #[must_use]
    pub fn splits_rows(&self) -> bool {
        !self.makes_groups() && self.split.is_asked()
    }

    /// What groups hold, bytes, roughly; it grows with what is different, not with rows.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.made {
            Made::Lines(_) | Made::Table(_) => 0,
            Made::Groups(groups, _) => groups.size_bytes(),
        }
    }

    /// What stands before the rows of each file.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        match &self.made {
            Made::Lines(lines) => lines.header(),
            Made::Groups(groups, GroupFile::Csv(options)) => {
                let mut header = options.mark().to_vec();
                push_header(&mut header, &groups.table());
                header
            }
            Made::Table(_) | Made::Groups(_, GroupFile::Parquet(_)) => Vec::new(),
        }
    }

    /// Adds a record; gives bytes of the file, where there are some, to `files`. False when that wants no more.
    ///
    /// # Errors
    /// When the format cannot hold it.
    #[inline]
    pub fn add(&mut self, record: &[u8], files: &mut impl TakeFiles) -> Result<bool, TableError> {
        match &mut self.made {
            Made::Lines(_) => Ok(add_line(&mut self.split, record, files)),
            Made::Groups(groups, _) => {
                groups.add(record);
                Ok(true)
            }
            Made::Table(table) => {
                let file = table.file();
                if let Some(rows) = self.split.row(record.len())
                    && !next_table(file, rows, files)?
                {
                    return Ok(false);
                }
                Ok(!file.record(record)? || files.bytes(&file.take()?))
            }
        }
    }

    /// The end of the last file. Gives how many groups there are, where it is made of them.
    ///
    /// # Errors
    /// When the format cannot hold it.
    pub fn end(self, files: &mut impl TakeFiles) -> Result<Option<u64>, TableError> {
        let mut split = self.split;
        let (mut groups, file) = match self.made {
            Made::Lines(_) => {
                files.file_ends(split.rows());
                return Ok(None);
            }
            Made::Table(mut table) => {
                _ = files.bytes(&table.file().end()?) && files.file_ends(split.rows());
                return Ok(None);
            }
            Made::Groups(groups, file) => (groups, file),
        };
        let (mut rows, mut written) = (0, Ok(true));
        match file {
            GroupFile::Csv(options) => {
                let mut line = Vec::new();
                groups.rows(&mut |cells| {
                    rows += 1;
                    line.clear();
                    push_row(&mut line, cells, options);
                    add_line(&mut split, &line, files)
                });
            }
            GroupFile::Parquet(mut file) => {
                groups.rows(&mut |cells| {
                    rows += 1;
                    written = add_cells(&mut split, &mut file, cells, files);
                    matches!(written, Ok(true))
                });
                if written? {
                    files.bytes(&file.end()?);
                }
            }
        }
        files.file_ends(split.rows());
        Ok(Some(rows))
    }
}

#[inline]
fn add_line(split: &mut Split, line: &[u8], files: &mut impl TakeFiles) -> bool {
    if let Some(rows) = split.row(line.len())
        && !(files.file_ends(rows) && files.bytes(&split.header))
    {
        return false;
    }
    files.bytes(line)
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

/// Ends a file of so many rows, and begins the next.
fn next_table(file: &mut ParquetFile, rows: u64, files: &mut impl TakeFiles) -> Result<bool, TableError> {
    let ended = file.end()?;
    file.begin_again()?;
    Ok(files.bytes(&ended) && files.file_ends(rows))
}
