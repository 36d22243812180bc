//! The places of an event's values while it is read: each value of our schema has one, by its path.

/// Places of texts.
pub(crate) mod text {
    pub(crate) const TENANT: u8 = 0;
    pub(crate) const CONNECTOR_NAME: u8 = 1;
    pub(crate) const REMOTE_NETWORK_NAME: u8 = 2;
    pub(crate) const RESOURCE_ADDRESS: u8 = 3;
    pub(crate) const APPLIED_RULE: u8 = 4;
    pub(crate) const TUNNEL_PROTOCOL: u8 = 5;
    pub(crate) const ERROR_MESSAGE: u8 = 6;
    pub(crate) const USER_EMAIL: u8 = 7;
    pub(crate) const SERVICE_ACCOUNT_NAME: u8 = 8;
    pub(crate) const SERVICE_ACCOUNT_KEY: u8 = 9;
    pub(crate) const CITY: u8 = 10;
    pub(crate) const COUNTRY: u8 = 11;
    pub(crate) const REGION: u8 = 12;
    /// So many texts have a dictionary.
    pub(crate) const IN_DICTIONARIES: u8 = 13;
    pub(crate) const CONNECTION_ID: u8 = 13;
    pub(crate) const RELAY_NAME: u8 = 14;
}

/// Places of numbers: ids, times and counters, and the bits of doubles.
pub(crate) mod number {
    pub(crate) const START_TIME: u8 = 0;
    pub(crate) const END_TIME: u8 = 1;
    pub(crate) const CONNECTOR_ID: u8 = 2;
    pub(crate) const REMOTE_NETWORK_ID: u8 = 3;
    pub(crate) const RESOURCE_ID: u8 = 4;
    pub(crate) const RESOURCE_PORT: u8 = 5;
    pub(crate) const BYTES_RECEIVED: u8 = 6;
    pub(crate) const BYTES_TRANSFERRED: u8 = 7;
    pub(crate) const DEVICE_ID: u8 = 8;
    pub(crate) const USER_ID: u8 = 9;
    pub(crate) const SERVICE_ACCOUNT_ID: u8 = 10;
    pub(crate) const SERVICE_ACCOUNT_KEY_ID: u8 = 11;
    pub(crate) const LATITUDE: u8 = 12;
    pub(crate) const LONGITUDE: u8 = 13;
    pub(crate) const RELAY_PORT: u8 = 14;
}

/// Places of values of 16 bytes.
pub(crate) mod fixed {
    pub(crate) const EVENT_ID: u8 = 0;
    pub(crate) const RESOURCE_IP: u8 = 1;
    pub(crate) const CLIENT_IP: u8 = 2;
    pub(crate) const RELAY_IP: u8 = 3;
}

/// Places of enums. 0 is the symbol that is not known; the others are the table's numbers.
pub(crate) mod symbol {
    pub(crate) const EVENT_TYPE: u8 = 0;
    pub(crate) const PROTOCOL: u8 = 1;
    pub(crate) const TUNNEL_PATH: u8 = 2;
}

/// Bits that say which of the values that may be absent are there.
pub(crate) mod presence {
    pub(crate) const RESOURCE_IP: u8 = 0;
    pub(crate) const CLIENT_IP: u8 = 1;
    pub(crate) const DEVICE: u8 = 2;
    pub(crate) const USER: u8 = 3;
    pub(crate) const SERVICE_ACCOUNT: u8 = 4;
    pub(crate) const SERVICE_ACCOUNT_KEY: u8 = 5;
    pub(crate) const LOCATION: u8 = 6;
    pub(crate) const LATITUDE: u8 = 7;
    pub(crate) const LONGITUDE: u8 = 8;
    pub(crate) const RELAY_IP: u8 = 9;
}

/// What stands at a path of our schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// A text.
    Text(u8),
    /// A number of 0 or more.
    Natural(u8),
    /// Any whole number: a time, whose range the contract checks.
    Time(u8),
    /// 0 to 65535.
    Port(u8),
    /// A double.
    Double(u8),
    /// 16 bytes.
    Fixed(u8),
    /// An enum.
    Symbol(u8),
    /// A record whose fields have places of their own.
    Record,
    /// The relays.
    Relays,
}

/// A path of our schema: its name, its place, and the bit that says whether it is there, where it may be absent. An absent text has
/// no bit: its place says so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) name: &'static str,
    pub(crate) slot: Slot,
    pub(crate) presence: Option<u8>,
}

/// The path of this name; `None` where no column takes it.
pub(crate) fn path(name: &str) -> Option<Path> {
    PATHS.iter().find(|path| path.name == name).copied()
}

const fn at(name: &'static str, slot: Slot) -> Path {
    Path { name, slot, presence: None }
}

const fn maybe(name: &'static str, slot: Slot, presence: u8) -> Path {
    Path { name, slot, presence: Some(presence) }
}

const PATHS: [Path; 43] = [
    at("", Slot::Record),
    at("event_id", Slot::Fixed(fixed::EVENT_ID)),
    at("tenant", Slot::Text(text::TENANT)),
    at("event_type", Slot::Symbol(symbol::EVENT_TYPE)),
    at("start_time", Slot::Time(number::START_TIME)),
    at("end_time", Slot::Time(number::END_TIME)),
    at("connection_id", Slot::Text(text::CONNECTION_ID)),
    at("connector_id", Slot::Natural(number::CONNECTOR_ID)),
    at("connector_name", Slot::Text(text::CONNECTOR_NAME)),
    at("remote_network_id", Slot::Natural(number::REMOTE_NETWORK_ID)),
    at("remote_network_name", Slot::Text(text::REMOTE_NETWORK_NAME)),
    at("resource_id", Slot::Natural(number::RESOURCE_ID)),
    at("resource_address", Slot::Text(text::RESOURCE_ADDRESS)),
    at("applied_rule", Slot::Text(text::APPLIED_RULE)),
    maybe("resource_ip", Slot::Fixed(fixed::RESOURCE_IP), presence::RESOURCE_IP),
    at("resource_port", Slot::Port(number::RESOURCE_PORT)),
    at("protocol", Slot::Symbol(symbol::PROTOCOL)),
    at("tunnel_path", Slot::Symbol(symbol::TUNNEL_PATH)),
    at("tunnel_protocol", Slot::Text(text::TUNNEL_PROTOCOL)),
    maybe("client_ip", Slot::Fixed(fixed::CLIENT_IP), presence::CLIENT_IP),
    at("bytes_received", Slot::Natural(number::BYTES_RECEIVED)),
    at("bytes_transferred", Slot::Natural(number::BYTES_TRANSFERRED)),
    at("error_message", Slot::Text(text::ERROR_MESSAGE)),
    maybe("device_id", Slot::Natural(number::DEVICE_ID), presence::DEVICE),
    maybe("user", Slot::Record, presence::USER),
    at("user.id", Slot::Natural(number::USER_ID)),
    at("user.email", Slot::Text(text::USER_EMAIL)),
    maybe("service_account", Slot::Record, presence::SERVICE_ACCOUNT),
    at("service_account.id", Slot::Natural(number::SERVICE_ACCOUNT_ID)),
    at("service_account.name", Slot::Text(text::SERVICE_ACCOUNT_NAME)),
    at("service_account.key", Slot::Text(text::SERVICE_ACCOUNT_KEY)),
    maybe("service_account.key_id", Slot::Natural(number::SERVICE_ACCOUNT_KEY_ID), presence::SERVICE_ACCOUNT_KEY),
    at("relays", Slot::Relays),
    at("relays.name", Slot::Text(text::RELAY_NAME)),
    maybe("relays.ip", Slot::Fixed(fixed::RELAY_IP), presence::RELAY_IP),
    at("relays.port", Slot::Port(number::RELAY_PORT)),
    maybe("location", Slot::Record, presence::LOCATION),
    at("location.city", Slot::Text(text::CITY)),
    at("location.country", Slot::Text(text::COUNTRY)),
    at("location.region", Slot::Text(text::REGION)),
    maybe("location.latitude", Slot::Double(number::LATITUDE), presence::LATITUDE),
    maybe("location.longitude", Slot::Double(number::LONGITUDE), presence::LONGITUDE),
    at("relays.item", Slot::Record),
];

/// The number of a symbol in the table's columns; 0 for the one that is not known.
pub(crate) fn code(slot: u8, symbol: &str) -> Option<u8> {
    let symbols: &[&str] = match slot {
        symbol::EVENT_TYPE => {
            &["UNKNOWN", "ESTABLISHED_CONNECTION", "CLOSED_CONNECTION", "FAILED_TO_CONNECT", "DENIED_ACCESS"]
        }
        symbol::PROTOCOL => &["UNKNOWN", "TCP", "UDP", "ICMP"],
        _ => &["UNKNOWN", "DIRECT", "RELAY"],
    };
    symbols.iter().position(|known| *known == symbol).and_then(|code| u8::try_from(code).ok())
}

/// `event_type` of an opening, as [`code`] has it.
pub(crate) const ESTABLISHED: u8 = 1;
/// `event_type` of a connection that was closed.
pub(crate) const CLOSED: u8 = 2;
