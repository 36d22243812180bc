//! The rows of a slice as Native blocks, piece by piece as they come.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::query::BytesCursor;

use super::columns::NAMES;
use super::{ReportQuery, Slice, WHERE};
use crate::client::ClickHouse;
use crate::error::QueryError;

/// One thread of the server for one reader: a report is to be bound by its exporter, and pages come first. Blocks of some MB keep what
/// is held beside the rows small. What nobody reads any more is broken off.
const SETTINGS: &str = "max_threads = 1, max_block_size = 16384, cancel_http_readonly_queries_on_client_close = 1";

/// An answer on its way.
pub struct Rows {
    cursor: BytesCursor,
    timeout: Duration,
}

impl Rows {
    /// The next bytes; `None` after the last ones of a whole answer. Nobody else reads ahead: who does not ask holds the server up.
    ///
    /// # Errors
    /// When the server refuses, also in mid-stream, does not answer in time, or the answer was cut.
    pub async fn next(&mut self) -> Result<Option<Bytes>, QueryError> {
        match tokio::time::timeout(self.timeout, self.cursor.next()).await {
            Ok(piece) => piece.map_err(|error| QueryError::from_client(&error)),
            Err(_) => Err(QueryError::NoAnswer(format!("none within {} s", self.timeout.as_secs_f64()))),
        }
    }
}

/// Asks for the rows of a slice; [`super::ConnectionColumns`] are their columns. Several stretches come hour by hour, which the table's
/// key makes cheap; within an hour, and within a single stretch, rows are in no order, and copies are among them.
///
/// # Errors
/// When the statement cannot be sent.
pub fn read(clickhouse: &ClickHouse, query: &ReportQuery, slice: &Slice) -> Result<Rows, QueryError> {
    let (from, to) = slice.range().unwrap_or((query.from, query.from));
    let order = if slice.stretches.len() > 1 { "ORDER BY tenant, toStartOfHour(end_time)" } else { "" };
    let sql =
        format!("SELECT {} FROM connections WHERE {WHERE} {order} SETTINGS {SETTINGS}", NAMES.join(", "));
    let cursor = query.bound(&clickhouse.blocks, &sql, from, to).fetch_bytes("Native");
    let cursor = cursor.map_err(|error| QueryError::from_client(&error))?;
    Ok(Rows { cursor, timeout: clickhouse.timeout })
}
