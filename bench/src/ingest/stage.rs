//! Real parts for one measurement, with a backlog on the topic.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use kafka_io::{KafkaConfig, OutRecord, Producer, admin};
use local_parts::{ClickHouseProcess, Kafka, SchemaRegistry, Silent};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use schema_registry::{Encoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::migrations;
use schemas::topics::{ALL, CONNECTION_EVENTS, Topic};
use tempfile::TempDir;

use crate::ingest::json_event::JsonEvent;
use crate::process;
use crate::traffic::Traffic;

/// Longest run.
const RUN_MAX: Duration = Duration::from_secs(3_600);
/// Longest end of a program.
const STOP_MAX: Duration = Duration::from_secs(60);
/// The events once more, as JSON.
pub(crate) const JSON_EVENTS: Topic = Topic { name: "connection-events-json", ..CONNECTION_EVENTS };
/// Environment of a peer's process: where its parts are.
const PEER_PARTS: [&str; 3] = ["FLOWLEDGER_BENCH_KAFKA", "FLOWLEDGER_BENCH_REGISTRY", "FLOWLEDGER_BENCH_CLICKHOUSE"];

/// What the process of a peer is told: bootstrap servers, and the addresses of registry and engine.
pub(crate) fn peer_parts() -> [String; 3] {
    PEER_PARTS.map(|name| std::env::var(name).unwrap_or_default())
}

pub(crate) struct Stage {
    pub(crate) kafka: Kafka,
    pub(crate) registry: SchemaRegistry,
    pub(crate) engine: ClickHouseProcess,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) encoder: Encoder<ConnectionEvent>,
    pub(crate) folder: TempDir,
    /// Where ingest shows its metrics.
    operators_port: u16,
}

/// A program under measurement; killed when it is dropped.
pub(crate) struct Program(pub(crate) Child);

impl Program {
    /// Ends it in order.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        Command::new("kill").arg(self.0.id().to_string()).status()?;
        let begin = Instant::now();
        while self.0.try_wait()?.is_none() {
            anyhow::ensure!(begin.elapsed() < STOP_MAX, "the program does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Events on a topic that somebody brings into the tables.
#[derive(Clone, Copy)]
pub(crate) struct Backlog {
    pub(crate) group: &'static str,
    pub(crate) topic: &'static str,
    pub(crate) events: u32,
    /// False where they are only read.
    pub(crate) is_stored: bool,
}

impl Backlog {
    pub(crate) fn of(group: &'static str, events: u32) -> Self {
        Self { group, topic: CONNECTION_EVENTS.name, events, is_stored: true }
    }
}

/// What a program used to bring a whole backlog into the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    pub(crate) events: f64,
    pub(crate) program_cpu_s: f64,
    pub(crate) engine_cpu_s: f64,
    pub(crate) wall_s: f64,
    pub(crate) resident_mb: f64,
}

impl Used {
    pub(crate) fn events_per_cpu_second(&self) -> f64 {
        self.events / self.program_cpu_s
    }

    pub(crate) fn total_us_per_event(&self) -> f64 {
        (self.program_cpu_s + self.engine_cpu_s) / self.events * 1e6
    }
}

impl Stage {
    pub(crate) async fn start(partitions: i32) -> anyhow::Result<Self> {
        Self::start_on(partitions, None).await
    }

    /// The same with an engine whose data is in a folder, and stays there.
    pub(crate) async fn start_on(partitions: i32, kept: Option<&Path>) -> anyhow::Result<Self> {
        service_kit::tls::install();
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let binary = local_parts::flowledger_binary()?;
        let (for_kafka, for_registry) = (at("kafka"), at("registry"));
        let for_engine = kept.map_or_else(|| at("clickhouse"), Path::to_owned);
        let (kafka, registry, engine) = tokio::join!(
            Kafka::start(&for_kafka, None, &Silent),
            SchemaRegistry::start(&for_registry, None, &Silent),
            ClickHouseProcess::start(&binary, &for_engine, None, &Silent),
        );
        let (kafka, registry, engine) = (kafka?, registry?, engine?);
        let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..KafkaConfig::default() };
        let topics: Vec<Topic> = ALL
            .iter()
            .map(|topic| if *topic == CONNECTION_EVENTS { Topic { partitions, ..*topic } } else { *topic })
            .collect();
        admin::ensure_topics(&config, &topics, 1).await?;
        let clickhouse = ClickHouse::new(&ClickHouseConfig { url: engine.url(), ..ClickHouseConfig::default() });
        migrate::migrate(&clickhouse, migrations::ALL).await?;
        let registry_config = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
        let id = Registry::new(&registry_config)?.ensure(&CONNECTION_EVENT).await?;
        let encoder = Encoder::new(id, &CONNECTION_EVENT)?;
        let operators_port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        Ok(Self { kafka, registry, engine, clickhouse, encoder, folder, operators_port })
    }

    pub(crate) fn kafka_config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.kafka.bootstrap_servers(), ..KafkaConfig::default() }
    }

    /// Puts so many events on the topic; gives their mean size in bytes.
    pub(crate) async fn fill(&self, events: u32, networks: u32) -> anyhow::Result<f64> {
        self.fill_from(Self::traffic()?.over_networks(networks), events).await
    }

    /// The same from some traffic.
    pub(crate) async fn fill_from(&self, traffic: Traffic, events: u32) -> anyhow::Result<f64> {
        self.fill_with(CONNECTION_EVENTS.name, events, traffic, |event| Ok(self.encoder.encode(&event)?)).await
    }

    /// What every run has.
    pub(crate) fn traffic() -> anyhow::Result<Traffic> {
        Traffic::new(StdRng::seed_from_u64(7), 2_000.0)
    }

    /// The same events as JSON, on a topic of their own with as many partitions.
    pub(crate) async fn fill_json(&self, events: u32, networks: u32, partitions: i32) -> anyhow::Result<f64> {
        admin::ensure_topics(&self.kafka_config(), &[Topic { partitions, ..JSON_EVENTS }], 1).await?;
        let traffic = Self::traffic()?.over_networks(networks);
        self.fill_with(JSON_EVENTS.name, events, traffic, |event| Ok(serde_json::to_vec(&JsonEvent::from(event))?))
            .await
    }

    async fn fill_with(
        &self,
        topic: &str,
        events: u32,
        mut traffic: Traffic,
        encode: impl Fn(ConnectionEvent) -> anyhow::Result<Vec<u8>>,
    ) -> anyhow::Result<f64> {
        let producer = Producer::new(&self.kafka_config(), "bench")?;
        let mut bytes = 0_u64;
        for _ in 0..events {
            let event = traffic.next_event()?;
            let (key, value) = (event.key(), encode(event)?);
            bytes += value.len() as u64;
            let record = OutRecord { topic, key: key.as_bytes(), payload: &value, headers: &[] };
            drop(producer.enqueue(record).await?);
        }
        producer.flush(Duration::from_secs(300)).await?;
        #[expect(clippy::cast_precision_loss, reason = "a mean")]
        Ok(bytes as f64 / f64::from(events))
    }

    fn config_file(&self, more: &str) -> anyhow::Result<std::path::PathBuf> {
        let path = self.folder.path().join("flowledger.toml");
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:{}\"\n[kafka]\nbootstrap_servers = '{}'\n\
             [registry]\nurl = '{}'\n[clickhouse]\nurl = '{}'\n{more}",
            self.operators_port,
            self.kafka.bootstrap_servers(),
            self.registry.url(),
            self.engine.url()
        );
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Starts `flowledger ingest` with further settings.
    pub(crate) fn ingest(&self, settings: &str) -> anyhow::Result<Program> {
        self.service("ingest", settings)
    }

    /// Starts a service with further settings.
    pub(crate) fn service(&self, service: &str, settings: &str) -> anyhow::Result<Program> {
        let config = self.config_file(settings)?;
        let mut command = Command::new(local_parts::flowledger_binary()?);
        command.arg(service).arg("--config").arg(config);
        self.spawn(command, "ingest")
    }

    /// Starts a peer, which is this program under another name.
    pub(crate) fn peer(&self, name: &str) -> anyhow::Result<Program> {
        let mut command = Command::new(std::env::current_exe()?);
        let parts = [self.kafka.bootstrap_servers(), self.registry.url(), self.engine.url()];
        command.arg(name).envs(PEER_PARTS.into_iter().zip(parts));
        self.spawn(command, "peer")
    }

    fn spawn(&self, mut command: Command, name: &str) -> anyhow::Result<Program> {
        let log = File::create(self.log(name))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        Ok(Program(child))
    }

    fn log(&self, name: &str) -> std::path::PathBuf {
        Path::new(self.folder.path()).join(format!("{name}.log"))
    }

    /// Empties the table.
    pub(crate) async fn empty(&self) -> anyhow::Result<()> {
        Ok(self.clickhouse.execute("TRUNCATE TABLE connections SYNC").await?)
    }

    /// Empties the table and forgets how far a group is, whose members have gone.
    pub(crate) async fn begin_again(&self, group: &str) -> anyhow::Result<()> {
        self.empty().await?;
        let client: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", self.kafka.bootstrap_servers()).create()?;
        for deleted in client.delete_groups(&[group], &AdminOptions::new()).await? {
            deleted.map_err(|(group, code)| anyhow::anyhow!("group {group} cannot be deleted: {code}"))?;
        }
        Ok(())
    }

    /// Waits until all connection events are stored and committed by a group; what the program and the engine used for it.
    pub(crate) async fn drained(
        &self,
        program: &mut Program,
        group: &'static str,
        events: u32,
    ) -> anyhow::Result<Used> {
        self.done(Some(program), Backlog::of(group, events)).await
    }

    /// Waits until everything on the topic is committed by a group; what the program and the engine used for it. Without a program:
    /// the engine does it by itself.
    pub(crate) async fn done(&self, mut program: Option<&mut Program>, backlog: Backlog) -> anyhow::Result<Used> {
        let (kafka, Backlog { group, topic, events, is_stored }) = (self.kafka_config(), backlog);
        let (begin, engine_before) = (Instant::now(), process::cpu_seconds(self.engine.pid())?);
        let ends = admin::stable_ends(&kafka, topic).await?;
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            if let Some(status) = program.as_mut().and_then(|program| program.0.try_wait().transpose()) {
                anyhow::bail!("the program ended with {}: {}", status?, self.last_words());
            }
            let committed = admin::committed(&kafka, group, topic).await.unwrap_or_default();
            let is_done = |(number, end): (&i32, &i64)| committed.get(number).copied().flatten().unwrap_or(0) >= *end;
            if ends.iter().all(is_done) {
                break;
            }
            anyhow::ensure!(begin.elapsed() < RUN_MAX, "not done within {RUN_MAX:?}");
        }
        let wall_s = begin.elapsed().as_secs_f64();
        let engine_cpu_s = process::cpu_seconds(self.engine.pid())? - engine_before;
        let pid = program.map(|program| program.0.id());
        let (program_cpu_s, resident_mb) = match pid {
            Some(pid) => (process::cpu_seconds(pid)?, process::resident_mb_max(pid)?),
            None => (0.0, 0.0),
        };
        if is_stored {
            let stored: u32 = self.clickhouse.text("SELECT count() FROM connections").await?.trim().parse()?;
            // The engine's own table is at least once, and says nothing of what it stored twice.
            let is_right = stored == events || pid.is_none() && stored > events;
            anyhow::ensure!(is_right, "{stored} rows of {events} events");
        }
        Ok(Used { events: f64::from(events), program_cpu_s, engine_cpu_s, wall_s, resident_mb })
    }

    fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.log("ingest")).unwrap_or_default();
        log.lines().next_back().unwrap_or_default().to_owned()
    }

    /// Parts that inserts have made since the engine started. The engine counts them; those of merges are counted elsewhere.
    pub(crate) async fn parts_inserted(&self) -> anyhow::Result<f64> {
        let sql = "SELECT sum(value) FROM system.events WHERE event IN ('InsertedWideParts', 'InsertedCompactParts')";
        self.clickhouse.text(sql).await?.trim().parse().context("no number of parts")
    }

    /// A metric of ingest that has no labels.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("http://127.0.0.1:{}/metrics", self.operators_port);
        let asked = Command::new("curl").args(["-fsS", &url]).output()?;
        let text = String::from_utf8(asked.stdout)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.context("no such metric")?.trim().parse().context("no number")
    }
}
