//! A refused record leaves no trace, and says why in one line.

use schemas::addresses::parse_bare_address;
use schemas::connection_event::{ConnectionEvent, EventType, Location, Relay};
use schemas::examples::connection;
use schemas::times::Moment;

use super::{OURS, WIRE_FORMAT, body, columns};
use crate::{BlockWriter, EventColumns, Refusal};

fn event(number: u64) -> ConnectionEvent {
    let event = connection(EventType::ClosedConnection, &format!("{number:x}-{number:x}"), 1_793_487_602_000 + number);
    let relay = Relay { name: format!("relay-{number}"), ip: parse_bare_address("192.0.2.1"), port: 443 };
    ConnectionEvent {
        resource_address: format!("host-{number}"),
        relays: vec![relay.clone(), relay],
        location: Some(Location { city: Some(format!("City {number}")), ..Location::default() }),
        ..event
    }
}

fn append(columns: &mut EventColumns, body: &[u8], offset: i64) -> Result<(), Refusal> {
    columns.append(&OURS, body, offset, Moment::END.as_micros())
}

#[test]
fn refused_records_leave_no_trace_in_any_block() {
    let (mut clean, mut mixed) = (columns(), columns());
    let mut refused = 0;
    for number in 0..700 {
        let (whole, offset) = (body(&event(number)), i64::try_from(number).unwrap());
        append(&mut clean, &whole, offset).unwrap();
        append(&mut mixed, &whole, offset).unwrap();
        // Others, whose texts no other record has, cut at any place, or with something behind them.
        let other = body(&event(number + 1_000_000));
        for cut in (0..other.len()).step_by(7) {
            append(&mut mixed, &other[..cut], offset).unwrap_err();
            refused += 1;
        }
        append(&mut mixed, &[other, vec![0]].concat(), offset).unwrap_err();
    }
    assert!(refused > 10_000, "{refused}");
    assert_eq!(mixed.rows(), 700);
    assert_eq!(mixed.events(), clean.events());
    assert_eq!(mixed.size_bytes(), clean.size_bytes());
    assert_eq!(mixed.blocks(None, &mut BlockWriter::default()), clean.blocks(None, &mut BlockWriter::default()));
}

#[test]
fn cleared_columns_are_as_new() {
    let mut used = columns();
    let mut writer = BlockWriter::default();
    for number in 0..600 {
        append(&mut used, &body(&event(number)), 0).unwrap();
    }
    for block in used.blocks(None, &mut BlockWriter::default()) {
        writer.give_back(block.bytes);
    }
    used.clear_for(4);
    assert!(used.is_empty() && used.blocks(None, &mut writer).is_empty());
    let mut new = EventColumns::new("main", 4);
    for columns in [&mut used, &mut new] {
        for number in 300..310 {
            append(columns, &body(&event(number)), 5).unwrap();
        }
    }
    assert_eq!((used.partition(), used.size_bytes()), (4, new.size_bytes()));
    assert!(EventColumns::new("main", 4).size_bytes() < 1000);
    assert_eq!(used.blocks(None, &mut writer), new.blocks(None, &mut BlockWriter::default()));
}

#[test]
fn reason_names_the_field_and_nothing_of_what_it_holds() {
    let reason = |body: &[u8]| append(&mut columns(), body, 0).unwrap_err().to_string();
    let whole = body(&event(7));
    assert_eq!(
        reason(&whole[..whole.len() - 1]),
        "not what its schema says: location.longitude: the body ends too early"
    );
    assert_eq!(reason(&[&whole[..], &[1, 2]].concat()), "2 bytes after the Avro body");
    let with = |find: &[u8], replace: &[u8]| {
        let at = whole.windows(find.len()).position(|window| window == find).unwrap();
        [&whole[..at], replace, &whole[at + find.len()..]].concat()
    };
    let acme = with(b"acme", b"Acme");
    assert_eq!(
        reason(&acme),
        "not what its schema says: tenant: not a tenant: 1 to 63 of a-z, 0-9 and -, first and last no hyphen"
    );
    assert_eq!(reason(&with(b"Lab", b"L\xffb")), "not what its schema says: remote_network_name: not UTF-8");
    assert_eq!(reason(&with(b"relay-7", b"relay\xff7")), "not what its schema says: relays.name: not UTF-8");
    // The zigzag of resource id 7 before its name's length.
    let negative = with(b"\x0e\x0chost-7", b"\x0d\x0chost-7");
    assert_eq!(reason(&negative), "not what its schema says: resource_id: below 0");
    assert_eq!(
        reason(&with(b"\x0e\x0chost-7", b"\x0e\x0bhost-7")),
        "not what its schema says: resource_address: a length below 0"
    );
}

#[test]
fn longest_body_that_kafka_takes_is_read() {
    let long = ConnectionEvent { error_message: "x".repeat(3 << 20), ..event(1) };
    let mut columns = columns();
    for offset in 0..3 {
        append(&mut columns, &body(&long), offset).unwrap();
    }
    assert!(columns.events().iter().all(|(_, event)| *event == long));
    assert!(WIRE_FORMAT + columns.size_bytes() > 3 << 20);
}

#[test]
fn offsets_tenants_and_times_are_those_of_the_rows() {
    use clickhouse_io::write::EventTable;
    let mut columns = columns();
    for offset in 0..10 {
        let event_type = if offset % 3 == 0 { EventType::EstablishedConnection } else { EventType::DeniedAccess };
        let event = connection(event_type, "1-1", 1_793_487_602_000);
        append(&mut columns, &body(&event), offset).unwrap();
    }
    let ended_at = Moment::from_millis(1_793_487_602_000);
    // As rows that are staged, and as columns.
    for _ in 0..2 {
        assert_eq!(columns.offsets(EventTable::ConnectionOpenings), [0, 3, 6, 9].into());
        assert_eq!(columns.offsets(EventTable::Connections).len(), 6);
        assert_eq!(columns.tenants(), ["acme".to_owned()].into());
        assert_eq!(columns.end_times(), Some(ended_at..=ended_at));
        let _ = columns.sorted(&mut BlockWriter::default());
    }
    columns.clear();
    assert_eq!((columns.tenants().len(), columns.end_times()), (0, None));
}
