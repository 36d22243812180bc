//! What people do to a bucket sync, and what became of its objects.

use serde::{Deserialize, Serialize};

use crate::ids::{SyncId, Tenant};
use crate::known_reason::KnownReason;
use crate::report_request::{BarrierOffset, Compression, ReportFilter, ReportFormat};
use crate::times::Moment;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BucketSyncEventType {
    /// Not known to this reader: it changes nothing.
    Unknown,
    /// It was made; events from `until` on are in its objects.
    Created,
    /// It got other settings.
    Changed,
    /// No object is made until it is resumed.
    Paused,
    /// Objects are made again, beginning with what came meanwhile.
    Resumed,
    /// It is gone; its objects stay.
    Deleted,
    /// A past range is wanted.
    BackfillRequested,
    /// Nothing of its tenant came up to `until`.
    Looked,
    /// The next object holds what came up to `until`: the first plan of a number counts.
    Planned,
    /// An object is in its bucket, or would have been empty.
    Stored,
    /// An object could not be made; it is tried again.
    Failed,
    /// A receiver was told that it fails, or that it is well again; or will not be, because the mail was refused, or tried for too long.
    Notified,
    /// A past range is in the bucket.
    Backfilled,
    /// An object has its bytes, and will be put in its place: `number`, `rows`, `size_bytes` and `sha256` are there. By them it is known again.
    Packed,
    /// A part of a past range is in the bucket: all before `range_from`, in `objects` so far.
    BackfillProgressed,
    /// The rest of a past range is not wanted any more; what is in the bucket stays.
    BackfillCancelled,
}

/// What of a sync can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSyncSettings {
    /// What the tenant calls it.
    pub name: String,
    /// Name of a bucket that the operator has configured.
    pub destination: String,
    /// Format of its objects.
    pub format: ReportFormat,
    /// Compression of its objects.
    pub compression: Compression,
    /// Denied attempts too.
    pub denied: bool,
    /// Time between two objects.
    pub interval_seconds: i32,
    /// E-mail addresses that are told when it fails, and when it is well again.
    pub receivers: Vec<String>,
    /// What of the tenant's traffic is in its objects; `None`: all. Of denied attempts `denied` says it.
    #[serde(default)]
    pub filter: Option<ReportFilter>,
}

impl BucketSyncSettings {
    /// What of the tenant's traffic is in its objects, as a report would ask for it.
    #[must_use]
    pub fn report_filter(&self) -> ReportFilter {
        ReportFilter { denied: self.denied, ..self.filter.clone().unwrap_or_default() }
    }
}

/// One event: Avro record `BucketSyncEvent`, subject `bucket-syncs-value`. Field order is the schema's. What an event does not tell is
/// absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSyncEvent {
    /// The sync.
    pub sync_id: SyncId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What happened.
    pub event_type: BucketSyncEventType,
    /// When, by the writer's clock.
    pub at: Moment,
    /// Account that acted.
    pub actor: Option<String>,
    /// The whole of them, on `Created` and `Changed`.
    pub settings: Option<BucketSyncSettings>,
    /// Number of an object from 1: the next one on `Looked`, its own on `Planned` and `Stored`; or of a backfill, also on
    /// `Failed` where it is a backfill that fails, and on `Notified` where that is what the receiver was told.
    pub number: Option<i64>,
    /// On `Looked` and `Planned`: end of the interval.
    pub interval_end: Option<Moment>,
    /// On `Looked` and `Planned`: more was stored than one object takes.
    pub is_behind: bool,
    /// See the types.
    pub until: Vec<BarrierOffset>,
    /// First end time of a backfill; on `BackfillProgressed`: of what is not brought yet.
    pub range_from: Option<Moment>,
    /// First end time after it.
    pub range_to: Option<Moment>,
    /// Events in an object.
    pub rows: Option<i64>,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// Objects of a backfill; on `BackfillProgressed`: those so far.
    pub objects: Option<i64>,
    /// Key of an object in its bucket; absent where it would be empty.
    pub object_key: Option<String>,
    /// Why it failed, in words for an admin.
    pub reason: Option<String>,
    /// The same as `reason` for programs, where it is a known one.
    pub known_reason: Option<KnownReason>,
    /// SHA-256 of an object, hexadecimal, on `Packed`.
    pub sha256: Option<String>,
    /// On `Notified`: who knows it now; `None`: all receivers.
    pub receiver: Option<String>,
}

impl BucketSyncEvent {
    /// An event that tells nothing but its type.
    #[must_use]
    pub fn new(sync_id: SyncId, tenant: Tenant, event_type: BucketSyncEventType, at: Moment) -> Self {
        Self {
            sync_id,
            tenant,
            event_type,
            at,
            actor: None,
            settings: None,
            number: None,
            interval_end: None,
            is_behind: false,
            until: Vec::new(),
            range_from: None,
            range_to: None,
            rows: None,
            size_bytes: None,
            objects: None,
            object_key: None,
            reason: None,
            known_reason: None,
            sha256: None,
            receiver: None,
        }
    }
}
