//! The set of open connections.

use std::net::Ipv6Addr;
use std::time::Duration;

use clickhouse::Row;
use schemas::connection_event::EventType;
use serde::{Deserialize, Serialize};

use crate::client::ClickHouse;
use crate::error::QueryError;
use crate::write::insert_block;

/// Versions of ends are above those of all openings.
const END: u64 = 1 << 62;

/// A change of one connection's entry.
#[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
pub struct OpenConnectionRow {
    tenant: String,
    connector_id: u64,
    connection_id: String,
    is_open: bool,
    opened_at: i64,
    ended_at: Option<i64>,
    end_reason: i8,
    remote_network_id: u64,
    remote_network_name: String,
    resource_id: u64,
    resource_address: String,
    user_id: Option<u64>,
    user_email: String,
    service_account_id: Option<u64>,
    service_account_name: String,
    client_ip: Option<Ipv6Addr>,
    protocol: i8,
    version: u64,
}

/// What an event says of its connection.
#[derive(Clone, Copy, Debug)]
pub struct OpenChange<'a> {
    /// Where the event lay.
    pub offset: i64,
    /// What happened.
    pub event_type: EventType,
    /// Tenant.
    pub tenant: &'a str,
    /// Connector; with the connection's id it names the connection.
    pub connector_id: u64,
    /// Connection.
    pub connection_id: &'a str,
    /// Start, Unix time in microseconds.
    pub start_micros: i64,
    /// End, Unix time in microseconds.
    pub end_micros: i64,
    /// Remote Network and its name.
    pub remote_network: (u64, &'a str),
    /// Resource and what was asked for.
    pub resource: (u64, &'a str),
    /// User and e-mail address.
    pub user: Option<(u64, &'a str)>,
    /// Service account and its name.
    pub service_account: Option<(u64, &'a str)>,
    /// The client's address, IPv4 as mapped.
    pub client_ip: Option<[u8; 16]>,
    /// Number of the protocol in the tables.
    pub protocol: u8,
}

impl OpenConnectionRow {
    /// What an event changes; `None` where it changes nothing: a denied attempt never was open. An end has no names: what has ended
    /// is remembered, and not shown.
    #[must_use]
    pub fn new(change: &OpenChange<'_>) -> Option<Self> {
        let end_reason = match change.event_type {
            EventType::EstablishedConnection => 0,
            EventType::ClosedConnection => 1,
            EventType::FailedToConnect => 2,
            EventType::DeniedAccess | EventType::Unknown => return None,
        };
        let is_open = end_reason == 0;
        let offset = u64::try_from(change.offset).unwrap_or(0);
        let name = |name: &str| if is_open { name.to_owned() } else { String::new() };
        let text = |named: Option<(u64, &str)>| named.map(|(_, text)| name(text)).unwrap_or_default();
        Some(Self {
            tenant: change.tenant.to_owned(),
            connector_id: change.connector_id,
            connection_id: change.connection_id.to_owned(),
            is_open,
            opened_at: change.start_micros,
            ended_at: (!is_open).then_some(change.end_micros),
            end_reason,
            remote_network_id: change.remote_network.0,
            remote_network_name: name(change.remote_network.1),
            resource_id: change.resource.0,
            resource_address: name(change.resource.1),
            user_id: change.user.map(|(id, _)| id),
            user_email: text(change.user),
            service_account_id: change.service_account.map(|(id, _)| id),
            service_account_name: text(change.service_account),
            client_ip: change.client_ip.map(Ipv6Addr::from),
            protocol: i8::try_from(change.protocol).unwrap_or(1),
            version: if is_open { offset } else { END + offset },
        })
    }
}

/// Writes changes. The same again changes nothing.
///
/// # Errors
/// When ClickHouse refuses or does not answer; then it may have been done.
pub async fn write(clickhouse: &ClickHouse, rows: &[OpenConnectionRow]) -> Result<(), QueryError> {
    insert_block(clickhouse, "open_connections", rows, None).await
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
