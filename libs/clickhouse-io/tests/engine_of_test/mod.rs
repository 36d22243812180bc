use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use local_parts::given::GivenClickHouse;
use local_parts::{ClickHouseProcess, Silent, given};
use schemas::migrations;

/// The engine that is given, or one of our own.
pub(crate) struct Engine {
    given: GivenClickHouse,
    _process: Option<(ClickHouseProcess, tempfile::TempDir)>,
}

pub(crate) async fn engine() -> Engine {
    if let Some(given) = given::clickhouse() {
        return Engine { given, _process: None };
    }
    let folder = tempfile::tempdir().unwrap();
    let binary = local_parts::flowledger_binary().unwrap();
    let process = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
    let given = GivenClickHouse { url: process.url(), user: "default".to_owned(), password: None };
    Engine { given, _process: Some((process, folder)) }
}

impl Engine {
    /// A database of its own, migrated.
    pub(crate) async fn database(&self, name: &str) -> ClickHouse {
        let database = format!("test_{name}_{}", std::process::id());
        let GivenClickHouse { url, user, password } = self.given.clone();
        let password = password.map(Into::into);
        let config = ClickHouseConfig { url, user, password, database, ..ClickHouseConfig::default() };
        let clickhouse = ClickHouse::new(&config);
        let applied = migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
        assert_eq!(applied.len(), migrations::ALL.len());
        clickhouse
    }
}
