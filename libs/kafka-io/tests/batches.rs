//! A member that takes batches, against a real broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a test has seen is shown when it fails")]

mod support;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kafka_io::admin;
use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions, CommitFailure, FetchError, Item, Protocol};
use local_parts::{Kafka, Silent};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureRecord, Producer as _};
use support::{BOTH, Broker, PATIENCE, Seen, options, send};

#[tokio::test(flavor = "multi_thread")]
async fn records_and_ends_come_and_what_was_noted_at_a_commit_comes_back() {
    let broker = Broker::start().await;
    let producer = broker.producer();
    for protocol in BOTH {
        let topic = broker.name(&format!("notes-{protocol:?}"));
        broker.topic(&topic, 3, &[]).await;
        send(&producer, &topic, 0, 0..1000).await;
        send(&producer, &topic, 1, 0..10).await;
        let mut consumer = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.ends.len() == 3);
        assert_eq!(seen.begun.values().collect::<Vec<_>>(), [&(None, 0), &(None, 0), &(None, 0)]);
        assert_eq!(seen.ends.values().copied().collect::<Vec<_>>(), [1000, 10, 0]);
        let wanted = |count: i64| (0..count).map(|it| (it, it.to_string())).collect::<Vec<_>>();
        assert_eq!((&seen.records[&0], &seen.records[&1]), (&wanted(1000), &wanted(10)));
        let committer = consumer.committer();
        let note = "é\u{1f600}".repeat(1365) + "x";
        assert_eq!(note.encode_utf16().count(), 4096);
        committer.commit(0, seen.epochs[&0], 700, &note).await.unwrap();
        committer.commit(1, seen.epochs[&1], 10, "").await.unwrap();
        let too_long = committer.commit(0, seen.epochs[&0], 701, &(note.clone() + "x")).await;
        assert!(matches!(too_long, Err(CommitFailure::Stop(_))), "{too_long:?}");
        consumer.close();
        let mut consumer = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.ends.len() == 3);
        assert_eq!(seen.begun[&0], (Some((700, note)), 700));
        assert_eq!(seen.begun[&1], (Some((10, String::new())), 10));
        assert_eq!(seen.begun[&2], (None, 0));
        assert_eq!((seen.records[&0][0].0, seen.records.get(&1)), (700, None));
        consumer.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn record_is_handed_on_as_it_lay_there() {
    let broker = Broker::start().await;
    let topic = broker.name("whole");
    broker.topic(&topic, 1, &[("message.timestamp.type", "CreateTime")]).await;
    let headers = OwnedHeaders::new()
        .insert(Header { key: "a", value: Some("1") })
        .insert(Header { key: "none", value: None::<&str> })
        .insert(Header { key: "", value: Some("") });
    let full = FutureRecord::to(&topic).key("k").payload("v").headers(headers).timestamp(1_700_000_000_123);
    let bare: FutureRecord<'_, str, str> = FutureRecord::to(&topic);
    let producer = broker.producer();
    producer.send(full, PATIENCE).await.unwrap();
    producer.send(bare, PATIENCE).await.unwrap();
    let mut consumer = BatchConsumer::new(&broker.config, &BatchOptions::new(&topic, &topic)).unwrap();
    let mut kept = Vec::new();
    while kept.iter().map(kafka_io::batches::Fetched::records).sum::<usize>() < 2 {
        if let Some(Arrived::Fetched(fetched)) = consumer.next(10, PATIENCE).unwrap() {
            kept.push(fetched);
        }
    }
    // Nothing borrowed of the consumer: batches may outlive it, in another thread.
    consumer.close();
    let read = std::thread::spawn(move || {
        let records = kept.iter().flat_map(kafka_io::batches::Fetched::items).filter_map(|item| match item {
            Item::Record(it) => {
                let headers: Vec<_> = it.headers().map(|(k, v)| (k.to_owned(), v.map(<[u8]>::to_vec))).collect();
                Some((it.offset, it.timestamp_ms, it.key.map(<[u8]>::to_vec), it.payload.map(<[u8]>::to_vec), headers))
            }
            _ => None,
        });
        (records.collect::<Vec<_>>(), kept.iter().map(kafka_io::batches::Fetched::bytes).sum::<usize>())
    });
    let (records, bytes) = read.join().unwrap();
    let headers = [("a".to_owned(), Some(b"1".to_vec())), ("none".to_owned(), None), (String::new(), Some(Vec::new()))];
    assert_eq!(records[0], (0, 1_700_000_000_123, Some(b"k".to_vec()), Some(b"v".to_vec()), headers.to_vec()));
    assert_eq!((records[1].0, &records[1].2, &records[1].3, &records[1].4), (1, &None, &None, &Vec::new()));
    assert_eq!(bytes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn end_passes_markers_and_aborted_records_and_empty_partitions() {
    let broker = Broker::start().await;
    for protocol in BOTH {
        let topic = broker.name(&format!("markers-{protocol:?}"));
        broker.topic(&topic, 4, &[]).await;
        let producer = broker.transactional(&topic);
        for (partition, commits) in [(0, true), (1, false), (2, true), (2, false)] {
            producer.begin_transaction().unwrap();
            send(&producer, &topic, partition, 0..3).await;
            if commits {
                producer.commit_transaction(PATIENCE).unwrap();
            } else {
                producer.abort_transaction(PATIENCE).unwrap();
            }
        }
        let ends = admin::stable_ends(&broker.config, &topic).await.unwrap();
        assert_eq!(ends.values().copied().collect::<Vec<_>>(), [4, 4, 8, 0]);
        let mut consumer = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.ends == ends);
        let counts: Vec<usize> = (0..4).map(|number| seen.records.get(&number).map_or(0, Vec::len)).collect();
        assert_eq!(counts, [3, 0, 3, 0]);
        // While it waits at the end: one more transaction that is aborted, and one that is open.
        producer.begin_transaction().unwrap();
        send(&producer, &topic, 0, 3..5).await;
        producer.abort_transaction(PATIENCE).unwrap();
        seen.until(&mut consumer, |seen| seen.ends[&0] == 7);
        producer.begin_transaction().unwrap();
        send(&producer, &topic, 3, 0..2).await;
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            seen.take(&mut consumer);
        }
        assert_eq!((seen.count(), seen.ends[&3]), (6, 0));
        producer.commit_transaction(PATIENCE).unwrap();
        seen.until(&mut consumer, |seen| seen.ends[&3] == 3);
        assert_eq!((seen.count(), seen.ends), (8, [(0, 7), (1, 4), (2, 8), (3, 3)].into()));
        consumer.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn end_passes_what_compaction_has_taken_out() {
    let broker = Broker::start().await;
    let settings = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "100"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("min.compaction.lag.ms", "0"),
    ];
    let topic = broker.name("gaps");
    broker.topic(&topic, 1, &settings).await;
    let producer = broker.producer();
    send(&producer, &topic, 0, 0..50).await;
    let begin = Instant::now();
    let mut next = 50;
    // Every record has the same key: of the closed segments only the newest record stays.
    let seen = loop {
        assert!(begin.elapsed() < PATIENCE, "the broker does not compact");
        tokio::time::sleep(Duration::from_secs(1)).await;
        send(&producer, &topic, 0, next..next + 1).await;
        next += 1;
        let mut consumer =
            BatchConsumer::new(&broker.config, &BatchOptions::new(&format!("{topic}-{next}"), &topic)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.ends.len() == 1);
        consumer.close();
        if seen.count() < 50 {
            break seen;
        }
    };
    assert_eq!(seen.ends[&0], i64::try_from(next).unwrap());
    let last = seen.records[&0].last().unwrap();
    assert_eq!(last, &(i64::try_from(next).unwrap() - 1, (next - 1).to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_after_a_rebalance_at_the_end_of_a_partition_is_not_left_out() {
    let broker = Broker::start().await;
    let producer = broker.producer();
    for protocol in BOTH {
        let topic = broker.name(&format!("at-end-{protocol:?}"));
        broker.topic(&topic, 2, &[]).await;
        send(&producer, &topic, 0, 0..3).await;
        send(&producer, &topic, 1, 0..3).await;
        let mut first = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let (mut seen, mut other) = (Seen::default(), Seen::default());
        seen.until(&mut first, |seen| seen.ends.len() == 2);
        // One partition goes, one is kept, and the client pauses that too.
        let mut second = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let begin = Instant::now();
        while other.epochs.is_empty() || seen.epochs.len() != 1 {
            assert!(begin.elapsed() < PATIENCE);
            seen.take(&mut first);
            other.take(&mut second);
        }
        let kept = *seen.epochs.keys().next().unwrap();
        send(&producer, &topic, kept, 3..4).await;
        seen.until(&mut first, |seen| seen.ends[&kept] == 4);
        let values: Vec<i64> = seen.records[&kept].iter().map(|(offset, _)| *offset).collect();
        assert_eq!(values, [0, 1, 2, 3]);
        second.close();
        first.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_of_an_assignment_that_has_ended_is_refused_though_kafka_would_take_it() {
    let broker = Broker::start().await;
    let producer = broker.producer();
    for protocol in BOTH {
        let topic = broker.name(&format!("gate-{protocol:?}"));
        broker.topic(&topic, 2, &[]).await;
        send(&producer, &topic, 0, 0..10).await;
        send(&producer, &topic, 1, 0..10).await;
        let mut first = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut first, |seen| seen.count() == 20);
        let mut second = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut other = Seen::default();
        let begin = Instant::now();
        let (gone, acknowledged) = loop {
            assert!(begin.elapsed() < PATIENCE);
            other.take(&mut second);
            match first.next(100, Duration::from_millis(50)).unwrap() {
                Some(Arrived::Revoked { partitions, acknowledged }) => break (partitions[0], acknowledged),
                Some(Arrived::Assigned { .. } | Arrived::Lost { .. } | Arrived::Fetched(_)) | None => {}
            }
        };
        let (committer, epoch) = (first.committer(), seen.epochs[&gone]);
        committer.commit(gone, epoch, 5, "the last one").await.unwrap();
        drop(acknowledged);
        other.until(&mut second, |other| other.epochs.contains_key(&gone));
        assert_eq!(other.begun[&gone], (Some((5, "the last one".to_owned())), 5));
        second.committer().commit(gone, other.epochs[&gone], 9, "").await.unwrap();
        assert!(!committer.owns(gone, epoch));
        let late = committer.commit(gone, epoch, 6, "").await;
        assert!(matches!(late, Err(CommitFailure::NotOurs(_))), "{late:?}");
        let committed = admin::committed(&broker.config, &topic, &topic).await.unwrap();
        assert_eq!(committed[&gone], Some(9));
        let kept = 1 - gone;
        committer.commit(kept, seen.epochs[&kept], 7, "").await.unwrap();
        second.close();
        first.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caller_that_takes_nothing_for_long_stays_a_member() {
    let broker = Broker::start().await;
    let producer = broker.producer();
    for protocol in BOTH {
        let topic = broker.name(&format!("slow-{protocol:?}"));
        broker.topic(&topic, 2, &[]).await;
        send(&producer, &topic, 0, 0..5_000).await;
        let mut slow = options(&topic, &topic, protocol);
        slow.properties.insert("max.poll.interval.ms".to_owned(), "6000".to_owned());
        if protocol == Protocol::Classic {
            slow.properties.insert("session.timeout.ms".to_owned(), "6000".to_owned());
        }
        let mut consumer = BatchConsumer::new(&broker.config, &slow).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.count() > 0);
        tokio::time::sleep(Duration::from_secs(9)).await;
        seen.until(&mut consumer, |seen| seen.count() == 5_000);
        assert_eq!((seen.assignments, seen.revokes, seen.losses), (1, 0, 0));
        consumer.committer().commit(0, seen.epochs[&0], 5_000, "").await.unwrap();
        consumer.close();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_partition_waits_and_others_do_not_wait_for_it() {
    let broker = Broker::start().await;
    let producer = broker.producer();
    let topic = broker.name("held");
    broker.topic(&topic, 2, &[]).await;
    send(&producer, &topic, 0, 0..100).await;
    let mut consumer = BatchConsumer::new(&broker.config, &BatchOptions::new(&topic, &topic)).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| seen.count() == 100);
    consumer.hold(0, seen.epochs[&0], 40).unwrap();
    send(&producer, &topic, 0, 100..110).await;
    send(&producer, &topic, 1, 0..1000).await;
    seen.until(&mut consumer, |seen| seen.records.get(&1).map_or(0, Vec::len) == 1000);
    assert_eq!(seen.records.remove(&0).unwrap().len(), 100);
    // A rebalance in which it is kept does not let it go on.
    let mut second = BatchConsumer::new(&broker.config, &BatchOptions::new(&topic, &topic)).unwrap();
    let (mut other, begin) = (Seen::default(), Instant::now());
    while other.assignments == 0 || seen.revokes == 0 {
        assert!(begin.elapsed() < PATIENCE);
        seen.take(&mut consumer);
        other.take(&mut second);
    }
    second.close();
    seen.until(&mut consumer, |seen| seen.epochs.len() == 2);
    let was_kept = seen.epochs[&0] == 1;
    if was_kept {
        assert!(!seen.records.contains_key(&0));
        consumer.go_on(0, 1).unwrap();
    }
    // Where it was not kept the hold ended with its assignment, and it began at the committed offset again.
    let first = if was_kept { 40 } else { 0 };
    seen.until(&mut consumer, |seen| seen.records.get(&0).is_some_and(|all| all.last().unwrap().0 == 109));
    let offsets: Vec<i64> = seen.records[&0].iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (first..110).collect::<Vec<i64>>());
    consumer.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn offset_that_is_not_there_is_told_and_nothing_is_read_instead() {
    let broker = Broker::start().await;
    let topic = broker.name("range");
    broker.topic(&topic, 1, &[]).await;
    let producer = broker.producer();
    send(&producer, &topic, 0, 0..10).await;
    let options = BatchOptions::new(&topic, &topic);
    let mut consumer = BatchConsumer::new(&broker.config, &options).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| seen.count() == 10);
    consumer.committer().commit(0, seen.epochs[&0], 1_000, "of a topic that was").await.unwrap();
    consumer.close();
    let mut consumer = BatchConsumer::new(&broker.config, &options).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| !seen.out_of_range.is_empty());
    assert_eq!((seen.out_of_range[&0], seen.count()), (1_000, 0));
    consumer.committer().commit(0, seen.epochs[&0], 4, "").await.unwrap();
    consumer.close();
    let mut consumer = BatchConsumer::new(&broker.config, &options).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| seen.count() == 6);
    consumer.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn static_member_comes_back_to_its_partitions_and_a_second_one_of_its_name_throws_it_out() {
    let broker = Broker::start().await;
    let topic = broker.name("static");
    broker.topic(&topic, 4, &[]).await;
    let of = |name: &str| BatchOptions { instance_id: Some(name.to_owned()), ..BatchOptions::new(&topic, &topic) };
    let mut first = BatchConsumer::new(&broker.config, &of("one")).unwrap();
    let mut second = BatchConsumer::new(&broker.config, &of("two")).unwrap();
    let (mut seen, mut other, begin) = (Seen::default(), Seen::default(), Instant::now());
    while seen.epochs.len() != 2 || other.epochs.len() != 2 {
        assert!(begin.elapsed() < PATIENCE);
        seen.take(&mut first);
        other.take(&mut second);
    }
    let (own, changes) = (seen.epochs.keys().copied().collect::<Vec<_>>(), (other.assignments, other.revokes));
    first.close();
    let mut first = BatchConsumer::new(&broker.config, &of("one")).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut first, |seen| seen.epochs.len() == 2);
    assert_eq!(seen.epochs.keys().copied().collect::<Vec<_>>(), own);
    other.take(&mut second);
    assert_eq!((other.assignments, other.revokes), changes, "the others have not noticed");
    let mut usurper = BatchConsumer::new(&broker.config, &of("one")).unwrap();
    let mut third = Seen::default();
    third.until(&mut usurper, |third| third.epochs.len() == 2);
    let begin = Instant::now();
    let error = loop {
        assert!(begin.elapsed() < PATIENCE);
        if let Err(error) = first.next(10, Duration::from_millis(100)) {
            break error;
        }
    };
    assert!(matches!(error, FetchError::Stop(_)), "{error:?}");
    usurper.close();
    second.close();
}

/// What one member of a busy group does until it is told to stop: takes, commits, and counts what was committed.
fn work(
    config: &kafka_io::KafkaConfig,
    options: &BatchOptions,
    stop: &AtomicBool,
    done: &Mutex<BTreeMap<(i32, i64), usize>>,
) {
    let mut consumer = BatchConsumer::new(config, options).unwrap();
    let committer = consumer.committer();
    while !stop.load(Ordering::Acquire) {
        let Some(Arrived::Fetched(fetched)) = consumer.next(100, Duration::from_millis(20)).unwrap() else { continue };
        let mut ranges: BTreeMap<(i32, u64), Vec<i64>> = BTreeMap::new();
        for item in fetched.items() {
            if let Item::Record(record) = item {
                ranges.entry((record.partition, record.epoch)).or_default().push(record.offset);
            }
        }
        for ((partition, epoch), offsets) in ranges {
            let next = offsets.last().unwrap() + 1;
            let committed = loop {
                match committer.commit_blocking(partition, epoch, next, "") {
                    Err(CommitFailure::Retry(_)) => std::thread::sleep(Duration::from_millis(5)),
                    Err(CommitFailure::Stop(reason) | CommitFailure::OtherTopic(reason)) => panic!("{reason}"),
                    Ok(()) => break true,
                    Err(CommitFailure::NotOurs(_)) => break false,
                }
            };
            if committed {
                let mut done = done.lock().unwrap();
                for offset in offsets {
                    *done.entry((partition, offset)).or_default() += 1;
                }
            }
        }
    }
    consumer.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_under_load_lose_and_repeat_nothing_that_was_committed() {
    const PARTITIONS: i32 = 8;
    const EACH: u64 = 6_000;
    const ROUNDS_MAX: usize = 8;
    let broker = Broker::start().await;
    for protocol in BOTH {
        let topic = broker.name(&format!("load-{protocol:?}"));
        broker.topic(&topic, PARTITIONS, &[]).await;
        let producer = broker.producer();
        let producing = tokio::spawn({
            let topic = topic.clone();
            async move {
                for from in (0..EACH).step_by(100) {
                    for partition in 0..PARTITIONS {
                        send(&producer, &topic, partition, from..from + 100).await;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
        let done = Mutex::default();
        let wanted = usize::try_from(EACH).unwrap() * usize::try_from(PARTITIONS).unwrap();
        let options = options(&topic, &topic, protocol);
        let stops: [AtomicBool; 4] = Default::default();
        let begin = Instant::now();
        std::thread::scope(|scope| {
            let (config, options, done) = (&broker.config, &options, &done);
            scope.spawn(|| work(config, options, &stops[0], done));
            // One to four members, again and again, until everything was produced and is done. On a machine that is busy each change takes
            // longer than the next one lets it: after some rounds the first member has the rest to itself.
            let mut rounds = 0;
            loop {
                let count = done.lock().unwrap().len();
                if count >= wanted {
                    break;
                }
                assert!(begin.elapsed() < 4 * PATIENCE, "{count} of {wanted}");
                if rounds == ROUNDS_MAX {
                    std::thread::sleep(Duration::from_millis(100));
                    continue;
                }
                let comers: Vec<_> = (1..4)
                    .map(|number| {
                        std::thread::sleep(Duration::from_millis(300));
                        stops[number].store(false, Ordering::Release);
                        scope.spawn({
                            let stop = &stops[number];
                            move || work(config, options, stop, done)
                        })
                    })
                    .collect();
                std::thread::sleep(Duration::from_secs(2));
                for (comer, number) in comers.into_iter().zip(1..) {
                    stops[number].store(true, Ordering::Release);
                    comer.join().unwrap();
                }
                rounds += 1;
            }
            stops[0].store(true, Ordering::Release);
            assert!(rounds > 1, "members came and went");
            println!("{protocol:?}: {rounds} rounds");
        });
        producing.await.unwrap();
        let repeated: Vec<_> = done.into_inner().unwrap().into_iter().filter(|(_, times)| *times != 1).collect();
        assert_eq!(repeated, []);
        let committed = admin::committed(&broker.config, &topic, &topic).await.unwrap();
        assert!(committed.values().all(|offset| *offset == Some(EACH.cast_signed())), "{committed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_that_is_killed_is_waited_for_and_nothing_is_lost_or_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let config = kafka_io::KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..Default::default() };
    let broker = Broker::of(config.clone());
    broker.topic("outage", 2, &[]).await;
    let producer = broker.producer();
    send(&producer, "outage", 0, 0..100).await;
    let mut consumer = BatchConsumer::new(&config, &BatchOptions::new("outage", "outage")).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut consumer, |seen| seen.count() == 100);
    let (committer, epoch) = (consumer.committer(), seen.epochs[&0]);
    kafka.kill();
    let committing = tokio::spawn({
        let committer = committer.clone();
        async move { committer.commit(0, epoch, 100, "through the outage").await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!committing.is_finished(), "nobody is there to answer");
    kafka.restart().await.unwrap();
    match committing.await.unwrap() {
        Ok(()) => {}
        Err(CommitFailure::Retry(_)) => committer.commit(0, epoch, 100, "through the outage").await.unwrap(),
        Err(error) => panic!("{error}"),
    }
    send(&producer, "outage", 0, 100..200).await;
    seen.until(&mut consumer, |seen| seen.count() == 200);
    let offsets: Vec<i64> = seen.records[&0].iter().map(|(offset, _)| *offset).collect();
    assert_eq!(offsets, (0..200).collect::<Vec<i64>>());
    assert_eq!((seen.assignments, seen.losses), (1, 0), "its session rides over the outage");
    consumer.close();
}
