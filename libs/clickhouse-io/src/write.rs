//! Inserts: one block each, with a token, sorted by the table's key.

use std::time::Duration;

use bytes::Bytes;
use clickhouse::Row;

use crate::client::{ClickHouse, seconds_of_server};
use crate::error::QueryError;
use crate::rows::ConnectionRow;

/// A table that ingest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventTable {
    /// What ended, failed or was denied.
    Connections,
    /// What was opened.
    ConnectionOpenings,
}

impl EventTable {
    /// The table's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionOpenings => "connection_openings",
        }
    }
}

/// The most rows that may become one block.
pub const ROWS_MAX: usize = 1_000_000;
/// Bytes of a block that are handed to the connection, and packed, at once.
const PIECE: usize = 1 << 20;

/// The settings of every insert of ours.
fn settings(timeout: Duration) -> [(&'static str, String); 9] {
    let rows = (2 * ROWS_MAX).to_string();
    [
        ("async_insert", "0".to_owned()),
        ("insert_deduplicate", "1".to_owned()),
        // One block, whatever its size: a token counts the blocks of an insert.
        ("max_insert_block_size", rows.clone()),
        ("min_insert_block_size_rows", rows),
        ("min_insert_block_size_bytes", "0".to_owned()),
        // A log that is replayed may span any number of months; refused, its batch would be tried for ever.
        ("max_partitions_per_insert_block", "0".to_owned()),
        // Else a column that the table does not have would be dropped without a word.
        ("input_format_skip_unknown_fields", "0".to_owned()),
        ("max_execution_time", seconds_of_server(timeout)),
        // A view that somebody puts on the table shall count a retry once, too.
        ("deduplicate_blocks_in_dependent_materialized_views", "1".to_owned()),
    ]
}

/// The id of the statement that inserts a range into a table. `token` is that of the attempt.
#[must_use]
pub fn query_id(token: &str, table: EventTable) -> String {
    format!("{token}/{}", table.name())
}

/// Inserts one encoded Native block and returns when it is stored; on the disk, where the table says so ([`crate::promise`]).
/// The same block with the same token again is swallowed by the server; **another** block with the same token would be too.
/// `query_id` runs once at a time: a second one is refused while the first still runs. An empty body: nothing happens.
///
/// # Errors
/// When the insert is refused, or no answer came: then it may have been done, or still be running.
pub async fn insert_native(
    clickhouse: &ClickHouse,
    table: EventTable,
    body: Bytes,
    token: &str,
    query_id: &str,
) -> Result<(), QueryError> {
    insert_body(clickhouse, table.name(), body, Some(Once { token, query_id })).await
}

/// What makes an insert that is tried again one insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Once<'a> {
    pub(crate) token: &'a str,
    pub(crate) query_id: &'a str,
}

/// Inserts one encoded Native block into any table. An empty body: nothing happens.
pub(crate) async fn insert_body(
    clickhouse: &ClickHouse,
    table: &str,
    body: Bytes,
    once: Option<Once<'_>>,
) -> Result<(), QueryError> {
    if body.is_empty() {
        return Ok(());
    }
    let mut insert = clickhouse.blocks.insert_formatted_with(format!("INSERT INTO {table} FORMAT Native"));
    if let Some(Once { token, query_id }) = once {
        insert = insert
            .with_setting("insert_deduplication_token", token)
            .with_setting("query_id", query_id)
            // An engine that gives statements ids of its own is asked by this one.
            .with_setting("log_comment", query_id);
    }
    for (name, value) in settings(clickhouse.timeout) {
        insert = insert.with_setting(name, value);
    }
    clickhouse
        .within(async {
            for begin in (0..body.len()).step_by(PIECE) {
                insert.send(body.slice(begin..body.len().min(begin + PIECE))).await?;
            }
            insert.end().await
        })
        .await
}

/// Inserts rows as one block and returns when they are on the disk. The same rows with the same token again are swallowed by
/// the server; **other** rows with the same token would be too. No rows: nothing happens.
///
/// # Errors
/// When the insert is refused, or no answer came: then it may have been done.
pub async fn insert(
    clickhouse: &ClickHouse,
    table: EventTable,
    mut rows: Vec<ConnectionRow>,
    token: &str,
) -> Result<(), QueryError> {
    rows.sort_unstable_by(|left, right| left.key().cmp(&right.key()));
    insert_block(clickhouse, table.name(), &rows, Some(token)).await
}

/// Inserts rows of any kind as one block; with a token as the statement that [`crate::running`] knows.
pub(crate) async fn insert_block<T>(
    clickhouse: &ClickHouse,
    table: &str,
    rows: &[T],
    token: Option<&str>,
) -> Result<(), QueryError>
where
    T: clickhouse::RowOwned + clickhouse::RowWrite + for<'row> Row<Value<'row> = T>,
{
    if rows.is_empty() {
        return Ok(());
    }
    clickhouse
        .within(async {
            let mut insert = clickhouse.client.insert::<T>(table).await?;
            for (name, value) in settings(clickhouse.timeout) {
                insert = insert.with_setting(name, value);
            }
            if let Some(token) = token {
                let id = format!("{token}/{table}");
                insert = insert
                    .with_setting("insert_deduplication_token", token)
                    .with_setting("query_id", id.as_str())
                    .with_setting("log_comment", id);
            }
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        })
        .await
}
