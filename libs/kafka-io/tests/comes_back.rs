//! A partition that goes while a commit of its is under way, and comes back to the same member, against a real broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a test has seen is shown when it fails")]

mod support;

use std::time::{Duration, Instant};

use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions, CommitFailure};
use kafka_io::{KafkaConfig, admin};
use local_parts::{Kafka, Silent};
use support::{BOTH, Broker, PATIENCE, Seen, options, send};

/// Records of each partition: more than is taken before it goes, so that there are some of it in the client's queue then.
const EACH: u64 = 20_000;

#[tokio::test(flavor = "multi_thread")]
async fn partition_that_comes_back_brings_nothing_of_its_first_life_and_its_commit_that_was_under_way_counts_for_that()
{
    let folder = tempfile::tempdir().unwrap();
    let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..Default::default() };
    let broker = Broker::of(config.clone());
    let producer = broker.producer();
    for protocol in BOTH {
        let topic = broker.name(&format!("back-{protocol:?}"));
        broker.topic(&topic, 2, &[]).await;
        send(&producer, &topic, 0, 0..EACH).await;
        send(&producer, &topic, 1, 0..EACH).await;
        // Small answers: each partition has its turn soon.
        let options = BatchOptions { partition_bytes_max: 1 << 16, ..options(&topic, &topic, protocol) };
        let mut first = BatchConsumer::new(&config, &options).unwrap();
        let mut seen = Seen::default();
        let has_some = |seen: &Seen, number| seen.records.get(&number).is_some_and(|all| all.len() >= 100);
        seen.until(&mut first, |seen| has_some(seen, 0) && has_some(seen, 1));

        let mut second = BatchConsumer::new(&config, &options).unwrap();
        let mut other = Seen::default();
        let begin = Instant::now();
        let (gone, acknowledged) = loop {
            assert!(begin.elapsed() < PATIENCE);
            other.take(&mut second);
            // No records: what the client has fetched stays in its queue.
            if let Some(Arrived::Revoked { partitions, acknowledged }) =
                first.next(0, Duration::from_millis(50)).unwrap()
            {
                break (partitions[0], acknowledged);
            }
        };
        let (committer, old) = (first.committer(), seen.epochs.remove(&gone).unwrap());
        kafka.suspend();
        let committing = std::thread::spawn({
            let committer = committer.clone();
            move || committer.commit_after_check(gone, old, 50, "under way")
        });
        // It has passed its gate by then, on a slow machine too; nothing else moves meanwhile.
        std::thread::sleep(Duration::from_secs(3));
        drop(acknowledged);
        let begin = Instant::now();
        while committer.owns(gone, old) {
            assert!(begin.elapsed() < PATIENCE, "its gate stays open");
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(!committing.is_finished(), "nobody is there to answer");
        kafka.resume();
        let answer = committing.join().unwrap();

        // The next owner begins behind that commit, and nothing of it comes later.
        other.until(&mut second, |other| other.epochs.contains_key(&gone));
        match answer {
            Ok(()) => assert_eq!(other.begun[&gone], (Some((50, "under way".to_owned())), 50)),
            Err(CommitFailure::Retry(reason)) => println!("{protocol:?}: no sure answer: {reason}"),
            Err(error) => panic!("{error}"),
        }
        second.committer().commit(gone, other.epochs[&gone], 60, "the second's").await.unwrap();
        second.close();

        seen.records.clear();
        seen.until(&mut first, |seen| seen.records.get(&gone).is_some_and(|all| all.len() >= 1_000));
        assert_eq!(seen.begun[&gone], (Some((60, "the second's".to_owned())), 60));
        assert!(seen.epochs[&gone] > old);
        // What lay in the queue when it went began far behind 60.
        let offsets: Vec<i64> = seen.records[&gone].iter().map(|(offset, _)| *offset).collect();
        assert_eq!(offsets[..1_000], (60..1_060).collect::<Vec<i64>>());
        let late = committer.commit(gone, old, 40, "").await;
        assert!(matches!(late, Err(CommitFailure::NotOurs(_))), "{late:?}");
        assert_eq!(admin::committed(&config, &topic, &topic).await.unwrap()[&gone], Some(60));
        committer.commit(gone, seen.epochs[&gone], 1_060, "").await.unwrap();
        first.close();
    }
}
