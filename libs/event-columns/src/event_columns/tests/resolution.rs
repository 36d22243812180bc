//! Avro's rules one by one: names and aliases, defaults, branches, and what only the writer has.

use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, EventType, Protocol};
use schemas::examples::connection;
use schemas::times::Moment;
use serde_json::{Value, json};

use super::written::{Writer, long};
use super::{body, columns};
use crate::{Program, Refusal};

fn event() -> ConnectionEvent {
    connection(EventType::ClosedConnection, "5c11932a63f77b97-7a", 1_793_487_602_000)
}

fn ours() -> Value {
    serde_json::from_str(CONNECTION_EVENT.schema).unwrap()
}

/// The field of this name.
fn field<'a>(schema: &'a mut Value, name: &str) -> &'a mut Value {
    schema["fields"].as_array_mut().unwrap().iter_mut().find(|field| field["name"] == name).unwrap()
}

fn read(writer: &Value, reader: &Value, body: &[u8]) -> Result<ConnectionEvent, String> {
    let program = Program::between(&writer.to_string(), &reader.to_string()).map_err(|it| it.to_string())?;
    let mut columns = columns();
    columns.append(&program, body, 7, Moment::END.as_micros()).map_err(|it| it.to_string())?;
    Ok(columns.events().remove(0).1)
}

#[test]
fn renamed_field_and_type_are_found_by_our_aliases_and_not_by_the_writers() {
    let (mut writer, mut reader) = (ours(), ours());
    field(&mut writer, "tenant")["name"] = json!("customer");
    field(&mut writer, "user")["type"][1]["name"] = json!("Person");
    // The writer's own aliases do not count.
    field(&mut writer, "customer")["aliases"] = json!(["tenant"]);
    assert_eq!(read(&writer, &reader, &body(&event())), Err("tenant is missing".to_owned()));
    field(&mut reader, "tenant")["aliases"] = json!(["account", "customer"]);
    // The branch of a type that is not ours refuses its values.
    let refused = "not what its schema says: user: a branch of the union that cannot be read as this field";
    assert_eq!(read(&writer, &reader, &body(&event())), Err(refused.to_owned()));
    field(&mut reader, "user")["type"][1]["aliases"] = json!(["Person"]);
    assert_eq!(read(&writer, &reader, &body(&event())), Ok(event()));
}

#[test]
fn what_the_writer_does_not_have_gets_our_default() {
    let (mut writer, mut reader) = (ours(), ours());
    let defaults = [
        ("tenant", json!("acme-by-default")),
        ("connector_id", json!(77)),
        ("connector_name", json!("")),
        ("resource_port", json!(443)),
        ("protocol", json!("UDP")),
        ("resource_ip", Value::Null),
    ];
    for (name, default) in defaults {
        field(&mut reader, name)["default"] = default;
        writer["fields"].as_array_mut().unwrap().retain(|field| field["name"] != name);
    }
    // The address type was defined by a field that has gone.
    *field(&mut writer, "client_ip") =
        json!({ "name": "client_ip", "type": ["null", { "type": "fixed", "name": "IpAddress", "size": 16 }] });
    let whole = event();
    // Everything in front of the resource's port, written again without those fields.
    let text = |text: &str| [long(i64::try_from(text.len()).unwrap()), text.as_bytes().to_vec()].concat();
    let number = |number: u64| long(i64::try_from(number).unwrap());
    let written = [
        whole.event_id.as_bytes().to_vec(),
        long(2),
        long(whole.start_time.as_micros()),
        long(whole.end_time.as_micros()),
        text(&whole.connection_id),
        number(whole.remote_network_id.get()),
        text(&whole.remote_network_name),
        number(whole.resource_id.get()),
        text(&whole.resource_address),
        text(&whole.applied_rule),
        long(1),
        long(0),
        long(0),
        number(whole.bytes_received),
        number(whole.bytes_transferred),
        text(""),
        long(0),
        [long(1), number(9), text("jane@acme.example")].concat(),
        long(0),
        long(0),
        long(0),
    ];
    let expected = ConnectionEvent {
        tenant: "acme-by-default".parse().unwrap(),
        connector_id: 77.try_into().unwrap(),
        connector_name: String::new(),
        protocol: Protocol::Udp,
        ..event()
    };
    assert_eq!(read(&writer, &reader, &written.concat()), Ok(expected));
}

#[test]
fn default_that_does_not_fit_its_type_is_a_mismatch() {
    for (name, default) in [("connector_id", json!(-1)), ("tenant", json!(7)), ("protocol", json!("SCTP"))] {
        let (mut writer, mut reader) = (ours(), ours());
        field(&mut reader, name)["default"] = default;
        writer["fields"].as_array_mut().unwrap().retain(|field| field["name"] != name);
        assert!(Program::between(&writer.to_string(), &reader.to_string()).is_err(), "{name}");
    }
}

#[test]
fn logical_types_are_ignored() {
    let mut writer = ours();
    field(&mut writer, "tenant")["type"] = json!({ "type": "string", "logicalType": "uuid" });
    field(&mut writer, "connector_id")["type"] = json!({ "type": "long", "logicalType": "time-micros" });
    field(&mut writer, "bytes_received")["type"] = json!({ "type": "int", "logicalType": "date" });
    assert_eq!(read(&writer, &ours(), &body(&event())), Ok(event()));
}

#[test]
fn type_that_names_itself_is_passed_over_and_not_for_ever() {
    let mut writer = ours();
    let list = json!({ "type": "record", "name": "List", "fields": [{ "name": "next", "type": ["null", "List"] }] });
    writer["fields"].as_array_mut().unwrap().push(json!({ "name": "list", "type": list }));
    let with = |depth: usize| [body(&event()), vec![2; depth], vec![0]].concat();
    assert_eq!(read(&writer, &ours(), &with(40)), Ok(event()));
    let refused = "not what its schema says: a field that is not ours: nested too deep";
    assert_eq!(read(&writer, &ours(), &with(100_000)), Err(refused.to_owned()));
}

#[test]
fn items_without_bytes_are_not_counted_for_ever() {
    let mut writer = ours();
    let nulls = json!({ "type": "array", "items": "null" });
    writer["fields"].as_array_mut().unwrap().push(json!({ "name": "nulls", "type": nulls }));
    let with = |items: i64| [body(&event()), long(items), vec![0]].concat();
    // No more of them than bytes are left.
    assert_eq!(read(&writer, &ours(), &with(1)), Ok(event()));
    let refused = "not what its schema says: a field that is not ours: more items than the body has room for";
    assert_eq!(read(&writer, &ours(), &with(i64::MAX)), Err(refused.to_owned()));
}

#[test]
fn most_evolutions_are_read() {
    let mut random = StdRng::seed_from_u64(7);
    let mut read = 0;
    for _ in 0..300 {
        let written = Writer { random: &mut random }.event(&event());
        let Ok(program) = Program::new(&written.schema.to_string()) else { continue };
        let appended = columns().append(&program, &written.bytes, 7, Moment::END.as_micros());
        read += usize::from(appended.is_ok());
        // A refusal has a reason that the random choices explain: another branch, another symbol, half a place.
        let explained = |refusal: Refusal| !refusal.to_string().contains("ends too early");
        assert!(appended.err().is_none_or(explained), "{appended:?}");
    }
    assert!(read > 100, "{read}");
}
