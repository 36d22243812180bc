//! The rows of a slice as Native blocks, piece by piece as they come.

use super::{ReportQuery, Slice};
use crate::answer::Answer;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Blocks of some MB keep what is held beside the rows small.
const BLOCK_ROWS: &str = "16384";

/// Asks for the rows of a slice; [`super::ConnectionColumns`] are their columns. Several stretches come hour by hour, which the table's
/// key makes cheap; within an hour, and within a single stretch, rows are in no order, and copies are among them. Of a fact whose first copy the filter
/// does not let through none is.
///
/// # Errors
/// When the statement cannot be sent.
pub fn read(clickhouse: &ClickHouse, query: &ReportQuery, slice: &Slice) -> Result<Answer, QueryError> {
    let range = slice.range().unwrap_or((query.filter.from, query.filter.from));
    let order = if slice.stretches.len() > 1 { "ORDER BY tenant, toStartOfHour(end_time)" } else { "" };
    let columns = query.columns.names().join(", ");
    let asked = query.statement(&clickhouse.blocks, range, None, |rows| {
        format!("SELECT {columns} FROM connections WHERE {} {order}", rows.counting())
    });
    let mut asked = asked.with_setting("max_block_size", BLOCK_ROWS);
    if query.is_of_all() {
        // One thread of the server for one reader: a report is to be bound by its exporter, and pages come first. Where it has to look at
        // much to find little it may have as many as its client.
        asked = asked.with_setting("max_threads", "1");
    }
    Answer::new(asked, "Native", clickhouse.timeout)
}
