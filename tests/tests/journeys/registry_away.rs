//! The registry is away: events of schemas that are known go on, those of one that nobody has met wait, and no event is dead-lettered because a
//! server is down.

use std::time::Duration;

use kafka_io::{Delivered, OutRecord, Producer};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::{CONNECTION_EVENT, Subject};
use schemas::connection_event::ConnectionEvent;
use schemas::topics::CONNECTION_EVENTS;

use crate::publishing::{assert_counted, assert_stored_once, closed, letters, wait_all_read};
use crate::stack::Stack;

/// Remote Networks with a partition each.
const HELD: u64 = 64894;
const FREE: u64 = 64895;
/// Far longer than an event takes otherwise.
const AWAY: Duration = Duration::from_secs(5);

/// Today's schema with a field more behind all others, as a publisher of tomorrow registers it.
fn evolved() -> Subject {
    let fields = CONNECTION_EVENT.schema.trim_end().strip_suffix("]}").unwrap();
    let field = r#"{"name": "posture", "type": ["null", "string"], "default": null, "doc": "Of the device."}"#;
    Subject { schema: format!("{fields}, {field}]}}").leak(), ..CONNECTION_EVENT }
}

/// The second branch of the union, and a text of seven bytes.
const POSTURE: &[u8] = b"\x02\x0etrusted";

struct Publisher {
    producer: Producer,
    /// By today's schema.
    encoder: Encoder<ConnectionEvent>,
    evolved: SchemaId,
    published: u64,
}

impl Publisher {
    async fn publish(&mut self, remote_network: u64, is_evolved: bool) -> Delivered {
        self.published += 1;
        let event = closed(self.published, remote_network);
        let mut value = self.encoder.encode(&event).unwrap();
        if is_evolved {
            value = [&self.evolved.prefix()[..], &value[5..], POSTURE].concat();
        }
        let key = event.key();
        let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
        self.producer.send(out).await.unwrap()
    }
}

#[tokio::test]
async fn known_schemas_go_on_without_the_registry_and_an_unknown_one_waits_for_it() {
    let mut stack = Stack::start_with_own_parts(&[("acme", None)]).await;
    let (producer, registry) = stack.parts.journal_parts();
    let today = registry.ensure(&CONNECTION_EVENT).await.unwrap();
    let evolved = registry.ensure(&evolved()).await.unwrap();
    assert_ne!(today, evolved);
    let encoder = Encoder::new(today, &CONNECTION_EVENT).unwrap();
    let mut publisher = Publisher { producer, encoder, evolved, published: 0 };
    for _ in 0..20 {
        let (held, free) = (publisher.publish(HELD, false).await, publisher.publish(FREE, false).await);
        assert_ne!(held.partition, free.partition);
    }
    stack.wait_stored("acme", 40).await;
    // The aggregator has met it too.
    wait_all_read(&stack, aggregator::GROUP).await;

    stack.parts.registry().kill();
    for _ in 0..10 {
        publisher.publish(HELD, false).await;
    }
    for _ in 0..15 {
        publisher.publish(HELD, true).await;
        publisher.publish(HELD, false).await;
        publisher.publish(FREE, false).await;
    }
    // All but what lies behind the first event that nobody can read.
    stack.wait_stored("acme", 65).await;
    tokio::time::sleep(AWAY).await;
    assert_stored_once(&stack, 65).await;
    for _ in 0..10 {
        publisher.publish(FREE, false).await;
    }
    stack.wait_stored("acme", 75).await;
    assert_stored_once(&stack, 75).await;
    assert_eq!(letters(&stack).await, []);
    for service in [&stack.ingest, &stack.aggregator] {
        assert!(service.logged(&["waiting for the schema registry"]) > 0, "nobody asked for the schema");
    }

    stack.parts.registry().restart().await.unwrap();
    stack.wait_stored("acme", publisher.published).await;
    for group in [ingest::GROUP, aggregator::GROUP] {
        wait_all_read(&stack, group).await;
    }
    assert_eq!(publisher.published, 105);
    assert_stored_once(&stack, 105).await;
    assert_counted(&stack, 105, 105).await;
    assert_eq!(letters(&stack).await, []);
    for service in [&mut stack.ingest, &mut stack.aggregator] {
        service.assert_running();
        assert_eq!(service.starts, 1);
    }
    stack.end().await;
}
