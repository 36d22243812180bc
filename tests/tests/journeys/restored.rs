//! ClickHouse is restored from a backup that is older than the committed offsets, and what it lacks is read again, by the steps of
//! `docs/operations.md`, Restoring a backup.

use std::time::{Duration, Instant};

use crate::publishing::{assert_counted, assert_stored_once, publish, wait_all_read};
use crate::report_life::flowledger;
use crate::stack::{Stack, WAIT_MAX};

/// Of one Remote Network before the backup was begun, and of two after it.
const BEFORE: u64 = 60;
const AFTER: u64 = 1_200;
const OF_ANOTHER: u64 = 30;
const ALL: u64 = BEFORE + AFTER + OF_ANOTHER;
const GROUPS: [&str; 2] = [ingest::GROUP, aggregator::GROUP];
const SAID: [&str; 1] = ["no row is stored of so many offsets before the committed one"];

/// `flowledger offsets back`, again until Kafka has forgotten the members that were stopped. Gives what it said.
pub(crate) async fn move_back(stack: &Stack, to: &[&str]) -> String {
    let begin = Instant::now();
    loop {
        let (_, said, went_well) = flowledger(stack, &[&["offsets", "back"], to].concat());
        if went_well {
            return said;
        }
        assert!(said.contains("has members"), "{said}");
        assert!(begin.elapsed() < WAIT_MAX, "{said}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn events_that_a_restored_backup_lacks_are_stored_once_when_offsets_are_moved_back() {
    let mut stack = Stack::start_with_own_parts(&[("acme", None)]).await;
    publish(&stack, 0..BEFORE, 64894).await;
    stack.wait_stored("acme", BEFORE).await;
    for group in GROUPS {
        wait_all_read(&stack, group).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let backup_begun = jiff::Timestamp::now().to_string();
    tokio::time::sleep(Duration::from_millis(100)).await;
    publish(&stack, BEFORE..BEFORE + AFTER, 64894).await;
    publish(&stack, BEFORE + AFTER..ALL, 64900).await;
    stack.wait_stored("acme", ALL).await;
    for group in GROUPS {
        wait_all_read(&stack, group).await;
    }
    assert_counted(&stack, ALL, ALL).await;

    // What a backup has that was begun then. No range holds events from before and after.
    assert!(stack.ingest.stop().await.0.success());
    assert!(stack.aggregator.stop().await.0.success());
    let after = |offsets: &str| format!("tenant = 'acme' AND (remote_network_id = 64900 OR {offsets} >= {BEFORE})");
    stack.execute(&format!("DELETE FROM connections WHERE {}", after("_kafka_offset"))).await;
    let minutes = format!(
        "ALTER TABLE connections_by_minute DELETE WHERE {} SETTINGS mutations_sync = 2",
        after("arrayMax(_kafka_offsets)")
    );
    stack.execute(&minutes).await;
    assert_stored_once(&stack, BEFORE).await;
    assert_counted(&stack, BEFORE, BEFORE).await;

    // Forgotten, it is said, and nothing is read again by itself.
    stack.ingest.start_again();
    publish(&stack, ALL..ALL + 1, 64894).await;
    stack.wait_stored("acme", BEFORE + 1).await;
    assert!(stack.ingest.logged(&SAID) > 0);
    let (_, said, went_well) = flowledger(&stack, &["offsets", "back", "--to", &backup_begun]);
    assert!(!went_well && said.contains("group ingest has members"), "{said}");
    let told = stack.ingest.logged(&SAID);
    assert!(stack.ingest.stop().await.0.success());

    // In order: nothing that they sent is still on its way.
    let (moved, said, went_well) = flowledger(&stack, &["offsets", "back", "--to", &backup_begun, "--dry-run"]);
    assert!(went_well && said.contains("dry run: ingest: "), "{said}");
    assert!(
        moved.lines().any(|line| line.starts_with("aggregator") && line.ends_with(&format!(" {BEFORE}"))),
        "{moved}"
    );
    let said = move_back(&stack, &["--to", &backup_begun]).await;
    assert!(said.contains(&format!("go back, by {} offsets", ALL + 1 - BEFORE)), "{said}");
    stack.ingest.start_again();
    stack.aggregator.start_again();
    stack.wait_stored("acme", ALL + 1).await;
    for group in GROUPS {
        wait_all_read(&stack, group).await;
    }
    assert_stored_once(&stack, ALL + 1).await;
    assert_counted(&stack, ALL + 1, ALL + 1).await;
    assert_eq!(stack.ingest.logged(&SAID), told, "it is not said again");
    for service in [&mut stack.ingest, &mut stack.aggregator] {
        service.assert_running();
    }
    stack.end().await;
}
