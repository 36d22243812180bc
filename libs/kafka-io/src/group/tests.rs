//! A client that breaks, and one whose caller takes no records, against a real broker.

use local_parts::{Kafka, Silent, given};
use schemas::topics;

use super::*;
use crate::admin;
use crate::producer::{OutRecord, Producer};

/// The next assignment's epoch; records that come before it are put into `records`.
async fn assigned(consumer: &mut GroupConsumer, records: &mut Vec<Record>) -> u64 {
    loop {
        match next(consumer).await {
            Arrival::Assigned { epoch, partitions } if partitions.iter().any(|it| it.number == 0) => return epoch,
            Arrival::Record(record) => records.push(record),
            _ => {}
        }
    }
}

async fn record(consumer: &mut GroupConsumer) -> Record {
    loop {
        if let Arrival::Record(record) = next(consumer).await {
            return record;
        }
    }
}

async fn next(consumer: &mut GroupConsumer) -> Arrival {
    tokio::time::timeout(Duration::from_secs(60), consumer.next()).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_client_loses_its_partitions_and_reads_again_what_was_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, _kafka) = match given::kafka() {
        Some(servers) => (servers, None),
        None => {
            let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
            (kafka.bootstrap_servers(), Some(kafka))
        }
    };
    let config = KafkaConfig { bootstrap_servers: servers, ..KafkaConfig::default() };
    let topic = topics::Topic { name: "broken-client", partitions: 1, ..topics::CONNECTION_EVENTS };
    admin::ensure_topics(&config, &[topic], 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    for payload in [b"a", b"b"] {
        producer.send(OutRecord { topic: topic.name, key: b"k", payload, headers: &[] }).await.unwrap();
    }
    let mut consumer = GroupConsumer::new(&config, &GroupOptions::new("breaks", topic.name)).unwrap();
    let committer = consumer.committer();
    let before = assigned(&mut consumer, &mut Vec::new()).await;
    let first = record(&mut consumer).await;
    assert_eq!((first.offset, first.epoch), (0, before));
    committer.commit(&first.partition, before, 1).await.unwrap();

    consumer.shared.member().waker.break_client();
    let mut late = Vec::new();
    loop {
        match next(&mut consumer).await {
            Arrival::Lost { partitions } => {
                assert_eq!(partitions, std::slice::from_ref(&first.partition));
                break;
            }
            Arrival::Record(record) => late.push(record.offset),
            _ => {}
        }
    }
    assert!(late.iter().all(|offset| *offset == 1), "what had been fetched may come before: {late:?}");
    let mut none = Vec::new();
    let after = assigned(&mut consumer, &mut none).await;
    assert!(after > before && none.is_empty(), "{before} {after} {none:?}");
    let again = record(&mut consumer).await;
    assert_eq!((again.offset, again.epoch), (1, after), "from the committed offset");
    let stale = committer.commit(&first.partition, before, 2).await;
    assert!(matches!(stale, Err(CommitFailure::NotOurs(_))), "{stale:?}");
    committer.commit(&again.partition, after, 2).await.unwrap();
    assert_eq!(admin::committed(&config, "breaks", topic.name).await.unwrap()[&0], Some(2));
    consumer.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_go_are_heard_of_while_no_record_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, _kafka) = match given::kafka() {
        Some(servers) => (servers, None),
        None => {
            let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
            (kafka.bootstrap_servers(), Some(kafka))
        }
    };
    let config = KafkaConfig { bootstrap_servers: servers, ..KafkaConfig::default() };
    let topic = topics::Topic { name: "full-caller", partitions: 2, ..topics::CONNECTION_EVENTS };
    admin::ensure_topics(&config, &[topic], 1).await.unwrap();
    let producer = Producer::new(&config, "test").unwrap();
    for number in 0..40 {
        let out = OutRecord { topic: topic.name, key: b"k", payload: b"a", headers: &[] };
        producer.enqueue_to(number % 2, out).await.unwrap().await.unwrap();
    }
    // Fewer than there are: that they wait must not hold up what comes behind them.
    let options = GroupOptions { waiting_records_max: 30, ..GroupOptions::new("full", topic.name) };
    let mut consumer = GroupConsumer::new(&config, &options).unwrap();
    let begun = tokio::time::timeout(Duration::from_secs(60), consumer.next_change()).await.unwrap().unwrap();
    assert!(matches!(&begun, Arrival::Assigned { partitions, .. } if partitions.len() == 2), "{begun:?}");
    let waits = consumer.shared.waiting_records.load(Ordering::Acquire);
    let second = GroupConsumer::new(&config, &options).unwrap();
    let mut gone = Vec::new();
    while gone.is_empty() {
        match tokio::time::timeout(Duration::from_secs(60), consumer.next_change()).await.unwrap().unwrap() {
            Arrival::Revoked { partitions, .. } | Arrival::Lost { partitions } => gone = partitions,
            _ => {}
        }
    }
    println!("{waits} records waited, gone: {gone:?}");
    let left: Vec<_> = consumer
        .passed_over
        .iter()
        .filter_map(|it| match it {
            Arrival::Record(record) => Some(record.partition.clone()),
            _ => None,
        })
        .collect();
    assert!(left.iter().all(|partition| !gone.contains(partition)), "{left:?}");
    assert_eq!(consumer.shared.waiting_records.load(Ordering::Acquire), left.len());
    consumer.close().await;
    second.close().await;
}
