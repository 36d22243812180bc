//! A connection's event as the API gives it. Ids are text: they exceed what a browser's numbers hold.

use schemas::connection_event::{ConnectionEvent, ConnectionStatus, TunnelPath};
use serde::Serialize;
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;

use crate::networks::{Network, Networks};
use crate::routes::traffic::names::Name;

#[derive(Debug, Serialize, ToSchema)]
struct User {
    id: String,
    email: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct ServiceAccount {
    id: String,
    name: String,
    key: String,
    key_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Resource {
    id: String,
    address: String,
    applied_rule: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct Relay {
    name: String,
    ip: Option<String>,
    port: Option<u16>,
}

/// Where a client was.
#[derive(Debug, Serialize, ToSchema)]
struct Location {
    city: Option<String>,
    country: Option<String>,
    region: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// One event of a connection: that it ended, failed, was denied, or (among a connection's own events) was opened. Times are UTC.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Connection {
    event_id: String,
    event_type: &'static str,
    connection_id: String,
    start_time: String,
    end_time: String,
    duration_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account: Option<ServiceAccount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_network: Option<Network>,
    /// Where the client was: as its line says, or else the connector's database of places.
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    connector: Name,
    remote_network: Name,
    resource: Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_port: Option<u16>,
    protocol: &'static str,
    connection_type: &'static str,
    bytes_transferred: u64,
    bytes_received: u64,
    relays: Vec<Relay>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_message: Option<String>,
}

impl Connection {
    pub(crate) fn new(event: ConnectionEvent, networks: &Networks) -> Self {
        let relay = |relay: schemas::connection_event::Relay| Relay {
            name: relay.name,
            ip: relay.ip.map(|ip| ip.to_string()),
            port: Some(relay.port).filter(|port| *port != 0),
        };
        let location = |it: schemas::connection_event::Location| Location {
            city: it.city,
            country: it.country,
            region: it.region,
            latitude: it.latitude,
            longitude: it.longitude,
        };
        Self {
            status: event.status().map(ConnectionStatus::report_name),
            event_id: event.event_id.to_string(),
            event_type: event.event_type.log_name(),
            connection_id: event.connection_id,
            start_time: rfc3339(event.start_time),
            end_time: rfc3339(event.end_time),
            duration_ms: (event.end_time.as_micros() - event.start_time.as_micros()) / 1000,
            user: event.user.map(|user| User { id: user.id.to_string(), email: user.email }),
            service_account: event.service_account.map(|account| ServiceAccount {
                id: account.id.to_string(),
                name: account.name,
                key: account.key,
                key_id: account.key_id.map(|id| id.to_string()),
            }),
            device_id: event.device_id.map(|id| id.to_string()),
            client_network: networks.of(event.client_ip),
            client_ip: event.client_ip.map(|ip| ip.to_string()),
            location: event.location.map(location),
            connector: Name { id: event.connector_id.to_string(), name: event.connector_name },
            remote_network: Name { id: event.remote_network_id.to_string(), name: event.remote_network_name },
            resource: Resource {
                id: event.resource_id.to_string(),
                address: event.resource_address,
                applied_rule: event.applied_rule,
            },
            resource_ip: event.resource_ip.map(|ip| ip.to_string()),
            resource_port: Some(event.resource_port).filter(|port| *port != 0),
            protocol: event.protocol.name(),
            connection_type: if event.tunnel_path == TunnelPath::Direct { "direct" } else { "relay" },
            bytes_transferred: event.bytes_transferred,
            bytes_received: event.bytes_received,
            relays: event.relays.into_iter().map(relay).collect(),
            error_message: Some(event.error_message).filter(|message| !message.is_empty()),
        }
    }
}
