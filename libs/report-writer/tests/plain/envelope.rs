//! The envelope, the plain way: member by member, texts by a JSON library.

use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemas::connection_event::{ConnectionEvent, EventType};

/// Members of an object that are there.
#[derive(Default)]
struct Object(Vec<String>);

impl Object {
    fn with(mut self, name: &str, value: &dyn Display) -> Self {
        self.0.push(format!("\"{name}\":{value}"));
        self
    }

    fn text(self, name: &str, text: &str) -> Self {
        if text.is_empty() { self } else { self.with(name, &serde_json::to_string(text).unwrap()) }
    }

    fn optional(self, name: &str, value: Option<impl ToString>) -> Self {
        self.text(name, &value.map(|it| it.to_string()).unwrap_or_default())
    }

    fn port(self, port: u16) -> Self {
        if port == 0 { self } else { self.with("port", &port) }
    }

    fn end(self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

pub(crate) fn render(event: &ConnectionEvent) -> String {
    let zoned = Timestamp::from_microsecond(event.end_time.as_micros()).unwrap().to_zoned(TimeZone::UTC);
    let has_failed = event.event_type != EventType::ClosedConnection;
    let object = Object::default;
    let connection = object()
        .optional("client_ip", event.client_ip)
        .text("protocol", event.protocol.name())
        .with("bytes_received", &event.bytes_received)
        .with("bytes_transferred", &event.bytes_transferred)
        .text("error_message", if has_failed { &event.error_message } else { "" });
    let resource = object()
        .text("address", &event.resource_address)
        .text("applied_rule", &event.applied_rule)
        .text("id", &event.resource_id.to_string())
        .optional("ip", event.resource_ip)
        .port(event.resource_port);
    let relays =
        event.relays.iter().map(|it| object().optional("ip", it.ip).text("name", &it.name).port(it.port).end());
    let named = |id: String, name: &str| object().text("id", &id).text("name", name).end();
    let mut body = object()
        .with("version", &1)
        .text("time", &zoned.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string())
        .text("status", event.event_type.log_name())
        .with("connection", &connection.end())
        .with("connector", &named(event.connector_id.to_string(), &event.connector_name))
        .with("remote_network", &named(event.remote_network_id.to_string(), &event.remote_network_name))
        .with("resource", &resource.end())
        .with("relays", &format!("[{}]", relays.collect::<Vec<_>>().join(",")));
    if let Some(id) = event.device_id {
        body = body.with("device", &object().text("id", &id.to_string()).end());
    }
    if let Some(user) = &event.user {
        body = body.with("user", &object().text("id", &user.id.to_string()).text("email", &user.email).end());
    } else if let Some(account) = &event.service_account {
        let account = object()
            .text("id", &account.id.to_string())
            .text("name", &account.name)
            .text("key", &account.key)
            .optional("key_id", account.key_id);
        body = body.with("service_account", &account.end());
    }
    let location = event.location.clone().unwrap_or_default();
    if let (Some(latitude), Some(longitude)) = (location.latitude, location.longitude) {
        let place = object().with("lat", &degrees(latitude)).with("lon", &degrees(longitude));
        body = body.with("location", &place.end());
    }
    object().text("event_type", "network_access").with("event", &body.end()).end() + "\n"
}

fn degrees(number: f64) -> String {
    let text = format!("{number:.6}");
    let (whole, digits) = text.split_once('.').unwrap();
    let digits = digits.trim_end_matches('0');
    let text = format!("{whole}.{}", if digits.is_empty() { "0" } else { digits });
    if text == "-0.0" { "0.0".to_owned() } else { text }
}
