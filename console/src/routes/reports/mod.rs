//! Asking for reports, cancelling them and asking again.

pub(crate) mod asked;
pub(crate) mod changes;
pub(crate) mod download;
pub(crate) mod estimate;
mod ranges;
pub(crate) mod shown;

use std::net::SocketAddr;
use std::time::Duration;

use audit_log::Act;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use report_life::{Actor, Journal, ReportState};
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::check_limit;
use utoipa::IntoParams;

use self::asked::NewReport;
use self::shown::{AskedReport, Report, Reports};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::{JsonBody, UrlId, UrlQuery};
use crate::session::SignedIn;

/// How long Kafka may take to take a request.
const ASK_MAX: Duration = Duration::from_secs(10);
/// Most reports that are listed.
const LISTED_MAX: u32 = 500;

/// What Kafka answers; that it is away, where it takes too long.
pub(super) async fn in_time<T, E: Into<Refusal>>(asking: impl Future<Output = Result<T, E>>) -> Result<T, Refusal> {
    let asked = tokio::time::timeout(ASK_MAX, asking).await;
    asked.map_err(|_| Refusal::Away("the event log"))?.map_err(Into::into)
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Limit {
    /// At most so many, 1 to 500.
    #[serde(default = "fifty")]
    limit: u32,
}

fn fifty() -> u32 {
    50
}

/// Ask for a report.
#[utoipa::path(post, path = "/api/v1/reports", request_body = NewReport, responses(
    (status = 201, body = AskedReport), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn ask(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    JsonBody(mut new): JsonBody<NewReport>,
) -> Result<Response, Refusal> {
    let range = new.range(Moment::now())?;
    let mut request = new.request(&signed_in)?;
    (request.range_from, request.range_to) = (range.from, range.to);
    within_limits(&app, &signed_in)?;
    let state = asked(&app, signed_in.does(AuditAction::ReportRequested, address), request).await?;
    Ok((StatusCode::CREATED, Json(AskedReport::new(state, range.notes))).into_response())
}

/// Puts a request to the exporters, with the barrier of now, once `act` is on the audit log.
pub(super) async fn asked(app: &App, act: Act, mut request: ReportRequest) -> Result<ReportState, Refusal> {
    app.note(act.of_request(&request)).await?;
    let asking = async {
        request.barrier = app.outside.barrier().await?;
        app.outside.request(&request).await?;
        Ok::<_, Refusal>(request)
    };
    let request = in_time(asking).await?;
    Ok(ReportState::begun_by(&Journal::requested(&request)))
}

/// Reports, newest first.
#[utoipa::path(get, path = "/api/v1/reports", params(Limit), responses(
    (status = 200, body = Reports), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(limit): UrlQuery<Limit>,
) -> Result<Json<Reports>, Refusal> {
    check_limit(limit.limit, LISTED_MAX)?;
    let found = app.book.list(&signed_in.tenant, usize::try_from(limit.limit).unwrap_or(usize::MAX));
    Ok(Json(Reports { reports: found.into_iter().map(Report::from).collect() }))
}

/// Whether the tenant may ask for one more. The exporter looks again: what was asked for a moment ago may not be in the book yet.
pub(super) fn within_limits(app: &App, signed_in: &SignedIn) -> Result<(), Refusal> {
    let now = Moment::now();
    Ok(app.config.limits.check(&app.book.usage(&signed_in.tenant, None, now), now)?)
}

/// The tenant's own report of this id.
fn found(app: &App, signed_in: &SignedIn, id: &str) -> Result<ReportState, Refusal> {
    let id: ReportId = id.parse().map_err(|_| Refusal::NotFound)?;
    app.book.get(&signed_in.tenant, id).ok_or(Refusal::NotFound)
}

/// One report.
#[utoipa::path(get, path = "/api/v1/reports/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = Report), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub(crate) async fn get(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlId(id): UrlId,
) -> Result<Json<Report>, Refusal> {
    found(&app, &signed_in, &id).map(|state| Json(state.into()))
}

/// Ask for a report's end; asking twice is asking once. It comes within a moment, and nothing is left of the file; one that is completed first stays.
#[utoipa::path(post, path = "/api/v1/reports/{id}/cancel", params(("id" = String, Path)), responses(
    (status = 202, body = Report), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    UrlId(id): UrlId,
) -> Result<Response, Refusal> {
    let mut state = found(&app, &signed_in, &id)?;
    let actor = Actor { account: signed_in.account.clone(), address: Some(address.ip().to_string()) };
    let Some(event) = state.cancel(actor, Moment::now())? else {
        return Ok((StatusCode::ACCEPTED, Json(Report::from(state))).into_response());
    };
    app.note(signed_in.does(AuditAction::ReportCancelled, address).to(&state.id)).await?;
    in_time(app.outside.append(&event)).await?;
    state.apply(&event);
    Ok((StatusCode::ACCEPTED, Json(Report::from(state))).into_response())
}

/// Ask again for a report that failed, was cancelled or has expired: the same range, and what was on Kafka when it was asked for first.
#[utoipa::path(post, path = "/api/v1/reports/{id}/retry", params(("id" = String, Path)), responses(
    (status = 202, body = Report), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn retry(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    UrlId(id): UrlId,
) -> Result<Response, Refusal> {
    let mut state = found(&app, &signed_in, &id)?;
    let request = state.ask_again(signed_in.account.clone(), Moment::now())?;
    within_limits(&app, &signed_in)?;
    app.note(signed_in.does(AuditAction::ReportRetried, address).to(&state.id)).await?;
    in_time(app.outside.request_again(&request)).await?;
    state.apply(&Journal::retried(&request));
    Ok((StatusCode::ACCEPTED, Json(Report::from(state))).into_response())
}
