//! The one-pass reader and encoder against the plain way: the same event, or the same reason, for every line.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod tree;

use std::sync::Arc;

use address_lookup::{PlaceDatabase, examples};
use connector::LogVersion;
use connector::stages::encode_event::EventEncoder;
use connector::stages::look_up_place::PlaceLookup;
use connector::stages::read_event::read_event;
use proptest::prelude::*;
use schema_registry::{Decoder, SchemaId, WriterSchema};
use schemas::addresses::Address;
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, Location};

/// What stands where a value is expected: right, wrong, and no JSON at all.
const VALUES: [&str; 47] = [
    "null",
    "true",
    "0",
    "-0",
    "-0.0",
    "7",
    "65535",
    "65536",
    "1.0",
    "1e3",
    "-1",
    "1793487602665",
    "4102444800000",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "NaN",
    "01",
    "1.",
    "[]",
    "{}",
    "[{}]",
    "[{\"port\":1,\"x\":[]}]",
    "[null]",
    "{\"id\":\"5\"}",
    "\"\"",
    "\"5\"",
    "\"\\u0035\"",
    "\"9223372036854775808\"",
    "\"tcp\"",
    "\"\\u0074cp\"",
    "\"direct\"",
    "\"relayed\"",
    "\"closed_connection\"",
    "\"denied_access\"",
    "\"192.0.2.1:443\"",
    "\"[2001:db8::1]\"",
    "\"::ffff:192.0.2.1\"",
    "\"192.0.2.01\"",
    "\"a\\n\\\"\\ud83c\\udfe0\"",
    "\"\\ud800\"",
    "\"🏠\"",
    "\"a\u{1}\"",
    "\"{\\\"geoip\\\":{\\\"lat\\\":1.5,\\\"lon\\\":-2}}\"",
    "{\"geoip\":{\"city\":\"x\",\"lat\":90,\"lon\":180}}",
    "\"{\\\"geoip\\\":{\\\"lat\\\":NaN}}\"",
    "{\"geoip\":{\"lat\":91,\"lon\":1,\"country\":null,\"region\":7}}",
];
const KEYS: [&str; 37] = [
    "event_type",
    "timestamp",
    "connection",
    "connector",
    "remote_network",
    "resource",
    "relays",
    "user",
    "service_account",
    "device",
    "location",
    "connection.id",
    "connection.protocol",
    "connection.duration",
    "connection.client_ip",
    "connection.resource_ip",
    "connection.resource_port",
    "connection.rx",
    "connection.tx",
    "connection.tunnel_path",
    "connection.tunnel_proto",
    "connection.error_message",
    "connector.id",
    "connector.name",
    "remote_network.id",
    "remote_network.name",
    "resource.id",
    "resource.address",
    "resource.applied_rule",
    "user.id",
    "user.email",
    "service_account.id",
    "service_account.name",
    "service_account.key",
    "service_account.key_id",
    "device.id",
    "further.key",
];
/// An event that is right, key by key: what a change does not touch.
const RIGHT: [(&str, &str); 26] = [
    ("event_type", "\"closed_connection\""),
    ("timestamp", "1793487602665"),
    ("connection.id", "\"5c11932a63f77b97-118\""),
    ("connection.protocol", "\"tcp\""),
    ("connection.duration", "1500"),
    ("connection.client_ip", "\"192.0.2.4:51820\""),
    ("connection.resource_ip", "\"10.11.12.13\""),
    ("connection.resource_port", "443"),
    ("connection.rx", "338"),
    ("connection.tx", "404"),
    ("connection.tunnel_path", "\"relay\""),
    ("connection.tunnel_proto", "\"quic/udp\""),
    ("connector.id", "\"150034\""),
    ("connector.name", "\"quiet-heron\""),
    ("remote_network.id", "\"64895\""),
    ("remote_network.name", "\"🏠 Office\""),
    ("resource.id", "\"2326772\""),
    ("resource.address", "\"git.corp.example\""),
    ("resource.applied_rule", "\"*.corp.example\""),
    ("relays", "[{\"ip\":\"198.51.100.7\",\"name\":\"relay-ams\",\"port\":30501},{}]"),
    ("device.id", "\"200015\""),
    ("user.id", "\"113028\""),
    ("user.email", "\"person28@corp.example\""),
    ("location", "\"{\\\"geoip\\\":{\\\"city\\\":\\\"K\\u00f6ln\\\",\\\"lat\\\":41.25,\\\"lon\\\":-96.0}}\""),
    ("cbct", "{\"a\":[1,{\"b\":null}]}"),
    ("connection.cbct_freshness", "3"),
];

/// The text of an event with some values changed, and with keys in this order.
fn text_of(changes: &[(usize, usize)], turn: usize, blank: &str) -> String {
    let mut fields: Vec<(&str, &str)> = RIGHT.to_vec();
    for (key, value) in changes {
        let (key, value) = (KEYS[*key], VALUES[*value]);
        match fields.iter_mut().find(|(name, _)| *name == key) {
            Some(field) => field.1 = value,
            None => fields.push((key, value)),
        }
    }
    let turn = turn % fields.len();
    fields.rotate_left(turn);
    // A part that is changed as a whole comes beside its keys: then its name comes twice, in either order.
    let mut parts: Vec<(&str, String)> = Vec::new();
    for (path, value) in fields {
        match path.split_once('.') {
            None => parts.push((path, value.to_owned())),
            Some((part, key)) => {
                let entry = format!("\"{key}\"{blank}:{blank}{value}");
                match parts.iter_mut().find(|(name, text)| *name == part && text.starts_with("{\"")) {
                    Some((_, text)) => text.insert_str(1, &format!("{entry}{blank},")),
                    None => parts.push((part, format!("{{{entry}}}"))),
                }
            }
        }
    }
    let parts: Vec<String> = parts.iter().map(|(name, text)| format!("{blank}\"{name}\":{text}")).collect();
    format!("{{{}}}", parts.join(","))
}

struct Both {
    encoder: EventEncoder,
    decoder: Decoder<ConnectionEvent>,
    places: Arc<PlaceDatabase>,
    /// Another one, which looks clients up there.
    looking: EventEncoder,
}

impl Both {
    fn new() -> Self {
        let schema = SchemaId::new(7);
        let mut decoder = Decoder::new(&CONNECTION_EVENT).unwrap();
        decoder.learn(schema, &WriterSchema(CONNECTION_EVENT.schema.to_owned())).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), examples::places()).unwrap();
        let places = Arc::new(PlaceDatabase::open(file.path()).unwrap());
        let encoder = EventEncoder::new(schema, "acme".parse().unwrap());
        let looking = encoder.clone().with_lookup(Some(PlaceLookup::new(Arc::clone(&places))));
        Self { encoder, decoder, places, looking }
    }

    fn agree(&mut self, text: &str, version: LogVersion) -> Result<(), TestCaseError> {
        let tenant = "acme".parse().unwrap();
        let expected = tree::read_event(text, &tenant, version);
        let found = read_event(text, &tenant, version).map(|fields| {
            let mut value = Vec::new();
            self.encoder.encode(&fields, &mut value);
            self.decoder.decode(&value).unwrap()
        });
        prop_assert_eq!(&found, &expected, "{}", text);
        let (Ok(expected), Ok(fields)) = (expected, read_event(text, &tenant, version)) else { return Ok(()) };
        let mut value = Vec::new();
        let _looked = self.looking.encode(&fields, &mut value);
        let location = expected.location.clone().or_else(|| self.place_of(expected.client_ip?));
        prop_assert_eq!(self.decoder.decode(&value).unwrap(), ConnectionEvent { location, ..expected }, "{}", text);
        Ok(())
    }

    fn place_of(&self, client: Address) -> Option<Location> {
        let place = self.places.place_of(client)?;
        let text = |name: Option<&str>| name.map(str::to_owned);
        let (city, country, region) = (text(place.city), text(place.country), text(place.region));
        Some(Location { city, country, region, latitude: None, longitude: None })
    }
}

fn cases() -> u32 {
    std::env::var("FLOWLEDGER_TEST_LINES").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000)
}

#[test]
fn changed_events_are_read_as_the_tree_has_them() {
    let changes = prop::collection::vec((0..KEYS.len(), 0..VALUES.len()), 0..4);
    let both = std::cell::RefCell::new(Both::new());
    let strategy = (changes, 0..64_usize, prop::sample::select(vec!["", "", " ", "\t\r\n "]), any::<bool>());
    proptest!(ProptestConfig { cases: cases(), ..ProptestConfig::default() }, |((changes, turn, blank, is_v2) in strategy)| {
        let version = if is_v2 { LogVersion::V2 } else { LogVersion::V3 };
        both.borrow_mut().agree(&text_of(&changes, turn, blank), version)?;
    });
}

#[test]
fn broken_texts_are_read_as_the_tree_has_them() {
    let signs: Vec<char> = "\"\\{}[],:-+.0eE9tnu/\t\u{1}\u{7f}é🏠 ".chars().collect();
    let breaks = prop::collection::vec((0..2_000_usize, 0..3_u8, prop::sample::select(signs)), 1..4);
    let both = std::cell::RefCell::new(Both::new());
    proptest!(ProptestConfig { cases: cases(), ..ProptestConfig::default() }, |(breaks in breaks, turn in 0..64_usize)| {
        let mut text: Vec<char> = text_of(&[], turn, "").chars().collect();
        for (at, what, sign) in breaks {
            let at = at % text.len();
            match what {
                0 => text.insert(at, sign),
                1 => drop(text.remove(at)),
                _ => text[at] = sign,
            }
        }
        both.borrow_mut().agree(&text.into_iter().collect::<String>(), LogVersion::V2)?;
    });
}
