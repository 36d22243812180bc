//! Rows to the bytes of a file, whatever its kind and format.

use schemas::report_request::ReportSplit;

use crate::group_lines::{GroupFile, GroupLines};
use crate::groups::{GroupRows, RowSorter, RunWriter, footer};
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
    /// What was counted of some of the rows.
    Runs(Folding),
}

/// Groups that are given away run by run, in order of their keys, for who merges them.
struct Folding {
    groups: Box<dyn GroupWriter>,
    /// So much is held, bytes, before it becomes a run.
    run_bytes: usize,
    /// Of each run, bytes.
    lengths: Vec<u64>,
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
            Made::Runs(folding) => &mut *folding.groups,
        }
    }

    /// True where rows are counted together, and what the file lists comes about at the end.
    #[must_use]
    pub fn makes_groups(&self) -> bool {
        matches!(self.made, Made::Groups(..) | Made::Runs(_))
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
            Made::Runs(folding) => folding.groups.size_bytes(),
        }
    }

    /// The same groups of a piece of the range: what is counted is given as runs instead of a file, each when `run_bytes` are held. Others
    /// are as they were.
    #[must_use]
    pub fn into_runs(self, run_bytes: usize) -> Self {
        let made = match self.made {
            Made::Groups(groups, _) => Made::Runs(Folding { groups, run_bytes, lengths: Vec::new() }),
            others => others,
        };
        Self { made, ..self }
    }

    /// What makes rows of runs, holding so much of names at most, bytes, and what makes files of those; none where it makes no groups.
    #[must_use]
    pub fn into_rows(self, names_bytes_max: usize) -> Option<(Box<dyn GroupRows>, GroupLines)> {
        match self.made {
            Made::Groups(groups, file) => {
                Some((groups.rows(names_bytes_max), GroupLines::new(file, self.split, groups.named())))
            }
            Made::Lines(_) | Made::Table(_) | Made::Runs(_) => None,
        }
    }

    /// Gives a run away where enough for one is held. True where it did: what is left of a block has to be begun anew.
    pub fn relieve(&mut self, files: &mut impl TakeFiles) -> bool {
        match &mut self.made {
            Made::Runs(folding) if folding.groups.size_bytes() >= folding.run_bytes => {
                // Who wants no more says so at the end.
                folding.give_run(files);
                true
            }
            Made::Lines(_) | Made::Table(_) | Made::Groups(..) | Made::Runs(_) => false,
        }
    }

    /// What stands before the rows of each file.
    #[must_use]
    pub fn begin(&self) -> Vec<u8> {
        match &self.made {
            Made::Lines(lines) => lines.header(),
            Made::Groups(groups, file) => file.begin(&groups.table()),
            Made::Table(_) | Made::Runs(_) => Vec::new(),
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
            Made::Runs(folding) => {
                folding.groups.add(record);
                Ok(true)
            }
            Made::Table(table) => {
                let file = table.file();
                if let Some(rows) = self.split.row(record.len())
                    && !next_table(file, rows, files)?
                {
                    return Ok(false);
                }
                Ok(!file.record(record)? || file.give(files)?)
            }
        }
    }

    /// The end of the last file. Gives how many groups there are, where it is made of them.
    ///
    /// # Errors
    /// When the format cannot hold it.
    pub fn end(self, files: &mut impl TakeFiles) -> Result<Option<u64>, TableError> {
        let split = self.split;
        let (mut groups, file) = match self.made {
            Made::Lines(_) => {
                files.file_ends(split.rows());
                return Ok(None);
            }
            Made::Table(mut table) => {
                _ = table.file().end(files)? && files.file_ends(split.rows());
                return Ok(None);
            }
            Made::Runs(mut folding) => {
                _ = folding.give_run(files) && files.bytes(&footer(&folding.lengths)) && files.file_ends(0);
                return Ok(None);
            }
            Made::Groups(groups, file) => (groups, file),
        };
        // Names are held already.
        let (mut rows, mut sorter, mut added) = (groups.rows(usize::MAX), RowSorter::default(), Ok(()));
        let mut hold = |key: &[u8], cells: &[Cell<'_>]| sorter.push(key, cells);
        groups.give(&mut |key, value| {
            added = rows.add(key, value, &mut hold);
            added.is_ok()
        });
        added?;
        rows.end(&mut hold);
        let (mut lines, mut written) = (GroupLines::new(file, split, groups.named()), Ok(true));
        sorter.drain(|key, record| {
            written = lines.add(key, record, files);
            matches!(written, Ok(true))
        });
        written?;
        lines.end(files).map(Some)
    }
}

impl Folding {
    /// Gives what is held as a run, and forgets it. False as [`TakeFiles`] says.
    fn give_run(&mut self, files: &mut impl TakeFiles) -> bool {
        let (mut run, mut pair, mut length, mut wants_more) = (RunWriter::default(), Vec::new(), 0, true);
        self.groups.give(&mut |key, value| {
            pair.clear();
            run.push(&mut pair, key, value);
            length += pair.len() as u64;
            wants_more = files.bytes(&pair);
            wants_more
        });
        // None of nothing: there would be nothing to read.
        self.lengths.extend(Some(length).filter(|length| *length > 0));
        wants_more
    }
}

#[inline]
pub(crate) fn add_line(split: &mut Split, line: &[u8], files: &mut impl TakeFiles) -> bool {
    if let Some(rows) = split.row(line.len())
        && !(files.file_ends(rows) && files.bytes(&split.header))
    {
        return false;
    }
    files.bytes(line)
}

/// Ends a file of so many rows, and begins the next.
pub(crate) fn next_table(file: &mut ParquetFile, rows: u64, files: &mut impl TakeFiles) -> Result<bool, TableError> {
    let wants_more = file.end(files)?;
    file.begin_again()?;
    Ok(wants_more && files.file_ends(rows))
}
