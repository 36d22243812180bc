//! A report from its request to its end, attempt by attempt, until it is cancelled.

use std::sync::Arc;
use std::time::Duration;

use clickhouse_io::report::{Cut, ReportQuery};
use kafka_io::Record;
use report_life::{Failure, JournalError, Plan, ReportState, Series, file_keys, manifest_key};
use report_store::SLICES_MAX;
use report_writer::ENCODER_VERSION;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::{Error, FileError};
use crate::life::Life;
use crate::made::Made;
use crate::metrics::Counted;
use crate::render::Start;
use crate::stages::check_request::check_request;
use crate::stages::name_file::{counts_groups, file_name, object_key};
use crate::write_file::{Piece, WriteFile, Written};

/// How often waiting and progress are told.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(2);
/// How often it is told of what stands still, as where a part is away: events are kept for good, and after an hour of silence a report has no
/// place any more.
pub(crate) const TELL_STANDSTILL_EVERY: Duration = Duration::from_secs(600);
/// Microseconds of a day.
const MICROS_A_DAY: i64 = 86_400_000_000;

impl<O: Outside> Life<O> {
    /// Up to its end, and what the events say of it then: another exporter, or an admin, may have been first.
    pub(crate) async fn make(
        &self,
        request: &ReportRequest,
        record: &Record,
        mut state: ReportState,
    ) -> Result<ReportState, Error> {
        let cancelled = CancellationToken::new();
        let ended = {
            let mut making = std::pin::pin!(self.end_of(request, &mut state, &cancelled));
            tokio::select! {
                // Cancelled before it begins, nothing of it is begun.
                biased;
                _ = self.outside.until(request.report_id, |state| state.cancel_requested) => {
                    cancelled.cancel();
                    making.await?
                }
                ended = &mut making => ended?,
            }
        };
        // Where another exporter has taken the report over, it says how it ended.
        if let Some(ended) = &ended {
            self.refuse_what_is_not_allowed(record, ended).await?;
            self.outside.append(ended).await?;
        }
        let attempt = state.attempt;
        let folded = self.outside.until(state.id, |it| it.phase.is_final() || it.attempt > attempt).await;
        let made = ended.and_then(|it| Some((it.object_key?, it.files)));
        if let Some((key, files)) = made.filter(|(key, _)| folded.object_key.as_ref() != Some(key)) {
            tracing::warn!(report = %folded.id, phase = ?folded.phase, attempt, "the report had another end: its file goes");
            for key in [manifest_key(&key)].into_iter().chain(file_keys(&key, files)) {
                self.patiently("deleting a file", || self.outside.delete_file(&key)).await;
            }
        }
        if folded.phase.is_final() {
            self.metrics.request(folded.phase.name());
            tracing::info!(report = %folded.id, phase = ?folded.phase, rows = folded.rows, "report ended");
        }
        Ok(folded)
    }

    /// What writes files, until it is cancelled.
    pub(crate) fn writer<'a>(&'a self, cancelled: &'a CancellationToken) -> WriteFile<'a, O> {
        let (stretch_rows, slice_rows) = (self.config.stretch_rows, self.config.slice_rows);
        WriteFile {
            outside: &self.outside,
            metrics: &self.metrics,
            cut: Cut { stretch_rows, slice_rows, slices_max: SLICES_MAX as u64 },
            retry_max: self.config.retry_max,
            load: &self.load,
            tools: &self.tools,
            cancelled,
        }
    }

    /// Up to the event that ends it; none where another exporter has taken it over.
    async fn end_of(
        &self,
        request: &ReportRequest,
        state: &mut ReportState,
        cancelled: &CancellationToken,
    ) -> Result<Option<ReportEvent>, JournalError> {
        let query = match check_request(request) {
            Ok(query) => query,
            Err(reason) => return Ok(Some(Self::failed(state, reason.into()))),
        };
        // What an exporter before this one has planned, or the files that it has written, go on, if they are made as they would be here.
        let goes_on = |plan: &Arc<Plan>| plan.encoder_version == ENCODER_VERSION && may_be_spread(request);
        let is_kept = |series: &Arc<Series>| series.encoder_version == ENCODER_VERSION && request.split.is_some();
        let mut plan = state.plan.clone().filter(goes_on);
        let mut series = state.series.clone().filter(is_kept);
        if plan.is_none() && series.is_none() {
            // Whoever put it on the topic.
            if let Err(error) = self.check_limits(request, 0) {
                return Ok(Some(Self::failed(state, error.for_an_admin())));
            }
            match cancelled.run_until_cancelled(self.wait_for_ingest(request, state)).await {
                Some(waited) => {
                    if let Some(reason) = waited? {
                        return Ok(Some(Self::failed(state, reason.into())));
                    }
                }
                None => return Ok(Some(Self::event(state, ReportEventType::Cancelled))),
            }
        }
        let writer = self.writer(cancelled);
        let (mut failing_since, mut has_differed, mut backoff) = (None, false, Backoff::default());
        loop {
            let made = match (plan.take(), series.take()) {
                (Some(plan), _) => self.go_on(&writer, request, state, &plan.upload_id).await?,
                (None, Some(series)) => self.go_on_behind(&writer, request, &query, state, &series).await?,
                (None, None) => self.attempt(&writer, request, &query, state).await?,
            };
            let sealed = match made {
                Ok(made) => self.seal(&writer, (request, &query), state, &made).await.map(|()| made),
                Err(error) => Err(error),
            };
            let error = match sealed {
                Ok(made) => return Ok(Some(self.completed(request, state, &made))),
                Err(error) => self.if_ours(error, cancelled).await,
            };
            tracing::warn!(%error, report = %state.id, attempt = state.attempt, "an attempt at a report failed");
            let may_work_later = match &error {
                FileError::Cancelled => return Ok(Some(Self::event(state, ReportEventType::Cancelled))),
                FileError::TakenOver => return Ok(None),
                // A new attempt goes on behind nothing.
                FileError::OtherRows => true,
                // What was lost on the way comes with the next one; what is gone does not.
                FileError::Totals(_) => !std::mem::replace(&mut has_differed, true),
                // Each question has waited as long as it may, or waiting is of no use.
                FileError::Rows(_)
                | FileError::OverLimit(_)
                | FileError::TooManyValues
                | FileError::TooManyFiles
                | FileError::Slices(_) => false,
                // Not since the report began: a long one would have no second attempt.
                FileError::Store(_) => failing_since.get_or_insert_with(Instant::now).elapsed() < self.config.retry_max,
            };
            if !may_work_later {
                return Ok(Some(Self::failed(state, error.for_an_admin())));
            }
            self.metrics.retries.inc();
            // Cancelled meanwhile, the next attempt ends at once.
            cancelled.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await;
        }
    }

    fn failed(state: &ReportState, Failure { reason, known }: Failure) -> ReportEvent {
        let event = Self::event(state, ReportEventType::Failed);
        ReportEvent { reason: Some(reason), known_reason: known, ..event }
    }

    fn completed(&self, request: &ReportRequest, state: &ReportState, made: &Made) -> ReportEvent {
        let told = Self::told(state, made.written, ReportEventType::Completed);
        let kept = i64::from(self.config.keep_days) * MICROS_A_DAY;
        ReportEvent {
            object_key: Some(object_key(request, state.attempt)),
            file_name: Some(file_name(request)),
            files: made.files_below(request),
            expires_at: (kept > 0).then(|| Moment::from_micros(told.at.as_micros() + kept)),
            ..told
        }
    }

    pub(crate) fn told(state: &ReportState, written: Written, event_type: ReportEventType) -> ReportEvent {
        ReportEvent {
            rows: Some(signed(written.rows)),
            rows_expected: state.rows_expected,
            slices: Some(signed(written.slices)),
            slices_expected: state.slices_expected,
            size_bytes: Some(signed(written.size_bytes)),
            ..Self::event(state, event_type)
        }
    }

    async fn attempt(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
        state: &mut ReportState,
    ) -> Result<Result<Made, FileError>, JournalError> {
        let planning = writer.cancelled.run_until_cancelled(self.planned(writer, request, query));
        let slices = &match planning.await.unwrap_or(Err(FileError::Cancelled)) {
            Ok(slices) => slices,
            Err(error) => return Ok(Err(error)),
        };
        let lane = match self.begin_in_turn(writer, request, slices, state).await? {
            Ok(lane) => lane,
            Err(error) => return Ok(Err(error)),
        };
        let _running = Counted::new(&self.metrics.running);
        // Its slices are written by whoever takes them.
        if lane.is_none() {
            return self.spread(writer, request, slices, state).await;
        }
        let piece = Piece { request, query, slices, start: Start::Beginning };
        tracing::info!(report = %state.id, attempt = state.attempt, "a file is begun");
        if request.split.is_some() {
            return self.write_series(writer, state, piece, &[]).await;
        }
        let progress = watch::channel(Written::default()).0;
        let tell = |written| Self::told(state, written, ReportEventType::Progressed);
        let file = match self.outside.begin_file(&object_key(request, state.attempt)).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.into())),
        };
        let uploaded = self.telling(writer.write(file, piece, &progress), &progress, tell).await?;
        Ok(uploaded
            .map(|uploaded| Made::one(Written { size_bytes: uploaded.size_bytes, ..*progress.borrow() }, uploaded)))
    }

    /// Tells how far `writing` is, now and then, until it is done; also where it stands still: the report keeps its place.
    pub(crate) async fn telling<T, P: Copy>(
        &self,
        writing: impl Future<Output = T>,
        progress: &watch::Sender<P>,
        event: impl Fn(P) -> ReportEvent,
    ) -> Result<T, JournalError> {
        let (mut progressed, mut last_told) = (progress.subscribe(), Instant::now());
        let mut writing = std::pin::pin!(writing);
        loop {
            tokio::select! {
                written = &mut writing => return Ok(written),
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
            if !progressed.has_changed().unwrap_or(false) && last_told.elapsed() < TELL_STANDSTILL_EVERY {
                continue;
            }
            last_told = Instant::now();
            let event = event(*progressed.borrow_and_update());
            // The file goes on while Kafka is away; progress that could not be told is told next time.
            tokio::select! {
                written = &mut writing => return Ok(written),
                told = self.outside.append(&event) => told?,
            }
        }
    }
}

/// Files of events end at rows that are known only to who writes all before them. Groups are counted by several, and written by one.
pub(crate) fn may_be_spread(request: &ReportRequest) -> bool {
    request.split.is_none() || counts_groups(request)
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
