//! The JSON of a line to a connection event: contract section 2, field by field.

use schemas::connection_event::{ConnectionEvent, EventType, Protocol, Relay, ServiceAccount, TunnelPath, User};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::times::Moment;

use super::parse_json::{Json, with_json};
use super::read_location::read_location;
use super::take_fields::{COUNTER_MAX, address, id, needed, part, port, text, whole};
use connector::LogVersion;
use connector::Unreadable;

/// Last millisecond before 2100.
const TIME_MAX_MS: u64 = Moment::END.as_millis().cast_unsigned() - 1;

/// Reads the event of `tenant` that `json` reports. `version` says what unit durations have.
pub(crate) fn read_event(json: &str, tenant: &Tenant, version: LogVersion) -> Result<ConnectionEvent, Unreadable> {
    with_json(json, |event| match event {
        Json::Object(_) => of_object(event, tenant, version),
        _ => Err(Unreadable::NotAJsonObject),
    })
    .unwrap_or(Err(Unreadable::NotJson))
}

fn of_object(event: &Json<'_>, tenant: &Tenant, version: LogVersion) -> Result<ConnectionEvent, Unreadable> {
    let event_type = event_type(event)?;
    let timestamp_ms = needed(whole(event.get("timestamp"), "timestamp", TIME_MAX_MS)?, "timestamp")?;
    let connection = needed(part(event, "connection")?, "connection")?;
    let connector = needed(part(event, "connector")?, "connector")?;
    let network = needed(part(event, "remote_network")?, "remote_network")?;
    let resource = needed(part(event, "resource")?, "resource")?;
    let (user, service_account) = (part(event, "user")?, part(event, "service_account")?);
    let device = part(event, "device")?;
    if user.is_some() == service_account.is_some() {
        return Err(Unreadable::NotOneIdentity);
    }
    let protocol = protocol(connection)?;
    let connection_id = match text(connection.get("id"), "connection.id")? {
        "" => return Err(Unreadable::Missing("connection.id")),
        id => id,
    };
    let connector_id = needed(id(connector.get("id"), "connector.id")?, "connector.id")?;
    let (start_time, end_time) = times(event_type, timestamp_ms, connection, version)?;
    let (tunnel_path, relays) = path(event, connection)?;
    let counter = |key, name| whole(connection.get(key), name, COUNTER_MAX).map(Option::unwrap_or_default);
    let asked = needed(resource.get("address"), "resource.address")?;
    // In the order in which reasons are looked for, which is that of the oracle.
    Ok(ConnectionEvent {
        event_id: EventId::of_fact(tenant, connector_id, connection_id, event_type, timestamp_ms),
        tenant: tenant.clone(),
        event_type,
        start_time,
        end_time,
        user: user.map(read_user).transpose()?,
        service_account: service_account.map(read_service_account).transpose()?,
        device_id: id(device.and_then(|device| device.get("id")), "device.id")?,
        client_ip: address(connection.get("client_ip"), "connection.client_ip")?,
        connector_name: needed_text(connector, "name", "connector.name")?,
        resource_ip: address(connection.get("resource_ip"), "connection.resource_ip")?,
        resource_port: port(connection.get("resource_port"), "connection.resource_port")?,
        resource_address: text(Some(asked), "resource.address")?.to_owned(),
        resource_id: needed(id(resource.get("id"), "resource.id")?, "resource.id")?,
        bytes_transferred: counter("tx", "connection.tx")?,
        bytes_received: counter("rx", "connection.rx")?,
        remote_network_name: needed_text(network, "name", "remote_network.name")?,
        remote_network_id: needed(id(network.get("id"), "remote_network.id")?, "remote_network.id")?,
        applied_rule: text(resource.get("applied_rule"), "resource.applied_rule")?.to_owned(),
        connection_id: connection_id.to_owned(),
        connector_id,
        protocol,
        tunnel_path,
        tunnel_protocol: loose_text(connection, "tunnel_proto"),
        error_message: loose_text(connection, "error_message").unwrap_or_default(),
        relays,
        location: read_location(event.get("location")),
    })
}

fn event_type(event: &Json<'_>) -> Result<EventType, Unreadable> {
    match event.get("event_type").and_then(Json::as_text) {
        Some("established_connection") => Ok(EventType::EstablishedConnection),
        Some("closed_connection") => Ok(EventType::ClosedConnection),
        Some("failed_to_connect") => Ok(EventType::FailedToConnect),
        Some("denied_access") => Ok(EventType::DeniedAccess),
        _ => Err(Unreadable::Unknown("event_type")),
    }
}

fn protocol(connection: &Json<'_>) -> Result<Protocol, Unreadable> {
    match connection.get("protocol").and_then(Json::as_text) {
        Some("tcp") => Ok(Protocol::Tcp),
        Some("udp") => Ok(Protocol::Udp),
        Some("icmp") => Ok(Protocol::Icmp),
        _ => Err(Unreadable::Unknown("connection.protocol")),
    }
}

/// Start and end. Only a closed connection has a duration, but what stands there has to be whole in every kind.
fn times(
    event_type: EventType,
    timestamp_ms: u64,
    connection: &Json<'_>,
    version: LogVersion,
) -> Result<(Moment, Moment), Unreadable> {
    let end = Moment::from_millis(timestamp_ms.cast_signed());
    let duration = whole(connection.get("duration"), "connection.duration", COUNTER_MAX)?;
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
fn path(event: &Json<'_>, connection: &Json<'_>) -> Result<(TunnelPath, Vec<Relay>), Unreadable> {
    let said = match text(connection.get("tunnel_path"), "connection.tunnel_path")? {
        "" => None,
        "direct" => Some(TunnelPath::Direct),
        "relay" | "relayed" => Some(TunnelPath::Relay),
        _ => return Err(Unreadable::Unknown("connection.tunnel_path")),
    };
    let relays = match event.get("relays") {
        None => Vec::new(),
        Some(Json::List(relays)) => {
            if !relays.iter().all(|relay| matches!(relay, Json::Object(_))) {
                return Err(Unreadable::NotRelays);
            }
            relays.iter().map(read_relay).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(Unreadable::NotRelays),
    };
    let path = said.unwrap_or(if relays.is_empty() { TunnelPath::Direct } else { TunnelPath::Relay });
    Ok((path, if path == TunnelPath::Direct { Vec::new() } else { relays }))
}

fn read_relay(relay: &Json<'_>) -> Result<Relay, Unreadable> {
    Ok(Relay {
        name: text(relay.get("name"), "relays.name")?.to_owned(),
        ip: address(relay.get("ip"), "relays.ip")?,
        port: port(relay.get("port"), "relays.port")?,
    })
}

fn read_user(user: &Json<'_>) -> Result<User, Unreadable> {
    Ok(User {
        email: needed_text(user, "email", "user.email")?,
        id: needed(id(user.get("id"), "user.id")?, "user.id")?,
    })
}

fn read_service_account(account: &Json<'_>) -> Result<ServiceAccount, Unreadable> {
    Ok(ServiceAccount {
        name: needed_text(account, "name", "service_account.name")?,
        id: needed(id(account.get("id"), "service_account.id")?, "service_account.id")?,
        key: text(account.get("key"), "service_account.key")?.to_owned(),
        key_id: id(account.get("key_id"), "service_account.key_id")?,
    })
}

fn needed_text(part: &Json<'_>, key: &str, name: &'static str) -> Result<String, Unreadable> {
    let value = needed(part.get(key), name)?;
    text(Some(value), name).map(str::to_owned)
}

/// Text whose wrong type costs only itself; empty is absent.
fn loose_text(part: &Json<'_>, key: &str) -> Option<String> {
    part.get(key).and_then(Json::as_text).filter(|text| !text.is_empty()).map(str::to_owned)
}
