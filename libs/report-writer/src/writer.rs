//! Rows to the bytes of a file, whatever its kind and format.

use crate::groups::csv::{push_header, push_row};
use crate::table::{EventTable, ParquetFile, TableError};
use crate::{CsvOptions, EventColumn, GroupWriter, LineWriter};

/// Makes records of rows, and a file of those. Lines are records too.
pub struct Writer(Made);

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
    /// A file of lines.
    #[must_use]
    pub fn of_lines(lines: impl LineWriter + 'static) -> Self {
        Self(Made::Lines(Box::new(lines)))
    }

    /// A file of groups as CSV.
    #[must_use]
    pub fn of_groups(groups: impl GroupWriter + 'static, options: CsvOptions) -> Self {
        Self(Made::Groups(Box::new(groups), GroupFile::Csv(options)))
    }

    pub(crate) fn of_table(table: EventTable) -> Self {
        Self(Made::Table(Box::new(table)))
    }

    /// A file of network events as Parquet, with these columns, that says nothing of itself.
    ///
    /// # Errors
    /// When two of them have one name.
    pub fn of_event_table(columns: &[EventColumn]) -> Result<Self, TableError> {
        EventTable::new(columns, false, Vec::new()).map(Self::of_table)
    }

    pub(crate) fn of_group_table(groups: impl GroupWriter + 'static, file: ParquetFile) -> Self {
        Self(Made::Groups(Box::new(groups), GroupFile::Parquet(Box::new(file))))
    }

    /// What makes a line, or a record, of each row.
    #[inline]
    pub fn rows(&mut self) -> &mut dyn LineWriter {
        match &mut self.0 {
            Made::Lines(lines) => &mut **lines,
            Made::Table(table) => &mut **table,
            Made::Groups(groups, _) => &mut **groups,
        }
    }

    /// True where rows are counted together, and what the file lists comes about at the end.
    #[must_use]
    pub fn makes_groups(&self) -> bool {
        matches!(self.0, Made::Groups(..))
    }

    /// What groups hold, bytes, roughly; it grows with what is different, not with rows.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match &self.0 {
            Made::Lines(_) | Made::Table(_) => 0,
            Made::Groups(groups, _) => groups.size_bytes(),
        }
    }

    /// What stands before all rows.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        match &self.0 {
            Made::Lines(lines) => lines.header(),
            Made::Groups(groups, GroupFile::Csv(options)) => {
                let mut header = options.mark().to_vec();
                push_header(&mut header, &groups.table());
                header
            }
            Made::Table(_) | Made::Groups(_, GroupFile::Parquet(_)) => Vec::new(),
        }
    }

    /// Adds a record; gives bytes of the file, where there are some, to `take`. False when that wants no more.
    ///
    /// # Errors
    /// When the format cannot hold it.
    #[inline]
    pub fn add(&mut self, record: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> Result<bool, TableError> {
        match &mut self.0 {
            Made::Lines(_) => Ok(take(record)),
            Made::Groups(groups, _) => {
                groups.add(record);
                Ok(true)
            }
            Made::Table(table) => {
                let file = table.file();
                Ok(!file.record(record)? || take(&file.take()?))
            }
        }
    }

    /// The end of the file. Gives how many groups there are, where it is made of them.
    ///
    /// # Errors
    /// When the format cannot hold it.
    pub fn end(self, mut take: impl FnMut(&[u8]) -> bool) -> Result<Option<u64>, TableError> {
        let (groups, file) = match self.0 {
            Made::Lines(_) => return Ok(None),
            Made::Table(mut table) => {
                take(&table.file().end()?);
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
                    take(&line)
                });
            }
            GroupFile::Parquet(mut file) => {
                groups.rows(&mut |cells| {
                    rows += 1;
                    written = file.row(cells).and_then(|ended| Ok(!ended || take(&file.take()?)));
                    matches!(written, Ok(true))
                });
                if written? {
                    take(&file.end()?);
                }
            }
        }
        Ok(Some(rows))
    }
}
