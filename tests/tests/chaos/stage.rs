//! Real parts for the run, and what is asked of them while it goes on.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{KafkaConfig, admin};
use local_parts::fault_proxy::{Fault, FaultProxy, Seen};
use local_parts::{ClickHouseProcess, Kafka, SchemaRegistry, Silent};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema_registry::{Encoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::topics::CONNECTION_EVENTS;
use tempfile::TempDir;

use crate::connector::Connector;
use crate::ended::Ended;
use crate::load::{Load, Marks};
use crate::members::Members;

/// Longest wait without anything having moved.
const WAIT_MAX: Duration = Duration::from_secs(180);

pub(crate) struct Stage {
    // Members first: they end before what they use.
    pub(crate) ingest: Members,
    pub(crate) aggregator: Members,
    pub(crate) connector: Connector,
    pub(crate) kafka: Kafka,
    pub(crate) engine: ClickHouseProcess,
    /// Between ingest and the engine.
    pub(crate) proxy: FaultProxy,
    registry: SchemaRegistry,
    clickhouse: ClickHouse,
    stored_before: u64,
    marks: Marks,
    folder: TempDir,
}

/// What a network does to requests, and a server that is overloaded.
fn network_faults() -> Vec<Fault> {
    let answer = |code: i32, text: &str| Fault::Answer {
        status: 500,
        code: Some(code),
        body: format!("Code: {code}. DB::Exception: {text}"),
    };
    vec![
        Fault::Refuse,
        Fault::CutRequest { after: 700 },
        Fault::TruncateRequest { after: 900 },
        Fault::Delay(Duration::from_millis(300)),
        Fault::DelayAnswer(Duration::from_millis(300)),
        Fault::SwallowAnswer,
        Fault::CutAnswer { after: 20 },
        Fault::Repeat,
        Fault::RepeatLater(Duration::from_millis(500)),
        answer(252, "Too many parts"),
        answer(241, "Memory limit exceeded"),
        answer(242, "Table is in readonly mode"),
        answer(243, "Cannot reserve 1.00 MiB, not enough space"),
    ]
}

/// One request of thirty meets one of the faults. Only blocks of rows are ended as if that had been all: of a statement that would make another one,
/// which a server refuses for good, and no network does that.
fn network(seed: u64) -> impl FnMut(&Seen) -> Option<Fault> + Send + 'static {
    let (mut random, faults) = (StdRng::seed_from_u64(seed), network_faults());
    move |seen| {
        if !random.random_ratio(1, 30) {
            return None;
        }
        match faults[random.random_range(0..faults.len())].clone() {
            Fault::TruncateRequest { after } if !seen.is_insert() => Some(Fault::CutRequest { after }),
            fault => Some(fault),
        }
    }
}

impl Stage {
    pub(crate) async fn start(protocol: &str, seed: u64) -> Self {
        service_kit::tls::install();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let binary = local_parts::flowledger_binary().unwrap();
        let (for_kafka, for_registry, for_engine) = (at("kafka"), at("registry"), at("clickhouse"));
        let (kafka, registry, engine) = tokio::join!(
            Kafka::start(&for_kafka, None, &Silent),
            SchemaRegistry::start(&for_registry, None, &Silent),
            ClickHouseProcess::start(&binary, &for_engine, None, &Silent),
        );
        let (kafka, registry, engine) = (kafka.unwrap(), registry.unwrap(), engine.unwrap());
        let proxy = FaultProxy::start(&engine.url()).await.unwrap();
        // A session that is over soon, so that partitions move; batches that are many.
        let group = if protocol == "classic" { "'session.timeout.ms' = '6000'\n" } else { "" };
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:0\"\n\
             [kafka]\nbootstrap_servers = '{}'\n[kafka.properties]\n{group}\
             [registry]\nurl = '{}'\n[clickhouse]\nurl = '{}'\ntimeout = 20\n\
             [ingest]\nbatch_age = 0.1\nbatch_rows = 40\nprotocol = '{protocol}'\ndrain_max = 5\n\
             [aggregator]\nbatch_age = 0.1\nbatch_rows = 60\nprotocol = '{protocol}'\ndrain_max = 5\n\
             refresh = 5\n",
            kafka.bootstrap_servers(),
            registry.url(),
            proxy.url(),
        );
        let config = at("flowledger.toml");
        std::fs::write(&config, text).unwrap();
        let migrated = Command::new(&binary).arg("migrate").arg("--config").arg(&config).output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        // What ingest asks and what it inserts, from now on.
        proxy.plan(network(seed));
        let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
        let connector = Connector::start(config.clone());
        Self {
            ingest: Members::new("ingest", 4, config.clone()),
            aggregator: Members::new("aggregator", 2, config),
            connector,
            kafka,
            engine,
            proxy,
            registry,
            clickhouse,
            stored_before: 0,
            marks: Marks::default(),
            folder,
        }
    }

    pub(crate) fn clickhouse(&self) -> &ClickHouse {
        &self.clickhouse
    }

    pub(crate) fn kafka_config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.kafka.bootstrap_servers(), ..KafkaConfig::default() }
    }

    pub(crate) async fn begin_load(&self, seed: u64) -> Load {
        let config = RegistryConfig { url: self.registry.url(), ..RegistryConfig::default() };
        let id = Registry::new(&config).unwrap().ensure(&CONNECTION_EVENT).await.unwrap();
        Load::begin(
            &self.kafka_config(),
            Encoder::new(id, &CONNECTION_EVENT).unwrap(),
            &self.folder.path().join("chaos.log"),
            seed,
            &self.marks,
        )
    }

    /// What ClickHouse gives for a query; asked until it answers.
    pub(crate) async fn sql(&self, sql: &str) -> String {
        let begin = Instant::now();
        loop {
            match self.clickhouse.text(sql).await {
                Ok(text) => return text,
                Err(error) => assert!(begin.elapsed() < WAIT_MAX, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Rows of both tables.
    pub(crate) async fn stored(&self) -> u64 {
        let sql = "SELECT (SELECT count() FROM connections) + (SELECT count() FROM connection_openings)";
        let stored = self.sql(sql).await.trim().parse().unwrap();
        self.marks.saw_stored(stored);
        stored
    }

    pub(crate) async fn wait_stored(&mut self, rows: u64) {
        let (mut begin, mut before) = (Instant::now(), 0);
        loop {
            let stored = self.stored().await;
            if stored > before {
                (begin, before) = (Instant::now(), stored);
            }
            if stored >= rows {
                self.stored_before = stored;
                return;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{stored} rows and not {rows}; see {}", self.keep());
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.restart_ended();
        }
    }

    /// Starts again what has ended by itself, as whoever runs it would.
    pub(crate) fn restart_ended(&mut self) {
        self.ingest.restart_ended();
        self.aggregator.restart_ended();
        self.connector.restart_ended();
    }

    /// Waits until rows came since the last fault, and more events are on Kafka than are stored.
    pub(crate) async fn wait_in_flight(&mut self, load: &Load) {
        self.wait_stored(self.stored_before + 100).await;
        let begin = Instant::now();
        while load.produced() <= self.stored().await {
            assert!(begin.elapsed() < WAIT_MAX, "nothing is in flight");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until a group's offsets are at the end of every partition.
    pub(crate) async fn wait_all_read(&mut self, group: &str) {
        let begin = Instant::now();
        loop {
            let (kafka, topic) = (self.kafka_config(), CONNECTION_EVENTS.name);
            let ends = admin::stable_ends(&kafka, topic).await;
            let committed = admin::committed(&kafka, group, topic).await;
            if let (Ok(ends), Ok(committed)) = (ends, committed) {
                let behind: Vec<_> = ends
                    .iter()
                    .filter(|(number, end)| committed.get(number).copied().flatten().unwrap_or(0) < **end)
                    .collect();
                if behind.is_empty() {
                    return;
                }
                assert!(begin.elapsed() < WAIT_MAX, "{group} has not read to the end: {behind:?}; see {}", self.keep());
            }
            self.restart_ended();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Processes that ended though nobody had killed them.
    pub(crate) fn ended(&self) -> Vec<&Ended> {
        [&self.ingest.ended, &self.aggregator.ended, &self.connector.ended].into_iter().flatten().collect()
    }

    /// Logs of members that took the topic for another one: it is the same all the time.
    pub(crate) fn mistaken_for_new(&self) -> Vec<String> {
        let logs = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let logs = logs.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
        let is_mistaken = |path: &PathBuf| {
            let said = std::fs::read(path).unwrap();
            String::from_utf8_lossy(&said).contains("The topic was made anew")
        };
        logs.filter(is_mistaken).map(|path| path.display().to_string()).collect()
    }

    /// The folder with all logs and data; from now on it stays, for whoever looks into a failure.
    pub(crate) fn keep(&mut self) -> String {
        self.folder.disable_cleanup(true);
        self.folder.path().display().to_string()
    }
}
