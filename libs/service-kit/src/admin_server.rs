//! The operator's HTTP port: `/metrics`, `/healthz` (the process runs) and `/readyz` (it can do its work).

use std::io;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::context::ServiceContext;

/// Serves until the context's stop token is cancelled.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, context: ServiceContext) -> io::Result<()> {
    let stop = context.stop.clone();
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(context);
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(context): State<ServiceContext>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], context.metrics.render()).into_response()
}

async fn ready(State(context): State<ServiceContext>) -> Response {
    let waiting_for = context.readiness.waiting_for();
    if context.stop.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned()).into_response()
    } else if waiting_for.is_empty() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {}\n", waiting_for.join(", "))).into_response()
    }
}
