//! Inserts of bytes that are in a format of ClickHouse already.

use crate::client::ClickHouse;
use crate::error::QueryError;

/// Inserts one block in Native format and returns when it is stored. The same rows with the same token again are swallowed by the
/// server; **other** rows with the same token would be too.
///
/// # Errors
/// When the insert is refused, or no answer came: then it may have been done.
pub async fn insert_native(
    clickhouse: &ClickHouse,
    table: &str,
    block: Vec<u8>,
    token: &str,
) -> Result<(), QueryError> {
    clickhouse
        .within(async {
            let mut insert = clickhouse
                .client
                .insert_formatted_with(format!("INSERT INTO {table} FORMAT Native"))
                .with_setting("async_insert", "0")
                .with_setting("insert_deduplication_token", token);
            insert.send(block.into()).await?;
            insert.end().await
        })
        .await
}
