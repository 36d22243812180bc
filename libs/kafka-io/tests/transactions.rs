//! Transactions through a broker's outage, against a real broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a test has seen is shown when it fails")]

mod support;

use std::time::Duration;

use kafka_io::{KafkaConfig, TransactionError, TransactionalProducer, admin};
use local_parts::{Kafka, Silent};
use support::Broker;

const TOPIC: &str = "outage";
const TRANSACTION_MAX: Duration = Duration::from_secs(120);
/// Longer than one call into the client waits.
const OUTAGE: Duration = Duration::from_secs(13);

#[tokio::test(flavor = "multi_thread")]
async fn commit_waits_out_a_broker_that_is_away_for_longer_than_a_call_into_the_client() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..Default::default() };
    Broker::of(config.clone()).topic(TOPIC, 1, &[]).await;
    let producer = TransactionalProducer::new(&config, "test", "one", TRANSACTION_MAX).unwrap();
    producer.take_over().await.unwrap();
    let mut records = producer.records(TOPIC).unwrap();
    producer.begin().unwrap();
    drop(records.collect(b"k", b"before"));
    records.hand_over().await.unwrap();
    producer.commit().await.unwrap();

    producer.begin().unwrap();
    kafka.kill();
    drop(records.collect(b"k", b"while it is away"));
    records.hand_over().await.unwrap();
    let committing = tokio::spawn({
        let producer = producer.clone();
        async move { producer.commit().await }
    });
    tokio::time::sleep(OUTAGE).await;
    assert!(!committing.is_finished(), "nobody is there to answer");
    kafka.restart().await.unwrap();
    match committing.await.unwrap() {
        Ok(()) => {}
        // Its records were given up meanwhile: whoever is told so does the work again.
        Err(TransactionError::DoAgain(_)) => {
            producer.abort().await.unwrap();
            producer.begin().unwrap();
            drop(records.collect(b"k", b"again"));
            records.hand_over().await.unwrap();
            producer.commit().await.unwrap();
        }
        Err(error) => panic!("{error}"),
    }
    // Two records and the marker of each transaction; and those of one that was aborted.
    let (end, stable) =
        (admin::ends(&config, TOPIC).await.unwrap()[&0], admin::stable_ends(&config, TOPIC).await.unwrap()[&0]);
    assert!(end >= 4 && end == stable, "{end} {stable}");
}
