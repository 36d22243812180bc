//! Which offsets of a source are stored.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::Deserialize;

use crate::client::ClickHouse;
use crate::error::QueryError;

#[derive(Row, Deserialize)]
struct Highest {
    partition: i32,
    offset: i64,
}

/// For each partition of a source the highest offset that has a row, in whichever table.
///
/// # Errors
/// When ClickHouse refuses or does not answer.
pub async fn highest_offsets(clickhouse: &ClickHouse, source: &str) -> Result<BTreeMap<i32, i64>, QueryError> {
    let sql = "SELECT partition, max(offset) AS offset FROM (
        SELECT _kafka_partition AS partition, max(_kafka_offset) AS offset FROM connections
        WHERE _kafka_source = {source:String} GROUP BY partition
        UNION ALL
        SELECT _kafka_partition AS partition, max(_kafka_offset) AS offset FROM connection_openings
        WHERE _kafka_source = {source:String} GROUP BY partition
    ) GROUP BY partition";
    let query = clickhouse.client.query_raw(sql).param("source", source);
    let found = clickhouse.within(query.fetch_all::<Highest>()).await?;
    Ok(found.into_iter().map(|it| (it.partition, it.offset)).collect())
}
