use schemas::connection_event::{ConnectionEvent, Relay};
use serde_json::{Value, json};

use super::*;
use crate::stages::encode_event::tests::decoded;

fn closed() -> Value {
    json!({
        "event_type": "closed_connection", "timestamp": 1_793_487_602_665_u64,
        "connection": {
            "id": "5c11932a63f77b97-118", "protocol": "tcp", "duration": 1500, "rx": 338, "tx": 404,
            "client_ip": "192.0.2.4:51820", "resource_ip": "10.11.12.13", "resource_port": 443,
            "tunnel_path": "relay", "tunnel_proto": "quic/udp", "cbct_freshness": 3
        },
        "connector": {"id": "150034", "name": "quiet-heron"},
        "remote_network": {"id": "64895", "name": "🏠 Office"},
        "resource": {"id": "2326772", "address": "git.corp.example", "applied_rule": "*.corp.example"},
        "relays": [{"ip": "198.51.100.7", "name": "relay-ams", "port": 30501}, {}],
        "device": {"id": "200015"},
        "user": {"id": "113028", "email": "person28@corp.example"},
        "location": "{\"geoip\":{\"lat\":41.25,\"lon\":-96.0}}"
    })
}

fn read(event: &Value, version: LogVersion) -> Result<ConnectionEvent, Unreadable> {
    let (json, tenant) = (event.to_string(), "acme".parse().unwrap());
    read_event(&json, &tenant, version).map(|fields| decoded(&fields))
}

/// The closed connection with the value at `pointer` replaced, or its key removed.
fn changed(pointer: &str, value: Option<Value>) -> Value {
    let mut event = closed();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    event
}

fn reason(pointer: &str, value: impl Into<Option<Value>>) -> String {
    read(&changed(pointer, value.into()), LogVersion::V2).unwrap_err().to_string()
}

#[test]
fn every_field_is_read() {
    let event = read(&closed(), LogVersion::V2).unwrap();
    assert_eq!(event.event_id.to_string(), "01a19431-03e9-824e-8c4b-c50df9bf66b1");
    assert_eq!(event.end_time.as_micros(), 1_793_487_602_665_000);
    assert_eq!(event.start_time.as_micros(), 1_793_487_601_165_000);
    assert_eq!((event.bytes_received, event.bytes_transferred), (338, 404));
    assert_eq!(event.client_ip.unwrap().to_string(), "192.0.2.4");
    assert_eq!(event.tunnel_path, TunnelPath::Relay);
    assert_eq!(event.relays.len(), 2);
    assert_eq!(event.relays[1], Relay { name: String::new(), ip: None, port: 0 });
    assert_eq!(event.location.as_ref().unwrap().latitude, Some(41.25));
    assert_eq!(event.check(event.end_time), Ok(()));
}

#[test]
fn version_says_the_unit_of_the_duration() {
    let lasted = |version| {
        let event = read(&closed(), version).unwrap();
        event.end_time.as_micros() - event.start_time.as_micros()
    };
    assert_eq!((lasted(LogVersion::V2), lasted(LogVersion::V3)), (1_500_000, 1500));
}

#[test]
fn duration_reaches_to_1970_and_not_before() {
    let with = |duration: u64, version| {
        read(&changed("/connection/duration", Some(json!(duration))), version).map(|event| event.start_time)
    };
    assert_eq!(with(1_793_487_602_665, LogVersion::V2), Ok(Moment::FIRST));
    assert_eq!(with(1_793_487_602_666, LogVersion::V2), Err(Unreadable::BeginsBefore1970));
    assert_eq!(with(i64::MAX as u64, LogVersion::V2), Err(Unreadable::BeginsBefore1970));
    assert_eq!(with(1_793_487_602_665_000, LogVersion::V3), Ok(Moment::FIRST));
    assert_eq!(with(1_793_487_602_665_001, LogVersion::V3), Err(Unreadable::BeginsBefore1970));
}

#[test]
fn only_a_closed_connection_has_a_duration() {
    for kind in ["established_connection", "failed_to_connect", "denied_access"] {
        let mut event = closed();
        event["event_type"] = json!(kind);
        let read_event = read(&event, LogVersion::V2).unwrap();
        assert_eq!(read_event.start_time, read_event.end_time, "{kind}");
        event["connection"]["duration"] = json!("long");
        assert!(matches!(read(&event, LogVersion::V2), Err(Unreadable::NotWhole("connection.duration", _))), "{kind}");
    }
}

#[test]
fn path_is_what_is_said_or_else_what_the_relays_say() {
    let path = |said: Option<&str>, relays: Value| {
        let mut event = changed("/connection/tunnel_path", said.map(|said| json!(said)));
        event["relays"] = relays;
        let event = read(&event, LogVersion::V2).unwrap();
        (event.tunnel_path, event.relays.len())
    };
    assert_eq!(path(Some("direct"), json!([{}])), (TunnelPath::Direct, 0));
    assert_eq!(path(Some("relayed"), json!([])), (TunnelPath::Relay, 0));
    assert_eq!(path(Some(""), json!([{}])), (TunnelPath::Relay, 1));
    assert_eq!(path(None, Value::Null), (TunnelPath::Direct, 0));
}

#[test]
fn wrong_type_in_a_loose_field_costs_only_that_field() {
    for (pointer, value) in [
        ("/connection/tunnel_proto", json!(7)),
        ("/connection/cbct_freshness", json!("stale")),
        ("/connection/error_message", json!({})),
        ("/location", json!([7])),
    ] {
        let event = read(&changed(pointer, Some(value)), LogVersion::V2);
        assert!(event.is_ok(), "{pointer}: {event:?}");
    }
}

#[test]
fn line_against_the_contract_is_refused_with_the_field_that_is_wrong() {
    assert_eq!(reason("/timestamp", json!(1.0)), "timestamp is not a whole number from 0 to 4102444799999");
    assert_eq!(reason("/timestamp", json!(4_102_444_800_000_u64)), reason("/timestamp", json!("yesterday")));
    assert_eq!(reason("/timestamp", None), "timestamp is missing");
    assert_eq!(reason("/event_type", json!("paused_connection")), "event_type is unknown");
    assert_eq!(reason("/connection", json!([])), "connection is not an object");
    assert_eq!(reason("/connection/duration", Value::Null), "connection.duration is missing");
    assert_eq!(reason("/connection/id", json!("")), "connection.id is missing");
    assert_eq!(reason("/connection/protocol", json!("sctp")), "connection.protocol is unknown");
    assert_eq!(reason("/connection/tunnel_path", json!("relays")), "connection.tunnel_path is unknown");
    assert_eq!(reason("/connection/client_ip", json!("fe80::1%eth0")), "connection.client_ip is not an address");
    assert_eq!(reason("/connector/id", json!(150_034)), "connector.id is not a decimal number as text");
    assert_eq!(reason("/connector/name", None), "connector.name is missing");
    assert_eq!(reason("/resource/address", json!(7)), "resource.address is not text");
    assert_eq!(reason("/user", None), "neither or both of user and service_account");
    assert_eq!(reason("/service_account", json!({})), "neither or both of user and service_account");
    assert_eq!(reason("/user/email", None), "user.email is missing");
    assert_eq!(reason("/relays", json!([[]])), "relays is not a list of objects");
    assert_eq!(reason("/relays", json!([{"port": 65536}])), "relays.port is not a whole number from 0 to 65535");
}

#[test]
fn text_that_is_no_object_is_refused() {
    let tenant = "acme".parse().unwrap();
    assert_eq!(read_event("[1, 2, 3]", &tenant, LogVersion::V2), Err(Unreadable::NotAJsonObject));
    assert_eq!(read_event("{", &tenant, LogVersion::V2), Err(Unreadable::NotJson));
}
