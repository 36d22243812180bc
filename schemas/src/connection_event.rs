//! One fact from a Connector about one connection.

use serde::{Deserialize, Serialize};

use crate::addresses::{Address, parse_bare_address};
use crate::event_id::EventId;
use crate::ids::{
    ConnectorId, DeviceId, RemoteNetworkId, ResourceId, ServiceAccountId, ServiceAccountKeyId, Tenant, UserId,
};
use crate::times::Moment;

/// What happened. `Unknown` is what a reader sees where a newer writer has a further symbol: a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventType {
    /// Not known to this reader.
    Unknown,
    /// A connection was opened.
    EstablishedConnection,
    /// A connection ended.
    ClosedConnection,
    /// A connection could not be made.
    FailedToConnect,
    /// A connection was not allowed.
    DeniedAccess,
}

impl EventType {
    /// The name in the Connector's log, which is part of the event id too.
    #[must_use]
    pub const fn log_name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::EstablishedConnection => "established_connection",
            Self::ClosedConnection => "closed_connection",
            Self::FailedToConnect => "failed_to_connect",
            Self::DeniedAccess => "denied_access",
        }
    }
}

/// Protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Protocol {
    /// Not known to this reader.
    Unknown,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
}

impl Protocol {
    /// The name in logs and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
        }
    }
}

/// Path of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TunnelPath {
    /// Not known to this reader.
    Unknown,
    /// Peer to peer.
    Direct,
    /// Through relays.
    Relay,
}

/// Who connected, where it was a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Id.
    pub id: UserId,
    /// E-mail address; may be empty.
    pub email: String,
}

/// Who connected, where it was a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Id.
    pub id: ServiceAccountId,
    /// Name; may be empty.
    pub name: String,
    /// Name of the key that it used; may be empty.
    pub key: String,
    /// Id of that key.
    pub key_id: Option<ServiceAccountKeyId>,
}

/// One relay of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relay {
    /// Name; may be empty.
    pub name: String,
    /// Address.
    pub ip: Option<Address>,
    /// Port; 0 where there is none.
    pub port: u16,
}

/// Where the client was. `latitude` and `longitude` are both there or both absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// City.
    pub city: Option<String>,
    /// Country code.
    pub country: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Degrees, -90 to 90.
    pub latitude: Option<f64>,
    /// Degrees, -180 to 180.
    pub longitude: Option<f64>,
}

/// One connection event: Avro record `ConnectionEvent`, subject `connection-events-value`. Field order is the schema's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionEvent {
    /// Function of the fact; copies of one fact have the same.
    pub event_id: EventId,
    /// Customer account.
    pub tenant: Tenant,
    /// What happened.
    pub event_type: EventType,
    /// Start of the connection; equal to `end_time` unless it was closed.
    pub start_time: Moment,
    /// The moment of the event: for a closed connection its end.
    pub end_time: Moment,
    /// Same on all events of one connection of one Connector; opaque, not empty.
    pub connection_id: String,
    /// Connector that reported.
    pub connector_id: ConnectorId,
    /// Its name.
    pub connector_name: String,
    /// Remote Network of the Connector.
    pub remote_network_id: RemoteNetworkId,
    /// Its name.
    pub remote_network_name: String,
    /// Resource that was asked for.
    pub resource_id: ResourceId,
    /// What was asked for: a DNS name or an address.
    pub resource_address: String,
    /// Resource definition that matched; empty where there was none.
    pub applied_rule: String,
    /// Address that the name resolved to; absent when it did not.
    pub resource_ip: Option<Address>,
    /// Port; 0 where there is none.
    pub resource_port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Path of the tunnel.
    pub tunnel_path: TunnelPath,
    /// `quic/udp` or `tcp`; absent where unknown.
    pub tunnel_protocol: Option<String>,
    /// Public address of the client.
    pub client_ip: Option<Address>,
    /// Resource to client, bytes (`rx`).
    #[serde(with = "crate::as_long")]
    pub bytes_received: u64,
    /// Client to Resource, bytes (`tx`).
    #[serde(with = "crate::as_long")]
    pub bytes_transferred: u64,
    /// Reason of a failure; empty where there is none.
    pub error_message: String,
    /// Device of the User.
    pub device_id: Option<DeviceId>,
    /// Exactly one of this and `service_account` is there.
    pub user: Option<User>,
    /// Exactly one of this and `user` is there.
    pub service_account: Option<ServiceAccount>,
    /// In the order of the event; empty when the path was direct.
    pub relays: Vec<Relay>,
    /// Where the client was.
    pub location: Option<Location>,
}

/// What became of a connection, as reports say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionStatus {
    /// It was open, and ended.
    Normal,
    /// The name did not resolve.
    DnsError,
    /// It could not be made.
    ConnectionFailed,
    /// It was not allowed.
    AccessDenied,
}

impl ConnectionStatus {
    /// The word in the report's `status` column.
    #[must_use]
    pub const fn report_name(self) -> &'static str {
        match self {
            Self::Normal => "NORMAL",
            Self::DnsError => "DNS_ERROR",
            Self::ConnectionFailed => "CONNECTION_FAILED",
            Self::AccessDenied => "ACCESS_DENIED",
        }
    }

    /// The status of an event that ended a connection or an attempt; `None` for an opening.
    #[must_use]
    pub fn of(event_type: EventType, resource_address: &str, resource_ip: Option<Address>) -> Option<Self> {
        match event_type {
            EventType::Unknown | EventType::EstablishedConnection => None,
            EventType::ClosedConnection => Some(Self::Normal),
            EventType::DeniedAccess => Some(Self::AccessDenied),
            EventType::FailedToConnect if resource_ip.is_none() && !asked_domain(resource_address).is_empty() => {
                Some(Self::DnsError)
            }
            EventType::FailedToConnect => Some(Self::ConnectionFailed),
        }
    }
}

/// The name that was asked for; empty when the Resource was reached by address.
#[must_use]
pub fn asked_domain(resource_address: &str) -> &str {
    if parse_bare_address(resource_address).is_some() { "" } else { resource_address }
}

/// Why an event breaks the contract. The text goes into the dead letter's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractBreach {
    /// An enum's symbol is one that this reader does not know.
    #[error("{0} is unknown")]
    UnknownSymbol(&'static str),
    /// A time is before 1970 or not before 2100.
    #[error("{0} is not from 1970 to 2099")]
    TimeOutOfRange(&'static str),
    /// The end is before the start.
    #[error("end_time is before start_time")]
    EndBeforeStart,
    /// Only a closed connection has a duration.
    #[error("start_time is not end_time, and the connection was not closed")]
    DurationOfAMoment,
    /// The id does not begin with the event's time, or is no UUID of version 8.
    #[error("event_id does not fit the event")]
    EventIdDoesNotFit,
    /// The connection id is empty.
    #[error("connection_id is empty")]
    NoConnectionId,
    /// Not exactly one of user and service account.
    #[error("neither or both of user and service_account")]
    NotOneIdentity,
    /// A counter is above 2^63 - 1.
    #[error("{0} is above 9223372036854775807")]
    CounterTooLarge(&'static str),
    /// Latitude or longitude out of range, or one without the other.
    #[error("location is not a place")]
    NotAPlace,
    /// The event lies more than a day after its Kafka time.
    #[error("end_time is more than a day after the Kafka time")]
    DayAheadOfKafka,
}

/// How far an event's time may lie after the broker's, in microseconds: one day.
pub const AHEAD_OF_KAFKA_MAX_MICROS: i64 = 86_400_000_000;

impl ConnectionEvent {
    /// What became of the connection; `None` for an opening.
    #[must_use]
    pub fn status(&self) -> Option<ConnectionStatus> {
        ConnectionStatus::of(self.event_type, &self.resource_address, self.resource_ip)
    }

    /// The Kafka key: the Remote Network id as decimal text.
    #[must_use]
    pub fn key(&self) -> String {
        self.remote_network_id.to_string()
    }

    /// Checks what the schema alone cannot say. `kafka_time` is the broker's time of the record.
    ///
    /// # Errors
    /// The first rule of contract sections 2 and 3 that is broken.
    pub fn check(&self, kafka_time: Moment) -> Result<(), ContractBreach> {
        if self.event_type == EventType::Unknown {
            return Err(ContractBreach::UnknownSymbol("event_type"));
        }
        if self.protocol == Protocol::Unknown {
            return Err(ContractBreach::UnknownSymbol("protocol"));
        }
        if self.tunnel_path == TunnelPath::Unknown {
            return Err(ContractBreach::UnknownSymbol("tunnel_path"));
        }
        for (name, moment) in [("start_time", self.start_time), ("end_time", self.end_time)] {
            if !(Moment::FIRST..Moment::END).contains(&moment) {
                return Err(ContractBreach::TimeOutOfRange(name));
            }
        }
        if self.end_time < self.start_time {
            return Err(ContractBreach::EndBeforeStart);
        }
        if self.event_type != EventType::ClosedConnection && self.start_time != self.end_time {
            return Err(ContractBreach::DurationOfAMoment);
        }
        if !self.event_id.is_version_8() || i64::try_from(self.event_id.timestamp_ms()) != Ok(self.end_time.as_millis())
        {
            return Err(ContractBreach::EventIdDoesNotFit);
        }
        if self.connection_id.is_empty() {
            return Err(ContractBreach::NoConnectionId);
        }
        if self.user.is_some() == self.service_account.is_some() {
            return Err(ContractBreach::NotOneIdentity);
        }
        for (name, counter) in [("bytes_received", self.bytes_received), ("bytes_transferred", self.bytes_transferred)]
        {
            if i64::try_from(counter).is_err() {
                return Err(ContractBreach::CounterTooLarge(name));
            }
        }
        if !self.location.as_ref().is_none_or(Location::is_a_place) {
            return Err(ContractBreach::NotAPlace);
        }
        if self.end_time.as_micros() > kafka_time.as_micros().saturating_add(AHEAD_OF_KAFKA_MAX_MICROS) {
            return Err(ContractBreach::DayAheadOfKafka);
        }
        Ok(())
    }
}

impl Location {
    /// True where both numbers are there and in range, or both are absent.
    #[must_use]
    pub fn is_a_place(&self) -> bool {
        match (self.latitude, self.longitude) {
            (None, None) => true,
            (Some(latitude), Some(longitude)) => latitude.abs() <= 90.0 && longitude.abs() <= 180.0,
            _ => false,
        }
    }
}
