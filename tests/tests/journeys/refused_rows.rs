//! Rows that the table refuses: each is dead-lettered as its record lay on Kafka, the others are stored, and when the table takes them again a replay
//! brings them in.

use kafka_io::{Delivered, OutRecord};
use schema_registry::Encoder;
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::topics::{CONNECTION_EVENTS, headers};

use crate::publishing::{assert_counted, assert_stored_once, closed, letters, wait_all_read};
use crate::report_life::flowledger;
use crate::stack::Stack;

const EVENTS: u64 = 200;
/// Two that lie beside each other, and the first one of its partition.
const REFUSED: [u64; 3] = [17, 18, 150];
/// A header of the publisher's.
const TRACE: &str = "trace";

struct Sent {
    number: u64,
    delivered: Delivered,
    key: String,
    value: Vec<u8>,
}

/// Events of four Remote Networks, fifty each; three have a port that no others have. Gives these.
async fn publish(stack: &Stack) -> Vec<Sent> {
    let (producer, registry) = stack.parts.journal_parts();
    let id = registry.ensure(&CONNECTION_EVENT).await.unwrap();
    let encoder = Encoder::new(id, &CONNECTION_EVENT).unwrap();
    let mut enqueued = Vec::new();
    for number in 0..EVENTS {
        let mut event = closed(number, 64894 + number / 50);
        event.resource_port = if REFUSED.contains(&number) { 666 } else { 443 };
        let (key, value, trace) = (event.key(), encoder.encode(&event).unwrap(), number.to_string());
        let headers = [(TRACE, trace.as_bytes())];
        let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &headers };
        enqueued.push((number, producer.enqueue(out).await.unwrap(), key, value));
    }
    let mut refused = Vec::new();
    for (number, acknowledgement, key, value) in enqueued {
        let delivered = acknowledgement.await.unwrap();
        if REFUSED.contains(&number) {
            refused.push(Sent { number, delivered, key, value });
        }
    }
    refused
}

#[tokio::test]
async fn rows_that_the_table_refuses_are_dead_lettered_alone_and_a_replay_brings_them_in() {
    let mut stack = Stack::start_with_own_parts(&[("acme", None)]).await;
    stack.execute("ALTER TABLE connections ADD CONSTRAINT without_666 CHECK resource_port != 666").await;
    let refused = publish(&stack).await;
    stack.wait_stored("acme", 197).await;
    // Each is a row or a letter now.
    wait_all_read(&stack, ingest::GROUP).await;
    assert_stored_once(&stack, 197).await;

    let lying = letters(&stack).await;
    assert_eq!(lying.len(), REFUSED.len(), "{lying:?}");
    for Sent { number, delivered, key, value } in &refused {
        let place = format!("{}-{}", delivered.partition, delivered.offset);
        let letter = lying.iter().find(|letter| letter.key.as_deref() == Some(place.as_bytes())).unwrap();
        assert_eq!(letter.payload.as_deref(), Some(&value[..]), "{number}");
        let header = |name| String::from_utf8(letter.header(name).unwrap().to_vec()).unwrap();
        assert_eq!((header(headers::SOURCE_KEY), header(TRACE)), (key.clone(), number.to_string()));
        assert_eq!(header(headers::SOURCE_TOPIC), CONNECTION_EVENTS.name);
        assert_eq!(
            (header(headers::SOURCE_PARTITION), header(headers::SOURCE_OFFSET)),
            (delivered.partition.to_string(), delivered.offset.to_string())
        );
        assert!(header(headers::REASON).contains("without_666"), "{}", header(headers::REASON));
        // The record's own come behind the facts.
        assert_eq!(letter.headers.last().unwrap().0, TRACE);
    }

    stack.execute("ALTER TABLE connections DROP CONSTRAINT without_666").await;
    let (_, said, went_well) = flowledger(&stack, &["dead-letter", "replay", "--reason", "without_666"]);
    assert!(went_well && said.contains("replay: 3 of 3 letters"), "{said}");
    stack.wait_stored("acme", EVENTS).await;
    for group in [ingest::GROUP, aggregator::GROUP] {
        wait_all_read(&stack, group).await;
    }
    assert_stored_once(&stack, EVENTS).await;
    // Who counts by minute has had them before, and takes what comes again for copies.
    assert_counted(&stack, EVENTS, 203).await;
    // Three letters and their marks.
    assert_eq!(letters(&stack).await.len(), 6);
    let (_, said, went_well) = flowledger(&stack, &["dead-letter", "list"]);
    assert!(went_well && said.contains("0 of 0 letters"), "{said}");
    for service in [&mut stack.ingest, &mut stack.aggregator] {
        service.assert_running();
        assert_eq!(service.starts, 1);
    }
    stack.end().await;
}
