//! The engine of the tests, and rows to put in.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ops::Range;

use bytes::Bytes;
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use local_parts::given::GivenClickHouse;
use local_parts::{ClickHouseProcess, Silent, SmallDisk, given};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::migrations;

/// The engine that is given, or one of our own.
pub(crate) struct Engine {
    pub(crate) given: GivenClickHouse,
    _process: Option<(ClickHouseProcess, tempfile::TempDir)>,
}

pub(crate) async fn engine() -> Engine {
    if let Some(given) = given::clickhouse() {
        return Engine { given, _process: None };
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = local_parts::flowledger_binary().unwrap();
    let process = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
    own(process, folder)
}

/// One of our own, on a disk that can be filled.
pub(crate) async fn engine_on_small_disk(size_bytes: u64) -> (Engine, SmallDisk) {
    let folder = tempfile::tempdir().unwrap();
    let binary = local_parts::flowledger_binary().unwrap();
    let started = ClickHouseProcess::start_on_small_disk(&binary, folder.path(), size_bytes, &Silent).await;
    let (process, disk) = started.unwrap();
    (own(process, folder), disk)
}

fn own(process: ClickHouseProcess, folder: tempfile::TempDir) -> Engine {
    let given = GivenClickHouse { url: process.url(), user: "default".to_owned(), password: None };
    Engine { given, _process: Some((process, folder)) }
}

impl Engine {
    /// A database of its own, migrated.
    pub(crate) async fn database(&self, name: &str) -> ClickHouse {
        self.database_with(name, |_| {}).await
    }

    /// The same, with settings of the client changed.
    pub(crate) async fn database_with(&self, name: &str, change: impl FnOnce(&mut ClickHouseConfig)) -> ClickHouse {
        let database = format!("test_{name}_{}", std::process::id());
        let GivenClickHouse { url, user, password } = self.given.clone();
        let password = password.map(Into::into);
        let mut config = ClickHouseConfig { url, user, password, database, ..ClickHouseConfig::default() };
        // Tables are made without what the test puts between.
        let applied = migrate::migrate(&ClickHouse::new(&config), migrations::ALL).await.unwrap();
        assert_eq!(applied.len(), migrations::ALL.len());
        change(&mut config);
        ClickHouse::new(&config)
    }

    /// All events of `connections`, copies included, in order of end time, event id and offset.
    pub(crate) async fn stored_events(&self, clickhouse: &ClickHouse) -> Vec<ConnectionEvent> {
        let GivenClickHouse { url, user, password } = &self.given;
        let client = clickhouse::Client::default().with_url(url).with_user(user).with_database(clickhouse.database());
        let client = client.with_password(password.as_deref().unwrap_or_default());
        let sql = "SELECT ?fields FROM connections ORDER BY end_time, event_id_tail, _kafka_offset";
        let rows = client.query(sql).fetch_all::<ConnectionRow>().await.unwrap();
        rows.into_iter().map(|row| row.into_event().unwrap()).collect()
    }

    /// Takes a database away.
    pub(crate) async fn drop(&self, clickhouse: &ClickHouse) {
        clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
    }
}

/// End time of [`row`], Unix milliseconds.
pub(crate) fn end_ms(offset: i64) -> i64 {
    1_793_487_602_000 + offset * 700
}

/// The event at an offset of partition 3 of source `main`; the same offset gives the same.
pub(crate) fn row(offset: i64) -> ConnectionRow {
    let end_ms = end_ms(offset).unsigned_abs();
    let event = connection(EventType::ClosedConnection, &format!("{offset:x}-1"), end_ms);
    ConnectionRow::from_event(event, Source { name: "main", partition: 3, offset })
}

/// Rows as one Native block, made by the engine itself from rows that went in as rows, in a table that is empty again afterwards.
pub(crate) async fn block(clickhouse: &ClickHouse, offsets: Range<i64>) -> Bytes {
    block_of(clickhouse, offsets.map(row).collect()).await
}

/// The same for any rows.
pub(crate) async fn block_of(clickhouse: &ClickHouse, rows: Vec<ConnectionRow>) -> Bytes {
    let token = format!("only to be read, {}", rows.len());
    insert(clickhouse, EventTable::Connections, rows, &token).await.unwrap();
    let body = clickhouse.bytes("SELECT * FROM connections", "Native").await.unwrap();
    clickhouse.execute("TRUNCATE TABLE connections SYNC").await.unwrap();
    body
}

/// All rows of `connections` in order, as text.
pub(crate) async fn everything(clickhouse: &ClickHouse) -> String {
    clickhouse.text("SELECT * FROM connections ORDER BY _kafka_source, _kafka_partition, _kafka_offset").await.unwrap()
}
