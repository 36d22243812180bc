//! Files of a report that is split: one after the other, each begun when something of it comes, and visible once it is whole. One that
//! another comes behind is noted, and whoever takes the report over goes on behind it. Nobody else knows of them before the report is
//! completed.

use clickhouse_io::report::ReportQuery;
use report_life::{JournalError, ReportState, Series, file_key};
use report_store::StoreError;
use report_writer::ENCODER_VERSION;
use schemas::report_event::{FileDone, ReportEvent, ReportEventType, RowPlace};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use tokio::sync::{mpsc, watch};

use crate::adapters::{FileBeingWritten, Outside, Uploaded};
use crate::error::FileError;
use crate::life::Life;
use crate::made::Made;
use crate::make::signed;
use crate::metrics::Counted;
use crate::render::Start;
use crate::stages::name_file::object_key;
use crate::write_file::{Piece, WriteFile, Written};

/// Notes that wait for Kafka: as many as there may be files, which go on while it is away.
const NOTES_WAITING: usize = 1_000;

/// A file that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WholeFile {
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

/// All files of an attempt.
pub(crate) struct FileSeries<'a, O: Outside> {
    outside: &'a O,
    object_key: String,
    /// The one that is written now.
    open: Option<O::File>,
    whole: Vec<WholeFile>,
    notes: mpsc::Sender<FileDone>,
}

impl<'a, O: Outside> FileSeries<'a, O> {
    /// Behind those that are `kept`, from the first one on.
    pub(crate) fn new(outside: &'a O, object_key: String, kept: &[FileDone], notes: mpsc::Sender<FileDone>) -> Self {
        let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
        let whole = kept.iter().map(|file| WholeFile {
            rows: unsigned(file.rows),
            size_bytes: unsigned(file.size_bytes),
            sha256: file.sha256.clone(),
        });
        Self { outside, object_key, open: None, whole: whole.collect(), notes }
    }

    fn rows(&self) -> u64 {
        self.whole.iter().map(|file| file.rows).sum()
    }

    /// The one that is written now, or the next one.
    async fn begun(&mut self) -> Result<O::File, StoreError> {
        if let Some(file) = self.open.take() {
            return Ok(file);
        }
        self.outside.begin_file(&file_key(&self.object_key, signed(self.files_ended()))).await
    }
}

impl<O: Outside> FileBeingWritten for FileSeries<'_, O> {
    type Finished = Vec<WholeFile>;

    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.begun().await?;
        self.open.insert(file).write(bytes).await
    }

    /// One without a byte is a file too.
    async fn file_ends(&mut self, rows: u64, last_row: Option<RowPlace>) -> Result<(), StoreError> {
        let file = self.begun().await?;
        let Uploaded { size_bytes, sha256 } = file.finish().await?;
        if let Some(last_row) = last_row {
            let number = i32::try_from(self.files_ended()).unwrap_or(i32::MAX);
            let (rows, size_bytes, sha256) = (signed(rows), signed(size_bytes), sha256.clone());
            // There is room, and one that is not noted is made again.
            _ = self.notes.try_send(FileDone { number, rows, size_bytes, sha256, last_row });
        }
        self.whole.push(WholeFile { rows, size_bytes, sha256 });
        Ok(())
    }

    fn files_ended(&self) -> u64 {
        self.whole.len() as u64
    }

    fn size_bytes(&self) -> u64 {
        let whole: u64 = self.whole.iter().map(|file| file.size_bytes).sum();
        whole + self.open.as_ref().map_or(0, FileBeingWritten::size_bytes)
    }

    async fn finish(self) -> Result<Vec<WholeFile>, StoreError> {
        Ok(self.whole)
    }

    async fn abort(self) -> Result<(), StoreError> {
        match self.open {
            Some(file) => file.abort().await,
            None => Ok(()),
        }
    }
}

impl<O: Outside> Life<O> {
    /// Goes on in the attempt of an exporter that is gone, behind the files that it has noted, as far as they are there.
    pub(crate) async fn go_on_behind(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
        state: &ReportState,
        series: &Series,
    ) -> Result<Result<Made, FileError>, JournalError> {
        let preparing = async {
            let _queued = Counted::new(&self.metrics.queued);
            let kept = self.kept(writer, request, state, series).await?;
            let (rest, start) = rest_of(query, kept.last());
            let slices = writer.plan(request, &rest, || self.planning.take(&request.tenant, 0)).await?;
            let lane = self.in_turn(request, &slices).await;
            Ok::<_, FileError>((kept, rest, start, slices, lane))
        };
        let preparing = writer.cancelled.run_until_cancelled(preparing);
        let (kept, rest, start, slices, _lane) = match preparing.await.unwrap_or(Err(FileError::Cancelled)) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let _running = Counted::new(&self.metrics.running);
        tracing::info!(report = %state.id, attempt = state.attempt, "{} files are kept, the next one is begun", kept.len());
        let piece = Piece { request, query: &rest, slices: &slices, start };
        self.write_series(writer, state, piece, &kept).await
    }

    /// Writes the files of a split report, behind those that are `kept`.
    pub(crate) async fn write_series(
        &self,
        writer: &WriteFile<'_, O>,
        state: &ReportState,
        piece: Piece<'_>,
        kept: &[FileDone],
    ) -> Result<Result<Made, FileError>, JournalError> {
        let (notes, noted) = mpsc::channel(NOTES_WAITING);
        let series = FileSeries::new(&*self.outside, object_key(piece.request, state.attempt), kept, notes);
        let slices_expected = state.slices_expected.and_then(|slices| u64::try_from(slices).ok()).unwrap_or_default();
        let slices = slices_expected.saturating_sub(piece.slices.len() as u64);
        // Files are kept of events only, and of those rows are events.
        let rows = series.rows();
        let written = Written { rows, facts: rows, slices, size_bytes: series.size_bytes() };
        let progress = watch::channel(written).0;
        let tell = |written| Self::told(state, written, ReportEventType::Progressed);
        let writing = self.noting(state, noted, writer.write(series, piece, &progress));
        let files = self.telling(writing, &progress, tell).await??;
        Ok(files.map(|files| Made::split(*progress.borrow(), files)))
    }

    /// Notes files that are whole, until `writing` is done.
    async fn noting<T>(
        &self,
        state: &ReportState,
        mut whole: mpsc::Receiver<FileDone>,
        writing: impl Future<Output = T>,
    ) -> Result<T, JournalError> {
        let mut writing = std::pin::pin!(writing);
        loop {
            let file = tokio::select! {
                written = &mut writing => return Ok(written),
                Some(file) = whole.recv() => file,
            };
            let noted = ReportEvent {
                file: Some(file),
                encoder_version: Some(ENCODER_VERSION),
                ..Self::event(state, ReportEventType::FileDone)
            };
            // What was not noted before the last file is whole is of no use any more.
            tokio::select! {
                written = &mut writing => return Ok(written),
                noted = self.outside.append(&noted) => noted?,
            }
        }
    }

    /// Files that were noted, before the first one that is not there as it was.
    async fn kept(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        state: &ReportState,
        series: &Series,
    ) -> Result<Vec<FileDone>, FileError> {
        let (object_key, mut kept) = (object_key(request, state.attempt), Vec::new());
        for file in &series.files {
            let key = file_key(&object_key, file.number.into());
            match self.persist(writer, "looking for a file", || self.outside.file_size(&key)).await {
                Ok(size_bytes) if signed(size_bytes) == file.size_bytes => kept.push(file.clone()),
                Ok(_) | Err(FileError::Store(StoreError::NotFound(_))) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }
}

/// What is to be read behind a file: from the millisecond of its last row on, since copies share one.
fn rest_of(query: &ReportQuery, last: Option<&FileDone>) -> (ReportQuery, Start) {
    let Some(last_row) = last.map(|file| file.last_row) else { return (query.clone(), Start::Beginning) };
    let from = Moment::from_millis(last_row.end_time.as_millis()).max(query.filter.from);
    let filter = query.filter.within(from, query.filter.to);
    (ReportQuery { filter, ..query.clone() }, Start::Behind(last_row))
}

#[cfg(test)]
mod tests;
