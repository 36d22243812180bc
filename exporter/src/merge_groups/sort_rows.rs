//! Groups become rows, which are sorted as the report is: in memory where they fit, and in the store where they do not. So are names of ids
//! for which there was no room while rows were made: each is brought to the rows that want it, by a merge, and comes behind them.

use report_life::groups_key;
use report_writer::{BadRun, GroupRows, Naming, PART_TEXT_BYTES, RowSorter, footer};
use tokio::sync::watch;

use super::merging::{Merged, Merging, Stored, failed};
use crate::adapters::{FileBeingWritten, Outside};
use crate::error::FileError;
use crate::life::Life;
use crate::make::signed;
use crate::write_file::WriteFile;

/// Objects beside what slices have counted, one after the other.
pub(super) struct Shelf {
    /// Of the report's file.
    pub(super) object_key: String,
    /// Number of the next one.
    pub(super) next: u64,
    pub(super) merged: watch::Sender<Merged>,
}

/// Groups that become rows, which wait for being sorted.
struct Sorting {
    rows: Box<dyn GroupRows>,
    sorter: RowSorter,
    bytes_max: usize,
}

/// Names that find their rows, and wait for being sorted as those are.
struct Joining {
    naming: Naming,
    sorter: RowSorter,
    bytes_max: usize,
}

impl Sorting {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<bool, BadRun> {
        let sorter = &mut self.sorter;
        self.rows.add(key, value, &mut |key, cells| sorter.push(key, cells))?;
        Ok(!self.is_full() && self.full_names().is_none())
    }

    fn is_full(&self) -> bool {
        self.sorter.size_bytes() >= self.bytes_max
    }

    /// Names, and who wants them, where they are as many as are held.
    fn full_names(&mut self) -> Option<&mut RowSorter> {
        self.rows.names().filter(|names| names.size_bytes() >= self.bytes_max)
    }

    fn end(&mut self) {
        let sorter = &mut self.sorter;
        self.rows.end(&mut |key, cells| sorter.push(key, cells));
    }
}

impl Joining {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<bool, BadRun> {
        self.naming.add(key, value, &mut self.sorter)?;
        Ok(self.sorter.size_bytes() < self.bytes_max)
    }
}

impl<O: Outside> Life<O> {
    /// The rows of all groups, in the order of the report.
    pub(super) async fn sort_rows(
        &self,
        writer: &WriteFile<'_, O>,
        rows: Box<dyn GroupRows>,
        mut merging: Merging,
        mut shelf: Shelf,
    ) -> Result<Merging, FileError> {
        let mut sorting = Sorting { rows, sorter: RowSorter::default(), bytes_max: self.tools.rows_bytes_max };
        let (mut sorted, mut names) = (Vec::<Stored>::new(), Vec::<Stored>::new());
        loop {
            let is_done;
            (merging, sorting, is_done) = self.advance(writer, merging, sorting, Sorting::add).await?;
            if is_done {
                sorting.end();
            }
            let given = if is_done { sorting.rows.names() } else { sorting.full_names() };
            if let Some(given) = given {
                let (_, run) = in_order(std::mem::take(given)).await?;
                names.push(self.store_run(&mut shelf, &run).await?);
            }
            if is_done && sorted.is_empty() && names.is_empty() {
                let (_, run) = in_order(sorting.sorter).await?;
                return Ok(Merging::of_held(&run, shelf.merged));
            }
            if is_done || sorting.is_full() {
                let run;
                (sorting.sorter, run) = in_order(sorting.sorter).await?;
                sorted.push(self.store_run(&mut shelf, &run).await?);
            }
            if is_done {
                break;
            }
        }
        if !names.is_empty() {
            sorted.extend(self.name_rows(writer, &names, &mut shelf).await?);
        }
        self.runs_of(writer, &sorted, &shelf.merged).await
    }

    /// The names that rows want, in the order of rows.
    async fn name_rows(
        &self,
        writer: &WriteFile<'_, O>,
        names: &[Stored],
        shelf: &mut Shelf,
    ) -> Result<Vec<Stored>, FileError> {
        let mut merging = self.runs_of(writer, names, &shelf.merged).await?;
        let (naming, sorter) = (Naming::default(), RowSorter::default());
        let mut joining = Joining { naming, sorter, bytes_max: self.tools.rows_bytes_max };
        let mut sorted = Vec::new();
        loop {
            let (is_done, run);
            (merging, joining, is_done) = self.advance(writer, merging, joining, Joining::add).await?;
            (joining.sorter, run) = in_order(joining.sorter).await?;
            // None of nothing: there would be nothing to read.
            if !run.is_empty() {
                sorted.push(self.store_run(shelf, &run).await?);
            }
            if is_done {
                return Ok(sorted);
            }
        }
    }

    /// Keeps a run in the store until the others are there. What is broken off is swept when the report has ended.
    async fn store_run(&self, shelf: &mut Shelf, run: &[u8]) -> Result<Stored, FileError> {
        let key = groups_key(&shelf.object_key, signed(shelf.next));
        shelf.next += 1;
        let mut file = self.outside.begin_file(&key).await?;
        for piece in run.chunks(PART_TEXT_BYTES) {
            file.write(piece).await?;
        }
        file.write(&footer(&[run.len() as u64])).await?;
        let size_bytes = file.finish().await?.size_bytes;
        shelf.merged.send_modify(|merged| merged.bytes_expected += size_bytes);
        Ok((key, size_bytes))
    }
}

/// All that is held as a run, and the sorter without it.
async fn in_order(mut sorter: RowSorter) -> Result<(RowSorter, Vec<u8>), FileError> {
    let sorting = tokio::task::spawn_blocking(move || {
        let run = sorter.take_run();
        (sorter, run)
    });
    sorting.await.map_err(|error| failed(error.to_string()).into())
}
