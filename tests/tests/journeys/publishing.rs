//! Events that a journey publishes by itself, and what became of them.

use std::time::{Duration, Instant};

use kafka_io::{Followed, OutRecord, Record, TopicFollower, admin};
use schema_registry::Encoder;
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::times::Moment;
use schemas::topics::{CONNECTION_EVENTS, CONNECTION_EVENTS_DEAD_LETTER};

use crate::stack::{Stack, WAIT_MAX};

/// A connection of tenant `acme` that ends now; another number is another connection.
pub(crate) fn closed(number: u64, remote_network: u64) -> ConnectionEvent {
    let now_ms = u64::try_from(Moment::now().as_millis()).unwrap();
    let mut event = connection(EventType::ClosedConnection, &format!("{number:x}-1"), now_ms);
    event.remote_network_id = remote_network.to_string().parse().unwrap();
    event
}

/// Publishes these connections of `acme`, in their order, and waits until Kafka has them.
pub(crate) async fn publish(stack: &Stack, numbers: std::ops::Range<u64>, remote_network: u64) {
    let (producer, registry) = stack.parts.journal_parts();
    let encoder = Encoder::new(registry.ensure(&CONNECTION_EVENT).await.unwrap(), &CONNECTION_EVENT).unwrap();
    let mut enqueued = Vec::new();
    for number in numbers {
        let event = closed(number, remote_network);
        let (key, value) = (event.key(), encoder.encode(&event).unwrap());
        let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
        enqueued.push(producer.enqueue(out).await.unwrap());
    }
    for acknowledgement in enqueued {
        acknowledgement.await.unwrap();
    }
}

/// Waits until a group's offsets stand at the end of every partition of the events that has one, behind markers too.
pub(crate) async fn wait_all_read(stack: &Stack, group: &str) {
    wait_topic_read(stack, group, CONNECTION_EVENTS.name).await;
}

/// The same of another topic.
pub(crate) async fn wait_topic_read(stack: &Stack, group: &str, topic: &str) {
    let (kafka, begin) = (stack.parts.kafka_config(), Instant::now());
    loop {
        let ends = admin::stable_ends(&kafka, topic).await.unwrap();
        let committed = admin::committed(&kafka, group, topic).await.unwrap();
        if ends.iter().all(|(number, end)| *end == 0 || committed[number] >= Some(*end)) {
            return;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{group} has not read to the end: {ends:?} {committed:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Everything on the topic of events that ingest refused, letters and markers.
pub(crate) async fn letters(stack: &Stack) -> Vec<Record> {
    records(stack, CONNECTION_EVENTS_DEAD_LETTER.name).await
}

/// Everything on a topic.
pub(crate) async fn records(stack: &Stack, topic: &str) -> Vec<Record> {
    let mut follower = TopicFollower::from_beginning(&stack.parts.kafka_config(), topic).await.unwrap();
    let mut records = Vec::new();
    loop {
        let next = tokio::time::timeout(WAIT_MAX, follower.next()).await.expect("the topic is read to its end");
        match next.unwrap() {
            Followed::Record(record) => records.push(record),
            Followed::CaughtUp => return records,
        }
    }
}

/// So many connections of `acme` are stored, and each once.
pub(crate) async fn assert_stored_once(stack: &Stack, connections: u64) {
    let sql = "SELECT count(), uniqExact(event_id) FROM connections WHERE tenant = 'acme'";
    assert_eq!(stack.sql(sql).await.unwrap(), format!("{connections}\t{connections}"));
}

/// The roll-up by minute has so many connections of `acme`, counted from so many records.
pub(crate) async fn assert_counted(stack: &Stack, connections: u64, records: u64) {
    let sql = "SELECT sum(succeeded), sum(length(_kafka_offsets)) FROM connections_by_minute WHERE tenant = 'acme'";
    assert_eq!(stack.sql(sql).await.unwrap(), format!("{connections}\t{records}"));
}
