//! Reports narrowed by the fields of the filter: the oracle's bytes of those lines that the fields let through, and the values of the
//! page's own answers; by API, at a terminal, and by a schedule.

use std::collections::{BTreeMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::{assert_same, connections_of, readable, report, traffic};
use crate::report_life::flowledger;
use crate::stack::{Session, Stack, WAIT_MAX, everything, tenant};
use crate::traffic_tables::cells;

/// Fields of the filter, and what they say of the event of a line, as plainly as it can be said.
type Narrowed = (Value, fn(&Value) -> bool);

fn narrowed() -> [Narrowed; 9] {
    [
        (json!({ "service_accounts": ["9000", "9007"] }), |event| {
            ["9000", "9007"].contains(&text(event, "/service_account/id"))
        }),
        (json!({ "users": ["113007"], "service_accounts": ["9001"] }), |event| {
            text(event, "/user/id") == "113007" || text(event, "/service_account/id") == "9001"
        }),
        (json!({ "applied_rules": ["*.corp.example", "10.20.0.0/16"] }), |event| {
            ["*.corp.example", "10.20.0.0/16"].contains(&text(event, "/resource/applied_rule"))
        }),
        (json!({ "ports": ["443", "5000-6000"] }), |event| {
            port(event) == 443 || (5_000..=6_000).contains(&port(event))
        }),
        (json!({ "tunnel_paths": ["relay"] }), is_relayed),
        (json!({ "countries": ["DE", "NZ"] }), |event| ["DE", "NZ"].contains(&country(event).as_str())),
        (json!({ "client_addresses": ["192.0.2.0/25", "2001:db8::/32"] }), |event| {
            match address(event, "/connection/client_ip") {
                Some(IpAddr::V4(it)) => it.octets()[..3] == [192, 0, 2] && it.octets()[3] < 128,
                Some(IpAddr::V6(it)) => it.segments()[..2] == [0x2001, 0xdb8],
                None => false,
            }
        }),
        (json!({ "resource_addresses": ["10.20.2.0/23", "fd00:10::7"] }), |event| {
            match address(event, "/connection/resource_ip") {
                Some(IpAddr::V4(it)) => it.octets()[..3] == [10, 20, 2] || it.octets()[..3] == [10, 20, 3],
                Some(address) => address.to_string() == "fd00:10::7",
                None => false,
            }
        }),
        (json!({ "domain": "CORP.exa" }), |event| text(event, "/resource/address").contains("corp.exa")),
    ]
}

/// Some of them together.
fn together() -> Narrowed {
    let fields = json!({
        "tunnel_paths": ["relay"], "ports": ["22", "443"], "domain": "corp", "client_addresses": ["192.0.2.0/24"],
        "protocols": ["tcp", "udp"],
    });
    (fields, |event| {
        let is_client = |it: IpAddr| matches!(it, IpAddr::V4(it) if it.octets()[..3] == [192, 0, 2]);
        is_relayed(event)
            && [443, 22].contains(&port(event))
            && text(event, "/resource/address").contains("corp")
            && address(event, "/connection/client_ip").is_some_and(is_client)
            && text(event, "/connection/protocol") != "icmp"
    })
}

pub(crate) fn text<'a>(event: &'a Value, place: &str) -> &'a str {
    event.pointer(place).and_then(Value::as_str).unwrap_or_default()
}

fn port(event: &Value) -> u64 {
    event.pointer("/connection/resource_port").and_then(Value::as_u64).unwrap_or_default()
}

pub(crate) fn is_relayed(event: &Value) -> bool {
    match text(event, "/connection/tunnel_path") {
        "" => event["relays"].as_array().is_some_and(|relays| !relays.is_empty()),
        path => path != "direct",
    }
}

fn country(event: &Value) -> String {
    let read = event["location"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    text(read.as_ref().unwrap_or(&event["location"]), "/geoip/country").to_owned()
}

/// Without its port.
fn address(event: &Value, place: &str) -> Option<IpAddr> {
    let text = text(event, place);
    let with_port = |_| text.parse::<SocketAddr>().map(|it| it.ip());
    Some(text.parse::<IpAddr>().or_else(with_port).ok()?.to_canonical())
}

/// Lines whose event is let through.
pub(crate) fn kept(lines: &[u8], mut lets_through: impl FnMut(&Value) -> bool) -> Vec<u8> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines.filter(|line| event_of(line).is_some_and(|event| lets_through(&event))).flatten().copied().collect()
}

fn event_of(line: &[u8]) -> Option<Value> {
    const MARK: &[u8] = b"ANALYTICS ";
    let start = line.windows(MARK.len()).position(|it| it == MARK)? + MARK.len();
    serde_json::from_slice(&line[start..]).ok()
}

/// Of a third of the events a copy before all of them, and of another third one behind: each says of all that is no part of the event's id what another
/// event says.
fn told_otherwise(lines: &[u8]) -> Vec<u8> {
    const FIELDS: [&str; 6] = ["user", "service_account", "device", "location", "relays", "resource"];
    const OF_CONNECTION: [&str; 5] = ["tunnel_path", "client_ip", "resource_ip", "resource_port", "protocol"];
    let events: Vec<Value> = lines.split_inclusive(|byte| *byte == b'\n').filter_map(event_of).collect();
    let (mut before, mut behind) = (Vec::new(), Vec::new());
    for (number, event) in events.iter().enumerate() {
        let is_alike = |other: &&Value| other["event_type"] == event["event_type"];
        let Some(other) = events[number + 1..].iter().find(is_alike) else { continue };
        let mut copy = event.clone();
        for field in FIELDS {
            copy[field] = other[field].clone();
        }
        for field in OF_CONNECTION {
            copy["connection"][field] = other["connection"][field].clone();
        }
        match number % 3 {
            0 => before.extend(format!("ANALYTICS {copy}\n").into_bytes()),
            1 => behind.extend(format!("ANALYTICS {copy}\n").into_bytes()),
            _ => {}
        }
    }
    [&before[..], lines, &behind[..]].concat()
}

/// Each event's first line.
fn firsts(lines: &[u8]) -> Vec<u8> {
    let mut seen = HashSet::new();
    kept(lines, |event| {
        let id = ["/connector/id", "/connection/id", "/event_type"].map(|place| text(event, place).to_owned());
        seen.insert((id, event["timestamp"].as_u64()))
    })
}

/// An object with what another has, too.
fn with(mut object: Value, more: &Value) -> Value {
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object
}

/// Each kind that the oracle has, and its arguments for the same.
const KINDS: [(&str, &[&str]); 3] =
    [("events", &["--denied"]), ("summary", &["--kind", "summary"]), ("users", &["--kind", "users"])];
const MEASURES: [&str; 3] = ["events", "connections", "bytes"];

#[tokio::test]
async fn reports_of_every_kind_are_narrowed_by_every_field() {
    let acme = &tenant("narrowed");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(51, 2_000, "v2");
    stack.append(acme, &lines);
    let all = connections_of(acme, "v2", &lines);
    stack.wait_stored(acme, all).await;
    let session = stack.sign_in(acme).await;
    for (fields, lets_through) in narrowed().into_iter().chain([together()]) {
        let kept = kept(&lines, lets_through);
        let ask = async |more| session.ask(&with(with(everything(), &fields), &more)).await;
        let table = ask(json!({ "kind": "traffic", "table": { "by": ["resource"], "measures": MEASURES } })).await;
        for (kind, arguments) in KINDS {
            let id = ask(json!({ "kind": kind, "denied": kind == "events" })).await;
            let told = session.wait_completed(&id).await;
            for (name, value) in fields.as_object().unwrap() {
                assert_eq!(&told[name], value, "{name}");
            }
            let expected = report(acme, "v2", arguments, &kept);
            assert_same(&session.download(&id).await, &expected, &format!("{fields}, {kind}"));
            if kind == "events" {
                let rows = told["rows"].as_u64().unwrap();
                assert!(rows > 0 && rows < all, "{fields}: {rows} of {all}");
                println!("{fields}: {rows} of {all} rows");
            }
        }
        assert_same_as_page(&session, &fields, &table).await;
    }
    assert_at_a_terminal_and_by_a_schedule(&stack, acme, &session, &lines).await;
    stack.end().await;
}

/// A log whose events were told twice, and otherwise: of each the first line counts, and is held against the filter.
#[tokio::test]
async fn filter_is_asked_of_the_first_of_copies_alone() {
    let acme = &tenant("told-twice");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = told_otherwise(&readable(acme, "v2", &traffic(53, 1_000, "v2")));
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;
    let (firsts, mut others_pass) = (firsts(&lines), 0);
    for (fields, lets_through) in narrowed() {
        let ask = async |more| session.ask(&with(with(everything(), &fields), &more)).await;
        let table = ask(json!({ "kind": "traffic", "table": { "by": ["resource"], "measures": MEASURES } })).await;
        let id = ask(json!({ "kind": "events", "denied": true })).await;
        session.wait_completed(&id).await;
        let expected = report(acme, "v2", &["--denied"], &kept(&firsts, lets_through));
        assert_same(&session.download(&id).await, &expected, &fields.to_string());
        others_pass += u32::from(report(acme, "v2", &["--denied"], &kept(&lines, lets_through)) != expected);
        assert_same_as_page(&session, &fields, &table).await;
    }
    assert!(others_pass > 6, "{others_pass} of 9 filters let another copy through");
    stack.end().await;
}

/// Measures of each Resource, as the page is told them under the same filter.
async fn assert_same_as_page(session: &Session<'_>, fields: &Value, id: &str) {
    session.wait_completed(id).await;
    let lines = cells(&session.download(id).await);
    let table: BTreeMap<_, _> = lines[1..].iter().map(|line| (line[1].clone(), line[2..].to_vec())).collect();
    let mut query = vec!["by=resource".to_owned(), "limit=100".to_owned()];
    query.extend(MEASURES.map(|measure| format!("measures={measure}")));
    for (name, value) in fields.as_object().unwrap() {
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        query.extend(values.iter().map(|value| format!("{name}={}", value.as_str().unwrap())));
    }
    let path = format!("/traffic/top?{}", query.join("&"));
    // What comes from roll-ups comes a moment after rows.
    let begin = Instant::now();
    loop {
        let found = session.get(&path).await;
        let groups = found["groups"].as_array().unwrap().iter().map(|group| {
            let values = group["values"].as_array().unwrap().iter().map(Value::to_string);
            (group["keys"][0].as_str().unwrap().to_owned(), values.collect::<Vec<_>>())
        });
        let page: BTreeMap<_, _> = groups.collect();
        if page == table {
            return;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{fields}: {table:?}, and on the page {found}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The same words, the same bytes; and a manifest that says them.
async fn assert_at_a_terminal_and_by_a_schedule(stack: &Stack, acme: &str, session: &Session<'_>, lines: &[u8]) {
    let (fields, lets_through) = together();
    let expected = report(acme, "v2", &[], &kept(lines, lets_through));
    let receiver = format!("jo@{acme}.example");
    let mut new =
        vec!["report", "new", "--tenant", acme, "--receiver", receiver.as_str(), "--follow", "--domain", "corp"];
    new.extend(["--tunnel-paths", "relay", "--ports", "443", "--ports", "22", "--client-addresses", "192.0.2.0/24"]);
    new.extend(["--protocols", "tcp", "--protocols", "udp"]);
    let (id, beside, went_well) = flowledger(stack, &new);
    assert!(went_well, "{beside}");
    session.wait_completed(id.trim()).await;
    assert_same(&session.download(id.trim()).await, &expected, "asked for at a terminal");
    let manifest = session.get(&format!("/reports/{}/manifest", id.trim())).await;
    let said = &manifest["filter"];
    assert_eq!((&said["domain"], &said["tunnel_paths"]), (&fields["domain"], &fields["tunnel_paths"]), "{manifest}");
    // In the filter's own order.
    assert_eq!((&said["ports"], &said["countries"]), (&json!(["22", "443"]), &json!([])), "{manifest}");

    let kept = with(fields.clone(), &json!({ "name": "Narrowed", "range": "last 9000 days", "zone": "UTC" }));
    let answer = session.request(Method::POST, "/report-schedules").json(&kept).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let shown: Value = answer.json().await.unwrap();
    let begin = Instant::now();
    while session.get("/report-schedules").await["schedules"].as_array().unwrap().is_empty() {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let run = format!("/report-schedules/{}/run", shown["id"].as_str().unwrap());
    let made: Value = session.request(Method::POST, &run).json(&json!({})).send().await.unwrap().json().await.unwrap();
    let id = made["id"].as_str().unwrap_or_else(|| panic!("{made}"));
    assert_eq!(
        (&made["domain"], &made["client_addresses"]),
        (&fields["domain"], &fields["client_addresses"]),
        "{made}"
    );
    session.wait_completed(id).await;
    assert_same(&session.download(id).await, &expected, "made by a schedule");
}
