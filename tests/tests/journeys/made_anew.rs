//! The topic is deleted and made anew under its name while services read it, and they go on at the offset where they were.

use std::time::{Duration, Instant};

use kafka_io::admin;
use schemas::topics::CONNECTION_EVENTS;

use crate::publishing::{assert_counted, assert_stored_once, publish, wait_all_read};
use crate::restored::move_back;
use crate::stack::{Stack, WAIT_MAX};

const OLD: u64 = 40;
/// The new topic is longer than the old one when they look again.
const NEW: u64 = 100;
const REMOTE_NETWORK: u64 = 64894;

/// Services that have read a topic to its end, and stood still while it was made anew: for less than a session, so their partitions stayed theirs. The
/// new topic has so many events.
async fn made_anew_under_services(events: u64) -> Stack {
    let mut stack = Stack::start_with_own_parts(&[("acme", None)]).await;
    publish(&stack, 0..OLD, REMOTE_NETWORK).await;
    stack.wait_stored("acme", OLD).await;
    for group in [ingest::GROUP, aggregator::GROUP] {
        wait_all_read(&stack, group).await;
    }
    for service in [&stack.ingest, &stack.aggregator] {
        service.signal("STOP");
    }
    make_anew(&stack).await;
    publish(&stack, OLD..OLD + events, REMOTE_NETWORK).await;
    for service in [&stack.ingest, &stack.aggregator] {
        service.signal("CONT");
    }
    stack
}

/// They end, say this, and have done nothing of the new topic.
async fn assert_they_end(stack: &mut Stack, said: &[&str]) {
    for service in [&mut stack.ingest, &mut stack.aggregator] {
        let status = service.ended().await;
        assert!(!status.success(), "{status}");
        assert!(service.logged(said) > 0);
    }
    assert_stored_once(stack, OLD).await;
    assert_counted(stack, OLD, OLD).await;
}

async fn make_anew(stack: &Stack) {
    let (kafka, begin) = (stack.parts.kafka_config(), Instant::now());
    admin::delete_topic(&kafka, CONNECTION_EVENTS.name).await.unwrap();
    while !admin::ensure_topics(&kafka, &[CONNECTION_EVENTS], 1).await.unwrap()[0].is_new {
        assert!(begin.elapsed() < WAIT_MAX, "the old topic does not go");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn topic_that_is_made_anew_under_services_that_read_on_ends_them_and_nothing_of_it_is_lost() {
    let mut stack = made_anew_under_services(NEW).await;
    assert_they_end(&mut stack, &["The topic was made anew", "flowledger offsets back --to-beginning"]).await;

    // Whatever starts them again: they find out by the records.
    stack.ingest.start_again();
    stack.aggregator.start_again();
    assert_they_end(&mut stack, &["on the topic it is another record. The topic was made anew"]).await;

    // What the words say.
    for service in [&mut stack.ingest, &mut stack.aggregator] {
        service.set("INGEST__SOURCE", "second");
        service.set("AGGREGATOR__SOURCE", "second");
    }
    move_back(&stack, &["--to-beginning"]).await;
    stack.ingest.start_again();
    stack.aggregator.start_again();
    stack.wait_stored("acme", OLD + NEW).await;
    for group in [ingest::GROUP, aggregator::GROUP] {
        wait_all_read(&stack, group).await;
    }
    assert_stored_once(&stack, OLD + NEW).await;
    assert_counted(&stack, OLD + NEW, OLD + NEW).await;
    let by_source = "SELECT _kafka_source, count() FROM connections WHERE tenant = 'acme' GROUP BY ALL ORDER BY ALL";
    assert_eq!(stack.sql(by_source).await.unwrap(), format!("main\t{OLD}\nsecond\t{NEW}"));
    stack.end().await;
}

/// Here the new topic ends before the offset that is read next, and nothing comes of it.
#[tokio::test]
async fn topic_that_is_made_anew_and_is_empty_ends_services_that_read_on() {
    let mut stack = made_anew_under_services(0).await;
    assert_they_end(&mut stack, &["topic was made anew"]).await;
    stack.end().await;
}

/// And here it ends at that offset: the client has nothing to say.
#[tokio::test]
async fn topic_that_is_made_anew_and_is_as_long_ends_services_that_read_on() {
    let mut stack = made_anew_under_services(OLD).await;
    assert_they_end(&mut stack, &["has another id than when it was assigned. The topic was made anew"]).await;
    stack.end().await;
}
