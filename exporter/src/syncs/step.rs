//! One step of a sync.

use std::sync::Arc;
use std::time::Duration;

use bucket_syncs::{Backfill, Packed, Plan, SyncJournal, SyncState};
use clickhouse_io::GivingWay;
use clickhouse_io::report::{Offsets, ReportQuery, Slice, hours};
use report_life::{Failure, JournalError};
use report_store::{ReportStore, StoreError};
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type};
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportKind, ReportRequest};
use schemas::times::Moment;
use service_kit::CancellationToken;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Destinations;
use super::object::{Object, begun};
use super::tell::{due_at, tell};
use super::turns::Work;
use crate::adapters::{Outside, Parts};
use crate::error::FileError;
use crate::life::Life;
use crate::metrics::SyncMetrics;
use crate::reason::Reason;
use crate::render::Start;
use crate::stages::check_request::check_request;
use crate::stages::name_object::{backfill_key, live_key};
use crate::write_file::{Piece, WriteFile, Written};

/// How long a part that is away is waited for within one step: a sync that waits longer is to say so.
pub(super) const AWAY_MAX: Duration = Duration::from_secs(30);
/// Microseconds of an hour, and of a week: what is looked for at once of the past.
const HOUR: i64 = 3_600_000_000;
const WEEK: i64 = 168 * HOUR;
/// How long a past range is brought before another one has its turn, and before it is said how far it is.
const BACKFILL_TURN: Duration = Duration::from_secs(30);

/// Why a step could not be taken (yet).
#[derive(Debug)]
pub(super) enum StepError {
    /// Said to the sync's people.
    Failed(Failure),
    /// Kafka does not say how far ingest is: there is no way to say so.
    Waiting,
    /// An event cannot be written: no more can be done.
    Journal(JournalError),
}

impl From<JournalError> for StepError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<FileError> for StepError {
    fn from(error: FileError) -> Self {
        tracing::warn!(%error, "a step of a bucket sync failed");
        Self::Failed(match error {
            FileError::Rows(_) => Reason::ObjectRows.into(),
            FileError::Store(StoreError::Occupied(key)) => Reason::ObjectOccupied { key }.into(),
            FileError::Store(_) => Reason::ObjectStore.into(),
            other => other.for_an_admin(),
        })
    }
}

impl From<Reason> for StepError {
    fn from(reason: Reason) -> Self {
        Self::Failed(reason.into())
    }
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        FileError::Store(error).into()
    }
}

pub(super) struct Step {
    pub(super) journal: SyncJournal,
    pub(super) clickhouse: GivingWay,
    pub(super) destinations: Destinations,
    pub(super) metrics: SyncMetrics,
    pub(super) life: Arc<Life<Parts>>,
    /// Nobody cancels an object.
    pub(super) never: CancellationToken,
    /// When this exporter began: what was to be mailed before is tried for as long from here on.
    pub(super) begun_at: Moment,
}

impl Step {
    /// Takes it; false where it has to be tried again.
    pub(super) async fn take(&self, state: &SyncState, work: &Work, now: Moment) -> Result<bool, JournalError> {
        let made = match (work, state.open.as_ref(), state.open_backfill()) {
            (Work::Live, Some(plan), _) => self.store(state, plan).await,
            (Work::Live, None, _) => self.plan(state, now).await,
            (Work::Backfill, _, Some(backfill)) => self.backfill(state, backfill).await,
            (Work::Backfill, _, None) => return Ok(true),
            (Work::Mail(receiver), ..) => return self.tell(state, receiver).await,
        };
        match made {
            Ok(Some(event)) => self.journal.append(&event).await.map(|()| true),
            Ok(None) | Err(StepError::Waiting) => Ok(false),
            Err(StepError::Journal(error)) => Err(error),
            Err(StepError::Failed(failure)) => self.failed(state, work, failure).await.map(|()| false),
        }
    }

    /// What the next object holds, or that nothing came.
    async fn plan(&self, state: &SyncState, now: Moment) -> Result<Option<BucketSyncEvent>, StepError> {
        let Some(interval_end) = state.due(now) else { return Ok(None) };
        let stored = self.life.stored.look(self.life.outside.stored_until()).await.map_err(|_| StepError::Waiting)?;
        let (until, is_behind) = state.next_until(&stored);
        let offsets = self.offsets(state.until.clone(), until.clone());
        let found = self.hours(&request(state, Moment::FIRST, Moment::END), offsets).await?;
        let is_empty = found.is_empty();
        if is_empty {
            self.metrics.object("empty");
        }
        let until = until.into_iter().map(|(partition, offset)| BarrierOffset { partition, offset });
        Ok(Some(BucketSyncEvent {
            number: Some(state.next),
            interval_end: Some(interval_end),
            is_behind,
            until: until.collect(),
            ..state.event(if is_empty { Type::Looked } else { Type::Planned }, now)
        }))
    }

    /// Makes an object as its plan says, where it was not made before.
    async fn store(&self, state: &SyncState, plan: &Plan) -> Result<Option<BucketSyncEvent>, StepError> {
        let key = &live_key(state, plan);
        let object = Object { state, plan, bucket: self.bucket(state)?, key };
        // First: its rows may be gone by now.
        if let Some(packed) = object.found().await? {
            self.metrics.object("stored");
            tracing::info!(sync = %state.id, number = plan.number, key, "an object of a bucket sync was there, and is noted");
            return Ok(Some(object.stored(Some(packed))));
        }
        let offsets = self.offsets(plan.from.clone(), plan.until.clone());
        let everything = request(state, Moment::FIRST, Moment::END);
        let hours = self.hours(&everything, offsets.clone()).await?;
        let (Some(first), Some(last)) = (hours.first(), hours.last()) else { return Ok(Some(object.stored(None))) };
        let request = request(state, *first, Moment::from_micros(last.as_micros() + HOUR));
        tracing::info!(sync = %state.id, number = plan.number, key, "an object of a bucket sync is begun");
        let (query, slices) = self.cut(&request, Offsets { hours, ..offsets }).await?;
        let made = match slices.as_slice() {
            [] => None,
            slices => {
                let piece = Piece { request: &request, query: &query, slices, start: Start::Beginning };
                object.made(&self.writer(), piece, &self.journal).await?
            }
        };
        if let Some(Packed { rows, .. }) = &made {
            self.metrics.object("stored");
            tracing::info!(sync = %state.id, number = plan.number, rows, key, "an object of a bucket sync is stored");
        } else {
            self.metrics.object("empty");
            tracing::info!(sync = %state.id, number = plan.number, "an object of a bucket sync would have no rows: there is none");
        }
        Ok(Some(object.stored(made)))
    }

    /// Brings what is not in the bucket yet of a past range, hour by hour, as far as one turn goes.
    async fn backfill(&self, state: &SyncState, backfill: &Backfill) -> Result<Option<BucketSyncEvent>, StepError> {
        let stored = self.life.stored.look(self.life.outside.stored_until()).await.map_err(|_| StepError::Waiting)?;
        let is_stored = |(partition, start): (&i32, &i64)| stored.get(partition).is_some_and(|it| it >= start);
        if !state.start.iter().filter(|(_, start)| **start > 0).all(is_stored) {
            return Ok(None);
        }
        let (mut reached, mut objects) = (backfill.reached, backfill.objects);
        match self.bring_turn(state, backfill, &mut reached, &mut objects).await {
            // What was brought before it is said first; the next turn begins at what fails, and says that.
            Err(StepError::Failed(_)) if reached > backfill.reached => {}
            turn => turn?,
        }
        let is_done = reached >= backfill.to;
        Ok(Some(BucketSyncEvent {
            number: Some(backfill.number),
            range_from: (!is_done).then_some(reached),
            objects: Some(objects),
            ..state.event(if is_done { Type::Backfilled } else { Type::BackfillProgressed }, Moment::now())
        }))
    }

    /// Brings hours for as long as a turn lasts; `reached` and `objects` go on with each.
    async fn bring_turn(
        &self,
        state: &SyncState,
        backfill: &Backfill,
        reached: &mut Moment,
        objects: &mut i64,
    ) -> Result<(), StepError> {
        let (begin, mut width) = (Instant::now(), WEEK);
        while *reached < backfill.to && begin.elapsed() < BACKFILL_TURN {
            let end = backfill.to.min(Moment::from_micros(reached.as_micros().saturating_add(width)));
            let offsets = self.offsets(bucket_syncs::Offsets::new(), state.start.clone());
            let hours = self.hours(&request(state, *reached, end), offsets.clone()).await?;
            // Where there is nothing it goes on in longer strides: years without traffic are a few statements.
            width = if hours.is_empty() { width.saturating_mul(2) } else { WEEK };
            let mut brought = 0;
            for hour in &hours {
                // However long it took to find it, one hour is brought: a turn without any would be followed by the same.
                if brought > 0 && begin.elapsed() >= BACKFILL_TURN {
                    break;
                }
                self.bring(state, *hour, offsets.clone()).await?;
                *reached = Moment::from_micros(hour.as_micros() + HOUR);
                *objects += 1;
                brought += 1;
            }
            if brought == hours.len() {
                *reached = end;
            }
        }
        Ok(())
    }

    /// Brings an hour of the past, where it is not there.
    async fn bring(&self, state: &SyncState, hour: Moment, offsets: Offsets) -> Result<(), StepError> {
        let (bucket, key) = (self.bucket(state)?, backfill_key(state, hour));
        match tokio::time::timeout(AWAY_MAX, bucket.size(&key)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(StoreError::NotFound(_))) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(away().into()),
        }
        let request = request(state, hour, Moment::from_micros(hour.as_micros() + HOUR));
        let is_there = self.write(&request, offsets, bucket, &key).await?;
        self.metrics.object(if is_there { "backfilled" } else { "empty" });
        Ok(())
    }

    fn offsets(&self, from: bucket_syncs::Offsets, until: bucket_syncs::Offsets) -> Offsets {
        Offsets { source: self.life.config.source.clone(), from, until, hours: Vec::new() }
    }

    fn bucket(&self, state: &SyncState) -> Result<&ReportStore, StepError> {
        let name = &state.settings.destination;
        self.destinations.get(name).ok_or_else(|| Reason::NoDestination { name: name.clone() }.into())
    }

    async fn hours(&self, request: &ReportRequest, offsets: Offsets) -> Result<Vec<Moment>, StepError> {
        let mut query = check_request(request)?;
        query.offsets = Some(offsets);
        let found = hours(&self.clickhouse.client().await, &query).await;
        Ok(found.inspect_err(|error| self.life.load.refused(error)).map_err(FileError::Rows)?)
    }

    /// What is to be written; no slices where there are no rows.
    async fn cut(&self, request: &ReportRequest, offsets: Offsets) -> Result<(ReportQuery, Vec<Slice>), StepError> {
        let mut query = check_request(request)?;
        query.offsets = Some(offsets);
        let writer = self.writer();
        // Steps have turns of their own.
        let planning = writer.plan(request, &query, || std::future::ready(()));
        let slices = planning.await.map_err(FileError::Rows)?;
        Ok((query, slices))
    }

    fn writer(&self) -> WriteFile<'_, Parts> {
        WriteFile { retry_max: AWAY_MAX, ..self.life.writer(&self.never) }
    }

    /// Writes an hour; true where it has rows, and is there.
    async fn write(
        &self,
        request: &ReportRequest,
        offsets: Offsets,
        bucket: &ReportStore,
        key: &str,
    ) -> Result<bool, StepError> {
        let (query, slices) = self.cut(request, offsets).await?;
        if slices.is_empty() {
            return Ok(false);
        }
        let (progress, _) = watch::channel(Written::default());
        let piece = Piece { request, query: &query, slices: &slices, start: Start::Beginning };
        // Those that were planned may all be copies.
        let filled = self.writer().fill_where_rows_are(begun(bucket, key).await?, piece, &progress).await?;
        let Some(upload) = filled else { return Ok(false) };
        upload.finish().await?;
        Ok(true)
    }

    /// Notes that what it does fails, once.
    async fn failed(&self, state: &SyncState, work: &Work, failure: Failure) -> Result<(), JournalError> {
        self.metrics.object("failed");
        let past = state.open_backfill().filter(|_| *work == Work::Backfill);
        if past.map_or(&state.failing, |it| &it.failing).is_some() {
            return Ok(());
        }
        let (number, reason, known_reason) = (past.map(|it| it.number), Some(failure.reason), failure.known);
        let event = BucketSyncEvent { number, reason, known_reason, ..state.event(Type::Failed, Moment::now()) };
        self.journal.append(&event).await
    }

    async fn tell(&self, state: &SyncState, receiver: &str) -> Result<bool, JournalError> {
        let config = &self.life.config;
        let Some(due_at) = due_at(state, config.sync_mail_after) else { return Ok(true) };
        // Who became a receiver late has as long as the others.
        let give_up_at = after(due_at.max(self.begun_at).max(state.receivers_since), config.notify_max);
        tell(&self.life, &self.journal, state, receiver, give_up_at).await
    }
}

/// So long after a moment.
pub(super) fn after(moment: Moment, long: Duration) -> Moment {
    Moment::from_micros(moment.as_micros().saturating_add(i64::try_from(long.as_micros()).unwrap_or(i64::MAX)))
}

pub(super) fn away() -> StoreError {
    StoreError::Failed { action: "waiting for the bucket", reason: "no answer".to_owned() }
}

pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// What makes an object's bytes of rows is what makes a report's.
pub(super) fn request(state: &SyncState, range_from: Moment, range_to: Moment) -> ReportRequest {
    let settings = &state.settings;
    ReportRequest {
        report_id: ReportId::generate(),
        tenant: state.tenant.clone(),
        kind: ReportKind::Events,
        format: settings.format,
        compression: settings.compression,
        range_from,
        range_to,
        zone: "UTC".to_owned(),
        filter: settings.report_filter(),
        columns: Vec::new(),
        requested_by: String::new(),
        requested_at: state.created_at,
        receivers: Vec::new(),
        barrier: Vec::new(),
        byte_order_mark: false,
        formula_guard: false,
        split: None,
        table: None,
    }
}
