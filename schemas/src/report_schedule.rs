//! A report that a tenant keeps, and when it is made by itself.

use serde::{Deserialize, Serialize};

use crate::ids::{ScheduleId, Tenant};
use crate::report_request::ReportRequest;
use crate::times::Moment;

/// Whether reports are made by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ScheduleState {
    /// Not known to this reader: none is made.
    Unknown,
    /// As its times say, where it has some.
    Active,
    /// Only when somebody wants one.
    Paused,
    /// It is gone; its reports stay.
    Deleted,
}

/// The whole of it: Avro record `ReportSchedule`, subject `report-schedules-value`. Field order is the schema's. Only what people do
/// changes it: what became of its reports is on `report-events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSchedule {
    /// Its id; the key of the record.
    pub schedule_id: ScheduleId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What the tenant calls it.
    pub name: String,
    /// Whether reports are made by it.
    pub state: ScheduleState,
    /// What each of its reports asks for. Id, range, time and barrier are each report's own; `requested_by` is its owner.
    pub request: ReportRequest,
    /// Range of each report as seen from when it is due, such as `last week`.
    pub range: String,
    /// When a report is made by itself: such as `daily at 06:00`, or five fields of cron. Absent: never.
    pub when: Option<String>,
    /// What was due until then is not made any more.
    pub runs_after: Moment,
    /// When it was changed last.
    pub changed_at: Moment,
    /// Account that did.
    pub changed_by: String,
}
