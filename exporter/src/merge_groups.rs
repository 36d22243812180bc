//! What slices have counted of groups becomes the report's file: merged in the order of keys, one group at a time, then sorted as the
//! report is. What does not fit memory until it is sorted lies in the store beside what the slices have counted. How far that is is told as
//! of slices: the report keeps its place.

mod merging;
mod sort_rows;

use clickhouse_io::QueryError;
use report_life::{JournalError, Plan, ReportState};
use report_store::StoreError;
use report_writer::{BadRun, GroupLines, TableError, Writer, choose_writer};
use schemas::report_event::ReportEventType;
use schemas::report_request::ReportRequest;
use service_kit::retry::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use self::merging::{Merged, Merging, Stored, failed};
use self::sort_rows::Shelf;
use crate::adapters::{FileBeingWritten, Outside};
use crate::error::FileError;
use crate::file_series::FileSeries;
use crate::life::Life;
use crate::made::{Made, MadeFile};
use crate::pack::{PartQueue, packing};
use crate::render::FileText;
use crate::stages::name_file::object_key;
use crate::write_file::{PARTS_WAITING, WriteFile, Written, abort};

/// Rows that become lines.
struct Lining {
    lines: GroupLines,
    text: FileText,
    failed: Option<TableError>,
}

impl Lining {
    fn add(&mut self, key: &[u8], value: &[u8]) -> Result<bool, BadRun> {
        match self.lines.add(key, value, &mut self.text) {
            Ok(wants_more) => Ok(wants_more),
            Err(error) => {
                self.failed = Some(error);
                Ok(false)
            }
        }
    }
}

impl<O: Outside> Life<O> {
    /// Makes the report's file, or its files, of what the slices of its plan have counted, and tells how far it is.
    pub(crate) async fn merge_groups(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        plan: &Plan,
    ) -> Result<Result<Made, FileError>, JournalError> {
        tracing::info!(report = %state.id, attempt = state.attempt, "what was counted is merged");
        let merged = watch::channel(Merged::default()).0;
        let rows = u64::try_from(state.rows_expected.unwrap_or_default()).unwrap_or_default();
        let tell = |merged: Merged| {
            // What slices have counted is merged by its bytes; as many of the rows that they have read are told.
            let (rows, size_bytes) = (merged.share_of(rows), merged.bytes_expected);
            let written = Written { rows, facts: 0, slices: plan.slices as u64, size_bytes };
            Self::told(state, written, ReportEventType::Progressed)
        };
        let merging = async {
            let key = object_key(request, state.attempt);
            let slices = plan.stored().unwrap_or_default();
            let counted = self.show_slices(writer, request, &key, &slices).await?;
            // A count of which a bit is another one is a count too.
            for ((key, _), slice) in counted.iter().zip(MadeFile::each_of(&slices)) {
                self.read_as_written(writer, key, &slice).await?;
            }
            let turn = writer.cancelled.run_until_cancelled(self.lanes.take(&request.tenant, rows)).await;
            let _lane = turn.ok_or(FileError::Cancelled)?;
            let mut made = self.merge_patiently(writer, request, state, &counted, &merged).await?;
            // Rows of such slices are events; groups become rows of the report where they are merged.
            made.written.facts = u64::try_from(plan.written().0).unwrap_or_default();
            Ok(made)
        };
        self.telling(merging, &merged, tell).await
    }

    /// A store that is away is waited for; begun again it makes the same bytes.
    async fn merge_patiently(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        counted: &[Stored],
        merged: &watch::Sender<Merged>,
    ) -> Result<Made, FileError> {
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let sorting = writer.cancelled.run_until_cancelled(self.sorted(writer, request, state, counted, merged));
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
        merged: &watch::Sender<Merged>,
    ) -> Result<(Merging, GroupLines), FileError> {
        let made = writer_of(request)?.into_rows(self.tools.names_bytes_max);
        let (rows, lines) = made.ok_or_else(|| QueryError::Mismatch("the report makes no groups".to_owned()))?;
        let bytes_expected = counted.iter().map(|(_, size_bytes)| size_bytes).sum();
        merged.send_replace(Merged { bytes: 0, bytes_expected });
        let merging = self.runs_of(writer, counted, merged).await?;
        let (object_key, next) = (object_key(request, state.attempt), counted.len() as u64);
        let shelf = Shelf { object_key, next, merged: merged.clone() };
        Ok((self.sort_rows(writer, rows, merging, shelf).await?, lines))
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
            return Ok(Made::split(Written { rows, facts: 0, slices, size_bytes }, files));
        }
        let file = self.outside.begin_file(&key).await?;
        let (rows, uploaded) = self.fill(writer, request, merging, lines, file).await?;
        let size_bytes = uploaded.size_bytes;
        Ok(Made::one(Written { rows, facts: 0, slices, size_bytes }, uploaded))
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
}

fn writer_of(request: &ReportRequest) -> Result<Writer, FileError> {
    // What cannot be made was refused before.
    Ok(choose_writer(request).map_err(QueryError::Mismatch)?)
}
