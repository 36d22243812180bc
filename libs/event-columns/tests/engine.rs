//! Blocks on the real engine: the same rows as one by one, found in order, whole and in pieces.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert, insert_native, query_id};
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use event_columns::{Block, BlockWriter, EventColumns, Program};
use local_parts::given::GivenClickHouse;
use local_parts::{ClickHouseProcess, Silent, given};
use proptest::collection::vec;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::{connection, right_events};
use schemas::migrations;
use schemas::times::Moment;

const TABLES: [EventTable; 2] = [EventTable::Connections, EventTable::ConnectionOpenings];

/// The engine that is given, or one of our own.
struct Engine {
    given: GivenClickHouse,
    _process: Option<(ClickHouseProcess, tempfile::TempDir)>,
}

impl Engine {
    async fn start() -> Self {
        if let Some(given) = given::clickhouse() {
            return Self { given, _process: None };
        }
        let folder = tempfile::tempdir().unwrap();
        let binary = local_parts::flowledger_binary().unwrap();
        let process = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
        let given = GivenClickHouse { url: process.url(), user: "default".to_owned(), password: None };
        Self { given, _process: Some((process, folder)) }
    }

    /// A database of its own, migrated.
    async fn database(&self, name: &str) -> ClickHouse {
        let database = format!("test_columns_{name}_{}", std::process::id());
        let GivenClickHouse { url, user, password } = self.given.clone();
        let password = password.map(Into::into);
        let config = ClickHouseConfig { url, user, password, database, ..ClickHouseConfig::default() };
        let clickhouse = ClickHouse::new(&config);
        migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
        clickhouse
    }
}

/// Columns of these events, at offsets from 0 on.
fn columns_of(events: &[ConnectionEvent]) -> EventColumns {
    let program = Program::new(CONNECTION_EVENT.schema).unwrap();
    let encoder = Encoder::new(SchemaId::new(1), &CONNECTION_EVENT).unwrap();
    let mut columns = EventColumns::new("main", 3);
    for (offset, event) in (0..).zip(events) {
        let body = &encoder.encode(event).unwrap()[5..];
        columns.append(&program, body, offset, Moment::END.as_micros()).unwrap();
    }
    columns
}

async fn store(clickhouse: &ClickHouse, blocks: Vec<Block>, token: &str) {
    for block in blocks {
        let months = block.months.map(|months| format!("/{months}")).unwrap_or_default();
        let token = format!("{token}{months}");
        let id = query_id(&token, block.table);
        insert_native(clickhouse, block.table, block.bytes.into(), &token, &id).await.unwrap();
    }
}

async fn store_rows(clickhouse: &ClickHouse, events: &[ConnectionEvent]) {
    for table in TABLES {
        let rows = (0..).zip(events).map(|(offset, event)| {
            ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 3, offset })
        });
        let is_of_table = |row: &ConnectionRow| row.is_opening() == (table == EventTable::ConnectionOpenings);
        insert(clickhouse, table, rows.filter(is_of_table).collect(), "rows").await.unwrap();
    }
}

/// Every column, the computed ones too.
async fn rows(clickhouse: &ClickHouse, table: EventTable) -> String {
    let sql = format!("SELECT *, start_time, event_id, connection_id FROM {} ORDER BY _kafka_offset", table.name());
    clickhouse.text(&sql).await.unwrap()
}

async fn drop_database(clickhouse: &ClickHouse) {
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

fn any_events(count: usize) -> Vec<ConnectionEvent> {
    let events = vec(right_events(), count).new_tree(&mut TestRunner::default()).unwrap().current();
    events
        .into_iter()
        .map(|event| match event.event_type {
            EventType::ClosedConnection => event,
            _ => ConnectionEvent { start_time: event.end_time, ..event },
        })
        .collect()
}

#[tokio::test]
async fn blocks_give_the_same_rows_as_the_row_path() {
    let engine = Engine::start().await;
    let (by_rows, by_blocks) = (engine.database("rows").await, engine.database("blocks").await);
    // Of all times: split into many blocks.
    let events = any_events(200);
    let mut columns = columns_of(&events);
    let blocks = columns.blocks(None, &mut BlockWriter::default());
    assert!(blocks.iter().filter(|block| block.months.is_some()).count() > 1, "{}", blocks.len());
    assert_eq!(blocks.iter().map(|block| block.rows).sum::<usize>(), events.len());
    store_rows(&by_rows, &events).await;
    store(&by_blocks, blocks.clone(), "main/3/0-199").await;
    // The same tokens again store nothing.
    store(&by_blocks, blocks, "main/3/0-199").await;
    for table in TABLES {
        let (expected, found) = (rows(&by_rows, table).await, rows(&by_blocks, table).await);
        assert!(expected.lines().count() > 25, "{expected}");
        assert_eq!(found, expected);
    }
    drop_database(&by_rows).await;
    drop_database(&by_blocks).await;
}

#[tokio::test]
async fn rows_of_some_offsets_complete_a_table_that_lacks_them() {
    let engine = Engine::start().await;
    let (whole, in_pieces) = (engine.database("whole").await, engine.database("pieces").await);
    let mut columns = columns_of(&any_events(120));
    let offsets: BTreeSet<i64> = TABLES.into_iter().flat_map(|table| columns.offsets(table)).collect();
    assert_eq!(offsets, (0..120).collect());
    let mut writer = BlockWriter::default();
    store(&whole, columns.blocks(None, &mut writer), "all").await;
    for (number, rest) in ["first", "second", "third"].into_iter().enumerate() {
        let only = offsets.iter().copied().filter(|offset| offset % 3 == i64::try_from(number).unwrap()).collect();
        store(&in_pieces, columns.blocks(Some(&only), &mut writer), rest).await;
    }
    for table in TABLES {
        assert_eq!(rows(&in_pieces, table).await, rows(&whole, table).await);
    }
    drop_database(&whole).await;
    drop_database(&in_pieces).await;
}

/// How many blocks the engine has found in order, and how many it has not.
async fn found_in_order(clickhouse: &ClickHouse) -> (u64, u64) {
    let sql = "SELECT sumIf(value, event = 'MergeTreeDataWriterBlocksAlreadySorted'), sumIf(value, event = 'MergeTreeDataWriterBlocks')
        FROM system.events";
    let text = clickhouse.text(sql).await.unwrap();
    let numbers: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    (numbers[0], numbers[1])
}

#[tokio::test]
async fn engine_finds_the_blocks_in_order_and_makes_one_part_of_each() {
    let engine = Engine::start().await;
    let clickhouse = engine.database("order").await;
    clickhouse.execute("SYSTEM STOP MERGES connections").await.unwrap();
    // One Remote Network, several hours and tenants, times backwards: more rows than the engine takes for one block by itself.
    let events: Vec<ConnectionEvent> = (0..80_000_u64)
        .map(|number| {
            let event = connection(
                EventType::DeniedAccess,
                &format!("{number:x}-1"),
                1_793_620_000_000 + (80_000 - number) / 10 * 1_000,
            );
            let tenant = ["zeta", "acme"][usize::try_from(number % 2).unwrap()].parse().unwrap();
            ConnectionEvent { tenant, ..event }
        })
        .collect();
    let mut columns = columns_of(&events);
    let before = found_in_order(&clickhouse).await;
    store(&clickhouse, columns.blocks(None, &mut BlockWriter::default()), "order").await;
    let after = found_in_order(&clickhouse).await;
    let (in_order, all) = (after.0 - before.0, after.1 - before.1);
    assert!(all > 0 && in_order == all, "{in_order} of {all} in order");
    let parts = clickhouse
        .text("SELECT count(), sum(rows) FROM system.parts WHERE active AND database = currentDatabase() AND table = 'connections'")
        .await
        .unwrap();
    assert_eq!(parts, "1\t80000\n");
    drop_database(&clickhouse).await;
}
