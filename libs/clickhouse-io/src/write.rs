//! Inserts: one block each, with a token, sorted by the table's key.

use clickhouse::Row;

use crate::client::ClickHouse;
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

/// Inserts rows of any kind as one block.
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
            let mut insert = clickhouse
                .client
                .insert::<T>(table)
                .await?
                .with_setting("async_insert", "0")
                // One block, whatever its size: a token counts the blocks of an insert.
                .with_setting("max_insert_block_size", (2 * ROWS_MAX).to_string())
                .with_setting("min_insert_block_size_rows", (2 * ROWS_MAX).to_string())
                .with_setting("min_insert_block_size_bytes", "0")
                // A log that is replayed may span any number of months; refused, its batch would be tried for ever.
                .with_setting("max_partitions_per_insert_block", "0");
            if let Some(token) = token {
                insert = insert.with_setting("insert_deduplication_token", token);
            }
            for row in rows {
                insert.write(row).await?;
            }
            insert.end().await
        })
        .await
}
