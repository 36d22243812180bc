//! Reports that a tenant keeps, and when they are made by themselves.

pub(crate) mod shown;

use std::net::SocketAddr;

use audit_log::Act;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use report_schedules::{Saved, Timetable, deleted, due_by_hand, paused, replaced, request_of, resumed, saved};
use schemas::audit_event::AuditAction;
use schemas::ids::Tenant;
use schemas::report_request::ReportRequest;
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use serde::Deserialize;
use utoipa::ToSchema;

use self::shown::{LastRuns, Preview, Schedule, Schedules, next_runs};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::JsonBody;
use crate::routes::own::{OfTenant, Own};
use crate::routes::reports::asked::NewSchedule;
use crate::routes::reports::shown::Report;
use crate::routes::reports::{asked, in_time, within_limits};
use crate::session::SignedIn;

/// What is to be kept; its owner is who is signed in.
fn kept(mut new: NewSchedule, signed_in: &SignedIn) -> Result<Saved, Refusal> {
    let request = new.request(signed_in)?;
    let saved = Saved { name: new.name, range: new.range, when: new.when, request };
    saved.check()?;
    Ok(saved)
}

impl OfTenant for ReportSchedule {
    fn find(app: &App, tenant: &Tenant, id: &str) -> Option<Self> {
        app.schedules.get(tenant, id.parse().ok()?)
    }
}

impl Own<ReportSchedule> {
    /// Writes what `change` makes of it now, and shows it.
    async fn keep_changed(
        self,
        action: AuditAction,
        change: impl FnOnce(ReportSchedule, &str, Moment) -> ReportSchedule,
    ) -> Result<Json<Schedule>, Refusal> {
        let act = self.does(action);
        keep(&self.app, act, change(self.it, &self.signed_in.account, Moment::now())).await
    }
}

/// A schedule with the newest report that was made by it.
fn shown(app: &App, schedule: ReportSchedule) -> Json<Schedule> {
    let (id, now) = (schedule.schedule_id, Moment::now());
    let report = app.book.newest_runs(&schedule.tenant, &[id]).remove(&id);
    let last = LastRuns::of(&app.book, &schedule, report, now);
    Json(Schedule::new(schedule, &app.owners, last, now))
}

/// Writes a schedule as it is now, once `act` is on the audit log, and shows it.
async fn keep(app: &App, act: Act, schedule: ReportSchedule) -> Result<Json<Schedule>, Refusal> {
    app.note(act.to(&schedule.schedule_id).with("name", &schedule.name)).await?;
    in_time(app.outside.keep(&schedule)).await?;
    Ok(shown(app, schedule))
}

/// Keep a report.
#[utoipa::path(post, path = "/api/v1/report-schedules", request_body = NewSchedule, responses(
    (status = 201, body = Schedule), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn save(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    JsonBody(new): JsonBody<NewSchedule>,
) -> Result<Response, Refusal> {
    let new = kept(new, &signed_in)?;
    app.config.limits.check_schedules(app.schedules.list(&signed_in.tenant).len())?;
    Ok((
        StatusCode::CREATED,
        keep(&app, signed_in.does(AuditAction::ScheduleCreated, address), saved(new, Moment::now())).await?,
    )
        .into_response())
}

/// Times that are not kept yet.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Times {
    /// As of a schedule; absent: only by hand.
    when: Option<String>,
    /// As of a schedule.
    range: String,
    /// IANA name.
    zone: String,
}

/// The reports that would be made, and how long each is kept, before something is.
#[utoipa::path(post, path = "/api/v1/report-schedules/preview", request_body = Times, responses(
    (status = 200, body = Preview), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody)))]
pub(crate) async fn preview(
    State(app): State<App>,
    _: SignedIn,
    JsonBody(times): JsonBody<Times>,
) -> Result<Json<Preview>, Refusal> {
    let table = Timetable::read(times.when.as_deref(), &times.range, &times.zone)?;
    Ok(Json(Preview { next_runs: next_runs(&table, Moment::now()), keep_days: app.config.keep_days() }))
}

/// Schedules, oldest first.
#[utoipa::path(get, path = "/api/v1/report-schedules", responses(
    (status = 200, body = Schedules), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(State(app): State<App>, signed_in: SignedIn) -> Json<Schedules> {
    let schedules = app.schedules.list(&signed_in.tenant);
    let ids: Vec<_> = schedules.iter().map(|it| it.schedule_id).collect();
    let mut newest = app.book.newest_runs(&signed_in.tenant, &ids);
    let now = Moment::now();
    let shown = schedules.into_iter().map(|it| {
        let last = LastRuns::of(&app.book, &it, newest.remove(&it.schedule_id), now);
        Schedule::new(it, &app.owners, last, now)
    });
    Json(Schedules { schedules: shown.collect() })
}

/// One schedule.
#[utoipa::path(get, path = "/api/v1/report-schedules/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = Schedule), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(own: Own<ReportSchedule>) -> Json<Schedule> {
    shown(&own.app, own.it)
}

/// Keep something else in its place. Who does that is its owner.
#[utoipa::path(put, path = "/api/v1/report-schedules/{id}", params(("id" = String, Path)), request_body = NewSchedule, responses(
    (status = 200, body = Schedule), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn replace(
    own: Own<ReportSchedule>,
    JsonBody(new): JsonBody<NewSchedule>,
) -> Result<Json<Schedule>, Refusal> {
    let new = kept(new, &own.signed_in)?;
    own.keep_changed(AuditAction::ScheduleChanged, |last, _, now| replaced(&last, new, now)).await
}

/// Forget it. Its reports stay.
#[utoipa::path(delete, path = "/api/v1/report-schedules/{id}", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn delete(own: Own<ReportSchedule>) -> Result<StatusCode, Refusal> {
    own.keep_changed(AuditAction::ScheduleDeleted, deleted).await.map(|_| StatusCode::NO_CONTENT)
}

/// Make nothing by it until it is resumed.
#[utoipa::path(post, path = "/api/v1/report-schedules/{id}/pause", params(("id" = String, Path)), responses(
    (status = 200, body = Schedule), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn pause(own: Own<ReportSchedule>) -> Result<Json<Schedule>, Refusal> {
    own.keep_changed(AuditAction::SchedulePaused, paused).await
}

/// Make reports by it again, from now on. Who does that is its owner.
#[utoipa::path(post, path = "/api/v1/report-schedules/{id}/resume", params(("id" = String, Path)), responses(
    (status = 200, body = Schedule), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn resume(own: Own<ReportSchedule>) -> Result<Json<Schedule>, Refusal> {
    own.keep_changed(AuditAction::ScheduleResumed, |last, by, now| resumed(last, by, by, now)).await
}

/// Make a report by it now, beside those that are due.
#[utoipa::path(post, path = "/api/v1/report-schedules/{id}/run", params(("id" = String, Path)), responses(
    (status = 201, body = Report), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn run(own: Own<ReportSchedule>) -> Result<Response, Refusal> {
    let schedule = &own.it;
    let due = due_by_hand(Moment::now());
    let table = Timetable::of(schedule)?;
    let run = table.run(due).ok_or_else(|| Refusal::field("range", "holds nothing now"))?;
    let last = own.app.book.last_run(&schedule.tenant, schedule.schedule_id, due);
    let run = table.by_hand(run, last);
    within_limits(&own.app, &own.signed_in)?;
    let act = own.does(AuditAction::ReportRequested).with("schedule", &schedule.schedule_id.to_string());
    let requested_by = own.signed_in.account.clone();
    let request = ReportRequest { requested_by, ..request_of(schedule, &run, Vec::new()) };
    let state = asked(&own.app, act, request).await?;
    Ok((StatusCode::CREATED, Json(Report::from(state))).into_response())
}
