//! Giving out files of reports.

use std::net::SocketAddr;

use audit_log::Act;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use report_life::{ReportState, manifest_key, saved_manifest, saved_name};
use report_store::SavedAs;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde::Deserialize;
use utoipa::IntoParams;

use super::ranges::{Version, asked_for};
use super::{found, in_time};
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::{UrlId, UrlQuery};
use crate::session::SignedIn;

/// Which file, where a report has several.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileNumber {
    /// From 0, in the order of the rows; may be left out where there is one.
    file: Option<i64>,
}

/// A file of the report. One range of bytes may be asked for; with its `ETag` in `If-Range` of that very file, else all of it is given.
#[utoipa::path(get, path = "/api/v1/reports/{id}/download", params(("id" = String, Path), FileNumber), responses(
    (status = 200, description = "The file"), (status = 206, description = "A range of it"),
    (status = 307, description = "Where the store gives files: `Location` is a link to this one, for a while"),
    (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 416, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn download(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    UrlId(id): UrlId,
    UrlQuery(FileNumber { file }): UrlQuery<FileNumber>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let state = found(&app, &signed_in, &id)?;
    let (key, name) = wanted(&state, file)?;
    let file = app.store.stat(&key).await?;
    let (size, version) = (file.size_bytes, Version::new(&key, &file));
    let range = asked_for(&headers, &version, size)?;
    // Who asks for the head only is given nothing.
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let now = Moment::now();
        app.config.limits.check_download(&app.book.usage(&signed_in.tenant, None, now), now)?;
        let act = signed_in.does(AuditAction::ReportDownloaded, address).to(&state.id).with("file", &name);
        if let Some(links) = &app.links {
            let link = links.to(&key, SavedAs { name: &name, content_type: content_type(&name) }).await?;
            // A link is for the whole file, whatever was asked for.
            let act = act.with("link_seconds", &links.lifetime.as_secs().to_string());
            note(&app, signed_in, address, state.id, act).await?;
            let answer = Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header(header::LOCATION, link);
            return answer.body(Body::empty()).map_err(|_| Refusal::Away("the store"));
        }
        let stream = app.store.read(&key, range.clone()).await?;
        let act = match &range {
            Some(range) => act.with("bytes", &format!("{}-{}", range.start, range.end - 1)),
            None => act,
        };
        note(&app, signed_in, address, state.id, act).await?;
        Body::from_stream(stream)
    };
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    let mut response = Response::builder()
        .status(if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK })
        .header(header::CONTENT_TYPE, content_type(&name))
        // The name is made of a slug and times: nothing in it needs quoting.
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::ETAG, version.tag)
        .header(header::LAST_MODIFIED, version.written)
        .header(header::CONTENT_LENGTH, length);
    if let Some(range) = range {
        response = response.header(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1));
    }
    response.body(body).map_err(|_| Refusal::Away("the store"))
}

/// No file, and no link to one, without its events.
async fn note(app: &App, signed_in: SignedIn, address: SocketAddr, report: ReportId, act: Act) -> Result<(), Refusal> {
    app.note(act).await?;
    let event = ReportEvent {
        actor: Some(signed_in.account),
        actor_address: Some(address.ip().to_string()),
        ..ReportEvent::new(report, signed_in.tenant, ReportEventType::Downloaded, Moment::now())
    };
    in_time(app.outside.append(&event)).await?;
    app.metrics.downloads.inc();
    Ok(())
}

/// Where a file lies, and what it is saved as.
fn wanted(state: &ReportState, file: Option<i64>) -> Result<(String, String), Refusal> {
    let (Some(_), Some(name)) = (&state.object_key, &state.file_name) else { return Err(Refusal::NotCompleted) };
    let files = state.files;
    if file.is_none() && files > 1 {
        return Err(Refusal::field("file", format!("is missing: there are {files}, from 0")));
    }
    let number = file.unwrap_or(0);
    let key = state.file_key(number).ok_or(Refusal::NotFound)?;
    Ok((key, if files > 1 { saved_name(name, number) } else { name.clone() }))
}

/// The most that a manifest may have, bytes; those that are written have a few thousand, and a few hundred a file.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// What the files are, and how complete: offsets, rows, sizes and SHA-256, for `flowledger report verify`.
#[utoipa::path(get, path = "/api/v1/reports/{id}/manifest", params(("id" = String, Path)), responses(
    (status = 200, description = "The manifest, JSON"), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn manifest(
    State(app): State<App>,
    signed_in: SignedIn,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    UrlId(id): UrlId,
    method: Method,
) -> Result<Response, Refusal> {
    let state = found(&app, &signed_in, &id)?;
    let (Some(key), Some(name)) = (&state.object_key, &state.file_name) else { return Err(Refusal::NotCompleted) };
    let key = manifest_key(key);
    let size = app.store.size(&key).await?;
    if size > MANIFEST_BYTES_MAX {
        return Err(Refusal::Away("the store"));
    }
    let name = saved_manifest(name);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let stream = app.store.read(&key, None).await?;
        // It names Users, addresses and domains of the filter, so who has it is known, as of a file; no download is counted for it.
        app.note(signed_in.does(AuditAction::ReportDownloaded, address).to(&state.id).with("file", &name)).await?;
        Body::from_stream(stream)
    };
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""))
        .header(header::CONTENT_LENGTH, size);
    response.body(body).map_err(|_| Refusal::Away("the store"))
}

/// By the end of a file's name.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("ndjson") => "application/x-ndjson",
        Some("parquet") => "application/vnd.apache.parquet",
        _ => "text/csv; charset=utf-8",
    }
}
