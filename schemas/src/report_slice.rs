//! A piece of a report's range that any exporter may make: parts of the upload that becomes the file, or a file of its own.

use serde::{Deserialize, Serialize};

use crate::ids::{ReportId, Tenant};
use crate::report_event::UploadedPart;
use crate::report_request::ReportRequest;
use crate::times::Moment;

/// What of a slice is sorted at once: `[range_from, range_to)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceStretch {
    /// First end time.
    pub range_from: Moment,
    /// First end time after it.
    pub range_to: Moment,
    /// Rows in it when it was planned.
    pub rows: i64,
}

/// One slice: Avro record `ReportSlice`, subject `report-slices-value`. Field order is the schema's. It holds all that is needed to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSlice {
    /// The report.
    pub report_id: ReportId,
    /// Its tenant.
    pub tenant: Tenant,
    /// The attempt that it belongs to.
    pub attempt: i32,
    /// Upload that it becomes parts of; names the plan, also where each slice is a file of its own.
    pub upload_id: String,
    /// Key of the file that it becomes, or becomes a piece of.
    pub object_key: String,
    /// Version of what makes its bytes.
    pub encoder_version: i32,
    /// Its number, from 0. The header of the file belongs to the first one.
    pub slice: i32,
    /// First number of a part that it may use; kept free for who joins the slices.
    pub first_part: i32,
    /// Last number of a part that it may use.
    pub last_part: i32,
    /// Rows of the whole report, as planned.
    pub rows_expected: i64,
    /// What of the range is sorted at once, in order.
    pub stretches: Vec<SliceStretch>,
    /// The request.
    pub request: ReportRequest,
}

/// Where a slice lies in the store, as its event says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSlice {
    /// Object that holds its beginning, or all of it; none where it is empty.
    pub staged_key: Option<String>,
    /// Size of that object, bytes.
    pub staged_bytes: i64,
    /// Parts of the upload that hold the rest, in order.
    pub parts: Vec<UploadedPart>,
    /// That upload, where the slice is a file of its own.
    pub file_upload_id: Option<String>,
    /// SHA-256 of its bytes, hexadecimal; none where an older version made it.
    pub sha256: Option<String>,
}

impl StoredSlice {
    /// Size of the slice, bytes.
    #[must_use]
    pub fn size_bytes(&self) -> i64 {
        self.parts.iter().fold(self.staged_bytes, |sum, part| sum.saturating_add(part.size_bytes))
    }
}
