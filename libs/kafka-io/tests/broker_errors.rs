//! A member that takes batches, against brokers that refuse: librdkafka's mock cluster answers with the errors that are put in.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a test has seen is shown when it fails")]

mod support;

use std::time::Instant;

use kafka_io::KafkaConfig;
use kafka_io::batches::{BatchConsumer, BatchOptions, CommitFailure, Committer};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Code};
use support::{PATIENCE, Seen, send};

type Cluster = MockCluster<'static, DefaultProducerContext>;

struct Mock {
    cluster: Cluster,
    config: KafkaConfig,
    producer: FutureProducer,
}

fn mock(topic: &str, partitions: i32) -> Mock {
    let cluster = MockCluster::new(3).unwrap();
    cluster.create_topic(topic, partitions, 3).unwrap();
    let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
    let producer = ClientConfig::new().set("bootstrap.servers", &config.bootstrap_servers).create().unwrap();
    Mock { cluster, config, producer }
}

/// A member that has taken everything, with its committer and the epoch of its only assignment.
fn member(mock: &Mock, topic: &str, count: usize, session_ms: u32) -> (BatchConsumer, Seen, Committer) {
    let mut options = BatchOptions::new(topic, topic);
    options.properties.insert("session.timeout.ms".to_owned(), session_ms.to_string());
    let mut consumer = BatchConsumer::new(&mock.config, &options).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| seen.count() == count);
    let committer = consumer.committer();
    (consumer, seen, committer)
}

/// Commits, under whichever epoch is the newest: the mock cluster may have thrown the member out meanwhile.
async fn commit_at_last(consumer: &mut BatchConsumer, seen: &mut Seen, committer: &Committer) {
    let begin = Instant::now();
    loop {
        assert!(begin.elapsed() < PATIENCE, "{seen:?}");
        let Some(epoch) = seen.epochs.get(&0).copied() else {
            seen.take(consumer);
            continue;
        };
        match committer.commit(0, epoch, 10, "").await {
            Ok(()) => return,
            Err(CommitFailure::Stop(reason) | CommitFailure::OtherTopic(reason)) => panic!("{reason}"),
            Err(CommitFailure::NotOurs(_) | CommitFailure::Retry(_)) => seen.take(consumer),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_commit_says_what_the_caller_does_next() {
    // What the client retries by itself is put in often enough for it to give up.
    let cases = [
        (Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 20, "retry"),
        (Code::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE, 1, "stop"),
        (Code::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, 1, "stop"),
        (Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1, "stop"),
    ];
    for (code, times, wanted) in cases {
        let mock = mock("commits", 1);
        send(&mock.producer, "commits", 0, 0..10).await;
        let (mut consumer, mut seen, committer) = member(&mock, "commits", 10, 45_000);
        mock.cluster.request_errors(RDKafkaApiKey::OffsetCommit, &vec![code; times]);
        let committed = committer.commit(0, seen.epochs[&0], 5, "x").await;
        mock.cluster.clear_request_errors(RDKafkaApiKey::OffsetCommit);
        let next = match &committed {
            Ok(()) => "go on",
            Err(CommitFailure::NotOurs(_)) => "forget",
            Err(CommitFailure::Retry(_)) => "retry",
            Err(CommitFailure::Stop(_) | CommitFailure::OtherTopic(_)) => "stop",
        };
        assert_eq!(next, wanted, "{code:?}: {committed:?}");
        commit_at_last(&mut consumer, &mut seen, &committer).await;
        consumer.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn member_that_the_coordinator_has_forgotten_is_refused_and_begins_anew() {
    for (code, wanted) in
        [(Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, "forget"), (Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, "retry")]
    {
        let mock = mock("forgotten", 1);
        send(&mock.producer, "forgotten", 0, 0..10).await;
        // The mock cluster waits for the member that it was made to forget until its session is over.
        let (mut consumer, mut seen, committer) = member(&mock, "forgotten", 10, 6_000);
        let epoch = seen.epochs[&0];
        mock.cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[code]);
        let refused = committer.commit(0, epoch, 5, "").await;
        match wanted {
            "forget" => assert!(matches!(refused, Err(CommitFailure::NotOurs(_))), "{refused:?}"),
            _ => assert!(matches!(refused, Err(CommitFailure::Retry(_))), "{refused:?}"),
        }
        // The same from the heartbeat: now the client knows it too.
        mock.cluster.request_errors(RDKafkaApiKey::Heartbeat, &[code]);
        seen.until(&mut consumer, |seen| seen.assignments == 2);
        assert_eq!(seen.losses, 1);
        assert!(seen.epochs[&0] > epoch);
        let late = committer.commit(0, epoch, 5, "").await;
        assert!(matches!(late, Err(CommitFailure::NotOurs(_))), "{late:?}");
        seen.until(&mut consumer, |seen| seen.count() >= 20);
        commit_at_last(&mut consumer, &mut seen, &committer).await;
        consumer.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn committed_offsets_are_asked_for_until_the_coordinator_answers() {
    let mock = mock("patience", 2);
    send(&mock.producer, "patience", 0, 0..10).await;
    let (consumer, seen, committer) = member(&mock, "patience", 10, 45_000);
    committer.commit(0, seen.epochs[&0], 7, "noted").await.unwrap();
    consumer.close();
    let errors = [
        Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Code::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT,
    ];
    mock.cluster.request_errors(RDKafkaApiKey::OffsetFetch, &errors);
    mock.cluster.request_errors(RDKafkaApiKey::ListOffsets, &[Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE; 3]);
    let (consumer, seen, _) = member(&mock, "patience", 3, 45_000);
    assert_eq!(seen.begun[&0], (Some((7, "noted".to_owned())), 7));
    assert_eq!(seen.begun[&1], (None, 0));
    consumer.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn fetches_that_are_refused_lose_and_repeat_nothing() {
    let mock = mock("fetches", 2);
    let mut consumer = BatchConsumer::new(&mock.config, &BatchOptions::new("fetches", "fetches")).unwrap();
    let mut seen = Seen::default();
    let codes = [
        Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
        Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        Code::RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
        Code::RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
        Code::RD_KAFKA_RESP_ERR_UNKNOWN,
    ];
    for (code, round) in codes.into_iter().zip(0..) {
        mock.cluster.request_errors(RDKafkaApiKey::Fetch, &[code; 3]);
        for partition in 0..2 {
            send(&mock.producer, "fetches", partition, round * 50..(round + 1) * 50).await;
        }
        let wanted = usize::try_from(100 * (round + 1)).unwrap();
        seen.until(&mut consumer, |seen| seen.count() == wanted);
    }
    for partition in 0..2 {
        let offsets: Vec<i64> = seen.records[&partition].iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets, (0..300).collect::<Vec<i64>>());
    }
    assert_eq!((seen.assignments, seen.losses), (1, 0));
    consumer.close();
}
