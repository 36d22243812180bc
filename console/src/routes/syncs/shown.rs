//! A sync as it is shown.

use bucket_syncs::{Backfill, BackfillEnd, SyncState};
use schemas::report_request::{Compression, ReportFormat};
use schemas::times::Moment;
use serde::Serialize;
use traffic_query::time_range::{TimeNotes, rfc3339};
use utoipa::ToSchema;

use crate::routes::filter::Filter;
use crate::routes::notes::ShownNotes;

/// Of what was asked for of the past, the last ones.
const BACKFILLS_SHOWN: usize = 20;

/// What a sync writes, and how it stands. Times in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketSync {
    id: String,
    name: String,
    /// `active`, `failing`, `paused`.
    state: &'static str,
    /// Why it fails.
    reason: Option<String>,
    failing_since: Option<String>,
    destination: String,
    /// `ndjson`, `parquet`.
    format: &'static str,
    /// `none`, `gzip`, `zstd`.
    compression: &'static str,
    #[serde(flatten)]
    filter: Filter,
    interval_seconds: i32,
    receivers: Vec<String>,
    created_at: String,
    /// End of the last interval whose events are in the bucket.
    reached: String,
    /// How long ago that was; an interval is as it should be. Absent while it is paused.
    lag_seconds: Option<i64>,
    /// The last one that held something.
    last_object: Option<LastObject>,
    /// Past ranges that were asked for, the last ones.
    backfills: Vec<PastObjects>,
}

#[derive(Debug, Serialize, ToSchema)]
struct LastObject {
    number: i64,
    key: String,
    rows: i64,
    size_bytes: i64,
    stored_at: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct PastObjects {
    /// Among those of this sync, from 1.
    number: i64,
    from: String,
    to: String,
    /// `waiting`, `done`, `cancelled`.
    state: &'static str,
    /// All before is in the bucket.
    reached: String,
    /// Hours of the range that are done with.
    hours_done: i64,
    /// Hours of the range.
    hours: i64,
    /// Objects so far: hours that held something.
    objects: i64,
}

impl From<&Backfill> for PastObjects {
    fn from(it: &Backfill) -> Self {
        let (hours_done, hours) = it.hours();
        Self {
            number: it.number,
            from: rfc3339(it.from),
            to: rfc3339(it.to),
            state: match it.end {
                None => "waiting",
                Some(BackfillEnd::Done) => "done",
                Some(BackfillEnd::Cancelled) => "cancelled",
            },
            reached: rfc3339(it.reached),
            hours_done,
            hours,
            objects: it.objects,
        }
    }
}

impl BucketSync {
    pub(super) fn new(state: &SyncState, now: Moment) -> Self {
        let settings = &state.settings;
        let last = state.last_object.as_ref().map(|it| LastObject {
            number: it.number,
            key: it.key.clone(),
            rows: it.rows,
            size_bytes: it.size_bytes,
            stored_at: rfc3339(it.at),
        });
        let shown = state.backfills.len().saturating_sub(BACKFILLS_SHOWN);
        Self {
            id: state.id.to_string(),
            name: settings.name.clone(),
            state: match (state.is_paused, state.fails()) {
                (true, _) => "paused",
                (false, Some(_)) => "failing",
                (false, None) => "active",
            },
            reason: state.fails().map(|it| it.reason.clone()),
            failing_since: state.fails().map(|it| rfc3339(it.since)),
            destination: settings.destination.clone(),
            format: if settings.format == ReportFormat::Parquet { "parquet" } else { "ndjson" },
            compression: match settings.compression {
                Compression::Gzip => "gzip",
                Compression::Zstd => "zstd",
                Compression::None | Compression::Unknown => "none",
            },
            filter: settings.report_filter().into(),
            interval_seconds: settings.interval_seconds,
            receivers: settings.receivers.clone(),
            created_at: rfc3339(state.created_at),
            reached: rfc3339(state.reached),
            lag_seconds: state.lag_seconds(now),
            last_object: last,
            backfills: state.backfills[shown..].iter().map(PastObjects::from).collect(),
        }
    }
}

/// A sync of which a past range was asked for now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AskedBackfill {
    #[serde(flatten)]
    pub(super) sync: BucketSync,
    /// The range that was taken.
    pub(super) range: TakenRange,
}

/// A past range as it was taken, in UTC: the whole hours that hold what was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TakenRange {
    /// First end time.
    from: String,
    /// First end time after it.
    to: String,
    #[serde(flatten)]
    notes: ShownNotes,
}

impl TakenRange {
    pub(super) fn new((from, to): (Moment, Moment), notes: TimeNotes) -> Self {
        Self { from: rfc3339(from), to: rfc3339(to), notes: notes.into() }
    }
}

/// A sync as the API shows it.
#[must_use]
pub fn sync_json(state: &SyncState, now: Moment) -> serde_json::Value {
    serde_json::json!(BucketSync::new(state, now))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BucketSyncs {
    pub(super) syncs: Vec<BucketSync>,
    /// Names of the buckets that the operator has configured.
    pub(super) destinations: Vec<String>,
}
