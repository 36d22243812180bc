//! One report from its request to its mails.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use kafka_io::Record;
use report_life::{Journal, JournalError, Phase, RECEIVERS_MAX, ReportState};
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::sync::{RwLock, watch};
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::back_off::Load;
use crate::config::Config;
use crate::error::{Error, FileError};
use crate::lanes::{Lanes, Widths};
use crate::mail::MailError;
use crate::mails_waiting::MailsWaiting;
use crate::metrics::ExporterMetrics;
use crate::offsets_seen::OffsetsSeen;
use crate::stages::check_request::{RECEIVER_BYTES_MAX, check_size};
use crate::stages::choose_words::Readers;
use crate::stages::lay_out_mail::MailText;
use crate::stages::write_mail::write_mail;
use crate::tools::Tools;

/// Plans that are made at once, and of those one tenant's.
const PLANS: (usize, usize) = (4, 2);
/// So long after it was noted an event is in every book, mostly: before, a mail might be sent that the exporter before this one has sent.
const BOOK_BEHIND_MAX: Duration = Duration::from_secs(2);
/// Within this whoever stood still, and runs again, hears which partitions went to another: all that it does for them ends then.
pub(crate) const LOSS_HEARD_WITHIN: Duration = Duration::from_secs(5);

/// What lives reports.
pub(crate) struct Life<O> {
    pub(crate) outside: Arc<O>,
    pub(crate) metrics: ExporterMetrics,
    pub(crate) config: Config,
    pub(crate) tools: Tools,
    /// Who is written to, and how.
    pub(crate) readers: Readers,
    /// Whose report is planned next.
    pub(crate) planning: Lanes,
    /// Whose report, or slice of one, is written next.
    pub(crate) lanes: Lanes,
    /// What ClickHouse was asked, and refused.
    pub(crate) load: Load,
    /// Held by who begins an attempt.
    pub(crate) beginning: tokio::sync::Mutex<()>,
    /// How far ingest is.
    pub(crate) stored: OffsetsSeen,
    /// Where the connection events end.
    pub(crate) events: OffsetsSeen,
    /// Cancelled when the first partition of the requests goes away; what one exporter does for all is done by the one that has it.
    pub(crate) first_partition: watch::Sender<Option<CancellationToken>>,
    /// Reports that are made, and only mailed.
    pub(crate) mails_waiting: MailsWaiting,
    /// Held shared by each mail until it is noted that it was sent.
    mails: Arc<RwLock<()>>,
    /// Reports that are lived now.
    living: Mutex<HashMap<ReportId, Weak<tokio::sync::Mutex<()>>>>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lived {
    /// There is nothing left to do.
    Done,
    /// It is not allowed; in words.
    Refused(String),
}

impl<O: Outside> Life<O> {
    pub(crate) fn new(outside: O, metrics: ExporterMetrics, config: Config) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (any, of_a_tenant) = PLANS;
        let planning = Widths { any, small: 0, small_rows: 0, of_a_tenant };
        let writing = Widths {
            any: config.concurrency,
            small: 1,
            small_rows: config.small_rows,
            of_a_tenant: config.limits.running,
        };
        Self {
            outside: Arc::new(outside),
            metrics,
            readers: config.readers(),
            config,
            tools: Tools::new(cores),
            planning: Lanes::new(planning),
            lanes: Lanes::new(writing),
            load: Load::default(),
            beginning: tokio::sync::Mutex::default(),
            stored: OffsetsSeen::default(),
            events: OffsetsSeen::default(),
            first_partition: watch::Sender::new(None),
            mails_waiting: MailsWaiting::default(),
            mails: Arc::default(),
            living: Mutex::default(),
        }
    }

    /// Lives it from where its events say that it is. Run again after its end it does nothing. `record` is where it lay.
    pub(crate) async fn live(&self, request: &ReportRequest, record: &Record) -> Result<Lived, Error> {
        // One that was asked for again has two requests: they are lived one after the other.
        let turn = self.turn(request.report_id);
        let _turn = turn.lock().await;
        if self.outside.is_forgotten(request.report_id) {
            return Ok(Lived::Done);
        }
        if let Err(reason) = check_size(request) {
            return Ok(Lived::Refused(reason));
        }
        let mut state = self.noted(request).await?;
        if state.tenant != request.tenant {
            return Ok(Lived::Refused("the report id is that of another tenant's report".to_owned()));
        }
        if is_past(&state, request) {
            return Ok(Lived::Done);
        }
        if !state.phase.is_final() {
            state = self.make(request, record, state).await?;
        } else if !missing(&state, request).is_empty() {
            tokio::time::sleep(BOOK_BEHIND_MAX).await;
            state = self.outside.known(request.report_id).unwrap_or(state);
            if is_past(&state, request) {
                return Ok(Lived::Done);
            }
        }
        if matches!(state.phase, Phase::Completed | Phase::Failed) {
            // Asked for again meanwhile, nobody waits for the mail about the failure.
            tokio::select! {
                notified = self.notify(request, &mut state) => notified?,
                _ = self.outside.until(request.report_id, |state| is_past(state, request)) => {}
            }
        }
        self.clear(request).await;
        Ok(Lived::Done)
    }

    /// Waits until the first partition of the requests is ours; what it gives is cancelled when that goes away.
    pub(crate) async fn has_first_partition(&self) -> CancellationToken {
        let is_ours = |it: &Option<CancellationToken>| it.as_ref().is_some_and(|ours| !ours.is_cancelled());
        let mut first_partition = self.first_partition.subscribe();
        let ours = first_partition.wait_for(is_ours).await.ok().and_then(|it| it.clone());
        match ours {
            Some(ours) => ours,
            // The sender lives as long as `self`.
            None => std::future::pending().await,
        }
    }

    /// Why there is no file, once it is ours to say: whoever stood still has waited too long for everything when it runs again, and another may be
    /// making what it would fail (`docs/adr/0061-what-stood-still-fails-nothing.md`). Cancelled meanwhile, that is why.
    pub(crate) async fn if_ours(&self, error: FileError, cancelled: &CancellationToken) -> FileError {
        if matches!(error, FileError::Cancelled | FileError::TakenOver) {
            return error;
        }
        let waited = cancelled.run_until_cancelled(tokio::time::sleep(LOSS_HEARD_WITHIN)).await;
        if waited.is_some() { error } else { FileError::Cancelled }
    }

    fn turn(&self, report: ReportId) -> Arc<tokio::sync::Mutex<()>> {
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        living.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = living.get(&report).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        living.insert(report, Arc::downgrade(&turn));
        turn
    }

    /// What its events say. That it was asked for, or asked for again, is noted where who did that could not.
    async fn noted(&self, request: &ReportRequest) -> Result<ReportState, JournalError> {
        let Some(state) = self.outside.known(request.report_id) else {
            let requested = Journal::requested(request);
            self.outside.append(&requested).await?;
            // Of two tenants' requests with one id the first that is noted counts, for this one too.
            return Ok(self.outside.until(request.report_id, |_| true).await);
        };
        let (mut begun, retried) = (state.clone(), Journal::retried(request));
        begun.apply(&retried);
        if begun.phase == state.phase {
            return Ok(state);
        }
        self.outside.append(&retried).await?;
        // Not before it is in the book: the end that it came to before would be taken for the one that comes.
        let is_noted = |it: &ReportState| {
            let last = it.request.as_ref().map(|last| last.requested_at);
            last >= Some(request.requested_at) || !it.phase.may_begin_again()
        };
        Ok(self.outside.until(request.report_id, is_noted).await)
    }

    /// An event of the attempt that `state` is at.
    pub(crate) fn event(state: &ReportState, event_type: ReportEventType) -> ReportEvent {
        ReportEvent {
            attempt: Some(state.attempt),
            ..ReportEvent::new(state.id, state.tenant.clone(), event_type, Moment::now())
        }
    }

    /// Sends the mails that were not taken yet, in turns: who cannot be mailed now holds up no other.
    async fn notify(&self, request: &ReportRequest, state: &mut ReportState) -> Result<(), JournalError> {
        let mut left = missing(state, request);
        if left.is_empty() {
            return Ok(());
        }
        let (waits, begin, mut backoff) = (self.mails_waiting.begin(), Instant::now(), Backoff::default());
        loop {
            for receiver in std::mem::take(&mut left) {
                let reader = self.readers.reader(&request.tenant, receiver, &request.zone);
                let mail = write_mail(state, request, receiver, &reader, self.config.console_url.trim_end_matches('/'));
                let noted =
                    ReportEvent { receiver: Some(receiver.clone()), ..Self::event(state, ReportEventType::Notified) };
                match self.mail_and_note(receiver, mail, noted.clone()).await? {
                    Ok(()) => {
                        self.metrics.mail("sent");
                        state.apply(&noted);
                    }
                    Err(error @ MailError::Away(_)) => {
                        tracing::warn!(%error, report = %request.report_id, "waiting for the mail server");
                        left.insert(receiver);
                    }
                    Err(error @ MailError::Refused(_)) => self.give_up(request, &error.to_string()),
                }
            }
            let waiting = backoff.next_wait();
            let is_over = begin.elapsed() >= self.config.notify_max;
            if left.is_empty()
                || is_over
                || waits.until.run_until_cancelled(tokio::time::sleep(waiting)).await.is_none()
            {
                break;
            }
            self.metrics.retries.inc();
        }
        for _ in left {
            self.give_up(
                request,
                if waits.until.is_cancelled() { "too many wait" } else { "it was tried for too long" },
            );
        }
        Ok(())
    }

    fn give_up(&self, request: &ReportRequest, why: &str) {
        tracing::error!(why, report = %request.report_id, "a mail was given up");
        self.metrics.mail("given_up");
    }

    /// Sends a mail, and notes that it was taken. Broken off, it does both all the same: only where the process ends is it sent again.
    pub(crate) async fn mail_and_note(
        &self,
        receiver: &str,
        mail: MailText,
        noted: ReportEvent,
    ) -> Result<Result<(), MailError>, JournalError> {
        let outside = Arc::clone(&self.outside);
        let noting = async move { outside.append(&ReportEvent { at: Moment::now(), ..noted }).await };
        self.mail_and(receiver, mail, noting).await
    }

    /// The same of a mail that is noted in another way.
    pub(crate) async fn mail_and(
        &self,
        receiver: &str,
        mail: MailText,
        noting: impl Future<Output = Result<(), JournalError>> + Send + 'static,
    ) -> Result<Result<(), MailError>, JournalError> {
        let (outside, receiver) = (Arc::clone(&self.outside), receiver.to_owned());
        let under_way = Arc::clone(&self.mails).read_owned().await;
        let both = async move {
            let sent = outside.mail(&receiver, &mail).await;
            if sent.is_ok() {
                noting.await?;
            }
            drop(under_way);
            Ok::<_, JournalError>(sent)
        };
        match tokio::spawn(both).await {
            Ok(ended) => ended,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime goes away, and this with it.
                Err(_) => std::future::pending().await,
            },
        }
    }

    /// Waits until what was mailed is noted.
    pub(crate) async fn mails_noted(&self) {
        drop(self.mails.write().await);
    }
}

/// Receivers who have no mail about its end yet, of as many as may be.
fn missing<'a>(state: &ReportState, request: &'a ReportRequest) -> BTreeSet<&'a String> {
    let few = request.receivers.iter().take(RECEIVERS_MAX);
    few.filter(|it| it.len() <= RECEIVER_BYTES_MAX && !state.notified.contains(*it)).collect()
}

/// True where the report was asked for again by a later request, which lives it.
fn is_past(state: &ReportState, request: &ReportRequest) -> bool {
    state.request.as_ref().is_some_and(|last| last.requested_at > request.requested_at)
}

#[cfg(test)]
mod tests;
