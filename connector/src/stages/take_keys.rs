//! What is taken of a line's JSON while it is scanned: names and nesting of contract section 2, rules not yet looked at.

use super::scan_json::{Keys, Part, Scanner, Value};

/// Keys of objects that hold plain values only.
macro_rules! plain_keys {
    ($($(#[$doc:meta])* $name:ident { $($key:ident),+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        pub struct $name<'a> {
            $(#[doc = "Key of this name."] pub $key: Value<'a>,)+
        }

        impl<'a> Keys<'a> for $name<'a> {
            fn take(&mut self, key: &[u8], scanner: &mut Scanner<'a>) -> Option<()> {
                $(if key == stringify!($key).as_bytes() {
                    self.$key = scanner.value()?;
                    return Some(());
                })+
                scanner.skip()
            }
        }
    )+};
}

plain_keys! {
    /// `connection`.
    ConnectionKeys {
        id, protocol, duration, client_ip, resource_ip, resource_port, rx, tx, tunnel_path, tunnel_proto, error_message
    }
    /// `connector`, `remote_network`.
    NamedKeys { id, name }
    /// `resource`.
    ResourceKeys { id, address, applied_rule }
    /// `user`.
    UserKeys { id, email }
    /// `service_account`.
    ServiceAccountKeys { id, name, key, key_id }
    /// `device`.
    DeviceKeys { id }
    /// One of `relays`.
    RelayKeys { ip, name, port }
    /// `geoip` of `location`.
    GeoKeys { city, country, region, lat, lon }
}

/// `location`, as an object or as what its text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LocationKeys<'a> {
    /// Key of this name.
    pub geoip: Part<GeoKeys<'a>>,
}

impl<'a> Keys<'a> for LocationKeys<'a> {
    fn take(&mut self, key: &[u8], scanner: &mut Scanner<'a>) -> Option<()> {
        if key != b"geoip" {
            return scanner.skip();
        }
        scanner.part(&mut self.geoip)
    }
}

/// `relays`.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Relays<'a> {
    /// `null`, or no such key.
    #[default]
    Absent,
    /// A list; what is in it should be objects.
    List(Vec<Part<RelayKeys<'a>>>),
    /// Something else.
    Other,
}

/// `location`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LocationValue<'a> {
    /// An object.
    Object(LocationKeys<'a>),
    /// Text that may hold one, or nothing of use.
    Value(Value<'a>),
    /// No such key.
    #[default]
    Absent,
}

/// A whole line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventKeys<'a> {
    pub(super) event_type: Value<'a>,
    pub(super) timestamp: Value<'a>,
    pub(super) connection: Part<ConnectionKeys<'a>>,
    pub(super) connector: Part<NamedKeys<'a>>,
    pub(super) remote_network: Part<NamedKeys<'a>>,
    pub(super) resource: Part<ResourceKeys<'a>>,
    pub(super) user: Part<UserKeys<'a>>,
    pub(super) service_account: Part<ServiceAccountKeys<'a>>,
    pub(super) device: Part<DeviceKeys<'a>>,
    pub(super) relays: Relays<'a>,
    pub(super) location: LocationValue<'a>,
}

impl<'a> Keys<'a> for EventKeys<'a> {
    fn take(&mut self, key: &[u8], scanner: &mut Scanner<'a>) -> Option<()> {
        match key {
            b"event_type" => self.event_type = scanner.value()?,
            b"timestamp" => self.timestamp = scanner.value()?,
            b"connection" => scanner.part(&mut self.connection)?,
            b"connector" => scanner.part(&mut self.connector)?,
            b"remote_network" => scanner.part(&mut self.remote_network)?,
            b"resource" => scanner.part(&mut self.resource)?,
            b"user" => scanner.part(&mut self.user)?,
            b"service_account" => scanner.part(&mut self.service_account)?,
            b"device" => scanner.part(&mut self.device)?,
            b"relays" => self.relays = take_relays(scanner)?,
            b"location" => self.location = take_location(scanner)?,
            _ => scanner.skip()?,
        }
        Some(())
    }
}

fn take_relays<'a>(scanner: &mut Scanner<'a>) -> Option<Relays<'a>> {
    if scanner.token()? != b'[' {
        return Some(if scanner.value()? == Value::Absent { Relays::Absent } else { Relays::Other });
    }
    let mut relays = Vec::new();
    scanner.list(|scanner| {
        let mut relay = Part::default();
        scanner.part(&mut relay)?;
        relays.push(relay);
        Some(())
    })?;
    Some(Relays::List(relays))
}

fn take_location<'a>(scanner: &mut Scanner<'a>) -> Option<LocationValue<'a>> {
    if scanner.token()? != b'{' {
        return scanner.value().map(LocationValue::Value);
    }
    let mut part = Part::default();
    scanner.part(&mut part)?;
    match part {
        Part::Object(keys) => Some(LocationValue::Object(keys)),
        Part::Absent | Part::Other => Some(LocationValue::Absent),
    }
}
