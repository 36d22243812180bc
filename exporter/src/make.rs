//! A report from its request to its end, attempt by attempt, until it is cancelled.

use std::time::Duration;

use clickhouse_io::report::{ReportQuery, Slice};
use report_life::{JournalError, ReportState};
use report_store::StoreError;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::lanes::Lane;
use crate::life::Life;
use crate::metrics::Counted;
use crate::stages::check_request::check_request;
use crate::stages::name_file::{attempt_of, file_name, folder, object_key};
use crate::write_file::{WriteFile, Written};

/// How often ingest's position is looked at.
pub(crate) const BARRIER_EVERY: Duration = Duration::from_millis(500);
/// How often waiting and progress are told.
pub(crate) const TELL_EVERY: Duration = Duration::from_secs(2);
/// Microseconds of a day.
const MICROS_A_DAY: i64 = 86_400_000_000;

impl<O: Outside> Life<O> {
    /// Up to its end, and what the events say of it then: another exporter, or an admin, may have been first.
    pub(crate) async fn make(
        &self,
        request: &ReportRequest,
        mut state: ReportState,
    ) -> Result<ReportState, JournalError> {
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
        self.outside.append(&ended).await?;
        let attempt = state.attempt;
        let folded = self.outside.until(state.id, |it| it.phase.is_final() || it.attempt > attempt).await;
        if let Some(key) = ended.object_key.filter(|key| folded.object_key.as_ref() != Some(key)) {
            tracing::warn!(report = %folded.id, phase = ?folded.phase, attempt, "the report had another end: its file goes");
            self.patiently("deleting a file", || self.outside.delete_file(&key)).await;
        }
        if folded.phase.is_final() {
            self.metrics.request(folded.phase.name());
            tracing::info!(report = %folded.id, phase = ?folded.phase, rows = folded.rows, "report ended");
        }
        Ok(folded)
    }

    /// Up to the event that ends it.
    async fn end_of(
        &self,
        request: &ReportRequest,
        state: &mut ReportState,
        cancelled: &CancellationToken,
    ) -> Result<ReportEvent, JournalError> {
        let query = match check_request(request) {
            Ok(query) => query,
            Err(reason) => return Ok(Self::failed(state, reason)),
        };
        // Whoever put it on the topic.
        if let Err(over) = self.config.limits.check(&self.outside.usage(request), Moment::now()) {
            return Ok(Self::failed(state, over.message));
        }
        match cancelled.run_until_cancelled(self.wait_for_ingest(request, state)).await {
            Some(waited) => waited?,
            None => return Ok(Self::event(state, ReportEventType::Cancelled)),
        }
        let writer = WriteFile {
            outside: &self.outside,
            metrics: &self.metrics,
            stretch_rows: self.config.stretch_rows,
            retry_max: self.config.retry_max,
            tools: &self.tools,
            cancelled,
        };
        let (mut failing_since, mut backoff) = (None, Backoff::default());
        loop {
            let error = match self.attempt(&writer, request, &query, state).await? {
                Ok(written) => return Ok(self.completed(request, state, written)),
                Err(error) => error,
            };
            tracing::warn!(%error, report = %state.id, attempt = state.attempt, "an attempt at a report failed");
            let may_work_later = match &error {
                FileError::Cancelled => return Ok(Self::event(state, ReportEventType::Cancelled)),
                // Each question has waited as long as it may, or waiting is of no use.
                FileError::Rows(_) | FileError::OverLimit(_) | FileError::TooManyValues => false,
                // Not since the report began: a long one would have no second attempt.
                FileError::Store(_) => failing_since.get_or_insert_with(Instant::now).elapsed() < self.config.retry_max,
            };
            if !may_work_later {
                return Ok(Self::failed(state, error.for_an_admin().to_owned()));
            }
            self.metrics.retries.inc();
            // Cancelled meanwhile, the next attempt ends at once.
            cancelled.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await;
        }
    }

    fn failed(state: &ReportState, reason: String) -> ReportEvent {
        ReportEvent { reason: Some(reason), ..Self::event(state, ReportEventType::Failed) }
    }

    fn completed(&self, request: &ReportRequest, state: &ReportState, written: Written) -> ReportEvent {
        let told = Self::told(state, written, ReportEventType::Completed);
        let kept = i64::from(self.config.keep_days) * MICROS_A_DAY;
        ReportEvent {
            object_key: Some(object_key(request, state.attempt)),
            file_name: Some(file_name(request)),
            expires_at: (kept > 0).then(|| Moment::from_micros(told.at.as_micros() + kept)),
            ..told
        }
    }

    fn told(state: &ReportState, written: Written, event_type: ReportEventType) -> ReportEvent {
        ReportEvent {
            rows: Some(signed(written.rows)),
            rows_expected: state.rows_expected,
            slices: Some(signed(written.slices)),
            slices_expected: state.slices_expected,
            size_bytes: Some(signed(written.size_bytes)),
            ..Self::event(state, event_type)
        }
    }

    /// Waits until ingest's position has reached the barrier, and says that it waits.
    async fn wait_for_ingest(&self, request: &ReportRequest, state: &ReportState) -> Result<(), JournalError> {
        let (mut told, mut last_told) = (None, None::<Instant>);
        let _waiting = Counted::new(&self.metrics.waiting);
        loop {
            match self.events_behind(request).await {
                Ok(0) => return Ok(()),
                Ok(behind) => {
                    if told != Some(behind) && last_told.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
                        let event =
                            ReportEvent { events_behind: Some(behind), ..Self::event(state, ReportEventType::Waiting) };
                        self.outside.append(&event).await?;
                        (told, last_told) = (Some(behind), Some(Instant::now()));
                    }
                }
                Err(error) => tracing::warn!(%error, "waiting for Kafka"),
            }
            tokio::time::sleep(BARRIER_EVERY).await;
        }
    }

    /// Offsets between ingest's position and the barrier; 0 when it is reached.
    pub(crate) async fn events_behind(&self, request: &ReportRequest) -> Result<i64, kafka_io::KafkaError> {
        if request.barrier.iter().all(|it| it.offset == 0) {
            return Ok(0);
        }
        let stored = self.outside.stored_until().await?;
        let behind = request
            .barrier
            .iter()
            .map(|barrier| (barrier.offset - stored.get(&barrier.partition).copied().unwrap_or(0)).max(0));
        Ok(behind.sum())
    }

    /// Plans it, and waits for its turn to be written.
    async fn prepare(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
    ) -> Result<(Vec<Slice>, u64, Lane<'_>), FileError> {
        let _queued = Counted::new(&self.metrics.queued);
        let planning = self.planning.take(&request.tenant, 0).await;
        let slices = writer.plan(query).await?;
        drop(planning);
        let rows = slices.iter().map(Slice::rows).sum();
        let check = || self.config.limits.check_planned(&self.outside.usage(request), rows, Moment::now());
        check()?;
        let lane = self.lanes.take(&request.tenant, rows).await;
        // Others of the tenant's were made while it waited.
        check()?;
        Ok((slices, rows, lane))
    }

    async fn attempt(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &ReportQuery,
        state: &mut ReportState,
    ) -> Result<Result<Written, FileError>, JournalError> {
        let preparing = writer.cancelled.run_until_cancelled(self.prepare(writer, request, query));
        let (slices, rows, _lane) = match preparing.await.unwrap_or(Err(FileError::Cancelled)) {
            Ok(prepared) => prepared,
            Err(error) => return Ok(Err(error)),
        };
        let _running = Counted::new(&self.metrics.running);
        let started = ReportEvent {
            attempt: Some(state.attempt + 1),
            rows_expected: Some(signed(rows)),
            slices_expected: Some(signed(slices.len() as u64)),
            ..Self::event(state, ReportEventType::Started)
        };
        self.outside.append(&started).await?;
        state.apply(&started);
        let (progress, mut progressed) = watch::channel(Written::default());
        let key = object_key(request, state.attempt);
        let mut writing = std::pin::pin!(writer.write(&key, request, query, &slices, &progress));
        loop {
            tokio::select! {
                written = &mut writing => return Ok(written),
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
            if !progressed.has_changed().unwrap_or(false) {
                continue;
            }
            let event = Self::told(state, *progressed.borrow_and_update(), ReportEventType::Progressed);
            // The file goes on while Kafka is away; progress that could not be told is told next time.
            tokio::select! {
                written = &mut writing => return Ok(written),
                told = self.outside.append(&event) => told?,
            }
        }
    }

    /// Deletes what attempts have left that did not become the report's file: one that was killed when its file was whole, and before
    /// that was said. Done again by who finds the report at its end.
    pub(crate) async fn clear(&self, request: &ReportRequest) {
        let Some(state) = self.outside.known(request.report_id) else { return };
        let folder = folder(request);
        let files = self.patiently("looking for files", || self.outside.files(&folder)).await.unwrap_or_default();
        for key in files.into_iter().filter(|key| is_left_over(&state, request, key)) {
            self.patiently("deleting a file", || self.outside.delete_file(&key)).await;
        }
    }

    /// Tries as long as an outage is waited for; what is left then stays.
    pub(crate) async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        action: &'static str,
        work: impl Fn() -> F,
    ) -> Option<T> {
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            match work().await {
                Ok(done) => return Some(done),
                Err(error) if begin.elapsed() >= self.config.retry_max => {
                    tracing::error!(%error, action, "given up: a file that belongs to no report may be left in the store");
                    return None;
                }
                Err(error) => {
                    tracing::warn!(%error, action, "waiting for the store");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }
}

/// True for a file that will never be the report's: attempts only rise, and its own is named.
fn is_left_over(state: &ReportState, request: &ReportRequest, key: &str) -> bool {
    let is_ended = state.phase.is_final() && state.object_key.as_deref() != Some(key);
    attempt_of(request, key).is_some_and(|attempt| attempt < state.attempt || (attempt == state.attempt && is_ended))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
