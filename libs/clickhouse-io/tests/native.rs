//! Native blocks against rows on the real engine, and what can be asked about them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::ops::RangeInclusive;
use std::time::Duration;

use clickhouse_io::promise::{self, PromiseError, TokenWindow};
use clickhouse_io::stored::{self, Counted, Stretch, Within};
use clickhouse_io::write::{EventTable, insert, insert_native, query_id};
use clickhouse_io::{ClickHouse, Compression, NextStep, OffsetSet, Refusal, rollup, running};
use engine_of_test::{block, engine, everything, row};
use schemas::times::Moment;

const TABLE: EventTable = EventTable::Connections;

async fn send(clickhouse: &ClickHouse, body: &bytes::Bytes, token: &str) {
    insert_native(clickhouse, TABLE, body.clone(), token, &query_id(token, TABLE)).await.unwrap();
}

fn stretch(offsets: RangeInclusive<i64>) -> Stretch<'static> {
    Stretch { source: "main", partition: 3, offsets }
}

#[tokio::test]
async fn native_block_is_stored_as_its_rows_are() {
    let engine = engine().await;
    let as_rows = engine.database("as_rows").await;
    insert(&as_rows, TABLE, (0..2_000).map(row).collect(), "t").await.unwrap();
    let body = as_rows.bytes("SELECT * FROM connections", "Native").await.unwrap();
    let expected = everything(&as_rows).await;
    assert_eq!(expected.lines().count(), 2_000);
    for compression in [Compression::None, Compression::Lz4] {
        let clickhouse = engine.database_with("native", |config| config.compression = compression).await;
        send(&clickhouse, &body, "t").await;
        assert_eq!(everything(&clickhouse).await, expected);
        // The same token again is swallowed; another one is another range.
        send(&clickhouse, &body, "t").await;
        assert_eq!(stored::count(&clickhouse, &stretch(0..=1_999), &Within::default()).await.unwrap().rows, 2_000);
        send(&clickhouse, &body, "t~2").await;
        let counted = stored::count(&clickhouse, &stretch(0..=1_999), &Within::default()).await.unwrap();
        assert_eq!(counted, Counted { rows: 4_000, offsets: 2_000 });
        // Nothing to store: nothing is sent.
        insert_native(&clickhouse, TABLE, bytes::Bytes::new(), "u", "u").await.unwrap();
        engine.drop(&clickhouse).await;
    }
    engine.drop(&as_rows).await;
}

#[tokio::test]
async fn insert_is_one_block_whatever_its_size() {
    let engine = engine().await;
    let clickhouse = engine.database("one_block").await;
    clickhouse.execute("SYSTEM STOP MERGES connections").await.unwrap();
    // More rows than the server makes one block of by default, in many Native blocks.
    let sql = "SELECT 'acme' AS tenant, toDateTime64(1793487602 + number / 1000, 6, 'UTC') AS end_time,
        toUInt64(64894) AS remote_network_id, CAST('tcp' AS Enum8('tcp' = 1, 'udp' = 2, 'icmp' = 3)) AS protocol,
        'main' AS _kafka_source, toInt32(3) AS _kafka_partition, toInt64(number) AS _kafka_offset
        FROM numbers(1200000) SETTINGS max_block_size = 50000";
    let body = clickhouse.bytes(sql, "Native").await.unwrap();
    send(&clickhouse, &body, "t").await;
    let parts = "SELECT count(), sum(rows) FROM system.parts
        WHERE active AND database = currentDatabase() AND table = 'connections'";
    assert_eq!(clickhouse.text(parts).await.unwrap(), "1\t1200000\n");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn stored_offsets_are_counted_and_named() {
    let engine = engine().await;
    let clickhouse = engine.database("stored").await;
    let offset_of = |number: i64| row(number);
    let (closed, opened): (Vec<i64>, Vec<i64>) = ((10..20).chain(30..40).collect(), (20..25).collect());
    insert(&clickhouse, TABLE, closed.iter().copied().map(offset_of).collect(), "a").await.unwrap();
    insert(&clickhouse, EventTable::ConnectionOpenings, opened.into_iter().map(offset_of).collect(), "a")
        .await
        .unwrap();

    let anywhere = Within::default();
    let found = stored::offsets(&clickhouse, &stretch(0..=100), &anywhere).await.unwrap();
    assert_eq!(found.runs(), [(10, 24), (30, 39)]);
    let found = stored::offsets(&clickhouse, &stretch(12..=30), &anywhere).await.unwrap();
    assert_eq!(found, (12..=24).chain([30]).collect::<OffsetSet>());
    assert!(stored::offsets(&clickhouse, &stretch(25..=29), &anywhere).await.unwrap().is_empty());
    let counted = stored::count(&clickhouse, &stretch(10..=24), &anywhere).await.unwrap();
    assert_eq!(counted, Counted { rows: 15, offsets: 15 });

    let highest = async |partition, from| stored::highest_offset(&clickhouse, "main", partition, from).await.unwrap();
    assert_eq!((highest(3, 0).await, highest(3, 39).await), (Some(39), Some(39)));
    assert_eq!((highest(3, 40).await, highest(4, 0).await), (None, None));
    // Offset 0 is an offset.
    insert(&clickhouse, TABLE, vec![row(0)], "zero").await.unwrap();
    assert_eq!((highest(3, 0).await, highest(4, 0).await), (Some(39), None));

    // Of both tables, by what tells events from each other.
    let newest = stored::newest(&clickhouse, &stretch(0..=30), 8).await.unwrap();
    assert_eq!(newest.iter().map(|it| it.offset).collect::<Vec<_>>(), [30, 24, 23, 22, 21, 20, 19, 18]);
    let ids = "SELECT hex(event_id_tail) FROM connections WHERE _kafka_offset IN (18, 30) ORDER BY _kafka_offset DESC";
    let ids = clickhouse.text(ids).await.unwrap();
    let hex = |tail: [u8; 10]| tail.iter().map(|byte| format!("{byte:02X}")).collect::<String>();
    assert_eq!(ids.lines().collect::<Vec<_>>(), [hex(newest[0].id_tail), hex(newest[7].id_tail)]);
    assert!(stored::newest(&clickhouse, &stretch(25..=29), 8).await.unwrap().is_empty());

    // Another life of the topic has the same offsets.
    let other = Stretch { source: "main-2", ..stretch(0..=100) };
    assert_eq!(stored::count(&clickhouse, &other, &anywhere).await.unwrap(), Counted::default());
    assert!(stored::newest(&clickhouse, &other, 8).await.unwrap().is_empty());
    // What is known of the rows does not change the answer, unless it is wrong.
    let times = row_time(10)..=row_time(39);
    let near = Within { end_time: Some(times), tenants: vec!["acme".to_owned()] };
    assert_eq!(stored::count(&clickhouse, &stretch(10..=39), &near).await.unwrap().offsets, 25);
    let far = Within { tenants: vec!["globex".to_owned()], ..near };
    assert_eq!(stored::count(&clickhouse, &stretch(10..=39), &far).await.unwrap().offsets, 0);
    engine.drop(&clickhouse).await;
}

fn row_time(number: i64) -> Moment {
    Moment::from_millis(engine_of_test::end_ms(number))
}

#[tokio::test]
async fn table_that_cannot_keep_the_promise_is_refused() {
    let engine = engine().await;
    let clickhouse = engine.database("promise").await;
    for table in [EventTable::Connections.name(), EventTable::ConnectionOpenings.name(), rollup::MINUTES_TABLE] {
        let window = promise::token_window(&clickhouse, table).await;
        assert_eq!(window, Ok(TokenWindow { blocks: 100_000, age_max: None }));
    }
    let columns = promise::columns(&clickhouse, TABLE).await.unwrap();
    assert_eq!(columns[0], ("tenant".to_owned(), "LowCardinality(String)".to_owned()));
    assert_eq!(columns.last().unwrap(), &("_kafka_offset".to_owned(), "Int64".to_owned()));
    assert!(columns.iter().all(|(name, _)| name != "event_id" && name != "start_time"));

    let set = async |setting: &str| {
        clickhouse.execute(&format!("ALTER TABLE connections MODIFY SETTING {setting}")).await.unwrap();
        promise::token_window(&clickhouse, TABLE.name()).await
    };
    assert!(matches!(
        set("non_replicated_deduplication_window = 1000").await,
        Err(PromiseError::Forgetful { blocks: 1_000, .. })
    ));
    set("non_replicated_deduplication_window = 100000").await.unwrap();
    assert!(matches!(set("fsync_part_directory = 0").await, Err(PromiseError::NotDurable { .. })));
    clickhouse.execute("DROP TABLE connections SYNC").await.unwrap();
    assert!(matches!(promise::token_window(&clickhouse, TABLE.name()).await, Err(PromiseError::NoTable { .. })));
    clickhouse.execute("CREATE TABLE connections (a UInt8) ENGINE = ReplacingMergeTree ORDER BY a").await.unwrap();
    assert!(matches!(promise::token_window(&clickhouse, TABLE.name()).await, Err(PromiseError::Engine { .. })));
    engine.drop(&clickhouse).await;
}

/// Makes every insert take as many seconds as it has rows.
async fn slow_down(clickhouse: &ClickHouse) {
    let sql = "CREATE MATERIALIZED VIEW slow ENGINE = Null AS SELECT sleepEachRow(1) AS a FROM connections";
    clickhouse.execute(sql).await.unwrap();
}

#[tokio::test]
async fn insert_that_runs_is_seen_by_its_token_and_runs_once() {
    let engine = engine().await;
    let clickhouse = engine.database("running").await;
    let body = block(&clickhouse, 0..2).await;
    slow_down(&clickhouse).await;
    let (token, id) = ("main/topic/3/0-1", query_id("main/topic/3/0-1~2", TABLE));
    let inserting = insert_native(&clickhouse, TABLE, body.clone(), "main/topic/3/0-1~2", &id);
    let watching = async {
        while !running::is_running(&clickhouse, token).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for other in ["main/topic/3/0-", "main/topic/3/0-11", "main/topic/3/0-1~"] {
            assert!(!running::is_running(&clickhouse, other).await.unwrap(), "{other}");
        }
        let second = insert_native(&clickhouse, TABLE, body.clone(), "main/topic/3/0-1~2", &id).await.unwrap_err();
        assert_eq!((second.refusal(), second.next_step()), (Some(Refusal::AlreadyRunning), NextStep::Retry));
    };
    let (inserted, ()) = tokio::join!(inserting, watching);
    inserted.unwrap();
    assert!(!running::is_running(&clickhouse, token).await.unwrap());
    assert_eq!(stored::count(&clickhouse, &stretch(0..=1), &Within::default()).await.unwrap().rows, 2);
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn insert_that_is_killed_ends_and_can_be_counted() {
    let engine = engine().await;
    let clickhouse = engine.database("killed").await;
    let body = block(&clickhouse, 0..3).await;
    slow_down(&clickhouse).await;
    let (token, id) = ("main/topic/3/0-2", query_id("main/topic/3/0-2", TABLE));
    let inserting = insert_native(&clickhouse, TABLE, body.clone(), token, &id);
    let killing = async {
        while !running::is_running(&clickhouse, token).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running::kill(&clickhouse, token).await.unwrap();
        while running::is_running(&clickhouse, token).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let (inserted, ()) = tokio::join!(inserting, killing);
    let error = inserted.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(Refusal::Killed), NextStep::Retry), "{error}");
    // What it left is counted, and what is missing goes in under the next attempt's token.
    clickhouse.execute("DROP TABLE slow SYNC").await.unwrap();
    let left = stored::offsets(&clickhouse, &stretch(0..=2), &Within::default()).await.unwrap();
    if left.is_empty() {
        send(&clickhouse, &body, "main/topic/3/0-2~2").await;
    }
    let counted = stored::count(&clickhouse, &stretch(0..=2), &Within::default()).await.unwrap();
    assert_eq!(counted, Counted { rows: 3, offsets: 3 });
    engine.drop(&clickhouse).await;
}
