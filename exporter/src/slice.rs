//! A slice of a report that any exporter has planned: read, packed and uploaded, and then said to be done.

use std::cmp::Ordering;
use std::str::from_utf8;
use std::time::Duration;

use clickhouse_io::report::{ReportQuery, Slice, Stretch};
use kafka_io::Record;
use report_life::{Failure, JournalError, ReportState};
use report_store::StoreError;
use report_writer::ENCODER_VERSION;
use schemas::ids::{ReportId, Tenant};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_slice::{ReportSlice, StoredSlice};
use schemas::times::Moment;
use schemas::topics::headers;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::{Life, Lived};
use crate::make::signed;
use crate::metrics::Counted;
use crate::reason::Reason;
use crate::render::Start;
use crate::stages::check_request::check_request;
use crate::stages::name_file::counts_groups;
use crate::write_file::{Piece, Written};

/// How long a slice of another version is kept before it is put back: its exporters may be busy.
pub(crate) const PUT_BACK_AFTER: Duration = Duration::from_secs(2);

/// What the fold says of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Its plan has not been said yet; it will be, or another attempt begins.
    Unplanned,
    Wanted,
    /// Done, or nobody wants it any more.
    Past,
}

/// Which slice of which plan.
#[derive(Clone, Copy)]
struct Place<'a> {
    attempt: i32,
    upload_id: &'a str,
    slice: i32,
}

impl<'a> Place<'a> {
    fn of(item: &'a ReportSlice) -> Self {
        Self { attempt: item.attempt, upload_id: &item.upload_id, slice: item.slice }
    }

    /// Of a record that cannot be read.
    fn of_record(record: &'a Record) -> Option<(ReportId, Self)> {
        let text = |bytes: &'a [u8]| from_utf8(bytes).ok();
        let header = |name| text(record.header(name)?);
        let place = Self {
            attempt: header(headers::ATTEMPT)?.parse().ok()?,
            upload_id: header(headers::UPLOAD_ID)?,
            slice: header(headers::SLICE)?.parse().ok()?,
        };
        Some((text(record.key.as_deref()?)?.parse().ok()?, place))
    }

    fn standing(self, state: &ReportState) -> Standing {
        match state.attempt.cmp(&self.attempt) {
            Ordering::Less => return Standing::Unplanned,
            Ordering::Greater => return Standing::Past,
            Ordering::Equal => {}
        }
        if state.phase.is_final() || state.cancel_requested {
            return Standing::Past;
        }
        match &state.plan {
            None => Standing::Unplanned,
            Some(plan) if plan.upload_id != self.upload_id || plan.failed.is_some() || plan.has(self.slice) => {
                Standing::Past
            }
            Some(_) => Standing::Wanted,
        }
    }

    /// Whether what is `stored` of it, and said to be done, is still needed; none where that is not decided: our word of it may not be in the fold.
    fn is_needed(self, stored: &StoredSlice, state: &ReportState) -> Option<bool> {
        match state.attempt.cmp(&self.attempt) {
            Ordering::Less => return None,
            Ordering::Greater => return Some(false),
            Ordering::Equal => {}
        }
        // Of a report that is completed the slices are joined.
        if state.phase.is_final() {
            return Some(false);
        }
        let plan = state.plan.as_ref()?;
        if plan.upload_id != self.upload_id {
            return Some(false);
        }
        // Nobody else has these names.
        let names = |it: &StoredSlice| (it.staged_key.clone(), it.file_upload_id.clone());
        plan.stored_slice(self.slice).map(|counts| names(counts) == names(stored))
    }
}

impl<O: Outside> Life<O> {
    /// Makes a slice, where it is wanted. Run again after that it does nothing.
    pub(crate) async fn live_slice(&self, item: &ReportSlice) -> Result<Lived, JournalError> {
        if self.outside.is_forgotten(item.report_id) {
            return Ok(Lived::Done);
        }
        let place = Place::of(item);
        let planned = self.outside.until(item.report_id, |it| place.standing(it) != Standing::Unplanned).await;
        if planned.tenant != item.tenant || item.request.tenant != item.tenant {
            return Ok(Lived::Refused("the report id is that of another tenant's report".to_owned()));
        }
        let query = match check_request(&item.request) {
            Ok(query) => query,
            Err(reason) => return Ok(Lived::Refused(reason.to_string())),
        };
        if place.standing(&planned) == Standing::Past {
            self.metrics.slice("unwanted");
            return Ok(Lived::Done);
        }
        let unwanted = CancellationToken::new();
        let mut making = std::pin::pin!(self.make_slice(item, &query, &unwanted));
        let fate = tokio::select! {
            made = &mut making => made?,
            _ = self.outside.until(item.report_id, |it| place.standing(it) == Standing::Past) => {
                unwanted.cancel();
                making.await?
            }
        };
        self.metrics.slice(fate);
        Ok(Lived::Done)
    }

    /// Nobody will make a slice that is a dead letter: where it is wanted its report fails, in these words.
    pub(crate) async fn fail_refused_slice(&self, record: &Record, reason: &str) -> Result<(), JournalError> {
        let Some((report, place)) = Place::of_record(record) else { return Ok(()) };
        // What is said before the plan would be said of none.
        let state = self.outside.until(report, |it| place.standing(it) != Standing::Unplanned).await;
        if place.standing(&state) == Standing::Past {
            return Ok(());
        }
        let failure = Reason::SliceRefused { english: reason.to_owned() }.into();
        let event = event(report, &state.tenant, place, ReportEventType::SliceFailed);
        self.outside.append(&failed(event, failure)).await
    }

    /// Waits for its turn, makes it, and says how that went; gives its fate.
    async fn make_slice(
        &self,
        item: &ReportSlice,
        query: &ReportQuery,
        unwanted: &CancellationToken,
    ) -> Result<&'static str, JournalError> {
        if item.encoder_version != ENCODER_VERSION {
            if unwanted.run_until_cancelled(tokio::time::sleep(PUT_BACK_AFTER)).await.is_none() {
                return Ok("unwanted");
            }
            self.outside.put_slices(std::slice::from_ref(item)).await?;
            return Ok("put_back");
        }
        let turn = {
            let _waiting = Counted::new(&self.metrics.slices_waiting);
            let rows = u64::try_from(item.rows_expected).unwrap_or(u64::MAX);
            unwanted.run_until_cancelled(self.lanes.take(&item.tenant, rows)).await
        };
        let Some(lane) = turn else { return Ok("unwanted") };
        let running = Counted::new(&self.metrics.slices_running);
        let (report, slice) = (item.report_id, item.slice);
        tracing::info!(%report, slice, attempt = item.attempt, "a slice is begun");
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            let error = match self.write_slice(item, query, unwanted).await? {
                Ok((written, stored)) => {
                    self.outside.append(&done(item, written, stored.clone())).await?;
                    tracing::info!(%report, slice, attempt = item.attempt, "a slice is done");
                    // Others need not wait until that is in the fold.
                    drop((lane, running));
                    self.take_back_what_is_not_needed(item, &stored).await;
                    return Ok("done");
                }
                Err(error) => error,
            };
            match error {
                FileError::Cancelled => return Ok("unwanted"),
                FileError::Store(StoreError::Failed { .. } | StoreError::NotFound(_))
                    if begin.elapsed() < self.config.retry_max =>
                {
                    tracing::warn!(%error, %report, slice, "a slice is begun again");
                    self.metrics.retries.inc();
                    unwanted.run_until_cancelled(tokio::time::sleep(backoff.next_wait())).await;
                }
                error => {
                    drop((lane, running));
                    let error = self.if_ours(error, unwanted).await;
                    if error == FileError::Cancelled {
                        return Ok("unwanted");
                    }
                    tracing::error!(%error, %report, slice, "a slice cannot be made");
                    let event = event_of(item, ReportEventType::SliceFailed);
                    self.outside.append(&failed(event, error.for_an_admin())).await?;
                    return Ok("failed");
                }
            }
        }
    }

    /// Who was frozen may come when the report has ended, or when another one has made the slice: what it has stored then is nobody's.
    async fn take_back_what_is_not_needed(&self, item: &ReportSlice, stored: &StoredSlice) {
        let place = Place::of(item);
        let folded = self.outside.until(item.report_id, |it| place.is_needed(stored, it).is_some()).await;
        if place.is_needed(stored, &folded) != Some(false) {
            return;
        }
        if let Some(key) = &stored.staged_key {
            self.patiently("deleting a slice", || self.outside.delete_file(key)).await;
        }
        if let Some(upload_id) = &stored.file_upload_id {
            let abort = || self.outside.abort_upload(&item.object_key, upload_id);
            self.patiently("aborting a slice's upload", abort).await;
        }
    }

    async fn write_slice(
        &self,
        item: &ReportSlice,
        query: &ReportQuery,
        unwanted: &CancellationToken,
    ) -> Result<Result<(Written, StoredSlice), FileError>, JournalError> {
        let file = match self.outside.begin_slice(item).await {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.into())),
        };
        let writer = self.writer(unwanted);
        let slices = [slice_of(item)];
        let start = match item.slice {
            _ if counts_groups(&item.request) => Start::Counted,
            0 => Start::Beginning,
            _ => Start::Within,
        };
        let piece = Piece { request: &item.request, query, slices: &slices, start };
        let progress = watch::channel(Written::default()).0;
        let tell = |written| told(item, written, ReportEventType::SliceProgressed);
        let stored = self.telling(writer.write(file, piece, &progress), &progress, tell).await?;
        Ok(stored.map(|stored| (*progress.borrow(), stored)))
    }
}

fn slice_of(item: &ReportSlice) -> Slice {
    let stretch = item.stretches.iter().map(|it| Stretch {
        from: it.range_from,
        to: it.range_to,
        rows: u64::try_from(it.rows).unwrap_or_default(),
    });
    Slice { stretches: stretch.collect() }
}

fn event_of(item: &ReportSlice, event_type: ReportEventType) -> ReportEvent {
    event(item.report_id, &item.tenant, Place::of(item), event_type)
}

fn event(report: ReportId, tenant: &Tenant, place: Place<'_>, event_type: ReportEventType) -> ReportEvent {
    ReportEvent {
        attempt: Some(place.attempt),
        upload_id: Some(place.upload_id.to_owned()),
        slice: Some(place.slice),
        ..ReportEvent::new(report, tenant.clone(), event_type, Moment::now())
    }
}

fn failed(event: ReportEvent, Failure { reason, known }: Failure) -> ReportEvent {
    ReportEvent { reason: Some(reason), known_reason: known, ..event }
}

fn told(item: &ReportSlice, written: Written, event_type: ReportEventType) -> ReportEvent {
    let (rows, size_bytes) = (Some(signed(written.rows)), Some(signed(written.size_bytes)));
    ReportEvent { rows, size_bytes, ..event_of(item, event_type) }
}

fn done(item: &ReportSlice, written: Written, stored: StoredSlice) -> ReportEvent {
    ReportEvent {
        size_bytes: Some(stored.size_bytes()),
        staged_bytes: Some(stored.staged_bytes),
        staged_key: stored.staged_key,
        parts: Some(stored.parts),
        file_upload_id: stored.file_upload_id,
        sha256: stored.sha256,
        ..told(item, written, ReportEventType::SliceDone)
    }
}
