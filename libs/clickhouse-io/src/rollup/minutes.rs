//! The roll-up by minute: rows that name the offsets they were counted from.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::insert_block;

/// The table.
pub const MINUTES_TABLE: &str = "connections_by_minute";

/// What names a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MinuteKey {
    /// Tenant.
    pub tenant: String,
    /// Unix time of its beginning, seconds.
    pub minute: u32,
    /// Remote Network.
    pub remote_network_id: u64,
    /// User; else a service account.
    pub user_id: Option<u64>,
    /// Service account.
    pub service_account_id: Option<u64>,
    /// Resource.
    pub resource_id: u64,
    /// Connector.
    pub connector_id: u64,
    /// Number of the protocol in the tables.
    pub protocol: u8,
    /// Number of the tunnel's path in the tables.
    pub tunnel_path: u8,
    /// Country of the client.
    pub country: Option<String>,
}

/// What is counted of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteCounts {
    /// Connections that succeeded.
    pub succeeded: u64,
    /// Whose name did not resolve.
    pub failed_dns: u64,
    /// That failed otherwise.
    pub failed_other: u64,
    /// That were not allowed.
    pub denied: u64,
    /// To clients, of those that succeeded.
    pub bytes_received: u128,
    /// From clients, of those that succeeded.
    pub bytes_transferred: u128,
}

/// A row of `connections_by_minute`.
#[derive(Clone, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct MinuteRow {
    tenant: String,
    minute: u32,
    remote_network_id: u64,
    user_id: Option<u64>,
    service_account_id: Option<u64>,
    resource_id: u64,
    connector_id: u64,
    protocol: i8,
    tunnel_path: i8,
    country: Option<String>,
    succeeded: u64,
    failed_dns: u64,
    failed_other: u64,
    denied: u64,
    bytes_received: u128,
    bytes_transferred: u128,
    _kafka_source: String,
    _kafka_partition: i32,
    _kafka_offsets: Vec<i64>,
}

impl MinuteRow {
    /// A row of a group, counted from these offsets, which ascend.
    #[must_use]
    pub fn new(key: MinuteKey, counts: MinuteCounts, source: &str, partition: i32, offsets: Vec<i64>) -> Self {
        let code = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
        Self {
            tenant: key.tenant,
            minute: key.minute,
            remote_network_id: key.remote_network_id,
            user_id: key.user_id,
            service_account_id: key.service_account_id,
            resource_id: key.resource_id,
            connector_id: key.connector_id,
            protocol: code(key.protocol),
            tunnel_path: code(key.tunnel_path),
            country: key.country,
            succeeded: counts.succeeded,
            failed_dns: counts.failed_dns,
            failed_other: counts.failed_other,
            denied: counts.denied,
            bytes_received: counts.bytes_received,
            bytes_transferred: counts.bytes_transferred,
            _kafka_source: source.to_owned(),
            _kafka_partition: partition,
            _kafka_offsets: offsets,
        }
    }
}

/// Inserts rows as one block and returns when they are on the disk. The same rows with the same token again are swallowed by the
/// server; **other** rows with the same token would be too.
///
/// # Errors
/// When the insert is refused, or no answer came: then it may have been done, or still be running.
pub async fn insert_minutes(clickhouse: &ClickHouse, rows: &[MinuteRow], token: &str) -> Result<(), QueryError> {
    insert_block(clickhouse, MINUTES_TABLE, rows, Some(token)).await
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
    let query = clickhouse.client.query_raw(&sql).param("source", source).param("partition", partition);
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
    let query = clickhouse.client.query_raw(&sql).param("source", source).param("partition", partition);
    clickhouse.within(query.param("from", from).fetch_optional()).await
}
