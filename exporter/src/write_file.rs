//! Rows to a file in the store, in bounded memory: one task reads, a thread renders, cores pack, and what is ready is uploaded. Each
//! waits for the next.

use std::time::Duration;

use clickhouse_io::report::{Cut, ReportQuery, Slice};
use clickhouse_io::{NextStep, QueryError};
use report_store::StoreError;
use schemas::report_request::{ReportFormat, ReportRequest};
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::adapters::{FileBeingWritten, Outside, RowsBeingRead};
use crate::back_off::Load;
use crate::error::FileError;
use crate::metrics::ExporterMetrics;
use crate::pack::{PartQueue, packing};
use crate::render::{RUN_BYTES, Renderer, Start, Text};
use crate::render_thread::RenderThread;
use crate::tools::Tools;
use report_writer::{FILES_MAX, Packing, choose_writer};

/// Pieces of an answer, of some hundred KB, that wait to be rendered.
const PIECES_WAITING: usize = 8;
/// Parts, of a MB of text, that wait to be packed.
pub(crate) const PARTS_WAITING: usize = 1;

/// What has been written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    /// Events that were read for them, each once.
    pub(crate) facts: u64,
    pub(crate) slices: u64,
    pub(crate) size_bytes: u64,
}

/// What is written: slices of a report, and where in it they begin.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) request: &'a ReportRequest,
    pub(crate) query: &'a ReportQuery,
    pub(crate) slices: &'a [Slice],
    pub(crate) start: Start,
}

/// One attempt at a file, or at a slice of it.
pub(crate) struct WriteFile<'a, O> {
    pub(crate) outside: &'a O,
    pub(crate) metrics: &'a ExporterMetrics,
    /// Is told what was refused.
    pub(crate) load: &'a Load,
    /// How a report is cut.
    pub(crate) cut: Cut,
    /// How long a step is tried again.
    pub(crate) retry_max: Duration,
    pub(crate) tools: &'a Tools,
    /// Nobody wants the file any more.
    pub(crate) cancelled: &'a CancellationToken,
}

impl<O: Outside> WriteFile<'_, O> {
    /// Cuts the range into slices, each time in a turn of its own: a plan that a server cannot make holds up nobody else's.
    pub(crate) async fn plan<T, F>(
        &self,
        request: &ReportRequest,
        query: &ReportQuery,
        turn: impl Fn() -> F,
    ) -> Result<Vec<Slice>, QueryError>
    where
        F: Future<Output = T>,
    {
        let (cut, mut patience) = (self.cut_of(request), Patience::new(self.retry_max));
        loop {
            let turn = turn().await;
            let planned = self.outside.plan(query, &cut).await;
            drop(turn);
            match planned {
                Err(error) => self.again(error, &mut patience).await?,
                planned => return planned,
            }
        }
    }

    fn cut_of(&self, request: &ReportRequest) -> Cut {
        Cut { stretch_rows: self.cut.stretch_rows / larger(request), ..self.cut }
    }

    /// Writes a piece to `file`. `progress` is told after each stretch and part. Once all is uploaded it is made visible even where it
    /// is cancelled, and cleared then.
    pub(crate) async fn write<F: FileBeingWritten>(
        &self,
        mut file: F,
        piece: Piece<'_>,
        progress: &watch::Sender<Written>,
    ) -> Result<F::Finished, FileError> {
        match self.filled(&mut file, piece, progress).await {
            Ok(()) => Ok(file.finish().await?),
            Err(error) => {
                abort(file).await;
                Err(error)
            }
        }
    }

    /// The same up to where it is finished, which is left to the caller. What would have no rows is none: nobody ever sees it.
    pub(crate) async fn fill_where_rows_are<F: FileBeingWritten>(
        &self,
        mut file: F,
        piece: Piece<'_>,
        progress: &watch::Sender<Written>,
    ) -> Result<Option<F>, FileError> {
        let filled = self.filled(&mut file, piece, progress).await;
        if filled.is_ok() && progress.borrow().rows > 0 {
            return Ok(Some(file));
        }
        abort(file).await;
        filled.map(|()| None)
    }

    async fn filled(
        &self,
        file: &mut impl FileBeingWritten,
        piece: Piece<'_>,
        progress: &watch::Sender<Written>,
    ) -> Result<(), FileError> {
        // Dropped where it is cancelled, and with it each statement that runs: ClickHouse ends what nobody reads.
        let filling = self.cancelled.run_until_cancelled(self.fill(file, piece, progress));
        filling.await.unwrap_or(Err(FileError::Cancelled))
    }

    async fn fill(
        &self,
        file: &mut impl FileBeingWritten,
        piece: Piece<'_>,
        progress: &watch::Sender<Written>,
    ) -> Result<(), FileError> {
        let (texts, received) = mpsc::channel(PARTS_WAITING);
        // What cannot be made was refused before.
        let writer = choose_writer(piece.request).map_err(QueryError::Mismatch)?;
        let (writer, packing) = match piece.start {
            Start::Counted => (writer.into_runs(RUN_BYTES), Packing::Plain),
            Start::Beginning | Start::Within | Start::Behind(_) => (writer, packing(piece.request)),
        };
        let parts = PartQueue::new(packing, self.tools.clone());
        let (tools, rows) = (self.tools.clone(), self.metrics.rows.clone());
        let renderer = Renderer::new(writer, piece.start, texts, tools, progress.clone(), rows);
        // Where one fails the other is dropped, and with it what it waits for.
        tokio::try_join!(self.render(renderer, piece, progress), self.upload(received, parts, file, progress))?;
        Ok(())
    }

    /// Reads and renders statement by statement; one that breaks off goes on behind the last stretch that was done.
    async fn render(
        &self,
        mut renderer: Renderer,
        Piece { request, query, slices, .. }: Piece<'_>,
        progress: &watch::Sender<Written>,
    ) -> Result<(), FileError> {
        let (cut, thread) = (self.cut_of(request), self.tools.render_thread()?);
        for slice in slices {
            let mut patience = Patience::new(self.retry_max);
            let mut rest = self.counted(query, slice, &cut, &mut patience).await?;
            while !rest.stretches.is_empty() {
                let (done, ended);
                (renderer, done, ended) = self.render_statement(&thread, renderer, query, rest.one_statement()).await?;
                rest = rest.rest(done);
                if renderer.is_too_large() {
                    return Err(FileError::TooManyValues);
                }
                if renderer.misses_its_start() {
                    return Err(FileError::OtherRows);
                }
                if done > 0 {
                    patience = Patience::new(self.retry_max);
                }
                if let Err(error) = ended {
                    let is_cut = matches!(error, QueryError::Cut { .. });
                    self.again(error, &mut patience).await?;
                    if is_cut {
                        rest = self.recount(query, rest, &mut patience).await?;
                    }
                }
            }
            progress.send_modify(|written| written.slices += 1);
        }
        if renderer.has_not_begun() {
            return Err(FileError::OtherRows);
        }
        renderer.finish(&thread).await?;
        self.tools.render_threads.give(thread);
        Ok(())
    }

    /// The slice as it would be cut by what is there now.
    pub(crate) async fn counted_now(
        &self,
        request: &ReportRequest,
        query: &ReportQuery,
        slice: &Slice,
    ) -> Result<Slice, QueryError> {
        self.counted(query, slice, &self.cut_of(request), &mut Patience::new(self.retry_max)).await
    }

    /// What is there is counted before it is read: less than that is an answer that broke off, or was made of less.
    async fn counted(
        &self,
        query: &ReportQuery,
        slice: &Slice,
        cut: &Cut,
        patience: &mut Patience,
    ) -> Result<Slice, QueryError> {
        loop {
            match self.outside.count_slice(query, slice, cut).await {
                Err(error) => self.again(error, patience).await?,
                counted => return counted,
            }
        }
    }

    /// Fewer rows than were planned may be all there are: copies may be deleted while a report is made.
    async fn recount(&self, query: &ReportQuery, rest: Slice, patience: &mut Patience) -> Result<Slice, QueryError> {
        loop {
            match self.outside.recount(query, &rest).await {
                Err(error) => self.again(error, patience).await?,
                counted => return counted,
            }
        }
    }

    async fn render_statement(
        &self,
        thread: &RenderThread,
        mut renderer: Renderer,
        query: &ReportQuery,
        slice: Slice,
    ) -> Result<(Renderer, usize, Result<(), QueryError>), StoreError> {
        let mut rows = match self.outside.read_slice(query, &slice).await {
            Ok(rows) => rows,
            Err(error) => return Ok((renderer, 0, Err(error))),
        };
        let (pieces, mut received) = mpsc::channel(PIECES_WAITING);
        // Rendering takes a while: not on the threads that wait for sockets.
        let rendering = thread.run(move || {
            let given_up = || Err(QueryError::NoAnswer("reading was given up".to_owned()));
            let (done, ended) = renderer.slice(&slice, || received.blocking_recv().unwrap_or_else(given_up));
            (renderer, done, ended)
        });
        let reading = async move {
            loop {
                let piece = rows.next().await;
                let is_last = !matches!(piece, Ok(Some(_)));
                if pieces.send(piece).await.is_err() || is_last {
                    return;
                }
            }
        };
        let (rendered, ()) = tokio::join!(rendering, reading);
        rendered
    }

    /// Packs and uploads what comes of files, until no more does.
    pub(crate) async fn upload(
        &self,
        mut texts: mpsc::Receiver<Text>,
        mut parts: PartQueue,
        file: &mut impl FileBeingWritten,
        progress: &watch::Sender<Written>,
    ) -> Result<(), FileError> {
        while let Some(text) = texts.recv().await {
            match text {
                Text::Part(_) if file.files_ended() == FILES_MAX => return Err(FileError::TooManyFiles),
                Text::Part(text) => {
                    parts.push(text).await;
                    while parts.is_full() && self.upload_part(&mut parts, file, progress).await? {}
                }
                Text::FileEnds { rows, last_row } => {
                    while self.upload_part(&mut parts, file, progress).await? {}
                    file.file_ends(rows, last_row).await?;
                }
            }
        }
        Ok(())
    }

    /// The next part that is packed; false where there is none.
    async fn upload_part(
        &self,
        parts: &mut PartQueue,
        file: &mut impl FileBeingWritten,
        progress: &watch::Sender<Written>,
    ) -> Result<bool, FileError> {
        let Some(part) = parts.pop().await? else { return Ok(false) };
        file.write(&part).await?;
        self.metrics.bytes.inc_by(part.len() as u64);
        progress.send_modify(|written| written.size_bytes = file.size_bytes());
        self.tools.buffers.give(part);
        Ok(true)
    }

    /// Waits before a question is tried again; gives the error back where that is of no use, or it was tried long enough.
    async fn again(&self, error: QueryError, patience: &mut Patience) -> Result<(), QueryError> {
        self.load.refused(&error);
        if error.next_step() != NextStep::Retry || patience.begin.elapsed() >= patience.max {
            return Err(error);
        }
        if error.is_over_its_memory() {
            tracing::warn!(%error, "a statement takes more memory than exporter.statement_memory");
        } else {
            tracing::warn!(%error, "waiting for ClickHouse");
        }
        self.metrics.retries.inc();
        tokio::time::sleep(patience.backoff.next_wait()).await;
        Ok(())
    }
}

pub(crate) async fn abort(file: impl FileBeingWritten) {
    if let Err(error) = file.abort().await {
        tracing::warn!(%error, "what was uploaded is left until the report has ended");
    }
}

/// How many times a row takes as much memory as one of CSV, roughly: what is held, a stretch, takes as much of it in every format. Lines of
/// NDJSON are longer; beside the records of Parquet a row group is held.
fn larger(request: &ReportRequest) -> u64 {
    match request.format {
        ReportFormat::Ndjson | ReportFormat::Parquet => 2,
        ReportFormat::Csv | ReportFormat::Unknown => 1,
    }
}

/// How long a question has been tried.
struct Patience {
    begin: Instant,
    max: Duration,
    backoff: Backoff,
}

impl Patience {
    fn new(max: Duration) -> Self {
        Self { begin: Instant::now(), max, backoff: Backoff::default() }
    }
}

#[cfg(test)]
mod tests;
