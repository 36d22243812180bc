//! One event as a row of `connections` or `connection_openings`, and back.

use std::net::Ipv6Addr;

use clickhouse::Row;
use schemas::addresses::Address;
use schemas::connection_event::{
    ConnectionEvent, ConnectionStatus, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::ids::{ConnectorId, DeviceId, RemoteNetworkId, ResourceId, ServiceAccountId, ServiceAccountKeyId, UserId};
use schemas::times::Moment;
use serde::{Deserialize, Serialize};

use crate::connection_id::PackedId;
use crate::error::QueryError;

/// Where an event lay on Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// Configured name of this life of the topic.
    pub name: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A row; its fields are the table's columns, in the table's order.
#[derive(Clone, Debug, PartialEq, Row, Serialize, Deserialize)]
pub struct ConnectionRow {
    pub(crate) tenant: String,
    pub(crate) end_time: i64,
    pub(crate) duration_us: u64,
    pub(crate) event_id_tail: [u8; 10],
    pub(crate) event_type: i8,
    pub(crate) connection_id_form: i8,
    pub(crate) connection_id_high: u64,
    pub(crate) connection_id_low: u64,
    pub(crate) connection_id_text: String,
    pub(crate) connector_id: u64,
    pub(crate) connector_name: String,
    pub(crate) remote_network_id: u64,
    pub(crate) remote_network_name: String,
    pub(crate) resource_id: u64,
    pub(crate) resource_address: String,
    pub(crate) applied_rule: String,
    pub(crate) resource_ip: Option<Ipv6Addr>,
    pub(crate) resource_port: u16,
    pub(crate) protocol: i8,
    pub(crate) tunnel_path: i8,
    pub(crate) tunnel_protocol: Option<String>,
    pub(crate) client_ip: Option<Ipv6Addr>,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_transferred: u64,
    pub(crate) error_message: String,
    pub(crate) device_id: Option<u64>,
    pub(crate) user_id: Option<u64>,
    pub(crate) user_email: String,
    pub(crate) service_account_id: Option<u64>,
    pub(crate) service_account_name: String,
    pub(crate) service_account_key: String,
    pub(crate) service_account_key_id: Option<u64>,
    pub(crate) relay_names: Vec<String>,
    pub(crate) relay_ips: Vec<Option<Ipv6Addr>>,
    pub(crate) relay_ports: Vec<u16>,
    pub(crate) has_location: bool,
    pub(crate) city: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
    #[serde(rename = "_kafka_source")]
    pub(crate) kafka_source: String,
    #[serde(rename = "_kafka_partition")]
    pub(crate) kafka_partition: i32,
    #[serde(rename = "_kafka_offset")]
    pub(crate) kafka_offset: i64,
}

fn to_column(address: Address) -> Ipv6Addr {
    address.octets().into()
}

fn from_column(address: Ipv6Addr) -> Address {
    Address::from_octets(address.octets())
}

impl ConnectionRow {
    /// The row of an event that keeps the contract.
    #[must_use]
    pub fn from_event(event: ConnectionEvent, source: Source<'_>) -> Self {
        let (form, high, low, text) = PackedId::pack(&event.connection_id).columns();
        let text = text.to_owned();
        let (user_id, user_email) = event.user.map(|it| (it.id.get(), it.email)).unzip();
        let account = event.service_account;
        let location = event.location.clone().unwrap_or_default();
        Self {
            tenant: event.tenant.into(),
            end_time: event.end_time.as_micros(),
            duration_us: event.end_time.as_micros().abs_diff(event.start_time.as_micros()),
            event_id_tail: event.event_id.tail(),
            event_type: match event.event_type {
                EventType::Unknown => 0,
                EventType::EstablishedConnection => 1,
                EventType::ClosedConnection => 2,
                EventType::FailedToConnect => 3,
                EventType::DeniedAccess => 4,
            },
            connection_id_form: form,
            connection_id_high: high,
            connection_id_low: low,
            connection_id_text: text,
            connector_id: event.connector_id.get(),
            connector_name: event.connector_name,
            remote_network_id: event.remote_network_id.get(),
            remote_network_name: event.remote_network_name,
            resource_id: event.resource_id.get(),
            resource_address: event.resource_address,
            applied_rule: event.applied_rule,
            resource_ip: event.resource_ip.map(to_column),
            resource_port: event.resource_port,
            protocol: match event.protocol {
                Protocol::Unknown => 0,
                Protocol::Tcp => 1,
                Protocol::Udp => 2,
                Protocol::Icmp => 3,
            },
            tunnel_path: match event.tunnel_path {
                TunnelPath::Unknown => 0,
                TunnelPath::Direct => 1,
                TunnelPath::Relay => 2,
            },
            tunnel_protocol: event.tunnel_protocol,
            client_ip: event.client_ip.map(to_column),
            bytes_received: event.bytes_received,
            bytes_transferred: event.bytes_transferred,
            error_message: event.error_message,
            device_id: event.device_id.map(DeviceId::get),
            user_id,
            user_email: user_email.unwrap_or_default(),
            service_account_id: account.as_ref().map(|it| it.id.get()),
            service_account_key_id: account.as_ref().and_then(|it| it.key_id).map(ServiceAccountKeyId::get),
            service_account_name: account.as_ref().map(|it| it.name.clone()).unwrap_or_default(),
            service_account_key: account.map(|it| it.key).unwrap_or_default(),
            relay_ips: event.relays.iter().map(|it| it.ip.map(to_column)).collect(),
            relay_ports: event.relays.iter().map(|it| it.port).collect(),
            relay_names: event.relays.into_iter().map(|it| it.name).collect(),
            has_location: event.location.is_some(),
            city: location.city,
            country: location.country,
            region: location.region,
            latitude: location.latitude,
            longitude: location.longitude,
            kafka_source: source.name.to_owned(),
            kafka_partition: source.partition,
            kafka_offset: source.offset,
        }
    }

    /// The event again, exactly.
    ///
    /// # Errors
    /// When a column holds what no event has.
    pub fn into_event(self) -> Result<ConnectionEvent, QueryError> {
        let odd = |column: &str| QueryError::Mismatch(format!("column {column}"));
        let status_time = Moment::from_micros(self.end_time);
        let user = match self.user_id {
            None => None,
            Some(id) => Some(User { id: UserId::new(id).ok_or_else(|| odd("user_id"))?, email: self.user_email }),
        };
        let service_account = match self.service_account_id {
            None => None,
            Some(id) => Some(ServiceAccount {
                id: ServiceAccountId::new(id).ok_or_else(|| odd("service_account_id"))?,
                name: self.service_account_name,
                key: self.service_account_key,
                key_id: self.service_account_key_id.and_then(ServiceAccountKeyId::new),
            }),
        };
        let relays = self.relay_names.into_iter().zip(self.relay_ips).zip(self.relay_ports);
        let millis = u64::try_from(status_time.as_millis()).map_err(|_| odd("end_time"))?;
        let duration = i64::try_from(self.duration_us).map_err(|_| odd("duration_us"))?;
        Ok(ConnectionEvent {
            event_id: EventId::from_parts(millis, self.event_id_tail),
            tenant: self.tenant.parse().map_err(|_| odd("tenant"))?,
            event_type: match self.event_type {
                1 => EventType::EstablishedConnection,
                2 => EventType::ClosedConnection,
                3 => EventType::FailedToConnect,
                4 => EventType::DeniedAccess,
                _ => return Err(odd("event_type")),
            },
            start_time: Moment::from_micros(self.end_time - duration),
            end_time: status_time,
            connection_id: PackedId::from_columns(
                self.connection_id_form,
                self.connection_id_high,
                self.connection_id_low,
                &self.connection_id_text,
            )
            .unpack(),
            connector_id: ConnectorId::new(self.connector_id).ok_or_else(|| odd("connector_id"))?,
            connector_name: self.connector_name,
            remote_network_id: RemoteNetworkId::new(self.remote_network_id).ok_or_else(|| odd("remote_network_id"))?,
            remote_network_name: self.remote_network_name,
            resource_id: ResourceId::new(self.resource_id).ok_or_else(|| odd("resource_id"))?,
            resource_address: self.resource_address,
            applied_rule: self.applied_rule,
            resource_ip: self.resource_ip.map(from_column),
            resource_port: self.resource_port,
            protocol: match self.protocol {
                1 => Protocol::Tcp,
                2 => Protocol::Udp,
                3 => Protocol::Icmp,
                _ => return Err(odd("protocol")),
            },
            tunnel_path: match self.tunnel_path {
                1 => TunnelPath::Direct,
                2 => TunnelPath::Relay,
                _ => return Err(odd("tunnel_path")),
            },
            tunnel_protocol: self.tunnel_protocol,
            client_ip: self.client_ip.map(from_column),
            bytes_received: self.bytes_received,
            bytes_transferred: self.bytes_transferred,
            error_message: self.error_message,
            device_id: self.device_id.and_then(DeviceId::new),
            user,
            service_account,
            relays: relays.map(|((name, ip), port)| Relay { name, ip: ip.map(from_column), port }).collect(),
            location: self.has_location.then_some(Location {
                city: self.city,
                country: self.country,
                region: self.region,
                latitude: self.latitude,
                longitude: self.longitude,
            }),
        })
    }

    /// What became of the connection; `None` for an opening.
    #[must_use]
    pub fn status(&self) -> Option<ConnectionStatus> {
        let event_type = match self.event_type {
            2 => EventType::ClosedConnection,
            3 => EventType::FailedToConnect,
            4 => EventType::DeniedAccess,
            _ => return None,
        };
        ConnectionStatus::of(event_type, &self.resource_address, self.resource_ip.map(from_column))
    }

    /// True for an opening.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.event_type == 1
    }

    /// The event id: copies of one fact have the same.
    #[must_use]
    pub fn event_id(&self) -> EventId {
        let millis = Moment::from_micros(self.end_time).as_millis();
        EventId::from_parts(u64::try_from(millis).unwrap_or(0), self.event_id_tail)
    }

    /// The order of the table.
    pub(crate) fn key(&self) -> impl Ord + use<'_> {
        const HOUR: i64 = 3_600_000_000;
        let hour = self.end_time.div_euclid(HOUR);
        (&self.tenant, hour, self.remote_network_id, self.end_time, self.event_id_tail, self.kafka_offset)
    }

    /// What it takes in memory, bytes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let texts = [&self.resource_address, &self.error_message, &self.connection_id_text, &self.user_email];
        let relays: usize = self.relay_names.iter().map(|name| name.len() + 48).sum();
        600 + relays + texts.into_iter().map(String::len).sum::<usize>()
    }
}
