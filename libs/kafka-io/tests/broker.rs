//! Against a real broker: partitions, positions past what is no record, back-pressure, commits, and a broker that is killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use kafka_io::batches::CommitFailure;
use kafka_io::{
    Arrival, BatchProducer, Followed, GroupConsumer, GroupOptions, KafkaConfig, OutRecord, ProduceError, Producer,
    TopicFollower, admin,
};
use local_parts::{Kafka, Part, Silent, given};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use schemas::{murmur2, topics};

/// The broker that is given, or one of our own.
async fn broker() -> (KafkaConfig, Option<(Kafka, tempfile::TempDir)>) {
    let config = |servers| KafkaConfig { bootstrap_servers: servers, ..KafkaConfig::default() };
    if let Some(servers) = given::kafka() {
        return (config(servers), None);
    }
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    (config(kafka.bootstrap_servers()), Some((kafka, folder)))
}

async fn send(producer: &Producer, key: &str, payload: &[u8]) -> kafka_io::Delivered {
    let topic = topics::CONNECTION_EVENTS.name;
    producer.send(OutRecord { topic, key: key.as_bytes(), payload, headers: &[("a", b"b")] }).await.unwrap()
}

/// Ends of partitions, the highest of each, until `is_enough`.
async fn positions(
    consumer: &mut GroupConsumer,
    is_enough: impl Fn(&BTreeMap<i32, i64>, usize) -> bool,
) -> BTreeMap<i32, i64> {
    let (mut positions, mut records) = (BTreeMap::new(), 0);
    let collecting = async {
        while !is_enough(&positions, records) {
            match consumer.next().await.unwrap() {
                Arrival::End { partition, position, .. } => {
                    positions.insert(partition.number, position);
                }
                Arrival::Record(_) => records += 1,
                Arrival::Assigned { .. } | Arrival::Revoked { .. } | Arrival::Lost { .. } => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), collecting).await.unwrap();
    positions
}

#[tokio::test(flavor = "multi_thread")]
async fn record_lies_where_the_java_client_and_the_contract_put_it() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let again = admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    assert!(again.iter().all(|made| !made.is_new));
    let producer = Producer::new(&config, "test").unwrap();
    let keys: Vec<String> =
        (64_890..64_930).map(|id: u64| id.to_string()).chain(["9223372036854775807".to_owned()]).collect();
    let mut found = Vec::new();
    for key in &keys {
        found.push(send(&producer, key, b"x").await.partition);
    }
    let ours: Vec<i32> =
        keys.iter().map(|key| i32::try_from(murmur2::partition(key.as_bytes(), 16)).unwrap()).collect();
    assert_eq!(found, ours);
    let jars = local_parts::ensure(Part::Kafka, &Silent).await.unwrap().join("jars").join("*");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/PartitionOf.java");
    let java = Command::new("java").arg("-cp").arg(jars).arg(source).arg("16").args(&keys).output().unwrap();
    assert!(java.status.success(), "{}", String::from_utf8_lossy(&java.stderr));
    let theirs: Vec<i32> = String::from_utf8(java.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(found, theirs);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_bulk_lie_in_order_where_their_keys_put_them_and_one_that_is_too_large_is_refused_alone() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, topics::ALL, 1).await.unwrap();
    let (topic, letters) = (topics::CONNECTION_EVENTS.name, topics::CONNECTION_LINES_DEAD_LETTER.name);
    let mut producer = BatchProducer::new(&config, "test", topic).unwrap();
    let mut receipts = Vec::new();
    for number in 0..3_000_u32 {
        let payload = if number == 1_234 { vec![7; 2_000_000] } else { number.to_be_bytes().to_vec() };
        receipts.push(producer.collect((number % 97).to_string().as_bytes(), &payload));
        if producer.is_full() {
            producer.hand_over().await.unwrap();
        }
    }
    // A record of another topic goes behind what was collected.
    let letter = OutRecord { topic: letters, key: b"k", payload: b"x", headers: &[("a", b"b")] };
    receipts.push(producer.enqueue(letter).await.unwrap());
    let huge = producer.enqueue(OutRecord { payload: &vec![7; 2_000_000], ..letter }).await;
    assert!(matches!(huge, Err(ProduceError::Refused(_))));
    for (number, receipt) in receipts.into_iter().enumerate() {
        let fate = tokio::time::timeout(Duration::from_secs(60), receipt).await.unwrap();
        assert_eq!(matches!(fate, Err(ProduceError::Refused(_))), number == 1_234, "{fate:?}");
        assert_eq!(fate.is_ok(), number != 1_234);
    }
    // What is only collected does not hold up the clones of its producer.
    let mut clone = producer.clone();
    let never_sent = clone.collect(b"k", b"x");
    drop((clone, never_sent));
    let last = producer.collect(b"0", &5_000_u32.to_be_bytes());
    producer.hand_over().await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), last).await.unwrap().unwrap();

    let mut follower = TopicFollower::from_beginning(&config, topic).await.unwrap();
    let mut newest = BTreeMap::new();
    let mut count = 0;
    while let Followed::Record(record) = follower.next().await.unwrap() {
        let key = record.key.unwrap();
        assert_eq!(record.partition.number, i32::try_from(murmur2::partition(&key, 16)).unwrap());
        let number = u32::from_be_bytes(record.payload.unwrap()[..].try_into().unwrap());
        assert!(newest.insert(record.partition.number, number).is_none_or(|before| before < number));
        count += 1;
    }
    assert_eq!(count, 3_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn position_passes_markers_and_aborted_records_and_empty_partitions() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, &[topics::CONNECTION_EVENTS], 1).await.unwrap();
    let topic = topics::CONNECTION_EVENTS.name;
    let transactional: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.bootstrap_servers)
        .set("transactional.id", "test-markers")
        .create()
        .unwrap();
    let wait = Duration::from_secs(30);
    transactional.init_transactions(wait).unwrap();
    for (partition, commits) in [(0, true), (1, false)] {
        transactional.begin_transaction().unwrap();
        for _ in 0..3 {
            let record: FutureRecord<'_, str, str> = FutureRecord::to(topic).partition(partition).payload("x").key("k");
            transactional.send(record, wait).await.unwrap();
        }
        if commits {
            transactional.commit_transaction(wait).unwrap();
        } else {
            transactional.abort_transaction(wait).unwrap();
        }
    }
    let ends = admin::stable_ends(&config, topic).await.unwrap();
    // Three records and a marker in each.
    assert_eq!((ends[&0], ends[&1], ends[&2]), (4, 4, 0));
    assert_eq!(admin::stable_bounds(&config, topic, 0).await.unwrap(), Some((0, 4)));
    assert_eq!(admin::stable_bounds(&config, topic, 16).await.unwrap(), None);
    let first_at = async |partition, offsets: &[i64]| {
        let record = admin::first_record_at(&config, topic, partition, offsets).await.unwrap();
        record.map(|record| (record.partition.number, record.offset))
    };
    // At 3 lies the marker, at 900 nothing.
    assert_eq!(first_at(0, &[3, 900, 2, 1]).await, Some((0, 2)));
    assert_eq!((first_at(0, &[3]).await, first_at(1, &[2, 0]).await, first_at(2, &[0]).await), (None, None, None));
    let mut consumer = GroupConsumer::new(&config, &GroupOptions::new("markers", topic)).unwrap();
    let positions =
        positions(&mut consumer, |positions, _| positions.len() == 16 && positions[&0] == 4 && positions[&1] == 4)
            .await;
    assert_eq!(positions, ends);
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_caller_holds_back_the_fetch_and_loses_nothing() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, &[topics::CONNECTION_EVENTS], 1).await.unwrap();
    let topic = topics::CONNECTION_EVENTS.name;
    let producer = Producer::new(&config, "test").unwrap();
    let mut acknowledgements = Vec::new();
    for number in 0..3_000 {
        let key = number.to_string();
        let record = OutRecord { topic, key: key.as_bytes(), payload: &[7; 2_000], headers: &[] };
        acknowledgements.push(producer.enqueue(record).await.unwrap());
    }
    for acknowledgement in acknowledgements {
        acknowledgement.await.unwrap();
    }
    let options = GroupOptions {
        waiting_records_max: 50,
        // Far shorter than the caller sleeps: it stays a member because the thread goes on polling.
        properties: [("max.poll.interval.ms", "6000"), ("session.timeout.ms", "6000")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..GroupOptions::new("slow", topic)
    };
    let mut consumer = GroupConsumer::new(&config, &options).unwrap();
    let (mut records, mut assignments) = (0, 0);
    while records < 3_000 {
        match tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.unwrap().unwrap() {
            Arrival::Record(_) => {
                records += 1;
                if records == 10 {
                    tokio::time::sleep(Duration::from_secs(8)).await;
                }
            }
            Arrival::Assigned { .. } => assignments += 1,
            Arrival::Revoked { .. } | Arrival::Lost { .. } => panic!("thrown out"),
            Arrival::End { .. } => {}
        }
    }
    assert_eq!((records, assignments), (3_000, 1));
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_of_an_assignment_that_has_ended_is_refused() {
    let (config, _broker) = broker().await;
    admin::ensure_topics(&config, &[topics::CONNECTION_EVENTS], 1).await.unwrap();
    let topic = topics::CONNECTION_EVENTS.name;
    let producer = Producer::new(&config, "test").unwrap();
    let delivered = send(&producer, "1", b"x").await;
    let mut consumer = GroupConsumer::new(&config, &GroupOptions::new("commits", topic)).unwrap();
    let record = loop {
        if let Arrival::Record(record) = consumer.next().await.unwrap() {
            break record;
        }
    };
    assert_eq!((record.offset, record.header("a").map(|value| &value[..])), (delivered.offset, Some(&b"b"[..])));
    let committer = consumer.committer();
    committer.commit(&record.partition, record.epoch, record.offset + 1).await.unwrap();
    let committed = admin::committed(&config, "commits", topic).await.unwrap();
    assert_eq!(committed[&record.partition.number], Some(record.offset + 1));
    let stale = committer.commit(&record.partition, record.epoch + 1, 0).await;
    assert!(matches!(stale, Err(CommitFailure::NotOurs(_))), "{stale:?}");
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn producer_and_consumer_ride_over_a_broker_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..KafkaConfig::default() };
    admin::ensure_topics(&config, &[topics::CONNECTION_EVENTS], 1).await.unwrap();
    let topic = topics::CONNECTION_EVENTS.name;
    let producer = Producer::new(&config, "test").unwrap();
    let mut consumer = GroupConsumer::new(&config, &GroupOptions::new("outage", topic)).unwrap();
    send(&producer, "1", b"before").await;
    positions(&mut consumer, |_, records| records == 1).await;
    kafka.kill();
    let sending = {
        let producer = producer.clone();
        tokio::spawn(async move { send(&producer, "1", b"during").await })
    };
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!sending.is_finished(), "nothing is acknowledged by a broker that is gone");
    kafka.restart().await.unwrap();
    sending.await.unwrap();
    positions(&mut consumer, |_, records| records == 1).await;
    let mut follower = TopicFollower::from_beginning(&config, topic).await.unwrap();
    let mut values = Vec::new();
    while let Followed::Record(record) = follower.next().await.unwrap() {
        values.push(record.payload.unwrap());
    }
    assert_eq!(values, [&b"before"[..], b"during"]);
    consumer.close().await;
}
