//! `ingest.delivery = "at_least_once"`: nothing is lost, and what is stored twice is shown and counted once.

use std::time::Duration;

use crate::publishing::{publish, wait_all_read};
use crate::restored::move_back;
use crate::stack::{Stack, everything};

const EVENTS: u64 = 2_000;
const KILLS: u64 = 5;
const ROWS: &str = "SELECT count() FROM connections WHERE tenant = 'acme'";

/// Lines of a report of everything, without its head.
async fn reported(stack: &Stack) -> usize {
    let session = stack.sign_in("acme").await;
    let id = session.ask(&everything()).await;
    session.wait_completed(&id).await;
    session.download(&id).await.lines().count() - 1
}

async fn rows(stack: &Stack) -> u64 {
    stack.sql(ROWS).await.unwrap().parse().unwrap()
}

#[tokio::test]
async fn ingest_that_is_killed_loses_nothing_and_copies_count_once() {
    let mut stack = Stack::start_with_own_parts(&[("acme", None)]).await;
    stack.ingest.set("INGEST__DELIVERY", "at_least_once");
    stack.ingest.kill_and_restart();
    for kill in 1..=KILLS {
        let numbers = (kill - 1) * EVENTS / KILLS..kill * EVENTS / KILLS;
        let half = (numbers.start + numbers.end) / 2;
        publish(&stack, numbers, 64894 + kill).await;
        stack.wait_stored("acme", half).await;
        stack.ingest.kill_and_restart();
    }
    stack.wait_stored("acme", EVENTS).await;
    for group in [ingest::GROUP, aggregator::GROUP] {
        wait_all_read(&stack, group).await;
    }
    let stored = rows(&stack).await;
    println!("{} copies after {KILLS} kills", stored - EVENTS);
    assert_eq!((stack.stored("acme").await, reported(&stack).await), (EVENTS, usize::try_from(EVENTS).unwrap()));

    // Nothing is counted at the assignment: what is read again is stored again.
    assert!(stack.ingest.stop().await.0.success());
    move_back(&stack, &["--to-beginning", "--group", "ingest"]).await;
    stack.ingest.start_again();
    wait_all_read(&stack, ingest::GROUP).await;
    assert_eq!(rows(&stack).await, stored + EVENTS);
    assert_eq!((stack.stored("acme").await, reported(&stack).await), (EVENTS, usize::try_from(EVENTS).unwrap()));
    tokio::time::sleep(Duration::from_millis(200)).await;
    stack.ingest.assert_running();
    stack.end().await;
}
