//! Connections that are open now.

use std::net::Ipv6Addr;

use clickhouse::Row;
use schemas::addresses::Address;
use schemas::connection_event::Protocol;
use schemas::ids::Tenant;
use schemas::times::Moment;
use serde::Deserialize;
use traffic_query::{Field, FilterError, TrafficFilter};

use super::condition::{condition, protocol_of};
use super::parameters::Parameters;
use crate::client::ClickHouse;
use crate::error::QueryError;

/// Most connections of an answer, as [`traffic_query::check_limit`] takes it.
pub const OPEN_MAX: u32 = 10_000;

/// Fields that open connections have; the range is that of their opening.
const KNOWN: [Field; 11] = [
    Field::From,
    Field::To,
    Field::Zone,
    Field::RemoteNetworks,
    Field::Users,
    Field::ServiceAccounts,
    Field::Resources,
    Field::Connectors,
    Field::Protocols,
    Field::ClientAddresses,
    Field::Domain,
];

/// One open connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenConnection {
    /// When it was opened.
    pub opened_at: Moment,
    /// Same on all its events.
    pub connection_id: String,
    /// Connector, by id.
    pub connector: u64,
    /// Remote Network: id and name.
    pub remote_network: (u64, String),
    /// Resource: id, and what was asked for.
    pub resource: (u64, String),
    /// User: id and e-mail address.
    pub user: Option<(u64, String)>,
    /// Service account: id and name.
    pub service_account: Option<(u64, String)>,
    /// Public address of the client.
    pub client_ip: Option<Address>,
    /// Protocol.
    pub protocol: Protocol,
}

/// Open connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// How many there are, also beyond the limit.
    pub total: u64,
    /// Those opened last first.
    pub connections: Vec<OpenConnection>,
}

#[derive(Row, Deserialize)]
struct OpenRow {
    total: u64,
    opened_at: i64,
    connection_id: String,
    connector_id: u64,
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
}

/// The first field of the filter that says nothing about an open connection.
///
/// # Errors
/// That field.
pub fn check_open(filter: &TrafficFilter) -> Result<(), FilterError> {
    let unknown = Field::ALL.into_iter().find(|field| filter.narrows(*field) && !KNOWN.contains(field));
    match unknown {
        Some(field) => {
            let reason = "is not known of a connection while it is open".to_owned();
            Err(FilterError { field: field.name().to_owned(), reason })
        }
        None => Ok(()),
    }
}

/// Open connections that the filter lets through, those opened in its range, the newest first.
///
/// # Errors
/// When ClickHouse refuses or does not answer in time; so it does for a filter that [`check_open`] refuses.
pub async fn open(
    clickhouse: &ClickHouse,
    tenant: &Tenant,
    filter: &TrafficFilter,
    limit: u32,
) -> Result<Open, QueryError> {
    let mut parameters = Parameters::default();
    let condition = condition(tenant, filter, "opened_at", &mut parameters);
    let sql = format!(
        "SELECT count() OVER () AS total, opened_at, connection_id, connector_id, remote_network_id,
             toString(remote_network_name) AS remote_network_name, resource_id, toString(resource_address) AS resource_address,
             user_id, toString(user_email) AS user_email, service_account_id,
             toString(service_account_name) AS service_account_name, client_ip, protocol
         FROM (SELECT * FROM open_connections FINAL WHERE is_open AND {condition})
         ORDER BY opened_at DESC, connector_id, connection_id LIMIT {limit}"
    );
    let rows: Vec<OpenRow> = clickhouse.within(parameters.query(clickhouse, &sql).fetch_all()).await?;
    let total = rows.first().map_or(0, |row| row.total);
    let connections = rows.into_iter().map(|row| OpenConnection {
        opened_at: Moment::from_micros(row.opened_at),
        connection_id: row.connection_id,
        connector: row.connector_id,
        remote_network: (row.remote_network_id, row.remote_network_name),
        resource: (row.resource_id, row.resource_address),
        user: row.user_id.map(|id| (id, row.user_email)),
        service_account: row.service_account_id.map(|id| (id, row.service_account_name)),
        client_ip: row.client_ip.map(|ip| Address::from_octets(ip.octets())),
        protocol: protocol_of(row.protocol),
    });
    Ok(Open { total, connections: connections.collect() })
}
