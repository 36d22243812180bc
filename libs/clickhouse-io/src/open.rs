//! The set of open connections.

use std::net::Ipv6Addr;
use std::time::Duration;

use clickhouse::Row;
use schemas::connection_event::{ConnectionEvent, EventType, Protocol};
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

impl OpenConnectionRow {
    /// What an event changes; `None` where it changes nothing: a denied attempt never was open.
    #[must_use]
    pub fn from_event(event: &ConnectionEvent, offset: i64) -> Option<Self> {
        let end_reason = match event.event_type {
            EventType::EstablishedConnection => 0,
            EventType::ClosedConnection => 1,
            EventType::FailedToConnect => 2,
            EventType::DeniedAccess | EventType::Unknown => return None,
        };
        let is_open = end_reason == 0;
        let offset = u64::try_from(offset).unwrap_or(0);
        Some(Self {
            tenant: event.tenant.to_string(),
            connector_id: event.connector_id.get(),
            connection_id: event.connection_id.clone(),
            is_open,
            opened_at: event.start_time.as_micros(),
            ended_at: (!is_open).then_some(event.end_time.as_micros()),
            end_reason,
            remote_network_id: event.remote_network_id.get(),
            remote_network_name: event.remote_network_name.clone(),
            resource_id: event.resource_id.get(),
            resource_address: event.resource_address.clone(),
            user_id: event.user.as_ref().map(|user| user.id.get()),
            user_email: event.user.as_ref().map(|user| user.email.clone()).unwrap_or_default(),
            service_account_id: event.service_account.as_ref().map(|account| account.id.get()),
            service_account_name: event.service_account.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
            client_ip: event.client_ip.map(|ip| ip.octets().into()),
            protocol: match event.protocol {
                Protocol::Tcp | Protocol::Unknown => 1,
                Protocol::Udp => 2,
                Protocol::Icmp => 3,
            },
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
