//! The set of open connections.

use std::time::Duration;

use bytes::Bytes;

use crate::client::ClickHouse;
use crate::error::QueryError;
pub use crate::open_columns::{OpenChange, OpenColumns, end_reason};
use crate::write::insert_body;

/// The table.
const TABLE: &str = "open_connections";

/// Writes a block of [`OpenColumns`]. The same again changes nothing; an empty body: nothing happens.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn write(clickhouse: &ClickHouse, body: Bytes) -> Result<(), QueryError> {
    insert_body(clickhouse, TABLE, body, None).await
}

/// Ends entries whose Connector has reported nothing for `silence`.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn end_silent(clickhouse: &ClickHouse, silence: Duration) -> Result<(), QueryError> {
    // The inner query first: a replaced column's new value would else be what WHERE sees.
    let sql = "INSERT INTO open_connections
        SELECT * REPLACE (false AS is_open, now64(6, 'UTC') AS ended_at, 'silent' AS end_reason,
                          bitShiftLeft(toUInt64(1), 61) AS version)
        FROM (
            SELECT * FROM open_connections FINAL
            WHERE is_open AND opened_at < now64(6, 'UTC') - toIntervalSecond({silence:UInt64})
            AND (tenant, connector_id) NOT IN (
                SELECT tenant, connector_id FROM connections
                WHERE end_time > now64(6, 'UTC') - toIntervalSecond({silence:UInt64})
                UNION ALL
                SELECT tenant, connector_id FROM connection_openings
                WHERE end_time > now64(6, 'UTC') - toIntervalSecond({silence:UInt64})))";
    let query = clickhouse.client.query_raw(sql).param("silence", silence.as_secs());
    clickhouse.within(query.execute()).await
}

/// Forgets entries that ended longer than `remembered` ago, all versions of each together.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn forget_ended(clickhouse: &ClickHouse, remembered: Duration) -> Result<(), QueryError> {
    let sql = "DELETE FROM open_connections WHERE (tenant, connector_id, connection_id) IN (
        SELECT tenant, connector_id, connection_id FROM open_connections FINAL
        WHERE NOT is_open AND ended_at < now64(6, 'UTC') - toIntervalSecond({remembered:UInt64}))";
    let query = clickhouse.client.query_raw(sql).param("remembered", remembered.as_secs());
    clickhouse.within(query.execute()).await
}
