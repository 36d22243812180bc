//! Open connections as the API gives them.

use clickhouse_io::traffic::{Open, OpenConnection};
use serde::Serialize;
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;

use crate::networks::{Network, NetworkEdition, Networks};
use crate::routes::traffic::names::Name;

/// Connections that are open.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenConnections {
    /// How many there are, also beyond the limit.
    total: u64,
    connections: Vec<OneOpen>,
    /// Where networks of clients come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_networks: Option<NetworkEdition>,
}

/// One of them. Times are UTC.
#[derive(Debug, Serialize, ToSchema)]
struct OneOpen {
    opened_at: String,
    connection_id: String,
    connector_id: String,
    remote_network: Name,
    /// Its name is what was asked for.
    resource: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<Network>,
    protocol: &'static str,
}

impl OpenConnections {
    pub(crate) fn new(open: Open, networks: &Networks) -> Self {
        let connections = open.connections.into_iter().map(|it| OneOpen::new(it, networks)).collect();
        Self { total: open.total, connections, client_networks: networks.source() }
    }
}

impl OneOpen {
    fn new(connection: OpenConnection, networks: &Networks) -> Self {
        let name = |(id, name): (u64, String)| Name { id: id.to_string(), name };
        Self {
            opened_at: rfc3339(connection.opened_at),
            connection_id: connection.connection_id,
            connector_id: connection.connector.to_string(),
            remote_network: name(connection.remote_network),
            resource: name(connection.resource),
            user: connection.user.map(name),
            service_account: connection.service_account.map(name),
            client_network: networks.of(connection.client_ip),
            client_ip: connection.client_ip.map(|ip| ip.to_string()),
            protocol: connection.protocol.name(),
        }
    }
}
