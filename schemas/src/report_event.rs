//! What happened to a report. Its state is the fold of these events, in the order of their partition.

use serde::{Deserialize, Serialize};

use crate::event_id::EventId;
use crate::ids::{ReportId, Tenant};
use crate::known_reason::KnownReason;
use crate::report_request::ReportRequest;
use crate::times::Moment;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportEventType {
    /// Not known to this reader: skipped by the fold.
    Unknown,
    /// It was asked for; `request` is there.
    Requested,
    /// It waits for ingest; `events_behind` is there.
    Waiting,
    /// An exporter began, or began again; `attempt` is there.
    Started,
    /// Rows were written; `rows`, `size_bytes` and `slices` are there, and what is expected of them.
    Progressed,
    /// Somebody wants it no more; `actor` is there.
    CancelRequested,
    /// The file is in the store, whole; `object_key`, `file_name`, `rows`, `size_bytes` are there.
    Completed,
    /// There will be no file; `reason` is there.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// A mail was taken by the mail server; `receiver` is there.
    Notified,
    /// Somebody asked again for one that failed, was cancelled or has expired; `actor` and `request` are there, the latter with the
    /// time at which it was asked for again.
    Retried,
    /// The file was given out; `actor` and `actor_address` are there.
    Downloaded,
    /// The file was deleted.
    Expired,
    /// The report was cut into slices, all of which are on their topic; `upload_id`, `encoder_version` and `slices_expected` are there.
    Planned,
    /// Rows of a slice were written; `upload_id`, `slice`, `rows`, `size_bytes` are there.
    SliceProgressed,
    /// A slice is in the store; `upload_id`, `slice`, `rows`, `size_bytes` are there, and where it lies.
    SliceDone,
    /// A slice cannot be made; `upload_id`, `slice` and `reason` are there.
    SliceFailed,
    /// The mail that the file will be deleted was taken by the mail server, or refused for good; `receiver` is there, and where it was refused
    /// `reason`.
    Reminded,
    /// A file of a split report is in the store, and another one comes; `file` and `encoder_version` are there.
    FileDone,
}

/// A part of an upload that the store has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadedPart {
    /// Number in the upload, from 1; parts make the file in the order of their numbers.
    pub number: i32,
    /// What the store calls its content.
    pub etag: String,
    /// Size, bytes.
    pub size_bytes: i64,
}

/// Where a row stands in a report of network events: by end time, then event id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RowPlace {
    /// Its end time.
    pub end_time: Moment,
    /// Its event id.
    pub event_id: EventId,
    /// Which row of its millisecond it is, from 1. Copies share a millisecond, so this tells whether one that came later has moved others.
    pub of_millisecond: i64,
}

/// A file of a split report that is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDone {
    /// Its number, from 0.
    pub number: i32,
    /// Its rows.
    pub rows: i64,
    /// Its size, bytes.
    pub size_bytes: i64,
    /// SHA-256 of its bytes, hexadecimal.
    pub sha256: String,
    /// Where its last row stands in the order of the report.
    pub last_row: RowPlace,
}

/// One event: Avro record `ReportEvent`, subject `report-events-value`. Field order is the schema's. What an event does not
/// tell is absent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportEvent {
    /// The report.
    pub report_id: ReportId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What happened.
    pub event_type: ReportEventType,
    /// When, by the writer's clock.
    pub at: Moment,
    /// The request, on `Requested` and `Retried`.
    pub request: Option<ReportRequest>,
    /// Which attempt, rising from 1. What an earlier one says later is not taken.
    pub attempt: Option<i32>,
    /// Events between ingest's position and the barrier.
    pub events_behind: Option<i64>,
    /// Rows written so far.
    pub rows: Option<i64>,
    /// Rows that the plan expects.
    pub rows_expected: Option<i64>,
    /// Bytes handed to the store so far, after compression.
    pub size_bytes: Option<i64>,
    /// Key in the object store.
    pub object_key: Option<String>,
    /// Name that a browser saves it under.
    pub file_name: Option<String>,
    /// Why it failed, in words for an admin.
    pub reason: Option<String>,
    /// E-mail address.
    pub receiver: Option<String>,
    /// Account that acted.
    pub actor: Option<String>,
    /// Address that the account came from; at a terminal the machine's name.
    pub actor_address: Option<String>,
    /// Slices written so far.
    pub slices: Option<i64>,
    /// Slices of the plan.
    pub slices_expected: Option<i64>,
    /// When the file will be deleted, on `Completed`.
    pub expires_at: Option<Moment>,
    /// Upload that the slices of a plan become parts of; names the plan.
    pub upload_id: Option<String>,
    /// Version of what makes the bytes of slices.
    pub encoder_version: Option<i32>,
    /// Number of a slice, from 0.
    pub slice: Option<i32>,
    /// Object that holds the beginning of a slice, or all of it.
    pub staged_key: Option<String>,
    /// Its size, bytes.
    pub staged_bytes: Option<i64>,
    /// Parts of the upload that hold the rest of a slice.
    pub parts: Option<Vec<UploadedPart>>,
    /// Upload of those parts where the slice is a file of its own; the other slices' parts are of `upload_id`.
    pub file_upload_id: Option<String>,
    /// How many files the report has, where they are several, on `Completed`: they lie below `object_key`.
    pub files: Option<i64>,
    /// A file of a split report that is in the store, on `FileDone`.
    pub file: Option<FileDone>,
    /// The same as `reason` for programs, where it is a known one.
    pub known_reason: Option<KnownReason>,
    /// SHA-256 of the bytes of a slice, hexadecimal, on `SliceDone`.
    pub sha256: Option<String>,
}

impl ReportEvent {
    /// An event that tells nothing but its type.
    #[must_use]
    pub fn new(report_id: ReportId, tenant: Tenant, event_type: ReportEventType, at: Moment) -> Self {
        Self {
            report_id,
            tenant,
            event_type,
            at,
            request: None,
            attempt: None,
            events_behind: None,
            rows: None,
            rows_expected: None,
            size_bytes: None,
            object_key: None,
            file_name: None,
            reason: None,
            receiver: None,
            actor: None,
            actor_address: None,
            slices: None,
            slices_expected: None,
            expires_at: None,
            upload_id: None,
            encoder_version: None,
            slice: None,
            staged_key: None,
            staged_bytes: None,
            parts: None,
            file_upload_id: None,
            files: None,
            file: None,
            known_reason: None,
            sha256: None,
        }
    }
}
