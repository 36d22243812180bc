//! A schedule as it is shown.

use report_life::{LastRun, ReportState, SharedBook};
use report_schedules::{Owners, Run, Standing, Timetable};
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use serde::Serialize;
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;

use crate::routes::filter::Filter;
use crate::routes::reports::shown::{FileCompression, FileFormat, FileKind, FileSplit, FileTable, Report};

/// Runs that are told beforehand.
const NEXT_RUNS: usize = 5;

/// A report that will be made. Times in UTC.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NextRun {
    due: String,
    from: String,
    to: String,
}

impl From<Run> for NextRun {
    fn from(run: Run) -> Self {
        Self { due: rfc3339(run.due), from: rfc3339(run.from), to: rfc3339(run.to) }
    }
}

/// What is told of a schedule before it is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// None where reports are made by hand only.
    pub(super) next_runs: Vec<NextRun>,
    /// How many days the files of each report are kept once it is completed; null: for good.
    pub(super) keep_days: Option<u32>,
}

pub(super) fn next_runs(table: &Timetable, now: Moment) -> Vec<NextRun> {
    table.next(now, NEXT_RUNS).into_iter().map(NextRun::from).collect()
}

/// The next runs as the API shows them.
#[must_use]
pub fn runs_json(table: &Timetable, now: Moment) -> serde_json::Value {
    serde_json::json!({ "next_runs": next_runs(table, now) })
}

/// A schedule as the API shows it.
#[must_use]
pub fn schedule_json(schedule: ReportSchedule, owners: &Owners, last: LastRuns, now: Moment) -> serde_json::Value {
    serde_json::json!(Schedule::new(schedule, owners, last, now))
}

/// What a schedule has made last.
#[derive(Debug, Default)]
pub struct LastRuns {
    /// The newest report, which may be one that was made by hand.
    pub report: Option<ReportState>,
    /// The last that was made when it was due.
    pub run: Option<LastRun>,
}

impl LastRuns {
    /// Of a schedule whose newest report is this one. Its last run is looked for only where its next one goes by that.
    #[must_use]
    pub fn of(book: &SharedBook, schedule: &ReportSchedule, report: Option<ReportState>, now: Moment) -> Self {
        let is_wanted = Timetable::of(schedule).is_ok_and(|table| table.is_since_last_run());
        let run = is_wanted.then(|| book.last_run(&schedule.tenant, schedule.schedule_id, now)).flatten();
        Self { report, run }
    }
}

/// What is kept, how it stands, and its runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedule {
    id: String,
    name: String,
    /// `active`, `by_hand` (it has no times), `paused`.
    state: &'static str,
    /// Why nothing is made by it though nobody paused it.
    reason: Option<String>,
    /// Account that it belongs to.
    owner: String,
    when: Option<String>,
    range: String,
    zone: String,
    kind: FileKind,
    format: FileFormat,
    columns: Vec<String>,
    #[serde(flatten)]
    filter: Filter,
    compression: FileCompression,
    byte_order_mark: bool,
    formula_guard: bool,
    /// Where files of its reports end, where they are split.
    split: Option<FileSplit>,
    /// Of traffic: which table.
    table: Option<FileTable>,
    receivers: Vec<String>,
    /// Those that come next; none while it is paused.
    next_runs: Vec<NextRun>,
    /// The newest report that was made by it.
    last_run: Option<Report>,
    changed_at: String,
    changed_by: String,
}

impl Schedule {
    pub(super) fn new(schedule: ReportSchedule, owners: &Owners, last: LastRuns, now: Moment) -> Self {
        let standing = owners.standing(&schedule);
        let table = Timetable::of(&schedule);
        let ReportSchedule { schedule_id, name, request, range, when, runs_after, changed_at, changed_by, .. } =
            schedule;
        let gone = (standing == Standing::OwnerGone)
            .then(|| format!("its owner {} has no account any more; resume it to make it yours", request.requested_by));
        let next_runs = |table: &Timetable| {
            let runs = table.next_following(last.run, runs_after, now, NEXT_RUNS);
            runs.into_iter().map(NextRun::from).collect()
        };
        let runs = table.as_ref().ok().filter(|_| standing == Standing::Active);
        Self {
            id: schedule_id.to_string(),
            name,
            state: standing.name(),
            reason: gone.or(table.as_ref().err().map(ToString::to_string)),
            when,
            range,
            kind: request.kind.into(),
            format: request.format.into(),
            filter: request.filter.into(),
            compression: request.compression.into(),
            byte_order_mark: request.byte_order_mark,
            formula_guard: request.formula_guard,
            split: request.split.map(FileSplit::from),
            table: request.table.map(FileTable::from),
            owner: request.requested_by,
            zone: request.zone,
            columns: request.columns,
            receivers: request.receivers,
            next_runs: runs.map(next_runs).unwrap_or_default(),
            last_run: last.report.map(Report::from),
            changed_at: rfc3339(changed_at),
            changed_by,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Schedules {
    pub(super) schedules: Vec<Schedule>,
}
