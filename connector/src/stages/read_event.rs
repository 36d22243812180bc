//! The JSON of a line to the fields of a connection event: contract section 2, field by field.

use std::borrow::Cow;

use schemas::addresses::Address;
use schemas::connection_event::{EventType, Protocol, TunnelPath};
use schemas::event_id::EventId;
use schemas::ids::{
    ConnectorId, DeviceId, RemoteNetworkId, ResourceId, ServiceAccountId, ServiceAccountKeyId, Tenant, UserId,
};
use schemas::times::Moment;

use super::scan_json::{Part, Value, scan_object};
use super::take_fields::{
    COUNTER_MAX, address, id, is_text, loose_text, needed, needed_id, needed_text, part, port, text, whole,
};
use super::take_keys::{ConnectionKeys, EventKeys, LocationValue, RelayKeys, Relays, ServiceAccountKeys, UserKeys};
use crate::config::LogVersion;
use crate::error::Unreadable;

/// Last millisecond before 2100.
const TIME_MAX_MS: u64 = Moment::END.as_millis().cast_unsigned() - 1;

/// An event as its line has it: texts are borrowed from the line where they have no escapes. The tenant is the reader's, and
/// `location` is not looked at yet.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "those of schemas::connection_event::ConnectionEvent, where they are described")]
pub struct EventFields<'a> {
    pub event_id: EventId,
    pub event_type: EventType,
    pub start_time: Moment,
    pub end_time: Moment,
    pub connection_id: Cow<'a, str>,
    pub connector_id: ConnectorId,
    pub connector_name: Cow<'a, str>,
    pub remote_network_id: RemoteNetworkId,
    pub remote_network_name: Cow<'a, str>,
    pub resource_id: ResourceId,
    pub resource_address: Cow<'a, str>,
    pub applied_rule: Cow<'a, str>,
    pub resource_ip: Option<Address>,
    pub resource_port: u16,
    pub protocol: Protocol,
    pub tunnel_path: TunnelPath,
    pub tunnel_protocol: Option<Cow<'a, str>>,
    pub client_ip: Option<Address>,
    pub bytes_received: u64,
    pub bytes_transferred: u64,
    pub error_message: Cow<'a, str>,
    pub device_id: Option<DeviceId>,
    pub user: Option<UserFields<'a>>,
    pub service_account: Option<ServiceAccountFields<'a>>,
    pub relays: Vec<RelayFields<'a>>,
    pub location: LocationValue<'a>,
}

/// Who connected, where it was a person.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "those of schemas::connection_event::User")]
pub struct UserFields<'a> {
    pub id: UserId,
    pub email: Cow<'a, str>,
}

/// Who connected, where it was a service.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "those of schemas::connection_event::ServiceAccount")]
pub struct ServiceAccountFields<'a> {
    pub id: ServiceAccountId,
    pub name: Cow<'a, str>,
    pub key: Cow<'a, str>,
    pub key_id: Option<ServiceAccountKeyId>,
}

/// One relay of a tunnel.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "those of schemas::connection_event::Relay")]
pub struct RelayFields<'a> {
    pub name: Cow<'a, str>,
    pub ip: Option<Address>,
    pub port: u16,
}

/// Reads the event of `tenant` that `json` reports. `version` says what unit durations have.
///
/// # Errors
/// The first rule of the contract that is broken.
pub fn read_event<'a>(json: &'a str, tenant: &Tenant, version: LogVersion) -> Result<EventFields<'a>, Unreadable> {
    let mut event = Part::<EventKeys<'_>>::default();
    scan_object(json, &mut event).ok_or(Unreadable::NotJson)?;
    match &event {
        Part::Object(keys) => of_keys(keys, tenant, version),
        Part::Absent | Part::Other => Err(Unreadable::NotAJsonObject),
    }
}

fn of_keys<'a>(keys: &EventKeys<'a>, tenant: &Tenant, version: LogVersion) -> Result<EventFields<'a>, Unreadable> {
    let event_type = event_type(keys.event_type)?;
    let timestamp_ms = needed(whole(keys.timestamp, "timestamp", TIME_MAX_MS)?, "timestamp")?;
    let connection = needed(part(&keys.connection, "connection")?, "connection")?;
    let connector = needed(part(&keys.connector, "connector")?, "connector")?;
    let network = needed(part(&keys.remote_network, "remote_network")?, "remote_network")?;
    let resource = needed(part(&keys.resource, "resource")?, "resource")?;
    let user = part(&keys.user, "user")?;
    let service_account = part(&keys.service_account, "service_account")?;
    let device = part(&keys.device, "device")?;
    if user.is_some() == service_account.is_some() {
        return Err(Unreadable::NotOneIdentity);
    }
    let protocol = protocol(connection.protocol)?;
    let connection_id = text(connection.id, "connection.id")?;
    if connection_id.is_empty() {
        return Err(Unreadable::Missing("connection.id"));
    }
    let connector_id = needed_id(connector.id, "connector.id")?;
    let (start_time, end_time) = times(event_type, timestamp_ms, connection, version)?;
    let (tunnel_path, relays) = path(&keys.relays, connection)?;
    let counter = |value, name| whole(value, name, COUNTER_MAX).map(Option::unwrap_or_default);
    if resource.address == Value::Absent {
        return Err(Unreadable::Missing("resource.address"));
    }
    // In the order in which reasons are looked for, which is that of the oracle.
    Ok(EventFields {
        event_id: EventId::of_fact(tenant, connector_id, &connection_id, event_type, timestamp_ms),
        event_type,
        start_time,
        end_time,
        user: user.map(read_user).transpose()?,
        service_account: service_account.map(read_service_account).transpose()?,
        device_id: device.map_or(Ok(None), |device| id(device.id, "device.id"))?,
        client_ip: address(connection.client_ip, "connection.client_ip")?,
        connector_name: needed_text(connector.name, "connector.name")?,
        resource_ip: address(connection.resource_ip, "connection.resource_ip")?,
        resource_port: port(connection.resource_port, "connection.resource_port")?,
        resource_address: text(resource.address, "resource.address")?,
        resource_id: needed_id(resource.id, "resource.id")?,
        bytes_transferred: counter(connection.tx, "connection.tx")?,
        bytes_received: counter(connection.rx, "connection.rx")?,
        remote_network_name: needed_text(network.name, "remote_network.name")?,
        remote_network_id: needed_id(network.id, "remote_network.id")?,
        applied_rule: text(resource.applied_rule, "resource.applied_rule")?,
        connection_id,
        connector_id,
        protocol,
        tunnel_path,
        tunnel_protocol: loose_text(connection.tunnel_proto),
        error_message: loose_text(connection.error_message).unwrap_or_default(),
        relays,
        location: keys.location,
    })
}

fn event_type(value: Value<'_>) -> Result<EventType, Unreadable> {
    const KINDS: [EventType; 4] = [
        EventType::ClosedConnection,
        EventType::EstablishedConnection,
        EventType::FailedToConnect,
        EventType::DeniedAccess,
    ];
    let kind = KINDS.into_iter().find(|kind| is_text(value, kind.log_name()));
    kind.ok_or(Unreadable::Unknown("event_type"))
}

fn protocol(value: Value<'_>) -> Result<Protocol, Unreadable> {
    let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp].into_iter().find(|it| is_text(value, it.name()));
    protocol.ok_or(Unreadable::Unknown("connection.protocol"))
}

/// Start and end. Only a closed connection has a duration, but what stands there has to be whole in every kind.
fn times(
    event_type: EventType,
    timestamp_ms: u64,
    connection: &ConnectionKeys<'_>,
    version: LogVersion,
) -> Result<(Moment, Moment), Unreadable> {
    let end = Moment::from_millis(timestamp_ms.cast_signed());
    let duration = whole(connection.duration, "connection.duration", COUNTER_MAX)?;
    if event_type != EventType::ClosedConnection {
        return Ok((end, end));
    }
    let start = needed(duration, "connection.duration")?
        .checked_mul(version.duration_unit_micros())
        .and_then(|micros| i64::try_from(micros).ok())
        .and_then(|micros| end.as_micros().checked_sub(micros))
        .map(Moment::from_micros)
        .filter(|start| *start >= Moment::FIRST)
        .ok_or(Unreadable::BeginsBefore1970)?;
    Ok((start, end))
}

/// The path and its relays: none on a direct path, though they are checked.
fn path<'a>(
    relays: &Relays<'a>,
    connection: &ConnectionKeys<'a>,
) -> Result<(TunnelPath, Vec<RelayFields<'a>>), Unreadable> {
    let said = match text(connection.tunnel_path, "connection.tunnel_path")?.as_ref() {
        "" => None,
        "direct" => Some(TunnelPath::Direct),
        "relay" | "relayed" => Some(TunnelPath::Relay),
        _ => return Err(Unreadable::Unknown("connection.tunnel_path")),
    };
    let relays = match relays {
        Relays::Absent => Vec::new(),
        Relays::List(relays) => {
            if !relays.iter().all(|relay| matches!(relay, Part::Object(_))) {
                return Err(Unreadable::NotRelays);
            }
            relays.iter().filter_map(|relay| part(relay, "relays").ok()?).map(read_relay).collect::<Result<_, _>>()?
        }
        Relays::Other => return Err(Unreadable::NotRelays),
    };
    let path = said.unwrap_or(if relays.is_empty() { TunnelPath::Direct } else { TunnelPath::Relay });
    Ok((path, if path == TunnelPath::Direct { Vec::new() } else { relays }))
}

fn read_relay<'a>(relay: &RelayKeys<'a>) -> Result<RelayFields<'a>, Unreadable> {
    Ok(RelayFields {
        name: text(relay.name, "relays.name")?,
        ip: address(relay.ip, "relays.ip")?,
        port: port(relay.port, "relays.port")?,
    })
}

fn read_user<'a>(user: &UserKeys<'a>) -> Result<UserFields<'a>, Unreadable> {
    Ok(UserFields { email: needed_text(user.email, "user.email")?, id: needed_id(user.id, "user.id")? })
}

fn read_service_account<'a>(account: &ServiceAccountKeys<'a>) -> Result<ServiceAccountFields<'a>, Unreadable> {
    Ok(ServiceAccountFields {
        name: needed_text(account.name, "service_account.name")?,
        id: needed_id(account.id, "service_account.id")?,
        key: text(account.key, "service_account.key")?,
        key_id: id(account.key_id, "service_account.key_id")?,
    })
}

#[cfg(test)]
#[path = "read_event_tests.rs"]
mod tests;
