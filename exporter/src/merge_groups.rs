//! What slices have counted of groups becomes the report's file: merged in the order of keys, one group at a time, then sorted as the
//! report is. What does not fit memory until it is sorted lies in the store beside what the slices have counted.

use std::ops::Range;

use bytes::Bytes;
use clickhouse_io::QueryError;
use report_life::{ReportState, groups_key};
use report_store::StoreError;
use report_writer::{
    BadRun, FOOTER_BYTES_MAX, GroupLines, GroupRows, Merge, MergeStep, PART_TEXT_BYTES, RowSorter, TableError, Writer,
    choose_writer, footer, runs,
};
use schemas::report_request::ReportRequest;
use service_kit::retry::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::adapters::{FileBeingWritten, Outside};
use crate::error::FileError;
use crate::file_series::FileSeries;
use crate::life::Life;
use crate::make::signed;
use crate::pack::{PartQueue, packing};
use crate::render::{FileText, GROUPS_BYTES_MAX};
use crate::seal::Made;
use crate::stages::name_file::object_key;
use crate::write_file::{PARTS_WAITING, WriteFile, Written, abort};

/// What is held of all runs together while they are merged, bytes; each is read in pieces.
const RUNS_BYTES: u64 = 16 << 20;
/// Of one run at least, and at most.
const PIECE_BYTES: Range<u64> = 16 << 10..1 << 20;

/// An object of the store, and its size, bytes.
pub(crate) type Stored = (String, u64);

/// Runs that are merged, and what of each has not been read.
struct Merging {
    merge: Merge,
    rest: Vec<(String, Range<u64>)>,
    piece_bytes: u64,
}

/// Groups that become rows, which wait for being sorted.
struct Sorting {
    rows: Box<dyn GroupRows>,
    sorter: RowSorter,
    bytes_max: usize,
}

/// Rows that become lines.
struct Lining {
    lines: GroupLines,
    text: FileText,
    failed: Option<TableError>,
}

impl Merging {
    fn of_runs(rest: Vec<(String, Range<u64>)>) -> Self {
        let each = RUNS_BYTES / (rest.len() as u64).max(1);
        let piece_bytes = each.clamp(PIECE_BYTES.start, PIECE_BYTES.end);
        Self { merge: Merge::new(rest.len()), rest, piece_bytes }
    }

    /// Of one run that is held.
    fn of_held(run: &[u8]) -> Self {
        let mut merge = Merge::new(1);
        merge.feed(0, run, true);
        Self { merge, rest: Vec::new(), piece_bytes: 0 }
    }
}

impl Sorting {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<bool, BadRun> {
        let sorter = &mut self.sorter;
        self.rows.add(key, value, &mut |key, cells| sorter.push(key, cells))?;
        Ok(sorter.size_bytes() < self.bytes_max && !self.is_too_large())
    }

    fn is_too_large(&self) -> bool {
        self.rows.size_bytes() > GROUPS_BYTES_MAX
    }
}

impl Lining {
    fn add(&mut self, _: &[u8], record: &[u8]) -> Result<bool, BadRun> {
        match self.lines.add(record, &mut self.text) {
            Ok(wants_more) => Ok(wants_more),
            Err(error) => {
                self.failed = Some(error);
                Ok(false)
            }
        }
    }
}

/// Takes a key and its value; false where it wants no more for now.
type TakePair<T> = fn(&mut T, &[u8], &[u8]) -> Result<bool, BadRun>;

impl<O: Outside> Life<O> {
    /// Makes the report's file, or its files, of what slices have counted. A store that is away is waited for; begun again it makes the
    /// same bytes.
    pub(crate) async fn merge_groups(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        counted: &[Stored],
    ) -> Result<Made, FileError> {
        let rows = u64::try_from(state.rows_expected.unwrap_or_default()).unwrap_or_default();
        let turn = writer.cancelled.run_until_cancelled(self.lanes.take(&request.tenant, rows)).await;
        let _lane = turn.ok_or(FileError::Cancelled)?;
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let sorting = writer.cancelled.run_until_cancelled(self.sorted(writer, request, state, counted));
            let made = match sorting.await.unwrap_or(Err(FileError::Cancelled)) {
                Ok((merging, lines)) => self.write_lines(writer, request, state, merging, lines, counted.len()).await,
                Err(error) => Err(error),
            };
            match made {
                Err(FileError::Store(error @ StoreError::Failed { .. })) if begin.elapsed() < self.config.retry_max => {
                    tracing::warn!(%error, report = %state.id, "merging is begun again");
                    self.metrics.retries.inc();
                    let wait = tokio::time::sleep(backoff.next_wait());
                    writer.cancelled.run_until_cancelled(wait).await.ok_or(FileError::Cancelled)?;
                }
                made => return made,
            }
        }
    }

    /// The rows of all groups, in the order of the report, and what makes lines of them.
    async fn sorted(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        counted: &[Stored],
    ) -> Result<(Merging, GroupLines), FileError> {
        let made = writer_of(request)?.into_rows();
        let (rows, lines) = made.ok_or_else(|| QueryError::Mismatch("the report makes no groups".to_owned()))?;
        let mut merging = self.runs_of(writer, counted).await?;
        let mut sorting = Sorting { rows, sorter: RowSorter::default(), bytes_max: self.tools.rows_bytes_max };
        let mut stored: Vec<Stored> = Vec::new();
        loop {
            let is_done;
            (merging, sorting, is_done) = self.advance(writer, merging, sorting, Sorting::add).await?;
            if sorting.is_too_large() {
                return Err(FileError::TooManyValues);
            }
            if is_done {
                let Sorting { rows, sorter, .. } = &mut sorting;
                rows.end(&mut |key, cells| sorter.push(key, cells));
            }
            if is_done && stored.is_empty() {
                let run = in_order(sorting.sorter).await?.1;
                return Ok((Merging::of_held(&run), lines));
            }
            let run;
            (sorting.sorter, run) = in_order(sorting.sorter).await?;
            let number = signed((counted.len() + stored.len()) as u64);
            stored.push(self.store_rows(groups_key(&object_key(request, state.attempt), number), &run).await?);
            if is_done {
                return Ok((self.runs_of(writer, &stored).await?, lines));
            }
        }
    }

    /// Keeps rows in the store until the others are there. What is broken off is swept when the report has ended.
    async fn store_rows(&self, key: String, run: &[u8]) -> Result<Stored, FileError> {
        let mut file = self.outside.begin_file(&key).await?;
        for piece in run.chunks(PART_TEXT_BYTES) {
            file.write(piece).await?;
        }
        file.write(&footer(&[run.len() as u64])).await?;
        Ok((key, file.finish().await?))
    }

    async fn write_lines(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        merging: Merging,
        lines: GroupLines,
        slices: usize,
    ) -> Result<Made, FileError> {
        let (key, slices) = (object_key(request, state.attempt), slices as u64);
        if request.split.is_some() {
            // Files of groups are not noted: whoever takes the report over has what the slices have counted.
            let series = FileSeries::new(&*self.outside, key, &[], mpsc::channel(1).0);
            let (rows, files) = self.fill(writer, request, merging, lines, series).await?;
            let size_bytes = files.iter().map(|file| file.size_bytes).sum();
            return Ok(Made { written: Written { rows, facts: 0, slices, size_bytes }, files: Some(files) });
        }
        let file = self.outside.begin_file(&key).await?;
        let (rows, size_bytes) = self.fill(writer, request, merging, lines, file).await?;
        Ok(Written { rows, facts: 0, slices, size_bytes }.into())
    }

    /// Gives how many rows were written, and what the file is once it is finished.
    async fn fill<F: FileBeingWritten>(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        merging: Merging,
        lines: GroupLines,
        mut file: F,
    ) -> Result<(u64, F::Finished), FileError> {
        let (texts, received) = mpsc::channel(PARTS_WAITING);
        let parts = PartQueue::new(packing(request), self.tools.clone());
        let progress = watch::channel(Written::default()).0;
        let begin = writer_of(request)?.begin();
        let text = FileText::new(&begin, texts, self.tools.clone(), progress.clone(), self.metrics.rows.clone());
        let filling = async {
            tokio::try_join!(
                self.line(writer, merging, Lining { lines, text, failed: None }),
                writer.upload(received, parts, &mut file, &progress)
            )
        };
        match writer.cancelled.run_until_cancelled(filling).await.unwrap_or(Err(FileError::Cancelled)) {
            Ok((rows, ())) => Ok((rows, file.finish().await?)),
            Err(error) => {
                abort(file).await;
                Err(error)
            }
        }
    }

    /// Makes lines of rows, up to the end of the last file; gives how many.
    async fn line(&self, writer: &WriteFile<'_, O>, merging: Merging, lining: Lining) -> Result<u64, FileError> {
        let (_, lining, is_done) = self.advance(writer, merging, lining, Lining::add).await?;
        if let Some(error) = lining.failed {
            return Err(QueryError::Mismatch(error.to_string()).into());
        }
        if !is_done {
            return Err(failed("nobody takes lines".to_owned()).into());
        }
        let Lining { lines, mut text, .. } = lining;
        let ended = tokio::task::spawn_blocking(move || {
            let ended = lines.end(&mut text);
            text.close(ended.as_ref().copied().unwrap_or_default());
            ended
        });
        let ended = ended.await.map_err(|error| failed(error.to_string()))?;
        ended.map_err(|error| QueryError::Mismatch(error.to_string()).into())
    }

    /// Merges, and reads what that waits for, until `take` wants no more; true where all is merged.
    async fn advance<T: Send + 'static>(
        &self,
        writer: &WriteFile<'_, O>,
        mut merging: Merging,
        mut to: T,
        take: TakePair<T>,
    ) -> Result<(Merging, T, bool), FileError> {
        loop {
            // It takes a while: not on the threads that wait for sockets.
            let stepping = tokio::task::spawn_blocking(move || {
                let step = merging.merge.step(|key, value| take(&mut to, key, value));
                (merging, to, step)
            });
            let step;
            (merging, to, step) = stepping.await.map_err(|error| failed(error.to_string()))?;
            match step.map_err(broken)? {
                MergeStep::Done => return Ok((merging, to, true)),
                MergeStep::Full => return Ok((merging, to, false)),
                MergeStep::Wants(run) => {
                    let (key, rest) = merging.rest.get_mut(run).ok_or_else(|| broken(BadRun))?;
                    let piece = rest.start..rest.end.min(rest.start + merging.piece_bytes);
                    let bytes = self.read_piece(writer, key, piece.clone()).await?;
                    rest.start = piece.end;
                    merging.merge.feed(run, &bytes, rest.is_empty());
                }
            }
        }
    }

    /// The runs of all objects, in their order.
    async fn runs_of(&self, writer: &WriteFile<'_, O>, counted: &[Stored]) -> Result<Merging, FileError> {
        let mut all = Vec::new();
        for (key, size_bytes) in counted {
            let end = size_bytes.saturating_sub(FOOTER_BYTES_MAX)..*size_bytes;
            let end = self.read_piece(writer, key, end).await?;
            let of_object = runs(*size_bytes, &end).map_err(broken)?;
            all.extend(of_object.into_iter().map(|run| (key.clone(), run)));
        }
        Ok(Merging::of_runs(all))
    }

    async fn read_piece(&self, writer: &WriteFile<'_, O>, key: &str, piece: Range<u64>) -> Result<Bytes, FileError> {
        let read = || self.outside.read_piece(key, piece.clone());
        let bytes = self.persist(writer, "reading what was counted", read).await?;
        if bytes.len() as u64 == piece.end - piece.start { Ok(bytes) } else { Err(broken(BadRun)) }
    }
}

fn writer_of(request: &ReportRequest) -> Result<Writer, FileError> {
    // What cannot be made was refused before.
    Ok(choose_writer(request).map_err(QueryError::Mismatch)?)
}

/// All rows as a run, and the sorter without them.
async fn in_order(mut sorter: RowSorter) -> Result<(RowSorter, Vec<u8>), FileError> {
    let sorting = tokio::task::spawn_blocking(move || {
        let run = sorter.take_run();
        (sorter, run)
    });
    sorting.await.map_err(|error| failed(error.to_string()).into())
}

fn failed(reason: String) -> StoreError {
    StoreError::Failed { action: "merging", reason }
}

fn broken(bad: BadRun) -> FileError {
    StoreError::Broken(bad.to_string()).into()
}
