//! Members that come and go while others work: who stops has done what it held.

use std::time::{Duration, Instant, SystemTime};

use kafka_io::{OutRecord, TransactionalProducer};
use schema_registry::Encoder;
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::EventType;
use schemas::examples::connection;
use schemas::topics::CONNECTION_EVENTS;

use crate::publishing::{closed, publish, wait_all_read};
use crate::stack::{Service, Stack, WAIT_MAX, tenant};

/// Far below `drain_max`.
const STOP_MAX: Duration = Duration::from_secs(10);
const TRANSACTION_MAX: Duration = Duration::from_secs(60);

/// Waits until a service has been given partitions so many times.
async fn wait_assigned(service: &mut Service, times: usize) {
    let begin = Instant::now();
    while service.logged(&["\"message\":\"assigned\""]) < times {
        service.assert_running();
        assert!(begin.elapsed() < WAIT_MAX, "no partition has come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn service_that_has_read_markers_and_aborted_records_stops_in_order() {
    let mut stack = Stack::start_with_own_parts(&[(&tenant("stops"), None)]).await;
    let kafka = stack.parts.kafka_config();
    let publisher = TransactionalProducer::new(&kafka, "test", "one", TRANSACTION_MAX).unwrap();
    publisher.take_over().await.unwrap();
    let mut records = publisher.records(CONNECTION_EVENTS.name).unwrap();
    for round in 0..3 {
        // One that is committed between two that are not. No event: it has a fate all the same.
        for is_committed in [false, true, false] {
            publisher.begin().unwrap();
            let receipt = records.collect(b"64894", b"no event");
            records.hand_over().await.unwrap();
            // It lies on the topic, also where it is aborted then: before that the client may throw it away, or be refused in the middle of sending it.
            receipt.await.unwrap();
            if is_committed {
                publisher.commit().await.unwrap();
            } else {
                publisher.abort().await.unwrap();
            }
        }
        for group in [ingest::GROUP, aggregator::GROUP] {
            wait_all_read(&stack, group).await;
        }
        for service in [&mut stack.ingest, &mut stack.aggregator] {
            let (status, took) = service.stop().await;
            assert!(status.success() && took < STOP_MAX, "round {round}: {status} after {took:?}");
            service.start_again();
        }
    }
    stack.end().await;
}

/// The markers that end the topic may be read only while the service stops.
#[tokio::test]
async fn service_that_is_stopped_under_transactions_stops_in_order() {
    let mut stack = Stack::start_with_own_parts(&[(&tenant("stops"), None)]).await;
    let kafka = stack.parts.kafka_config();
    let publishing = tokio::spawn(async move {
        let publisher = TransactionalProducer::new(&kafka, "test", "one", TRANSACTION_MAX).unwrap();
        publisher.take_over().await.unwrap();
        let mut records = publisher.records(CONNECTION_EVENTS.name).unwrap();
        loop {
            publisher.begin().unwrap();
            drop(records.collect(b"64894", b"no event"));
            records.hand_over().await.unwrap();
            publisher.commit().await.unwrap();
        }
    });
    for round in 0..5 {
        for service in [&mut stack.ingest, &mut stack.aggregator] {
            wait_assigned(service, round + 1).await;
        }
        // Ranges are on their way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        for service in [&mut stack.ingest, &mut stack.aggregator] {
            let (status, took) = service.stop().await;
            assert!(status.success() && took < STOP_MAX, "round {round}: {status} after {took:?}");
            service.start_again();
        }
    }
    publishing.abort();
    stack.end().await;
}

#[tokio::test]
async fn second_ingest_starts_while_the_first_one_works() {
    let mut stack = Stack::start_with_own_parts(&[(&tenant("starts"), None)]).await;
    let (producer, registry) = stack.parts.journal_parts();
    let id = registry.ensure(&CONNECTION_EVENT).await.unwrap();
    let encoder = Encoder::new(id, &CONNECTION_EVENT).unwrap();
    let publishing = tokio::spawn(async move {
        for number in 0_u64.. {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
            let id = format!("{number:x}-1");
            let event = connection(EventType::ClosedConnection, &id, now.try_into().unwrap());
            let (key, value) = (event.key(), encoder.encode(&event).unwrap());
            let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
            producer.send(out).await.unwrap();
        }
    });
    for round in 0..10 {
        let stored = stack.stored("acme").await;
        stack.wait_stored("acme", stored + 50).await;
        let mut second = stack.another(&format!("ingest-second{round}"));
        wait_assigned(&mut second, 1).await;
        let (status, took) = second.stop().await;
        assert!(status.success() && took < STOP_MAX, "round {round}: {status} after {took:?}");
    }
    stack.ingest.assert_running();
    publishing.abort();
    stack.end().await;
}

/// As after a topic was made anew under services that run: the aggregator looks at its start no sooner than when it is given the partition.
#[tokio::test]
async fn partition_whose_stored_offsets_are_not_on_the_topic_is_not_written() {
    let mut stack = Stack::start_with_own_parts(&[(&tenant("anew"), None)]).await;
    let (producer, registry) = stack.parts.journal_parts();
    let encoder = Encoder::new(registry.ensure(&CONNECTION_EVENT).await.unwrap(), &CONNECTION_EVENT).unwrap();
    let publish = async |number| {
        let event = closed(number, 64894);
        let (key, value) = (event.key(), encoder.encode(&event).unwrap());
        let out = OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
        producer.send(out).await.unwrap();
    };
    publish(1).await;
    wait_all_read(&stack, aggregator::GROUP).await;
    assert!(stack.aggregator.stop().await.0.success());
    stack
        .execute(
            "INSERT INTO connections_by_minute SELECT * REPLACE ([toInt64(1000000)] AS _kafka_offsets) \
             FROM connections_by_minute WHERE tenant = 'acme' LIMIT 1",
        )
        .await;
    publish(2).await;
    stack.aggregator.start_again();
    let status = stack.aggregator.ended().await;
    assert!(!status.success(), "{status}");
    let said = ["offset 1000000 of source main is stored", "The topic was made anew"];
    assert!(stack.aggregator.logged(&said) > 0);
    let counted = "SELECT sum(length(_kafka_offsets)) FROM connections_by_minute WHERE tenant = 'acme'";
    assert_eq!(stack.sql(counted).await.unwrap(), "2", "the event and the row of the old topic");
    stack.ingest.assert_running();
    stack.end().await;
}

/// As after ClickHouse was restored from a backup that is older than the committed offsets: dead letters would explain it too, so ingest says it
/// and goes on.
#[tokio::test]
async fn rows_that_are_gone_before_the_committed_offset_are_said_when_the_partition_is_assigned() {
    const EVENTS: u64 = 1_100;
    let mut stack = Stack::start_with_own_parts(&[(&tenant("restored"), None)]).await;
    publish(&stack, 0..EVENTS, 64894).await;
    stack.wait_stored("acme", EVENTS).await;
    wait_all_read(&stack, ingest::GROUP).await;
    let said = ["no row is stored of so many offsets before the committed one", "\"without_rows\":1100"];
    assert!(stack.ingest.stop().await.0.success());
    stack.ingest.start_again();
    wait_assigned(&mut stack.ingest, 2).await;
    publish(&stack, EVENTS..EVENTS + 1, 64894).await;
    stack.wait_stored("acme", EVENTS + 1).await;
    assert_eq!(stack.ingest.logged(&said[..1]), 0, "all rows are there");
    wait_all_read(&stack, ingest::GROUP).await;

    assert!(stack.ingest.stop().await.0.success());
    stack.execute("DELETE FROM connections WHERE _kafka_offset > 0").await;
    stack.ingest.start_again();
    publish(&stack, EVENTS + 1..EVENTS + 2, 64894).await;
    stack.wait_stored("acme", 2).await;
    assert!(stack.ingest.logged(&said) > 0);
    stack.ingest.assert_running();
    stack.end().await;
}
