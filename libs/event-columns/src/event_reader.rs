//! One event at a time, for those who keep a few fields of each.

use schemas::addresses::Address;
use schemas::connection_event::{ConnectionStatus, EventType};

use crate::program::Program;
use crate::refusal::Refusal;
use crate::slots::{fixed, number, presence, symbol, text};
use crate::stage::{Span, Stage};

/// Reads events, and holds each against the contract. Meant to be kept: its memory is used again.
#[derive(Clone, Debug)]
pub struct EventReader {
    stage: Stage,
}

impl Default for EventReader {
    fn default() -> Self {
        Self { stage: Stage::new() }
    }
}

impl EventReader {
    /// Reads one event; arguments as those of [`crate::EventColumns::append`].
    ///
    /// # Errors
    /// When the body is not what its schema says, or breaks the contract: exactly where `EventColumns` refuses it.
    #[inline]
    pub fn read(&mut self, program: &Program, body: &[u8], kafka_time_micros: i64) -> Result<EventFields<'_>, Refusal> {
        self.stage.clear();
        self.stage.read(program, body, 0, kafka_time_micros)?;
        let present = self.stage.present.first().copied().unwrap_or_default();
        Ok(EventFields { stage: &self.stage, present })
    }
}

/// The fields of one event. Texts are UTF-8; those of enums that the contract does not know are refused before.
#[derive(Clone, Copy, Debug)]
pub struct EventFields<'a> {
    stage: &'a Stage,
    present: u32,
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident: $slot:ident;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> u64 { self.stage.lanes.number(number::$slot, 0) })*
    };
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $slot:ident;)*) => {
        $($(#[$doc])* #[must_use] pub fn $name(&self) -> &'a [u8] { self.text(text::$slot) })*
    };
}

impl<'a> EventFields<'a> {
    numbers! {
        /// Connector.
        connector_id: CONNECTOR_ID;
        /// Remote Network.
        remote_network_id: REMOTE_NETWORK_ID;
        /// Resource.
        resource_id: RESOURCE_ID;
        /// Bytes to the client.
        bytes_received: BYTES_RECEIVED;
        /// Bytes from the client.
        bytes_transferred: BYTES_TRANSFERRED;
    }

    texts! {
        /// Tenant.
        tenant: TENANT;
        /// Connection, under its Connector.
        connection_id: CONNECTION_ID;
        /// What was asked for: a DNS name or an address.
        resource_address: RESOURCE_ADDRESS;
        /// Name of the Remote Network.
        remote_network_name: REMOTE_NETWORK_NAME;
    }

    /// Its id.
    #[must_use]
    pub fn event_id(&self) -> [u8; 16] {
        self.stage.lanes.fixed(fixed::EVENT_ID, 0)
    }

    /// What happened.
    #[must_use]
    pub fn event_type(&self) -> EventType {
        match self.stage.lanes.symbol(symbol::EVENT_TYPE, 0) {
            1 => EventType::EstablishedConnection,
            2 => EventType::ClosedConnection,
            3 => EventType::FailedToConnect,
            4 => EventType::DeniedAccess,
            _ => EventType::Unknown,
        }
    }

    /// Start, Unix time in microseconds.
    #[must_use]
    pub fn start_micros(&self) -> i64 {
        self.stage.lanes.number(number::START_TIME, 0).cast_signed()
    }

    /// End, Unix time in microseconds.
    #[must_use]
    pub fn end_micros(&self) -> i64 {
        self.stage.lanes.number(number::END_TIME, 0).cast_signed()
    }

    /// Number of the protocol in the tables' columns.
    #[must_use]
    pub fn protocol(&self) -> u8 {
        self.stage.lanes.symbol(symbol::PROTOCOL, 0)
    }

    /// Number of the tunnel's path in the tables' columns.
    #[must_use]
    pub fn tunnel_path(&self) -> u8 {
        self.stage.lanes.symbol(symbol::TUNNEL_PATH, 0)
    }

    /// User, with the e-mail address.
    #[must_use]
    pub fn user(&self) -> Option<(u64, &'a [u8])> {
        self.is_there(presence::USER).then(|| (self.number(number::USER_ID), self.text(text::USER_EMAIL)))
    }

    /// Service account, with its name.
    #[must_use]
    pub fn service_account(&self) -> Option<(u64, &'a [u8])> {
        let account = || (self.number(number::SERVICE_ACCOUNT_ID), self.text(text::SERVICE_ACCOUNT_NAME));
        self.is_there(presence::SERVICE_ACCOUNT).then(account)
    }

    /// Device.
    #[must_use]
    pub fn device_id(&self) -> Option<u64> {
        self.is_there(presence::DEVICE).then(|| self.number(number::DEVICE_ID))
    }

    /// The client's address, IPv4 as mapped.
    #[must_use]
    pub fn client_ip(&self) -> Option<[u8; 16]> {
        self.is_there(presence::CLIENT_IP).then(|| self.stage.lanes.fixed(fixed::CLIENT_IP, 0))
    }

    /// The country that the client was in.
    #[must_use]
    pub fn country(&self) -> Option<&'a [u8]> {
        let span = self.stage.lanes.text(text::COUNTRY, 0);
        (self.is_there(presence::LOCATION) && span != Span::NONE).then(|| self.text(text::COUNTRY))
    }

    /// What became of the connection; `None` for an opening.
    #[must_use]
    pub fn status(&self) -> Option<ConnectionStatus> {
        let resource_ip = self.is_there(presence::RESOURCE_IP).then(|| self.stage.lanes.fixed(fixed::RESOURCE_IP, 0));
        // The program has looked at it.
        let address = std::str::from_utf8(self.resource_address()).unwrap_or_default();
        ConnectionStatus::of(self.event_type(), address, resource_ip.map(Address::from_octets))
    }

    fn is_there(&self, bit: u8) -> bool {
        self.present >> bit & 1 == 1
    }

    fn number(&self, slot: u8) -> u64 {
        self.stage.lanes.number(slot, 0)
    }

    fn text(&self, slot: u8) -> &'a [u8] {
        self.stage.lanes.text(slot, 0).of(&self.stage.bytes)
    }
}
