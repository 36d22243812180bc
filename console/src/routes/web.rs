//! The admins' pages, from inside the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

use crate::error::Refusal;

/// What `npm run build` made; may be missing in a build that was made without it.
#[derive(RustEmbed)]
#[folder = "web/dist"]
#[allow_missing = true]
pub(super) struct Pages;

const NOT_BUILT: &str = "<!DOCTYPE html><title>Flowledger</title><p>The web pages were not built into this binary: \
    run <code>make web</code> and build again. The API answers under <code>/api/v1</code>.";

/// A file of the pages; any other path is the application itself, which knows its own routes, but for
/// those of assets and of an API.
pub(crate) async fn page(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if let Some(file) = Pages::get(path).filter(|_| path != "index.html") {
        // Names of assets carry their hash.
        let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        let headers =
            [(header::CONTENT_TYPE, file.metadata.mimetype().to_owned()), (header::CACHE_CONTROL, caching.to_owned())];
        return (headers, file.data).into_response();
    }
    if path.starts_with("assets/") || path.starts_with("api/") {
        return Refusal::NotFound.into_response();
    }
    match Pages::get("index.html") {
        Some(file) => {
            let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
            (headers, file.data).into_response()
        }
        None => (StatusCode::NOT_FOUND, Html(NOT_BUILT)).into_response(),
    }
}
