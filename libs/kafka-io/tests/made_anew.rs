//! A topic that is made anew under its name while it is read, against a real broker: nothing of the new one is committed, nor what was read of the old
//! one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what a test has seen is shown when it fails")]

mod support;

use std::time::{Duration, Instant};

use kafka_io::admin::{self, BackTo};
use kafka_io::batches::{BatchConsumer, CommitFailure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use support::{BOTH, Broker, PATIENCE, Seen, options, send};

/// Another topic of that name, with as many partitions.
async fn make_anew(broker: &Broker, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = broker.client().create().unwrap();
    admin::delete_topic(&broker.config, topic).await.unwrap();
    let begin = Instant::now();
    loop {
        let made = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
        if admin.create_topics(&[made], &AdminOptions::new()).await.unwrap()[0].is_ok() {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "the old topic does not go");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Kafka forgets what was committed of the old topic, soon after that has gone.
async fn assert_forgotten(broker: &Broker, topic: &str) {
    let begin = Instant::now();
    loop {
        let committed = admin::committed(&broker.config, topic, topic).await.unwrap()[&0];
        match committed {
            None => return,
            Some(offset) => assert_eq!(offset, 5, "what was read of the old topic is committed of the new one"),
        }
        assert!(begin.elapsed() < PATIENCE, "{committed:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_committed_of_a_topic_that_was_made_anew_since_its_assignment() {
    let broker = Broker::start().await;
    for protocol in BOTH {
        for records in [3, 20] {
            let topic = broker.name(&format!("anew-{protocol:?}-{records}"));
            broker.topic(&topic, 1, &[]).await;
            send(&broker.producer(), &topic, 0, 0..10).await;
            let mut consumer = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
            let mut seen = Seen::default();
            seen.until(&mut consumer, |seen| seen.count() == 10);
            let (committer, epoch) = (consumer.committer(), seen.epochs[&0]);
            committer.commit(0, epoch, 5, "a note").await.unwrap();
            committer.check_topic(epoch).unwrap();

            make_anew(&broker, &topic).await;
            send(&broker.producer(), &topic, 0, 100..100 + records).await;
            let refused = committer.commit(0, epoch, 10, "").await;
            println!("{protocol:?}, {records} records: {refused:?}");
            // Where the group has seen the topic go the partition is taken away: by KIP-848 often, else where the client looked in that moment.
            let is_gone = matches!(refused, Err(CommitFailure::NotOurs(_)));
            assert!(is_gone || refused == Err(CommitFailure::OtherTopic(topic.clone())), "{refused:?}");
            assert_forgotten(&broker, &topic).await;
            consumer.close();

            // Who comes next reads the new one from its beginning, and commits.
            let mut next = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
            let mut seen = Seen::default();
            seen.until(&mut next, |seen| seen.count() == usize::try_from(records).unwrap());
            assert_eq!(seen.begun[&0], (None, 0));
            assert_eq!(seen.records[&0][0], (0, "100".to_owned()));
            next.committer().commit(0, seen.epochs[&0], 3, "").await.unwrap();
            next.close();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_of_a_group_go_back_by_time_or_to_the_beginning_and_never_on_and_not_while_it_has_members() {
    let broker = Broker::start().await;
    for protocol in BOTH {
        let topic = broker.name(&format!("go-back-{protocol:?}"));
        broker.topic(&topic, 3, &[("message.timestamp.type", "LogAppendTime")]).await;
        let producer = broker.producer();
        send(&producer, &topic, 0, 0..10).await;
        send(&producer, &topic, 1, 0..10).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let since = BackTo::TimeMs(now.as_millis().try_into().unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
        send(&producer, &topic, 0, 10..30).await;
        let mut consumer = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut consumer, |seen| seen.count() == 40);
        for (partition, offset) in [(0, 30), (1, 10)] {
            consumer.committer().commit(partition, seen.epochs[&partition], offset, "a note").await.unwrap();
        }
        let ways = admin::ways_back(&broker.config, &topic, &topic, since).await.unwrap();
        let told: Vec<_> = ways.iter().map(|way| (way.partition, way.committed, way.to)).collect();
        assert_eq!(told, [(0, Some(30), Some(10)), (1, Some(10), None), (2, None, None)]);
        let is_moved = admin::move_back(&broker.config, &topic, &topic, &ways).await.unwrap();
        assert!(!is_moved, "{protocol:?}: it has a member");
        assert_eq!(admin::committed(&broker.config, &topic, &topic).await.unwrap()[&0], Some(30));
        consumer.close();

        assert!(admin::move_back(&broker.config, &topic, &topic, &ways).await.unwrap());
        let committed = admin::committed(&broker.config, &topic, &topic).await.unwrap();
        assert_eq!(committed.into_values().collect::<Vec<_>>(), [Some(10), Some(10), None]);
        let ways = admin::ways_back(&broker.config, &topic, &topic, BackTo::Beginning).await.unwrap();
        assert!(admin::move_back(&broker.config, &topic, &topic, &ways[..1]).await.unwrap());
        let mut again = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut again, |seen| seen.count() == 30);
        assert_eq!(seen.begun[&0], (Some((0, String::new())), 0), "without the note");
        assert_eq!(seen.begun[&1], (Some((10, "a note".to_owned())), 10), "as it was");
        // Of an old topic, in a commit that came after that was deleted.
        again.committer().commit(0, seen.epochs[&0], 0, "a note").await.unwrap();
        again.close();

        let ways = admin::ways_back(&broker.config, &topic, &topic, BackTo::Beginning).await.unwrap();
        assert_eq!((ways[0].committed, ways[0].to), (Some(0), Some(0)));
        assert!(admin::move_back(&broker.config, &topic, &topic, &ways[..1]).await.unwrap());
        let mut last = BatchConsumer::new(&broker.config, &options(&topic, &topic, protocol)).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut last, |seen| seen.count() == 30);
        assert_eq!(seen.begun[&0], (Some((0, String::new())), 0), "the note is gone");
        last.close();
    }
}
