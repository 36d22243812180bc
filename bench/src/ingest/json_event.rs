//! A connection event as JSON: ids of events and addresses are texts, times are microseconds, the rest is named as in the Avro schema.

use std::net::IpAddr;

use schemas::addresses::Address;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::ids::{ConnectorId, DeviceId, RemoteNetworkId, ResourceId, Tenant};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
pub(crate) struct JsonEvent {
    event_id: Uuid,
    tenant: Tenant,
    event_type: EventType,
    start_time: Moment,
    end_time: Moment,
    connection_id: String,
    connector_id: ConnectorId,
    connector_name: String,
    remote_network_id: RemoteNetworkId,
    remote_network_name: String,
    resource_id: ResourceId,
    resource_address: String,
    applied_rule: String,
    resource_ip: Option<IpAddr>,
    resource_port: u16,
    protocol: Protocol,
    tunnel_path: TunnelPath,
    tunnel_protocol: Option<String>,
    client_ip: Option<IpAddr>,
    bytes_received: u64,
    bytes_transferred: u64,
    error_message: String,
    device_id: Option<DeviceId>,
    user: Option<User>,
    service_account: Option<ServiceAccount>,
    relays: Vec<JsonRelay>,
    location: Option<Location>,
}

#[derive(Serialize, Deserialize)]
struct JsonRelay {
    name: String,
    ip: Option<IpAddr>,
    port: u16,
}

impl From<ConnectionEvent> for JsonEvent {
    fn from(event: ConnectionEvent) -> Self {
        let relay = |it: Relay| JsonRelay { name: it.name, ip: it.ip.map(Address::to_ip), port: it.port };
        Self {
            event_id: Uuid::from_bytes(*event.event_id.as_bytes()),
            tenant: event.tenant,
            event_type: event.event_type,
            start_time: event.start_time,
            end_time: event.end_time,
            connection_id: event.connection_id,
            connector_id: event.connector_id,
            connector_name: event.connector_name,
            remote_network_id: event.remote_network_id,
            remote_network_name: event.remote_network_name,
            resource_id: event.resource_id,
            resource_address: event.resource_address,
            applied_rule: event.applied_rule,
            resource_ip: event.resource_ip.map(Address::to_ip),
            resource_port: event.resource_port,
            protocol: event.protocol,
            tunnel_path: event.tunnel_path,
            tunnel_protocol: event.tunnel_protocol,
            client_ip: event.client_ip.map(Address::to_ip),
            bytes_received: event.bytes_received,
            bytes_transferred: event.bytes_transferred,
            error_message: event.error_message,
            device_id: event.device_id,
            user: event.user,
            service_account: event.service_account,
            relays: event.relays.into_iter().map(relay).collect(),
            location: event.location,
        }
    }
}

impl From<JsonEvent> for ConnectionEvent {
    fn from(event: JsonEvent) -> Self {
        let relay = |it: JsonRelay| Relay { name: it.name, ip: it.ip.map(Into::into), port: it.port };
        Self {
            event_id: EventId::from_bytes(event.event_id.into_bytes()),
            tenant: event.tenant,
            event_type: event.event_type,
            start_time: event.start_time,
            end_time: event.end_time,
            connection_id: event.connection_id,
            connector_id: event.connector_id,
            connector_name: event.connector_name,
            remote_network_id: event.remote_network_id,
            remote_network_name: event.remote_network_name,
            resource_id: event.resource_id,
            resource_address: event.resource_address,
            applied_rule: event.applied_rule,
            resource_ip: event.resource_ip.map(Into::into),
            resource_port: event.resource_port,
            protocol: event.protocol,
            tunnel_path: event.tunnel_path,
            tunnel_protocol: event.tunnel_protocol,
            client_ip: event.client_ip.map(Into::into),
            bytes_received: event.bytes_received,
            bytes_transferred: event.bytes_transferred,
            error_message: event.error_message,
            device_id: event.device_id,
            user: event.user,
            service_account: event.service_account,
            relays: event.relays.into_iter().map(relay).collect(),
            location: event.location,
        }
    }
}
