//! Answers as a server gives them.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::response::Builder;
use axum::response::{IntoResponse, Response};

use crate::error::Exception;
use crate::ffi::Counters;

/// Names the trailer that an error in mid-stream leaves in the body.
pub(crate) const EXCEPTION_TAG: &str = "FLOWLEDGERENGINE";

/// The head of an answer that goes well.
pub(crate) fn head(query_id: &str, format: &str, counters: Counters) -> Builder {
    let summary = format!(
        r#"{{"read_rows":"{}","written_rows":"{}","result_rows":"0","elapsed_ns":"0"}}"#,
        counters.read_rows.max(counters.written_rows),
        counters.written_rows
    );
    Response::builder()
        .header("X-ClickHouse-Query-Id", header_safe(query_id))
        .header("X-ClickHouse-Format", header_safe(format))
        .header("X-ClickHouse-Timezone", "UTC")
        .header("X-ClickHouse-Exception-Tag", EXCEPTION_TAG)
        .header("X-ClickHouse-Summary", summary)
        .header("Content-Type", content_type(format))
}

/// A whole answer.
pub(crate) fn whole(head: Builder, body: impl Into<Body>) -> Response {
    head.body(body.into()).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// An answer that says what is wrong.
pub(crate) fn failed(exception: &Exception, query_id: &str) -> Response {
    let head = Response::builder()
        .status(exception.status())
        .header("X-ClickHouse-Exception-Code", exception.code())
        .header("X-ClickHouse-Query-Id", header_safe(query_id))
        .header("Content-Type", "text/plain; charset=UTF-8");
    whole(head, format!("{}\n", exception.0.trim_end()))
}

/// What stands at the end of a body that was cut by an error.
pub(crate) fn trailer(exception: &Exception) -> String {
    let message = format!("{}\n", exception.0.trim_end());
    let length = message.len();
    format!("\r\n__exception__\r\n{EXCEPTION_TAG}\r\n{message}{length} {EXCEPTION_TAG}\r\n__exception__\r\n")
}

fn header_safe(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).collect()
}

fn content_type(format: &str) -> &'static str {
    match format {
        "CSV" | "CSVWithNames" => "text/csv; charset=UTF-8",
        "JSON" | "JSONCompact" => "application/json; charset=UTF-8",
        "JSONEachRow" => "application/x-ndjson; charset=UTF-8",
        "TabSeparated" | "TSV" | "TabSeparatedWithNames" => "text/tab-separated-values; charset=UTF-8",
        _ => "application/octet-stream",
    }
}
