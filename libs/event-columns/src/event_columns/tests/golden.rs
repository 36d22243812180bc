//! What becomes of known records is tied to the version.

use std::fmt::Write;

use schemas::addresses::parse_bare_address;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::times::Moment;
use sha2::{Digest, Sha256};

use super::{OURS, body, columns};
use crate::{BlockWriter, ENCODER_VERSION};

/// Values that are there and not there, short and long, in both tables and in more months than one block takes.
fn event(number: u64) -> ConnectionEvent {
    let event_type = [
        EventType::ClosedConnection,
        EventType::EstablishedConnection,
        EventType::FailedToConnect,
        EventType::DeniedAccess,
    ][usize::try_from(number % 4).unwrap()];
    let connection_id = match number % 3 {
        0 => format!("{:x}-{number:x}", number * 0x9e37_79b9_7f4a),
        1 => format!("{:016x}-{number}", number * 0x1234_5678),
        _ => format!("opaque {number}"),
    };
    let end_ms = number % 7 * 700_000 + number % 150 * 31 * 86_400_000;
    let event = connection(event_type, &connection_id, end_ms);
    let tenant = ["acme", "globex"][usize::try_from(number % 2).unwrap()].parse().unwrap();
    let longer = event_type == EventType::ClosedConnection && !number.is_multiple_of(150);
    let text = |kinds: u64, name: &str| {
        format!("{name} {}{}", number % kinds, "-long".repeat(usize::try_from(number % 9).unwrap()))
    };
    ConnectionEvent {
        event_id: EventId::of_fact(&tenant, event.connector_id, &connection_id, event_type, end_ms),
        tenant,
        start_time: Moment::from_micros(event.end_time.as_micros() - if longer { 1_234_567 } else { 0 }),
        remote_network_id: i64::try_from(64_000 + number % 5 * 7).unwrap().try_into().unwrap(),
        remote_network_name: text(5, "Büro"),
        resource_address: text(300, "host"),
        applied_rule: if number.is_multiple_of(5) { String::new() } else { text(20, "*.rule") },
        resource_ip: (!number.is_multiple_of(6)).then(|| parse_bare_address("2001:db8::7").unwrap()),
        resource_port: u16::try_from(number % 65_536).unwrap(),
        protocol: [Protocol::Tcp, Protocol::Udp, Protocol::Icmp][usize::try_from(number % 3).unwrap()],
        tunnel_path: [TunnelPath::Direct, TunnelPath::Relay][usize::try_from(number % 2).unwrap()],
        tunnel_protocol: [None, Some(String::new()), Some("quic/udp".to_owned())][usize::try_from(number % 3).unwrap()]
            .clone(),
        client_ip: (!number.is_multiple_of(7)).then(|| parse_bare_address("192.0.2.1").unwrap()),
        bytes_received: number * number,
        device_id: number.is_multiple_of(3).then(|| i64::try_from(number).unwrap().try_into().unwrap()),
        user: (!number.is_multiple_of(10)).then(|| User { id: 9.try_into().unwrap(), email: text(50, "person") }),
        service_account: number.is_multiple_of(10).then(|| ServiceAccount {
            id: 8.try_into().unwrap(),
            name: text(3, "ci"),
            key: String::new(),
            key_id: number.is_multiple_of(20).then(|| 7.try_into().unwrap()),
        }),
        relays: (0..number % 4)
            .map(|at| Relay {
                name: format!("relay-{at}"),
                ip: (at > 0).then(|| parse_bare_address("198.51.100.7").unwrap()),
                port: 30_500,
            })
            .collect(),
        location: (!number.is_multiple_of(4)).then(|| Location {
            city: number.is_multiple_of(3).then(|| text(40, "City")),
            country: Some("DE".to_owned()),
            region: None,
            latitude: (number % 8 != 1).then_some(40.25),
            longitude: (number % 8 != 1).then_some(-20.5),
        }),
        ..event
    }
}

#[test]
fn blocks_of_known_records_belong_to_the_version() {
    let mut columns = columns();
    for number in 0..1_000 {
        let body = body(&event(number));
        columns.append(&OURS, &body, i64::try_from(number).unwrap(), Moment::END.as_micros()).unwrap();
    }
    let mut hash = Sha256::new();
    for block in columns.blocks(None, &mut BlockWriter::default()) {
        let months = block.months.map(|months| months.to_string()).unwrap_or_default();
        hash.update(format!("{} {months} {}\n", block.table.name(), block.rows));
        hash.update(&block.bytes);
    }
    let hash = hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    // Another hash with the same version: old intents would be finished with other blocks. Raise ENCODER_VERSION.
    assert_eq!(
        (ENCODER_VERSION, hash.as_str()),
        (1, "ff790ce97b316af125568a2b4786866bc137175033ddac40212abff1b43a146c")
    );
}
