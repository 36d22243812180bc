//! The routes, and what holds for all of them.

pub(crate) mod audit;
mod extract;
mod filter;
mod notes;
mod own;
pub(crate) mod reports;
pub(crate) mod schedules;
pub(crate) mod session;
pub(crate) mod syncs;
pub(crate) mod traffic;
mod web;
pub(crate) mod webhooks;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};

use crate::app::App;
use crate::error::Refusal;
use crate::routes::traffic::{insights, names};

/// The largest body that is read, bytes.
const BODY_MAX: usize = 64 << 10;
/// Deadline of an answer's head; bodies of downloads and streams take longer. That of a request's head is a bound of connections.
const REQUEST_MAX: Duration = Duration::from_secs(150);

/// Only what the pages need: nothing from elsewhere. Mantine sets styles inline. A download that is sent to the store is a navigation, of
/// which nothing is said here.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' \
    data:; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router(app: App) -> Router {
    let api = Router::new()
        .route("/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], crate::openapi_json()) }))
        .route("/session", post(session::sign_in).get(session::who_am_i).merge(delete(session::sign_out)))
        .route("/reports", post(reports::ask).get(reports::list))
        .route("/reports/changes", get(reports::changes::changes))
        .route("/reports/estimate", post(reports::estimate::estimate))
        .route("/reports/{id}", get(reports::get))
        .route("/reports/{id}/cancel", post(reports::cancel))
        .route("/reports/{id}/retry", post(reports::retry))
        .route("/reports/{id}/download", get(reports::download::download))
        .route("/reports/{id}/manifest", get(reports::download::manifest))
        .route("/report-schedules", post(schedules::save).get(schedules::list))
        .route("/report-schedules/preview", post(schedules::preview))
        .route("/report-schedules/{id}", get(schedules::get).put(schedules::replace).delete(schedules::delete))
        .route("/report-schedules/{id}/pause", post(schedules::pause))
        .route("/report-schedules/{id}/resume", post(schedules::resume))
        .route("/report-schedules/{id}/run", post(schedules::run))
        .route("/webhooks", post(webhooks::make).get(webhooks::list))
        .route("/webhooks/{id}", get(webhooks::get).put(webhooks::change).delete(webhooks::delete))
        .route("/webhooks/{id}/pause", post(webhooks::pause))
        .route("/webhooks/{id}/resume", post(webhooks::resume))
        .route("/webhooks/{id}/rotate", post(webhooks::rotate))
        .route("/webhooks/{id}/deliveries", get(webhooks::deliveries))
        .route("/webhooks/{id}/deliveries/{delivery}/redeliver", post(webhooks::redeliver))
        .route("/syncs", post(syncs::make).get(syncs::list))
        .route("/syncs/{id}", get(syncs::get).put(syncs::change).delete(syncs::delete))
        .route("/syncs/{id}/pause", post(syncs::pause))
        .route("/syncs/{id}/resume", post(syncs::resume))
        .route("/syncs/{id}/backfill", post(syncs::backfill))
        .route("/syncs/{id}/backfill/cancel", post(syncs::cancel_backfill))
        .route("/audit", get(audit::list))
        .route("/remote-networks", get(names::remote_networks))
        .route("/users", get(names::users))
        .route("/resources", get(names::resources))
        .route("/addresses", get(names::addresses))
        .route("/traffic/connections", get(traffic::connections))
        .route("/traffic/connections/{id}", get(traffic::connection))
        .route("/traffic/open", get(traffic::open))
        .route("/traffic/series", get(traffic::series))
        .route("/traffic/top", get(traffic::top))
        .route("/traffic/facets", get(traffic::facets))
        .route("/traffic/insights/{insight}", get(insights::insight))
        .route("/users/{id}/connections", get(traffic::user_connections))
        .route("/resources/{id}/connections", get(traffic::resource_connections))
        .method_not_allowed_fallback(|| async { Refusal::WrongMethod })
        .fallback(|| async { Refusal::NotFound });
    Router::new()
        .nest("/api/v1", api)
        .fallback_service(get(web::page).fallback(|| async { Refusal::WrongMethod }))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), around))
        .with_state(app)
}

/// Deadline, headers and metrics around every request, and the address that it is taken to come from.
async fn around(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let client = app.trusted_proxies.client(peer, request.headers());
        request.extensions_mut().insert(ConnectInfo(client));
    }
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str).to_owned();
    let is_api = request.uri().path().starts_with("/api/");
    let answered = tokio::time::timeout(REQUEST_MAX, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| {
        use axum::response::IntoResponse;
        Refusal::Away("a part").into_response()
    });
    app.metrics.request(&route, response.status().as_u16());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests;
