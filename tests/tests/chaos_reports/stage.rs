//! Real parts for the run, and what is asked of them while it goes on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use futures_util::TryStreamExt;
use kafka_io::{KafkaConfig, Producer, admin};
use local_parts::fault_proxy::{Counts, Fault, FaultProxy};
use local_parts::{ClickHouseProcess, Kafka, MailServer, S3, SchemaRegistry, Silent};
use report_life::{Journal, ReportState, SharedBook, follow};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Encoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::ids::ReportId;
use schemas::topics::{REPORT_REQUESTS, REPORT_SLICES, Topic};
use serde_json::Value;
use service_kit::CancellationToken;
use tempfile::TempDir;

use crate::members::Members;
use crate::traffic;

/// Longest wait without anything having moved.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(180);
/// Between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// What a service says first.
const STARTED: &str = "metrics, health and readiness";
/// Exporters at once.
const EXPORTERS_MAX: usize = 3;

/// Who reads addresses waits ten milliseconds for each of fifty blocks; rows are the same, and counting is as fast as ever.
const SLOWER: [&str; 2] = [
    "RENAME TABLE connections TO connections_kept",
    "CREATE VIEW connections AS SELECT * REPLACE (if(resource_id IN (
         SELECT number + 1000000000000 FROM numbers(3250000) WHERE sleep(0.01) = 1
     ), '', resource_address) AS resource_address) FROM connections_kept
     SETTINGS allow_suspicious_low_cardinality_types = 1",
];
/// Statements of reports that run.
const RUNNING: &str = "SELECT count() FROM system.processes WHERE query LIKE '%FROM connections %'
    AND query NOT LIKE '%system.processes%' AND query NOT LIKE 'INSERT%'";

pub(crate) struct Stage {
    // Members first: they end before what they use.
    pub(crate) exporters: Members,
    pub(crate) engine: ClickHouseProcess,
    pub(crate) s3: S3,
    pub(crate) mail: MailServer,
    kafka: Kafka,
    _registry: SchemaRegistry,
    /// Between exporters and the engine, and between them and the store.
    to_engine: FaultProxy,
    to_store: FaultProxy,
    clickhouse: ClickHouse,
    pub(crate) store: ReportStore,
    pub(crate) journal: Journal,
    book: SharedBook,
    config: PathBuf,
    folder: TempDir,
}

fn answer(status: u16, code: Option<i32>, body: &str) -> Fault {
    Fault::Answer { status, code, body: body.to_owned() }
}

fn of_engine() -> Vec<Fault> {
    vec![
        Fault::Refuse,
        Fault::Delay(Duration::from_millis(300)),
        Fault::SwallowAnswer,
        Fault::CutAnswer { after: 20 },
        Fault::CutAnswer { after: 40_000 },
        answer(500, Some(241), "Code: 241. DB::Exception: Memory limit exceeded"),
        answer(500, Some(202), "Code: 202. DB::Exception: Too many simultaneous queries"),
    ]
}

fn of_store() -> Vec<Fault> {
    vec![
        Fault::Refuse,
        Fault::Delay(Duration::from_millis(300)),
        Fault::DelayAnswer(Duration::from_millis(300)),
        Fault::CutRequest { after: 700 },
        Fault::SwallowAnswer,
        answer(503, None, "<Error><Code>SlowDown</Code></Error>"),
        answer(500, None, "<Error><Code>InternalError</Code></Error>"),
    ]
}

impl Stage {
    /// Everything, with the traffic stored, and one exporter.
    pub(crate) async fn start() -> Self {
        service_kit::tls::install();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let binary = local_parts::flowledger_binary().unwrap();
        let places = (at("kafka"), at("registry"), at("clickhouse"), at("s3"), at("mail"));
        let (kafka, registry, engine, s3, mail) = tokio::join!(
            Kafka::start(&places.0, None, &Silent),
            SchemaRegistry::start(&places.1, None, &Silent),
            ClickHouseProcess::start(&binary, &places.2, None, &Silent),
            S3::start(&places.3, None, &Silent),
            MailServer::start(&places.4, None, &Silent),
        );
        let (kafka, registry, engine) = (kafka.unwrap(), registry.unwrap(), engine.unwrap());
        let (s3, mail) = (s3.unwrap(), mail.unwrap());
        let to_engine = FaultProxy::start(&engine.url()).await.unwrap();
        let to_store = FaultProxy::start(&s3.endpoint()).await.unwrap();
        // A session that is over soon, so that partitions move; slices, and what is sorted at once, that are small.
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:0\"\n\
             [kafka]\nbootstrap_servers = '{}'\n[kafka.properties]\n'session.timeout.ms' = '6000'\n\
             [registry]\nurl = '{}'\n[clickhouse]\nurl = '{}'\ntimeout = 20\n\
             [store]\nurl = 's3://{}/'\nendpoint = '{}'\naccess_key = '{}'\nsecret_key = '{}'\nallow_http = true\n\
             [limits]\nrunning = 3\nreports_a_day = 100000\n\
             [exporter]\nconcurrency = 3\nstretch_rows = 1000\nslice_rows = 1000\nretry_max = 60\ndrain_max = 5\n\
             [exporter.mail]\nhost = 'localhost'\nport = {}\nuser = '{}'\npassword = '{}'\nca_file = '{}'\n",
            kafka.bootstrap_servers(),
            registry.url(),
            to_engine.url(),
            s3.bucket(),
            to_store.url(),
            s3.access_key(),
            s3.secret_key(),
            mail.port(),
            mail.user(),
            mail.password(),
            mail.ca_file().display(),
        );
        let config = at("flowledger.toml");
        std::fs::write(&config, text).unwrap();
        let migrated = Command::new(&binary).arg("migrate").arg("--config").arg(&config).output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let kafka_config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..KafkaConfig::default() };
        let schemas = Registry::new(&RegistryConfig { url: registry.url(), ..RegistryConfig::default() }).unwrap();
        let producer = Producer::new(&kafka_config, "chaos-reports").unwrap();
        let never = CancellationToken::new();
        let journal = Journal::open(producer, &schemas, &never).await.unwrap().unwrap();
        let book = SharedBook::default();
        let id = schemas.ensure(&CONNECTION_EVENT).await.unwrap();
        tokio::spawn(follow(kafka_config.clone(), schemas, book.clone(), 0, never));
        let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
        let store = ReportStore::open(&StoreConfig {
            url: format!("s3://{}/", s3.bucket()),
            endpoint: Some(s3.endpoint()),
            access_key: Some(s3.access_key().to_owned()),
            secret_key: Some(s3.secret_key().to_owned().into()),
            allow_http: true,
            ..StoreConfig::default()
        });
        let exporters = Members::new("exporter", EXPORTERS_MAX, config.clone());
        let store = store.unwrap();
        let mut stage = Self {
            exporters,
            engine,
            s3,
            mail,
            kafka,
            _registry: registry,
            to_engine,
            to_store,
            clickhouse,
            store,
            journal,
            book,
            config,
            folder,
        };
        let encoder = Encoder::new(id, &CONNECTION_EVENT).unwrap();
        stage.store_traffic(&encoder).await;
        stage.exporters.add();
        stage
    }

    async fn store_traffic(&mut self, encoder: &Encoder<schemas::connection_event::ConnectionEvent>) {
        let mut ingest = Members::new("ingest", 1, self.config.clone());
        ingest.add();
        let events = traffic::produce(&self.kafka_config(), encoder).await;
        self.until("stored", async |stage| stage.count("SELECT count() FROM connections").await == Some(events)).await;
        let topic = schemas::topics::CONNECTION_EVENTS;
        self.until("committed", async |stage| stage.is_all_read(ingest::GROUP, topic).await).await;
        ingest.stop(0);
    }

    /// From now on reading takes a while, and one request of fifteen goes wrong.
    pub(crate) async fn slow_down_and_break(&self, seed: u64) {
        for statement in SLOWER {
            self.clickhouse.execute(statement).await.unwrap();
        }
        self.to_engine.seeded(seed, 1.0 / 15.0, of_engine(), |_| true);
        self.break_store(seed);
    }

    pub(crate) fn break_store(&self, seed: u64) {
        self.to_store.seeded(seed, 1.0 / 15.0, of_store(), |_| true);
    }

    pub(crate) fn heal(&self) {
        self.to_engine.heal();
        self.to_store.heal();
    }

    /// Waits until something is on its way into the store; says what.
    pub(crate) async fn next_upload(&self) -> String {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        self.to_store.plan(move |seen| {
            if seen.method == "PUT" || seen.method == "POST" {
                let target = seen.target.split('?').next().unwrap_or_default();
                let _ = sender.try_send(format!("{} {}", seen.method, target.rsplit('/').next().unwrap_or_default()));
            }
            None
        });
        receiver.recv().await.unwrap()
    }

    pub(crate) fn engine_counts(&self) -> BTreeMap<&'static str, u64> {
        self.to_engine.counts().faults
    }

    pub(crate) fn store_counts(&self) -> BTreeMap<&'static str, u64> {
        let Counts { faults, .. } = self.to_store.counts();
        faults
    }

    pub(crate) fn kafka_config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.kafka.bootstrap_servers(), ..KafkaConfig::default() }
    }

    pub(crate) fn known(&self, report: ReportId) -> Option<ReportState> {
        self.book.of_any_tenant(report)
    }

    pub(crate) fn state(&self, report: ReportId) -> ReportState {
        self.known(report).unwrap()
    }

    pub(crate) async fn file(&self, key: &str) -> Vec<u8> {
        let pieces: Vec<_> = self.store.read(key, None).await.unwrap().try_collect().await.unwrap();
        pieces.concat()
    }

    pub(crate) async fn files(&self, keys: &[String]) -> Vec<Vec<u8>> {
        let mut files = Vec::with_capacity(keys.len());
        for key in keys {
            files.push(self.file(key).await);
        }
        files
    }

    async fn count(&self, sql: &str) -> Option<u64> {
        let asked = tokio::time::timeout(Duration::from_secs(10), self.clickhouse.text(sql)).await;
        asked.ok()?.ok()?.trim().parse().ok()
    }

    /// Statements of reports that run; none where none does.
    pub(crate) async fn queries(&self) -> Option<u64> {
        self.count(RUNNING).await.filter(|queries| *queries > 0)
    }

    /// What an exporter has begun since it was started and that is still to be made: slices, and files of reports that it makes alone.
    pub(crate) fn in_hand(&self, at: usize) -> Vec<String> {
        let log = self.config.with_file_name(format!("exporter-{}.log", self.exporters.number(at)));
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let says = |line: &Value, message: &str| line["message"] == message;
        let begun = lines.iter().rposition(|line| says(line, STARTED)).unwrap_or(0);
        let lines = &lines[begun..];
        let is_open = |line: &&Value| {
            let state = line["report"].as_str().and_then(|id| self.known(id.parse().ok()?));
            let is_done = |it: &Value| {
                says(it, "a slice is done") && ["report", "slice", "attempt"].iter().all(|key| it[key] == line[key])
            };
            state.is_some_and(|it| {
                !it.phase.is_final() && !it.cancel_requested && line["attempt"].as_i64() == Some(i64::from(it.attempt))
            }) && !lines.iter().any(is_done)
        };
        let work = lines.iter().filter(|line| says(line, "a slice is begun") || says(line, "a file is begun"));
        let name = |line: &Value| match line["slice"].as_i64() {
            Some(slice) => format!("slice {slice}"),
            None => "a file".to_owned(),
        };
        work.filter(is_open).map(name).collect()
    }

    /// How often each exporter was started, as its log says.
    pub(crate) fn starts(&self) -> BTreeMap<u32, usize> {
        let starts = |number: u32| {
            let log = self.config.with_file_name(format!("exporter-{number}.log"));
            std::fs::read_to_string(log).unwrap_or_default().matches(STARTED).count()
        };
        (1..=EXPORTERS_MAX as u32).map(|number| (number, starts(number))).collect()
    }

    /// Waits until an exporter that was started says so: what its log says before that is of the one before it.
    pub(crate) async fn wait_started(&mut self, number: u32, before: &BTreeMap<u32, usize>) {
        let before = before[&number];
        self.until("started", async |stage| stage.starts()[&number] > before).await;
    }

    async fn until(&mut self, what: &str, is_so: impl AsyncFn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self).await {
            assert!(begin.elapsed() < WAIT_MAX, "not {what}; see {}", self.keep());
            self.exporters.restart_ended();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn is_all_read(&self, group: &str, topic: Topic) -> bool {
        let kafka = self.kafka_config();
        let ends = admin::stable_ends(&kafka, topic.name).await;
        let committed = admin::committed(&kafka, group, topic.name).await;
        let (Ok(ends), Ok(committed)) = (ends, committed) else { return false };
        ends.iter().all(|(number, end)| committed.get(number).copied().flatten().unwrap_or(0) >= *end)
    }

    /// Waits until requests and slices are done with: mails are sent and what was left is cleared before that.
    pub(crate) async fn wait_all_done(&mut self) {
        self.until("all requests are done with", async |stage| {
            stage.is_all_read(exporter::GROUP, REPORT_REQUESTS).await
        })
        .await;
        self.until("all slices are done with", async |stage| {
            stage.is_all_read(exporter::SLICES_GROUP, REPORT_SLICES).await
        })
        .await;
        self.until("all queries have ended", async |stage| stage.count(RUNNING).await == Some(0)).await;
    }

    /// Where the store keeps its objects, and what is on its way.
    pub(crate) fn objects(&self) -> PathBuf {
        self.folder.path().join("s3/objects").join(self.s3.bucket())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder with all logs and data; from now on it stays, for whoever looks into a failure.
    pub(crate) fn keep(&mut self) -> String {
        self.folder.disable_cleanup(true);
        self.folder.path().display().to_string()
    }
}
