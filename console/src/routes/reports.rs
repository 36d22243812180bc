//! Asking for reports, following and downloading them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use report_life::{Phase, ReportState};
use schemas::ids::{RemoteNetworkId, ReportId};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{BarrierOffset, Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};
use tokio_stream::wrappers::BroadcastStream;
use traffic_query::time_range::{in_utc, rfc3339};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::{JsonBody, UrlId, UrlQuery};
use crate::session::SignedIn;

/// How long Kafka may take to take a request.
const ASK_MAX: Duration = Duration::from_secs(10);
/// Remote Networks that one report may name.
const NETWORKS_MAX: usize = 1_000;

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
    /// Ids; empty means all.
    #[serde(default)]
    remote_networks: Vec<String>,
    /// Rows for denied attempts too.
    #[serde(default)]
    denied: bool,
    /// `none`, `gzip` or `zstd`.
    #[serde(default)]
    compression: FileCompression,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FileCompression {
    #[default]
    None,
    Gzip,
    Zstd,
}

/// How far a report is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Report {
    id: String,
    /// `requested`, `waiting`, `running`, `completed`, `failed`, `cancelled`, `expired`.
    state: &'static str,
    requested_at: Option<String>,
    requested_by: Option<String>,
    /// UTC.
    from: Option<String>,
    /// UTC.
    to: Option<String>,
    zone: Option<String>,
    remote_networks: Vec<String>,
    denied: bool,
    compression: FileCompression,
    events_behind: Option<i64>,
    rows: i64,
    rows_expected: Option<i64>,
    size_bytes: i64,
    file_name: Option<String>,
    reason: Option<String>,
    completed_at: Option<String>,
    notified: usize,
    downloads: u64,
}

impl From<ReportState> for Report {
    fn from(state: ReportState) -> Self {
        let request = state.request.as_ref();
        Self {
            id: state.id.to_string(),
            state: match state.phase {
                Phase::Requested => "requested",
                Phase::Waiting => "waiting",
                Phase::Running => "running",
                Phase::Completed => "completed",
                Phase::Failed => "failed",
                Phase::Cancelled => "cancelled",
                Phase::Expired => "expired",
            },
            requested_at: request.map(|it| rfc3339(it.requested_at)),
            requested_by: request.map(|it| it.requested_by.clone()),
            from: request.map(|it| rfc3339(it.range_from)),
            to: request.map(|it| rfc3339(it.range_to)),
            zone: request.map(|it| it.zone.clone()),
            remote_networks: request
                .map(|it| it.filter.remote_networks.iter().map(i64::to_string).collect())
                .unwrap_or_default(),
            denied: request.is_some_and(|it| it.filter.denied),
            compression: match request.map(|it| it.compression) {
                Some(Compression::Gzip) => FileCompression::Gzip,
                Some(Compression::Zstd) => FileCompression::Zstd,
                Some(Compression::None | Compression::Unknown) | None => FileCompression::None,
            },
            events_behind: state.events_behind.filter(|_| state.phase == Phase::Waiting),
            rows: state.rows,
            rows_expected: state.rows_expected,
            size_bytes: state.size_bytes,
            file_name: state.file_name,
            reason: state.reason,
            completed_at: state.ended_at.map(rfc3339),
            notified: state.notified.len(),
            downloads: state.downloads,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reports {
    reports: Vec<Report>,
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
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn ask(
    State(app): State<App>,
    signed_in: SignedIn,
    JsonBody(new): JsonBody<NewReport>,
) -> Result<Response, Refusal> {
    let range = in_utc(&new.from, &new.to, &new.zone)?;
    if new.remote_networks.len() > NETWORKS_MAX {
        return Err(Refusal::field("remote_networks", format!("has more than {NETWORKS_MAX} ids")));
    }
    let networks = new.remote_networks.iter().map(|id| id.parse::<RemoteNetworkId>().map(i64::from));
    let remote_networks =
        networks.collect::<Result<_, _>>().map_err(|_| Refusal::field("remote_networks", "holds what is no id"))?;
    let asking = async {
        let ends = app.outside.stable_ends().await?;
        let request = ReportRequest {
            report_id: ReportId::generate(),
            tenant: signed_in.tenant,
            kind: ReportKind::Events,
            format: ReportFormat::Csv,
            compression: match new.compression {
                FileCompression::None => Compression::None,
                FileCompression::Gzip => Compression::Gzip,
                FileCompression::Zstd => Compression::Zstd,
            },
            range_from: range.from,
            range_to: range.to,
            zone: new.zone,
            filter: ReportFilter { remote_networks, denied: new.denied, ..ReportFilter::default() },
            columns: Vec::new(),
            requested_by: signed_in.account,
            requested_at: Moment::now(),
            receivers: vec![signed_in.email],
            barrier: ends.into_iter().map(|(partition, offset)| BarrierOffset { partition, offset }).collect(),
        };
        app.outside.request(&request).await?;
        Ok::<_, Refusal>(request)
    };
    let request = tokio::time::timeout(ASK_MAX, asking).await.map_err(|_| Refusal::Away("the event log"))??;
    let state = ReportState::begun_by(&report_life::Journal::requested(&request));
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

/// Server-sent events: `changed` with a report, each time that one of the tenant's changes.
#[utoipa::path(get, path = "/api/v1/reports/changes", responses(
    (status = 200, body = Report, content_type = "text/event-stream"), (status = 401, body = ErrorBody)))]
pub(crate) async fn changes(
    State(app): State<App>,
    signed_in: SignedIn,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (book, tenant) = (app.book.clone(), signed_in.tenant);
    let changes = BroadcastStream::new(book.changes()).filter_map(move |change| {
        // A listener that was too slow has missed some: the page's own polling catches up.
        let state = change.ok().filter(|(of, _)| *of == tenant).and_then(|(_, id)| book.get(&tenant, id));
        let event = state.and_then(|state| Event::default().event("changed").json_data(Report::from(state)).ok());
        std::future::ready(event.map(Ok))
    });
    let stop = app.stop.clone();
    Sse::new(changes.take_until(stop.cancelled_owned())).keep_alive(KeepAlive::default())
}

/// The file. One range of bytes may be asked for.
#[utoipa::path(get, path = "/api/v1/reports/{id}/download", params(("id" = String, Path)), responses(
    (status = 200, description = "The file"), (status = 206, description = "A range of it"),
    (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 416, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn download(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    UrlId(id): UrlId,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = found(&app, &signed_in, &id)?;
    let (Some(key), Some(name)) = (&state.object_key, &state.file_name) else { return Err(Refusal::NotCompleted) };
    let size = app.store.size(key).await?;
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = asked.map(|text| byte_range(text, size)).transpose()?.flatten();
    // Who asks for the head only is given nothing.
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let stream = app.store.read(key, range.clone()).await?;
        let event = ReportEvent {
            actor: Some(signed_in.account),
            actor_address: Some(address.ip().to_string()),
            ..ReportEvent::new(state.id, signed_in.tenant, ReportEventType::Downloaded, Moment::now())
        };
        // No file without its event.
        let noted = tokio::time::timeout(ASK_MAX, app.outside.append(&event)).await;
        noted.map_err(|_| Refusal::Away("the event log"))??;
        app.metrics.downloads.inc();
        Body::from_stream(stream)
    };
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    let mut response = Response::builder()
        .status(if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header(header::CONTENT_TYPE, content_type(name))
        // The name is made of a slug and times: nothing in it needs quoting.
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, length);
    if let Some(range) = range {
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    response.body(body).map_err(|_| Refusal::Away("the store"))
}

/// The one range that a `Range` header asks for; `None` where it asks for what is not served in part: then the whole file is.
fn byte_range(text: &str, size: u64) -> Result<Option<std::ops::Range<u64>>, Refusal> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    if last.contains(',') {
        return Ok(None);
    }
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Ok(None),
    };
    if range.is_empty() { Err(Refusal::OutsideOfFile) } else { Ok(Some(range)) }
}

/// By the end of a file's name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        _ => "text/csv; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_served_and_others_are_not() {
        assert_eq!(byte_range("bytes=0-9", 100), Ok(Some(0..10)));
        assert_eq!(byte_range("bytes=90-", 100), Ok(Some(90..100)));
        assert_eq!(byte_range("bytes=-5", 100), Ok(Some(95..100)));
        assert_eq!(byte_range("bytes=90-500", 100), Ok(Some(90..100)));
        assert_eq!(byte_range("bytes=100-", 100), Err(Refusal::OutsideOfFile));
        assert_eq!(byte_range("bytes=0-1,5-6", 100), Ok(None));
        assert_eq!(byte_range("lines=0-1", 100), Ok(None));
    }
}
