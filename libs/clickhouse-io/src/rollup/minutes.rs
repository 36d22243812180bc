//! The roll-up by minute: rows that name the offsets they were counted from.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::{Once, insert_body};

/// The table.
pub const MINUTES_TABLE: &str = "connections_by_minute";

/// Inserts a block of [`super::MinuteColumns`] and returns when it is on the disk. The same rows with the same token again are swallowed
/// by the server; **other** rows with the same token would be too. An empty body: nothing happens.
///
/// # Errors
/// When the insert is refused, or no answer came: then it may have been done, or still be running.
pub async fn insert_minutes(clickhouse: &ClickHouse, body: Bytes, token: &str) -> Result<(), QueryError> {
    // Under the name that `running` knows.
    let once = Once { token, query_id: &format!("{token}/{MINUTES_TABLE}") };
    insert_body(clickhouse, MINUTES_TABLE, body, Some(once)).await
}

/// Has rows kept for so many days from when they were written; true where the table did something else. What it has then goes by the new number too, some
/// time later.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn keep_minutes(clickhouse: &ClickHouse, days: u16) -> Result<bool, QueryError> {
    let kept = format!("toDateTime(written_at) + toIntervalDay({days})");
    let sql = format!(
        "SELECT count() FROM system.tables WHERE database = currentDatabase() AND name = '{MINUTES_TABLE}'
             AND position(engine_full, {{kept:String}}) > 0"
    );
    let query = clickhouse.bounded(&sql).param("kept", &kept);
    if clickhouse.within(query.fetch_one::<u64>()).await? > 0 {
        return Ok(false);
    }
    let query = clickhouse.bounded(&format!("ALTER TABLE {MINUTES_TABLE} MODIFY TTL {kept}"));
    clickhouse.within(query.execute()).await?;
    Ok(true)
}

/// Which offsets of a partition from `first` to `last` are counted.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn counted_offsets(
    clickhouse: &ClickHouse,
    source: &str,
    partition: i32,
    first: i64,
    last: i64,
) -> Result<BTreeSet<i64>, QueryError> {
    let sql = format!(
        "SELECT offset FROM (
             SELECT DISTINCT arrayJoin(_kafka_offsets) AS offset FROM {MINUTES_TABLE} WHERE _kafka_source = {{source:String}}
             AND _kafka_partition = {{partition:Int32}} AND _kafka_offsets[1] <= {{last:Int64}}
             AND _kafka_offsets[-1] >= {{first:Int64}})
         WHERE offset BETWEEN {{first:Int64}} AND {{last:Int64}}"
    );
    let query = clickhouse.reading(&sql).param("source", source).param("partition", partition);
    let offsets: Vec<i64> = clickhouse.within(query.param("first", first).param("last", last).fetch_all()).await?;
    Ok(offsets.into_iter().collect())
}

/// The highest counted offset of a partition that is not below `from`; `None` where none is.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn highest_counted(
    clickhouse: &ClickHouse,
    source: &str,
    partition: i32,
    from: i64,
) -> Result<Option<i64>, QueryError> {
    let sql = format!(
        "SELECT max(_kafka_offsets[-1]) AS offset FROM {MINUTES_TABLE} WHERE _kafka_source = {{source:String}}
             AND _kafka_partition = {{partition:Int32}} AND _kafka_offsets[-1] >= {{from:Int64}}
         HAVING count() > 0"
    );
    let query = clickhouse.reading(&sql).param("source", source).param("partition", partition);
    clickhouse.within(query.param("from", from).fetch_optional()).await
}
