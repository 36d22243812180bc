//! Generated events as the lines that Connectors print.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::connection_event::{ConnectionEvent, TunnelPath};
use serde_json::{Value, json};

use crate::traffic::Traffic;

/// What lines say of where their clients are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locations {
    Most,
    None,
}

/// Writes a log of so many lines, each an event; gives their mean length in bytes.
pub(crate) fn write(path: &Path, lines: u32, locations: Locations) -> anyhow::Result<f64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut traffic = Traffic::new(StdRng::seed_from_u64(7), 2_000.0)?;
    let mut bytes = 0_u64;
    for _ in 0..lines {
        let mut event = traffic.next_event()?;
        event.location = event.location.filter(|_| locations == Locations::Most);
        let line = line_of(&event);
        bytes += line.len() as u64;
        file.write_all(line.as_bytes())?;
    }
    file.flush()?;
    #[expect(clippy::cast_precision_loss, reason = "a mean")]
    Ok(bytes as f64 / f64::from(lines))
}

/// The line of an event, version 2, with its end.
pub(crate) fn line_of(event: &ConnectionEvent) -> String {
    let address = |address: Option<schemas::addresses::Address>| address.map(|address| address.to_string());
    let path = if event.tunnel_path == TunnelPath::Relay { "relay" } else { "direct" };
    let relay = |relay: &schemas::connection_event::Relay| json!({"ip": address(relay.ip), "name": relay.name, "port": relay.port});
    let mut line = json!({
        "event_type": event.event_type.log_name(),
        "timestamp": event.end_time.as_millis(),
        "connection": {
            "id": event.connection_id, "protocol": event.protocol.name(),
            "duration": (event.end_time.as_micros() - event.start_time.as_micros()) / 1000,
            "client_ip": address(event.client_ip), "resource_ip": address(event.resource_ip),
            "resource_port": event.resource_port, "rx": event.bytes_received, "tx": event.bytes_transferred,
            "tunnel_path": path, "tunnel_proto": event.tunnel_protocol, "cbct_freshness": 3,
            "error_message": event.error_message
        },
        "connector": {"id": event.connector_id.to_string(), "name": event.connector_name},
        "remote_network": {"id": event.remote_network_id.to_string(), "name": event.remote_network_name},
        "resource": {
            "id": event.resource_id.to_string(), "address": event.resource_address, "applied_rule": event.applied_rule
        },
        "relays": event.relays.iter().map(relay).collect::<Vec<_>>(),
    });
    let mut add = |key: &str, value: Value| line[key] = value;
    if let Some(device) = event.device_id {
        add("device", json!({"id": device.to_string()}));
    }
    if let Some(user) = &event.user {
        add("user", json!({"id": user.id.to_string(), "email": user.email}));
    }
    if let Some(account) = &event.service_account {
        let key_id = account.key_id.map(|id| id.to_string());
        add(
            "service_account",
            json!({"id": account.id.to_string(), "name": account.name, "key": account.key, "key_id": key_id}),
        );
    }
    if let Some(place) = &event.location {
        let geo = json!({"geoip": {
            "city": place.city, "country": place.country, "region": place.region, "lat": place.latitude, "lon": place.longitude
        }});
        add("location", Value::String(geo.to_string()));
    }
    format!("2026-11-22T10:00:00.000Z INFO ANALYTICS {line}\n")
}
