//! What an insert meets when the engine cannot or will not take it: which refusal comes, what was stored, and that the same insert
//! succeeds once the fault is lifted. Provoked on the real engine; what only a cluster says comes from the fault proxy, in the
//! words of a server.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use bytes::Bytes;
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::stored::{self, Counted, Stretch, Within};
use clickhouse_io::write::{EventTable, insert_native, query_id};
use clickhouse_io::{ClickHouse, NextStep, QueryError, Refusal};
use engine_of_test::{block, block_of, engine, engine_on_small_disk};
use local_parts::fault_proxy::Seen;
use local_parts::{Fault, FaultProxy};
use schemas::connection_event::EventType;
use schemas::examples::connection;

const TABLE: EventTable = EventTable::Connections;
const ROWS: i64 = 50;

async fn send(clickhouse: &ClickHouse, body: &Bytes) -> Result<(), QueryError> {
    let token = "main/connection-events/3/0-49";
    insert_native(clickhouse, TABLE, body.clone(), token, &query_id(token, TABLE)).await
}

async fn stored_rows(clickhouse: &ClickHouse) -> Counted {
    let stretch = Stretch { source: "main", partition: 3, offsets: 0..=i64::MAX };
    stored::count(clickhouse, &stretch, &Within::default()).await.unwrap()
}

const NONE: Counted = Counted { rows: 0, offsets: 0 };
const ALL: Counted = Counted { rows: ROWS as u64, offsets: ROWS as u64 };

/// Refused as it should be, and nothing was stored.
async fn is_refused(clickhouse: &ClickHouse, body: &Bytes, refusal: Refusal, step: NextStep) {
    let error = send(clickhouse, body).await.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(refusal), step), "{error}");
    assert_eq!(stored_rows(clickhouse).await, NONE);
}

/// What was sent before, or was sent again on the way, may still run under the same id: that is waited for.
async fn sent(clickhouse: &ClickHouse, body: &Bytes) {
    for _ in 0..1_000 {
        match send(clickhouse, body).await {
            Err(error) if error.refusal() == Some(Refusal::AlreadyRunning) => {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            sent => return sent.unwrap(),
        }
    }
    panic!("what was sent before does not end");
}

/// The fault is lifted: the same insert succeeds, and once more changes nothing.
async fn succeeds(clickhouse: &ClickHouse, body: &Bytes) {
    sent(clickhouse, body).await;
    sent(clickhouse, body).await;
    assert_eq!(stored_rows(clickhouse).await, ALL);
}

async fn alter(clickhouse: &ClickHouse, what: &str) {
    clickhouse.execute(&format!("ALTER TABLE connections {what}")).await.unwrap();
}

#[tokio::test]
async fn too_many_parts_are_waited_for() {
    let engine = engine().await;
    let clickhouse = engine.database("too_many_parts").await;
    let body = block(&clickhouse, 0..ROWS).await;
    clickhouse.execute("SYSTEM STOP MERGES connections").await.unwrap();
    alter(&clickhouse, "MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 2").await;
    // Two parts in the same partition of the table, of another source.
    for token in ["a", "b"] {
        let rows = vec![ConnectionRow::from_event(
            connection(EventType::ClosedConnection, token, 1_793_487_602_000),
            Source { name: "other", partition: 3, offset: 0 },
        )];
        clickhouse_io::write::insert(&clickhouse, TABLE, rows, token).await.unwrap();
    }
    is_refused(&clickhouse, &body, Refusal::TooManyParts, NextStep::Retry).await;
    clickhouse.execute("SYSTEM START MERGES connections").await.unwrap();
    clickhouse.execute("OPTIMIZE TABLE connections FINAL").await.unwrap();
    send(&clickhouse, &body).await.unwrap();
    // Parts are counted before the token is looked at: with two of them again, even what is stored already is refused.
    let error = send(&clickhouse, &body).await.unwrap_err();
    assert_eq!((error.refusal(), stored_rows(&clickhouse).await), (Some(Refusal::TooManyParts), ALL));
    clickhouse.execute("OPTIMIZE TABLE connections FINAL").await.unwrap();
    alter(&clickhouse, "MODIFY SETTING parts_to_throw_insert = 3000").await;
    succeeds(&clickhouse, &body).await;
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn memory_limit_is_waited_out() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("memory", |config| config.url = proxy.url()).await;
    let body = block(&clickhouse, 0..ROWS).await;
    proxy.plan(|seen| seen.is_insert().then_some(Fault::WithSetting { name: "max_memory_usage", value: "20000" }));
    is_refused(&clickhouse, &body, Refusal::MemoryLimit, NextStep::Retry).await;
    assert_eq!(proxy.counts().of("with_setting"), 1);
    proxy.heal();
    succeeds(&clickhouse, &body).await;
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn table_that_is_read_only_is_waited_for() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("read_only", |config| config.url = proxy.url()).await;
    let body = block(&clickhouse, 0..ROWS).await;
    alter(&clickhouse, "MODIFY SETTING table_readonly = 1").await;
    is_refused(&clickhouse, &body, Refusal::TableIsReadOnly, NextStep::Retry).await;
    alter(&clickhouse, "MODIFY SETTING table_readonly = 0").await;
    // What a replica says that has lost its Keeper; the embedded engine has no replicas.
    let replica = Fault::Answer {
        status: 500,
        code: Some(242),
        body: "Code: 242. DB::Exception: Table is in readonly mode (replica path: /clickhouse/tables/01/connections/replicas/r1). \
               (TABLE_IS_READ_ONLY) (version 26.7.2.1 (official build))\n"
            .to_owned(),
    };
    proxy.script(Seen::is_insert, [replica]);
    is_refused(&clickhouse, &body, Refusal::TableIsReadOnly, NextStep::Retry).await;
    assert_eq!(proxy.counts().of("answer"), 1);
    succeeds(&clickhouse, &body).await;
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn disk_that_is_full_is_waited_for() {
    let (engine, disk) = engine_on_small_disk(192 << 20).await;
    let clickhouse = engine.database("disk").await;
    let body = block(&clickhouse, 0..ROWS).await;
    disk.fill(4096).unwrap();
    is_refused(&clickhouse, &body, Refusal::DiskFull, NextStep::Retry).await;
    disk.free().unwrap();
    succeeds(&clickhouse, &body).await;
    // The engine refuses in the same way when it shall keep some room.
    alter(&clickhouse, "MODIFY SETTING min_free_disk_bytes_to_perform_insert = 1000000000000").await;
    let error = insert_native(&clickhouse, TABLE, body.clone(), "other", "other").await.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(Refusal::DiskFull), NextStep::Retry), "{error}");
}

#[tokio::test]
async fn insert_of_several_months_on_a_disk_that_fills_up_is_completed_by_the_same_token() {
    let (engine, disk) = engine_on_small_disk(192 << 20).await;
    let clickhouse = engine.database("disk_months").await;
    // Eight months, and texts that do not compress: each month reserves about a megabyte.
    let rows = (0..ROWS * 8).map(|offset| {
        let end_ms = 1_793_487_602_000 - (offset % 8).unsigned_abs() * 31 * 86_400_000;
        let mut event =
            connection(EventType::FailedToConnect, &format!("{offset:x}-1"), end_ms + offset.unsigned_abs());
        let mut state = offset.unsigned_abs() + 1;
        event.error_message = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'!' + ((state >> 33) % 90) as u8)
        })
        .take(20_000)
        .collect();
        ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
    });
    let body = block_of(&clickhouse, rows.collect()).await;
    disk.fill(4 << 20).unwrap();
    let error = send(&clickhouse, &body).await.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(Refusal::DiskFull), NextStep::Retry), "{error}");
    let partly = stored_rows(&clickhouse).await;
    assert!(partly.rows > 0 && partly.rows < 400, "the fault came in the middle: {partly:?}");
    disk.free().unwrap();
    send(&clickhouse, &body).await.unwrap();
    assert_eq!(stored_rows(&clickhouse).await, Counted { rows: 400, offsets: 400 });
}

#[tokio::test]
async fn rows_that_are_refused_are_isolated_and_a_table_of_another_shape_stops() {
    let engine = engine().await;
    let clickhouse = engine.database("rows_refused").await;
    let body = block(&clickhouse, 0..ROWS).await;
    alter(&clickhouse, "ADD CONSTRAINT small CHECK _kafka_offset < 25").await;
    is_refused(&clickhouse, &body, Refusal::Row, NextStep::Isolate).await;
    alter(&clickhouse, "DROP CONSTRAINT small").await;
    // Somebody's view that cannot take a row.
    let view = "CREATE MATERIALIZED VIEW strict ENGINE = Null AS SELECT throwIf(_kafka_offset = 30, 'no') AS a FROM connections";
    clickhouse.execute(view).await.unwrap();
    let error = send(&clickhouse, &body).await.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(Refusal::Row), NextStep::Isolate), "{error}");
    clickhouse.execute("DROP TABLE strict SYNC").await.unwrap();
    clickhouse.execute("TRUNCATE TABLE connections SYNC").await.unwrap();

    alter(&clickhouse, "DROP COLUMN region").await;
    is_refused(&clickhouse, &body, Refusal::Schema, NextStep::Stop).await;
    clickhouse.execute("DROP TABLE connections SYNC").await.unwrap();
    let error = send(&clickhouse, &body).await.unwrap_err();
    assert_eq!((error.refusal(), error.next_step()), (Some(Refusal::Schema), NextStep::Stop), "{error}");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn whatever_happens_on_the_way_the_same_insert_again_stores_each_row_once() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("way", |config| config.url = proxy.url()).await;
    let body = block(&clickhouse, 0..ROWS).await;
    let half = body.len() / 2;
    let waits = std::time::Duration::from_millis(1);
    // Each fault, whether the client sees an error, and how many rows are stored then.
    for (fault, errs, rows) in [
        (Fault::Refuse, true, NONE),
        (Fault::CutRequest { after: half }, true, NONE),
        (Fault::TruncateRequest { after: half }, true, NONE),
        (Fault::SwallowAnswer, true, ALL),
        (Fault::CutAnswer { after: 20 }, true, ALL),
        (Fault::DelayAnswer(waits), false, ALL),
        (Fault::Repeat, false, ALL),
        (Fault::RepeatLater(waits), false, ALL),
    ] {
        let name = fault.name();
        let before = proxy.counts().of(name);
        proxy.script(Seen::is_insert, [fault]);
        let sent = send(&clickhouse, &body).await;
        proxy.until(|counts| counts.of(name) == before + 1).await;
        assert_eq!(sent.is_err(), errs, "{name}: {sent:?}");
        if let Err(error) = sent {
            assert_eq!(error.next_step(), NextStep::Retry, "{name}: {error}");
        }
        assert_eq!(stored_rows(&clickhouse).await, rows, "{name}");
        succeeds(&clickhouse, &body).await;
        clickhouse.execute("TRUNCATE TABLE connections SYNC").await.unwrap();
    }
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn answers_of_clusters_and_of_what_stands_between_are_retried() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let clickhouse = engine.database_with("cluster", |config| config.url = proxy.url()).await;
    let body = block(&clickhouse, 0..ROWS).await;
    for (status, text, refusal) in [
        (503, "Code: 999. Coordination::Exception: Session expired. (KEEPER_EXCEPTION)", Some(Refusal::Cluster)),
        (
            500,
            "Code: 285. DB::Exception: Number of alive replicas (1) is less than requested quorum (2). (TOO_FEW_LIVE_REPLICAS)",
            Some(Refusal::Cluster),
        ),
        (
            500,
            "Code: 319. DB::Exception: Unknown status, client must retry. (UNKNOWN_STATUS_OF_INSERT)",
            Some(Refusal::Cluster),
        ),
        (
            408,
            "Code: 159. DB::Exception: Timeout exceeded: elapsed 120.1 seconds, maximum: 120. (TIMEOUT_EXCEEDED)",
            Some(Refusal::Busy),
        ),
        (
            500,
            "Code: 202. DB::Exception: Too many simultaneous queries. Maximum: 100. (TOO_MANY_SIMULTANEOUS_QUERIES)",
            Some(Refusal::Busy),
        ),
        (
            500,
            "Code: 209. DB::NetException: Timeout exceeded while reading from socket. (SOCKET_TIMEOUT)",
            Some(Refusal::Network),
        ),
        (502, "<html>Bad Gateway</html>", None),
    ] {
        let code = refusal.and_then(|_| text.split(['.', ' ']).nth(1)?.parse().ok());
        proxy.script(Seen::is_insert, [Fault::Answer { status, code, body: text.to_owned() }]);
        let error = send(&clickhouse, &body).await.unwrap_err();
        assert_eq!((error.refusal(), error.next_step()), (refusal, NextStep::Retry), "{error}");
    }
    succeeds(&clickhouse, &body).await;
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn reason_of_an_early_refusal_is_seen_however_large_the_block_is() {
    let engine = engine().await;
    let clickhouse = engine.database("early").await;
    clickhouse.execute("DROP TABLE connections SYNC").await.unwrap();
    // Refused before the first byte of it is looked at.
    let body = Bytes::from(vec![7; 25_000_000]);
    for _ in 0..20 {
        let error = send(&clickhouse, &body).await.unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::Schema), "{error}");
    }
    engine.drop(&clickhouse).await;
}
