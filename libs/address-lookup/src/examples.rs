//! Made-up databases in MaxMind's format, version 2.0 (<https://maxmind.github.io/MaxMind-DB/>). Behind feature `examples`.
#![expect(clippy::unwrap_used, reason = "made-up values are known to be right")]

use std::collections::HashMap;

use schemas::addresses::Address;
use serde_json::{Map, Value, json};

/// 2026-11-17T00:00:00Z.
const BUILT_AT: u64 = 1_794_873_600;
/// Between the tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];
const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

/// A database of places, type `GeoLite2-City`: IPv4 networks and an IPv6 one around documentation's addresses.
#[must_use]
pub fn places() -> Vec<u8> {
    let named = |name: &str| json!({"names": {"de": format!("{name} (de)"), "en": name}});
    let cologne = json!({
        "city": named("Köln"), "country": {"iso_code": "DE", "names": {"en": "Germany"}},
        "location": {"latitude": 50.9}, "subdivisions": [named("North Rhine-Westphalia"), named("Cologne District")]
    });
    let austria = json!({"country": {"iso_code": "AT"}});
    let nowhere = json!({"continent": {"code": "EU"}});
    database(
        "GeoLite2-City",
        &[
            ("192.0.2.0", 25, cologne.clone()),
            ("192.0.2.128", 25, austria),
            ("203.0.113.0", 24, nowhere),
            ("2001:db8::", 32, cologne),
        ],
    )
}

/// A database of networks, type `GeoLite2-ASN`.
#[must_use]
pub fn networks() -> Vec<u8> {
    let example = json!({"autonomous_system_number": 64_496, "autonomous_system_organization": "Example Net"});
    let nameless = json!({"autonomous_system_number": 4_200_000_001_u32});
    database(
        "GeoLite2-ASN",
        &[("192.0.2.0", 24, example.clone()), ("203.0.113.7", 32, nameless), ("2001:db8::", 32, example)],
    )
}

/// A database of this type with an entry for each network, which is an address and the length of its prefix. No network may hold
/// another. IPv4 lies in `::/96`, as MaxMind has it.
///
/// # Panics
/// Where an address is none, or networks overlap.
#[must_use]
pub fn database(database_type: &str, networks: &[(&str, usize, Value)]) -> Vec<u8> {
    let mut tree = Tree(vec![[Branch::Empty; 2]]);
    let (mut data, mut known) = (Vec::new(), HashMap::new());
    for (address, prefix, entry) in networks {
        let mut encoded = Vec::new();
        encode(entry, &mut encoded);
        let at = *known.entry(encoded).or_insert_with_key(|encoded| {
            data.extend_from_slice(encoded);
            data.len() - encoded.len()
        });
        tree.insert(address, *prefix, at);
    }
    let metadata = json!({
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": BUILT_AT,
        "database_type": database_type, "description": {"en": "made up"}, "ip_version": 6, "languages": ["en"],
        "node_count": tree.0.len(), "record_size": 32
    });
    let mut bytes = tree.bytes();
    bytes.extend_from_slice(&SEPARATOR);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(METADATA_MARKER);
    encode(&metadata, &mut bytes);
    bytes
}

#[derive(Clone, Copy)]
enum Branch {
    Empty,
    Node(usize),
    /// Where the entry begins in the data.
    Data(usize),
}

/// A bit of the address a level.
struct Tree(Vec<[Branch; 2]>);

impl Tree {
    fn insert(&mut self, address: &str, prefix: usize, data: usize) {
        let address: std::net::IpAddr = address.parse().unwrap();
        let mut octets = Address::from(address).octets();
        let mut bits = prefix;
        if address.is_ipv4() {
            (octets[10], octets[11], bits) = (0, 0, 96 + prefix);
        }
        let mut node = 0;
        for bit in 0..bits {
            let side = usize::from(octets[bit / 8] >> (7 - bit % 8) & 1);
            if bit + 1 == bits {
                assert!(matches!(self.0[node][side], Branch::Empty), "{address}/{prefix} overlaps another");
                self.0[node][side] = Branch::Data(data);
                return;
            }
            node = match self.0[node][side] {
                Branch::Node(next) => next,
                Branch::Data(_) => panic!("{address}/{prefix} lies in another"),
                Branch::Empty => {
                    let next = self.0.len();
                    self.0.push([Branch::Empty; 2]);
                    self.0[node][side] = Branch::Node(next);
                    next
                }
            };
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let count = self.0.len();
        let number = |branch: &Branch| match branch {
            Branch::Empty => count,
            Branch::Node(next) => *next,
            Branch::Data(at) => count + SEPARATOR.len() + at,
        };
        self.0.iter().flatten().flat_map(|branch| u32::try_from(number(branch)).unwrap().to_be_bytes()).collect()
    }
}

/// A value with its control byte. Whole numbers are of 32 bits; a map knows which of its own are of others.
fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => {
            control(2, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Number(number) => match number.as_u64() {
            Some(number) => encode_whole(6, number, out),
            None => {
                control(3, 8, out);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        },
        Value::Object(entries) => encode_map(entries, out),
        Value::Array(values) => {
            control(11, values.len(), out);
            values.iter().for_each(|value| encode(value, out));
        }
        Value::Bool(it) => control(14, usize::from(*it), out),
        Value::Null => panic!("there is no null in this format"),
    }
}

fn encode_map(entries: &Map<String, Value>, out: &mut Vec<u8>) {
    control(7, entries.len(), out);
    for (key, value) in entries {
        control(2, key.len(), out);
        out.extend_from_slice(key.as_bytes());
        match (key.as_str(), value.as_u64()) {
            ("build_epoch", Some(number)) => encode_whole(9, number, out),
            ("ip_version" | "record_size", Some(number)) => encode_whole(5, number, out),
            (key, Some(number)) if key.starts_with("binary_format") => encode_whole(5, number, out),
            _ => encode(value, out),
        }
    }
}

/// Without the zeros that it begins with.
fn encode_whole(kind: u8, number: u64, out: &mut Vec<u8>) {
    let bytes = number.to_be_bytes();
    let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
    control(kind, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// The type in the upper three bits, or in a byte of its own above 7; the size in the lower five, or behind from 29 on.
fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (short, rest) = match size {
        ..29 => (u8::try_from(size).unwrap(), None),
        _ => (29, Some(u8::try_from(size - 29).expect("sizes up to 284"))),
    };
    if kind <= 7 {
        out.push(kind << 5 | short);
    } else {
        out.extend_from_slice(&[short, kind - 7]);
    }
    out.extend(rest);
}
