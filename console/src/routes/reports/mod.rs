//! Asking for reports, cancelling them and asking again.

pub(crate) mod changes;
pub(crate) mod download;
pub(crate) mod shown;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use report_life::{Actor, Journal, ReportState, report_filter};
use report_writer::choose_writer;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportFilter, ReportRequest};
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::time_range::in_utc;
use traffic_query::{Field, FilterError, FilterForm};
use utoipa::{IntoParams, ToSchema};

use self::shown::{FileCompression, FileFormat, FileKind, Report, Reports};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::{JsonBody, UrlId, UrlQuery};
use crate::session::SignedIn;

/// How long Kafka may take to take a request.
const ASK_MAX: Duration = Duration::from_secs(10);
/// Columns that one report may name: each once, of fewer than these.
const COLUMNS_MAX: usize = 100;

/// What is asked for. Times are local in `zone`, or carry an offset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewReport {
    /// First end time, such as `2026-11-01T00:00`.
    from: String,
    /// First end time after it.
    to: String,
    /// IANA name.
    zone: String,
    /// `events`, `summary` or `users`.
    #[serde(default)]
    kind: FileKind,
    /// `csv` or `ndjson`; the latter of events.
    #[serde(default)]
    format: FileFormat,
    /// Of events as CSV: which, in this order; empty means the usual 26.
    #[serde(default)]
    columns: Vec<String>,
    /// Ids; empty means all.
    #[serde(default)]
    remote_networks: Vec<String>,
    /// User ids; empty means all.
    #[serde(default)]
    users: Vec<String>,
    /// Resource ids; empty means all.
    #[serde(default)]
    resources: Vec<String>,
    /// Connector ids; empty means all.
    #[serde(default)]
    connectors: Vec<String>,
    /// Device ids; empty means all.
    #[serde(default)]
    devices: Vec<String>,
    /// `tcp`, `udp`, `icmp`; empty means all.
    #[serde(default)]
    protocols: Vec<String>,
    /// `NORMAL`, `DNS_ERROR`, `CONNECTION_FAILED`, `ACCESS_DENIED`; empty means all but the last.
    #[serde(default)]
    statuses: Vec<String>,
    /// Addresses and CIDR ranges, of the client or of the Resource; empty means all.
    #[serde(default)]
    addresses: Vec<String>,
    /// Rows for denied attempts too.
    #[serde(default)]
    denied: bool,
    /// `none`, `gzip` or `zstd`.
    #[serde(default)]
    compression: FileCompression,
}

impl NewReport {
    /// What of the traffic is wanted, held against the query layer's filter.
    fn filter(&mut self) -> Result<ReportFilter, FilterError> {
        let mut form = FilterForm::default();
        for (field, values) in [
            (Field::RemoteNetworks, &mut self.remote_networks),
            (Field::Users, &mut self.users),
            (Field::Resources, &mut self.resources),
            (Field::Connectors, &mut self.connectors),
            (Field::Devices, &mut self.devices),
            (Field::Protocols, &mut self.protocols),
            (Field::Statuses, &mut self.statuses),
            (Field::Addresses, &mut self.addresses),
        ] {
            values.drain(..).try_for_each(|value| form.add(field.name(), value))?;
        }
        report_filter(&form.build()?, self.denied)
    }
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
pub(crate) struct Limit {
    /// At most so many, up to 500.
    #[serde(default = "fifty")]
    limit: usize,
}

fn fifty() -> usize {
    50
}

/// Ask for a report.
#[utoipa::path(post, path = "/api/v1/reports", request_body = NewReport, responses(
    (status = 201, body = Report), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
pub(crate) async fn ask(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    JsonBody(mut new): JsonBody<NewReport>,
) -> Result<Response, Refusal> {
    let range = in_utc(&new.from, &new.to, &new.zone)?;
    let filter = new.filter()?;
    if new.columns.len() > COLUMNS_MAX {
        return Err(Refusal::field("columns", format!("has more than {COLUMNS_MAX} names")));
    }
    within_limits(&app, &signed_in)?;
    let mut request = ReportRequest {
        report_id: ReportId::generate(),
        tenant: signed_in.tenant.clone(),
        kind: new.kind.into(),
        format: new.format.into(),
        compression: new.compression.into(),
        range_from: range.from,
        range_to: range.to,
        zone: new.zone,
        filter,
        columns: new.columns,
        requested_by: signed_in.account.clone(),
        requested_at: Moment::now(),
        receivers: vec![signed_in.email.clone()],
        barrier: Vec::new(),
    };
    if let Err(reason) = choose_writer(&request) {
        let (field, reason) = reason.split_once(' ').unwrap_or(("kind", &reason));
        return Err(Refusal::field(field, reason));
    }
    app.note(signed_in.does(AuditAction::ReportRequested, address).of_request(&request)).await?;
    let asking = async {
        let ends = app.outside.stable_ends().await?;
        request.barrier = ends.into_iter().map(|(partition, offset)| BarrierOffset { partition, offset }).collect();
        app.outside.request(&request).await?;
        Ok::<_, Refusal>(request)
    };
    let request = tokio::time::timeout(ASK_MAX, asking).await.map_err(|_| Refusal::Away("the event log"))??;
    let state = ReportState::begun_by(&Journal::requested(&request));
    Ok((StatusCode::CREATED, Json(Report::from(state))).into_response())
}

/// Reports, newest first.
#[utoipa::path(get, path = "/api/v1/reports", params(Limit), responses(
    (status = 200, body = Reports), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    signed_in: SignedIn,
    UrlQuery(limit): UrlQuery<Limit>,
) -> Json<Reports> {
    let found = app.book.list(&signed_in.tenant, limit.limit.min(500));
    Json(Reports { reports: found.into_iter().map(Report::from).collect() })
}

/// Whether the tenant may ask for one more. The exporter looks again: what was asked for a moment ago may not be in the book yet.
fn within_limits(app: &App, signed_in: &SignedIn) -> Result<(), Refusal> {
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

/// Ask for a report's end. It comes within a moment, and nothing is left of the file; one that is completed first stays.
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
    let event = state.cancel(actor, Moment::now())?;
    app.note(signed_in.does(AuditAction::ReportCancelled, address).to(state.id)).await?;
    let noted = tokio::time::timeout(ASK_MAX, app.outside.append(&event)).await;
    noted.map_err(|_| Refusal::Away("the event log"))??;
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
    app.note(signed_in.does(AuditAction::ReportRetried, address).to(state.id)).await?;
    let asked = tokio::time::timeout(ASK_MAX, app.outside.request_again(&request)).await;
    asked.map_err(|_| Refusal::Away("the event log"))??;
    state.apply(&Journal::retried(&request));
    Ok((StatusCode::ACCEPTED, Json(Report::from(state))).into_response())
}
