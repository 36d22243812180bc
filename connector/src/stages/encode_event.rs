//! The fields of an event to a value for Kafka: Avro record `ConnectionEvent` of `schemas/avsc/connection-event.avsc`, field after
//! field as the schema has them, behind the registry's prefix. Nothing is allocated but the buffer's growth.

use schema_registry::SchemaId;
use schemas::addresses::Address;
use schemas::connection_event::{EventType, Protocol, TunnelPath};
use schemas::ids::Tenant;

use super::known_places::KnownPlaces;
use super::look_up_place::PlaceLookup;
use super::read_event::EventFields;
use super::read_location::LocationFields;

/// Encodes the events of one tenant under one schema id.
#[derive(Clone, Debug)]
pub struct EventEncoder {
    prefix: [u8; 5],
    tenant: Tenant,
    places: KnownPlaces,
    lookup: Option<PlaceLookup>,
}

/// Whether the client of an event was looked for in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// No: its line gives a location, there is no address, or no database.
    Not,
    /// Yes, and its place is the event's location now.
    Found,
    /// Yes, in vain.
    NotFound,
}

/// A location that is absent.
const NO_LOCATION: [u8; 1] = [symbol(0)];

impl EventEncoder {
    /// An encoder for today's schema, which the registry calls `schema`.
    #[must_use]
    pub fn new(schema: SchemaId, tenant: Tenant) -> Self {
        Self { prefix: schema.prefix(), tenant, places: KnownPlaces::default(), lookup: None }
    }

    /// The same, which looks clients up where their lines give no location.
    #[must_use]
    pub fn with_lookup(self, lookup: Option<PlaceLookup>) -> Self {
        Self { lookup, ..self }
    }

    /// Appends the value of an event.
    pub fn encode(&mut self, event: &EventFields<'_>, out: &mut Vec<u8>) -> Looked {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(event.event_id.as_bytes());
        text(out, self.tenant.as_str());
        out.push(symbol(match event.event_type {
            EventType::Unknown => 0,
            EventType::EstablishedConnection => 1,
            EventType::ClosedConnection => 2,
            EventType::FailedToConnect => 3,
            EventType::DeniedAccess => 4,
        }));
        long(out, event.start_time.as_micros());
        long(out, event.end_time.as_micros());
        text(out, &event.connection_id);
        long(out, event.connector_id.into());
        text(out, &event.connector_name);
        long(out, event.remote_network_id.into());
        text(out, &event.remote_network_name);
        long(out, event.resource_id.into());
        text(out, &event.resource_address);
        text(out, &event.applied_rule);
        address(out, event.resource_ip);
        long(out, i64::from(event.resource_port));
        out.push(symbol(match event.protocol {
            Protocol::Unknown => 0,
            Protocol::Tcp => 1,
            Protocol::Udp => 2,
            Protocol::Icmp => 3,
        }));
        out.push(symbol(match event.tunnel_path {
            TunnelPath::Unknown => 0,
            TunnelPath::Direct => 1,
            TunnelPath::Relay => 2,
        }));
        optional(out, event.tunnel_protocol.as_deref(), text);
        address(out, event.client_ip);
        long(out, event.bytes_received.cast_signed());
        long(out, event.bytes_transferred.cast_signed());
        text(out, &event.error_message);
        optional(out, event.device_id, |out, id| long(out, id.into()));
        optional(out, event.user.as_ref(), |out, user| {
            long(out, user.id.into());
            text(out, &user.email);
        });
        optional(out, event.service_account.as_ref(), |out, account| {
            long(out, account.id.into());
            text(out, &account.name);
            text(out, &account.key);
            optional(out, account.key_id, |out, id| long(out, id.into()));
        });
        relays(out, event);
        let location = out.len();
        self.places.encode(event.location, out);
        match (&mut self.lookup, event.client_ip) {
            (Some(lookup), Some(client)) if out[location..] == NO_LOCATION => {
                out.truncate(location);
                if lookup.encode(client, out) { Looked::Found } else { Looked::NotFound }
            }
            _ => Looked::Not,
        }
    }
}

/// A location, or that there is none.
pub(super) fn location(out: &mut Vec<u8>, location: Option<&LocationFields<'_>>) {
    optional(out, location, |out, location| {
        optional(out, location.city.as_deref(), text);
        optional(out, location.country.as_deref(), text);
        optional(out, location.region.as_deref(), text);
        optional(out, location.latitude, |out, degrees| out.extend_from_slice(&degrees.to_le_bytes()));
        optional(out, location.longitude, |out, degrees| out.extend_from_slice(&degrees.to_le_bytes()));
    });
}

/// One block of all, and the empty one that ends an array.
fn relays(out: &mut Vec<u8>, event: &EventFields<'_>) {
    if !event.relays.is_empty() {
        length(out, event.relays.len());
        for relay in &event.relays {
            text(out, &relay.name);
            address(out, relay.ip);
            long(out, i64::from(relay.port));
        }
    }
    out.push(0);
}

/// The number of a symbol, which is below 64: one byte.
const fn symbol(number: u8) -> u8 {
    number << 1
}

/// A union of null and one other type.
fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => out.push(symbol(0)),
        Some(value) => {
            out.push(symbol(1));
            write(out, value);
        }
    }
}

fn address(out: &mut Vec<u8>, address: Option<Address>) {
    optional(out, address, |out, address| out.extend_from_slice(&address.octets()));
}

fn text(out: &mut Vec<u8>, text: &str) {
    length(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

fn length(out: &mut Vec<u8>, length: usize) {
    // A line is far shorter than 2^63 bytes.
    long(out, (length as u64).cast_signed());
}

/// Zigzag, then seven bits a byte, the lowest first.
fn long(out: &mut Vec<u8>, number: i64) {
    let mut rest = (number << 1 ^ number >> 63).cast_unsigned();
    let mut bytes = [0; 10];
    let mut count = 0;
    while rest >= 0x80 {
        bytes[count] = 0x80 | rest.to_le_bytes()[0];
        rest >>= 7;
        count += 1;
    }
    bytes[count] = rest.to_le_bytes()[0];
    out.extend_from_slice(&bytes[..=count]);
}

#[cfg(test)]
pub(crate) mod tests {
    use schema_registry::{Decoder, WriterSchema};
    use schemas::avro_schemas::CONNECTION_EVENT;
    use schemas::connection_event::ConnectionEvent;

    use super::*;

    const SCHEMA: SchemaId = SchemaId::new(258);

    /// An encoder of tenant `acme`'s events.
    pub(crate) fn encoder() -> EventEncoder {
        EventEncoder::new(SCHEMA, "acme".parse().unwrap())
    }

    /// What a reader makes of a value.
    pub(crate) fn decode(value: &[u8]) -> ConnectionEvent {
        let mut decoder = Decoder::new(&CONNECTION_EVENT).unwrap();
        decoder.learn(SCHEMA, &WriterSchema(CONNECTION_EVENT.schema.to_owned())).unwrap();
        decoder.decode(value).unwrap()
    }

    /// What a reader makes of an event of tenant `acme`.
    pub(crate) fn decoded(event: &EventFields<'_>) -> ConnectionEvent {
        let mut value = Vec::new();
        encoder().encode(event, &mut value);
        decode(&value)
    }

    #[test]
    fn longs_are_zigzag_in_as_many_bytes_as_they_need() {
        for (number, bytes) in [
            (0, &[0][..]),
            (-1, &[1]),
            (63, &[126]),
            (64, &[0x80, 1]),
            (i64::MAX, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
            (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        ] {
            let mut out = Vec::new();
            long(&mut out, number);
            assert_eq!(out, bytes, "{number}");
        }
    }
}
