//! One report from its request to its mails.

use std::time::Duration;

use clickhouse_io::report::Slice;
use report_life::{Journal, JournalError, Phase, ReportState};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::retry::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::config::Config;
use crate::error::FileError;
use crate::mail::MailError;
use crate::metrics::{Counted, ExporterMetrics};
use crate::stages::check_request::check_request;
use crate::stages::name_file::{file_name, object_key};
use crate::stages::write_mail::write_mail;
use crate::tools::Tools;
use crate::write_file::{WriteFile, Written};

/// How often ingest's position is looked at.
const BARRIER_EVERY: Duration = Duration::from_millis(500);
/// How often waiting and progress are told.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What lives reports.
pub(crate) struct Life<O> {
    pub(crate) outside: O,
    pub(crate) metrics: ExporterMetrics,
    pub(crate) config: Config,
    pub(crate) tools: Tools,
}

impl<O: Outside> Life<O> {
    pub(crate) fn new(outside: O, metrics: ExporterMetrics, config: Config) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { outside, metrics, config, tools: Tools::new(cores) }
    }

    /// Lives it from where its events say that it is. Run again after its end it does nothing.
    pub(crate) async fn live(&self, request: &ReportRequest) -> Result<(), JournalError> {
        let mut state = match self.outside.known(request.report_id) {
            Some(state) => state,
            None => {
                let requested = Journal::requested(request);
                self.outside.append(&requested).await?;
                ReportState::begun_by(&requested)
            }
        };
        if !state.phase.is_final() {
            let running = Counted::new(&self.metrics.running);
            let ended = self.make(request, &mut state).await?;
            drop(running);
            self.outside.append(&ended).await?;
            state.apply(&ended);
            self.metrics.request(if state.phase == Phase::Completed { "completed" } else { "failed" });
            tracing::info!(report = %request.report_id, phase = ?state.phase, rows = state.rows, "report ended");
        }
        if matches!(state.phase, Phase::Completed | Phase::Failed) {
            self.notify(request, &mut state).await?;
        }
        Ok(())
    }

    fn event(request: &ReportRequest, event_type: ReportEventType) -> ReportEvent {
        ReportEvent::new(request.report_id, request.tenant.clone(), event_type, Moment::now())
    }

    /// Up to the event that ends it.
    async fn make(&self, request: &ReportRequest, state: &mut ReportState) -> Result<ReportEvent, JournalError> {
        let failed =
            |reason: String| ReportEvent { reason: Some(reason), ..Self::event(request, ReportEventType::Failed) };
        let query = match check_request(request) {
            Ok(query) => query,
            Err(reason) => return Ok(failed(reason)),
        };
        self.wait_for_ingest(request).await?;
        let writer = WriteFile {
            outside: &self.outside,
            metrics: &self.metrics,
            stretch_rows: self.config.stretch_rows,
            retry_max: self.config.retry_max,
            tools: &self.tools,
        };
        let (mut failing_since, mut backoff) = (None, Backoff::default());
        loop {
            let error = match self.attempt(&writer, request, &query, state).await? {
                Ok(written) => return Ok(Self::completed(request, written)),
                Err(error) => error,
            };
            tracing::warn!(%error, report = %request.report_id, attempt = state.attempt, "an attempt at a report failed");
            let may_work_later = match &error {
                // Each question has waited as long as it may, or waiting is of no use.
                FileError::Rows(_) | FileError::TooManyValues => false,
                // Not since the report began: a long one would have no second attempt.
                FileError::Store(_) => failing_since.get_or_insert_with(Instant::now).elapsed() < self.config.retry_max,
            };
            if !may_work_later {
                return Ok(failed(error.for_an_admin().to_owned()));
            }
            self.metrics.retries.inc();
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    fn completed(request: &ReportRequest, written: Written) -> ReportEvent {
        ReportEvent {
            rows: Some(signed(written.rows)),
            size_bytes: Some(signed(written.size_bytes)),
            object_key: Some(object_key(request)),
            file_name: Some(file_name(request)),
            ..Self::event(request, ReportEventType::Completed)
        }
    }

    /// Waits until ingest's position has reached the barrier, and says that it waits.
    async fn wait_for_ingest(&self, request: &ReportRequest) -> Result<(), JournalError> {
        let (mut told, mut last_told) = (None, None::<Instant>);
        let _waiting = Counted::new(&self.metrics.waiting);
        loop {
            match self.events_behind(request).await {
                Ok(0) => return Ok(()),
                Ok(behind) => {
                    if told != Some(behind) && last_told.is_none_or(|last| last.elapsed() >= TELL_EVERY) {
                        let event = ReportEvent {
                            events_behind: Some(behind),
                            ..Self::event(request, ReportEventType::Waiting)
                        };
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
    async fn events_behind(&self, request: &ReportRequest) -> Result<i64, kafka_io::KafkaError> {
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

    async fn attempt(
        &self,
        writer: &WriteFile<'_, O>,
        request: &ReportRequest,
        query: &clickhouse_io::report::ReportQuery,
        state: &mut ReportState,
    ) -> Result<Result<Written, FileError>, JournalError> {
        let slices = match writer.plan(query).await {
            Ok(slices) => slices,
            Err(error) => return Ok(Err(error.into())),
        };
        let expected = signed(slices.iter().map(Slice::rows).sum());
        let started = ReportEvent {
            attempt: Some(state.attempt + 1),
            rows_expected: Some(expected),
            ..Self::event(request, ReportEventType::Started)
        };
        self.outside.append(&started).await?;
        state.apply(&started);
        let (progress, mut progressed) = watch::channel(Written::default());
        let mut writing = std::pin::pin!(writer.write(request, query, &slices, &progress));
        loop {
            tokio::select! {
                written = &mut writing => return Ok(written),
                () = tokio::time::sleep(TELL_EVERY) => {}
            }
            if !progressed.has_changed().unwrap_or(false) {
                continue;
            }
            let written = *progressed.borrow_and_update();
            let event = ReportEvent {
                rows: Some(signed(written.rows)),
                rows_expected: Some(expected),
                size_bytes: Some(signed(written.size_bytes)),
                ..Self::event(request, ReportEventType::Progressed)
            };
            // The file goes on while Kafka is away; progress that could not be told is told next time.
            tokio::select! {
                written = &mut writing => return Ok(written),
                told = self.outside.append(&event) => told?,
            }
        }
    }

    /// Sends the mails that were not taken yet.
    async fn notify(&self, request: &ReportRequest, state: &mut ReportState) -> Result<(), JournalError> {
        for receiver in &request.receivers {
            if state.notified.contains(receiver) {
                continue;
            }
            let mail = write_mail(state, request, receiver, self.config.console_url.trim_end_matches('/'));
            let (begin, mut backoff) = (Instant::now(), Backoff::default());
            let sent = loop {
                match self.outside.mail(receiver, &mail).await {
                    Ok(()) => break true,
                    Err(error @ MailError::Away(_)) if begin.elapsed() < self.config.notify_max => {
                        tracing::warn!(%error, report = %request.report_id, "waiting for the mail server");
                        self.metrics.retries.inc();
                        tokio::time::sleep(backoff.next_wait()).await;
                    }
                    Err(error) => {
                        tracing::error!(%error, report = %request.report_id, "a mail was given up");
                        break false;
                    }
                }
            };
            self.metrics.mail(if sent { "sent" } else { "given_up" });
            if sent {
                let event =
                    ReportEvent { receiver: Some(receiver.clone()), ..Self::event(request, ReportEventType::Notified) };
                self.outside.append(&event).await?;
                state.apply(&event);
            }
        }
        Ok(())
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
