//! Connections of two tenants, one with many and one with few.

use kafka_io::{KafkaConfig, OutRecord, Producer};
use schema_registry::Encoder;
use schemas::connection_event::{ConnectionEvent, EventType, User};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::topics::CONNECTION_EVENTS;

pub(crate) const LARGE: &str = "acme";
pub(crate) const SMALL: &str = "globex";
/// Connections of each, over a day and a half.
const CONNECTIONS: [(&str, u64); 2] = [(LARGE, 9_000), (SMALL, 500)];
/// 1 November 2026, Unix milliseconds.
const BEGIN_MS: u64 = 1_793_491_200_000;
const LASTS_MS: u64 = 36 * 3_600_000;

/// Puts them on Kafka; gives how many there are.
pub(crate) async fn produce(kafka: &KafkaConfig, encoder: &Encoder<ConnectionEvent>) -> u64 {
    let producer = Producer::new(kafka, "chaos-reports").unwrap();
    let mut acknowledged = Vec::new();
    for (tenant, connections) in CONNECTIONS {
        for number in 0..connections {
            let event = event(tenant, number, BEGIN_MS + number * LASTS_MS / connections);
            let (key, value) = (event.key(), encoder.encode(&event).unwrap());
            let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
            acknowledged.push(producer.enqueue(out).await.unwrap());
        }
    }
    for it in acknowledged {
        it.await.unwrap();
    }
    CONNECTIONS.iter().map(|(_, connections)| connections).sum()
}

fn event(tenant: &str, number: u64, end_ms: u64) -> ConnectionEvent {
    let event_type = match number % 20 {
        0 => EventType::DeniedAccess,
        1 => EventType::FailedToConnect,
        _ => EventType::ClosedConnection,
    };
    let connection_id = format!("{tenant}-{:x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut event = connection(event_type, &connection_id, end_ms);
    event.tenant = tenant.parse().unwrap();
    event.event_id = EventId::of_fact(&event.tenant, event.connector_id, &connection_id, event_type, end_ms);
    event.remote_network_id = (64_000 + number % 7).to_string().parse().unwrap();
    let address = format!("host-{}.corp.example", number % 50);
    (event.resource_id, event.resource_address) = ((1 + number % 50).to_string().parse().unwrap(), address);
    let user = number * number % 97;
    event.user =
        Some(User { id: (1 + user).to_string().parse().unwrap(), email: format!("person{user}@{tenant}.example") });
    (event.bytes_received, event.bytes_transferred) = (number * 7_919, number * 104_729);
    event
}
