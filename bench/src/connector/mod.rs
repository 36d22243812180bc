//! A log file to Kafka: lines per CPU second of `flowledger connector --once`, beside what one would write first.

pub(crate) mod log;
pub(crate) mod obvious;
mod places;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kafka_io::{KafkaConfig, admin};
use local_parts::{Kafka, SchemaRegistry, Silent};
use schemas::topics::{ALL, CONNECTION_EVENTS};
use tempfile::TempDir;

use crate::connector::log::Locations;
use crate::figure::{Figure, Measured};
use crate::process;

/// Environment of the peer's process: its parts, and its file.
pub(crate) const PEER_PARTS: [&str; 3] =
    ["FLOWLEDGER_BENCH_KAFKA", "FLOWLEDGER_BENCH_REGISTRY", "FLOWLEDGER_BENCH_LOG"];
/// The speed that is published for one process of Vector, lines a second: the upper end.
const VECTOR: f64 = 13_000.0;
/// Longest run.
const RUN_MAX: Duration = Duration::from_secs(3_600);

struct Stage {
    kafka: Kafka,
    registry: SchemaRegistry,
    folder: TempDir,
}

/// What a program used for all lines.
struct Used {
    lines: f64,
    cpu_s: f64,
    wall_s: f64,
    resident_mb: f64,
}

impl Used {
    fn lines_per_cpu_second(&self) -> f64 {
        self.lines / self.cpu_s
    }
}

pub(crate) async fn measure(small: bool) -> anyhow::Result<Measured> {
    let lines: u32 = if small { 1_000_000 } else { 3_000_000 };
    let stage = Stage::start().await?;
    let mut measured = Measured::default();
    let (all, fewer) = (stage.at("all.log"), stage.at("fewer.log"));
    let bytes = log::write(&all, lines, Locations::Most)?;
    // The peer takes several times as long: a share of the lines tells as much.
    log::write(&fewer, lines / 4, Locations::Most)?;
    measured.notes.push(format!("{lines} lines of {bytes:.0} bytes, {} partitions", CONNECTION_EVENTS.partitions));

    let once = stage.connector(&all, "at_least_once", "", lines).await?;
    note(&mut measured, "connector, at least once", &once);
    let exactly = stage.connector(&all, "exactly_once", "", lines).await?;
    note(&mut measured, "connector, exactly once", &exactly);
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("peer_obvious_connector");
    let log = fewer.to_string_lossy().into_owned();
    command.envs(PEER_PARTS.into_iter().zip([stage.kafka.bootstrap_servers(), stage.registry.url(), log]));
    let peer = stage.run(command, "peer", lines / 4).await?;
    note(&mut measured, "serde_json to apache-avro", &peer);

    let without = stage.at("without.log");
    log::write(&without, lines, Locations::None)?;
    places::write(&stage.at("places.mmdb"))?;
    let not_looked_up = stage.connector(&without, "at_least_once", "", lines).await?;
    note(&mut measured, "lines without location, no database", &not_looked_up);
    let database = format!("geoip_database = '{}'\n", stage.at("places.mmdb").display());
    let looked_up = stage.connector(&without, "at_least_once", &database, lines).await?;
    note(&mut measured, "lines without location, clients looked up", &looked_up);

    let (value, beside) = (once.lines_per_cpu_second(), peer.lines_per_cpu_second());
    let figure = |name: &str, value, peer, beside| Figure::new(name, value, "lines/s", peer, beside);
    measured.figures.extend([
        figure("connector_lines_per_cpu_second", value, "serde_json to apache-avro", beside),
        figure("connector_lines_per_cpu_second_beside_vector", value, "Vector, published", VECTOR),
        figure(
            "connector_lines_per_cpu_second_exactly_once",
            exactly.lines_per_cpu_second(),
            "serde_json to apache-avro",
            beside,
        ),
        figure(
            "connector_lines_per_cpu_second_looked_up",
            looked_up.lines_per_cpu_second(),
            "the same lines, no database",
            not_looked_up.lines_per_cpu_second(),
        ),
    ]);
    Ok(measured)
}

fn note(measured: &mut Measured, who: &str, used: &Used) {
    measured.notes.push(format!(
        "{who}: {:.0} ns a line, {:.1} s, {:.0} MB",
        used.cpu_s / used.lines * 1e9,
        used.wall_s,
        used.resident_mb
    ));
}

impl Stage {
    async fn start() -> anyhow::Result<Self> {
        service_kit::tls::install();
        let folder = tempfile::tempdir()?;
        let (for_kafka, for_registry) = (folder.path().join("kafka"), folder.path().join("registry"));
        let (kafka, registry) =
            tokio::join!(Kafka::start(&for_kafka, None, &Silent), SchemaRegistry::start(&for_registry, None, &Silent),);
        let stage = Self { kafka: kafka?, registry: registry?, folder };
        admin::ensure_topics(&stage.kafka_config(), ALL, 1).await?;
        Ok(stage)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kafka_config(&self) -> KafkaConfig {
        KafkaConfig { bootstrap_servers: self.kafka.bootstrap_servers(), ..KafkaConfig::default() }
    }

    /// Runs `flowledger connector --once` over a log, with more settings.
    async fn connector(&self, log: &Path, delivery: &str, settings: &str, lines: u32) -> anyhow::Result<Used> {
        let config = self.at(&format!("{delivery}.toml"));
        // Where no run before has kept positions.
        let state_dir = tempfile::tempdir_in(self.folder.path())?;
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:0\"\n[kafka]\nbootstrap_servers = '{}'\n[registry]\nurl = '{}'\n\
             [connector]\ntenant = 'acme'\ninputs = ['{}']\nstate_dir = '{}'\ndelivery = '{delivery}'\ninstance = 'bench'\n{settings}",
            self.kafka.bootstrap_servers(),
            self.registry.url(),
            log.display(),
            state_dir.path().display(),
        );
        std::fs::write(&config, text)?;
        let mut command = Command::new(local_parts::flowledger_binary()?);
        command.args(["connector", "--once", "--config"]).arg(config);
        self.run(command, delivery, lines).await
    }

    /// Runs a program to its end, and holds what came to the topic against the lines.
    async fn run(&self, mut command: Command, name: &str, lines: u32) -> anyhow::Result<Used> {
        let before = self.records().await?;
        let log = self.at(&format!("{name}.log"));
        let output = File::create(&log)?;
        let (begin, children_before) = (Instant::now(), process::ended_children_cpu_seconds()?);
        let mut child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut resident_mb = 0.0;
        let status = loop {
            // Until it is waited for, an ended process has no memory any more.
            resident_mb = process::resident_mb_max(child.id()).unwrap_or(resident_mb);
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if begin.elapsed() > RUN_MAX {
                child.kill()?;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let wall_s = begin.elapsed().as_secs_f64();
        let cpu_s = process::ended_children_cpu_seconds()? - children_before;
        let text = std::fs::read_to_string(&log)?;
        let last_words = text.lines().next_back().unwrap_or_default();
        anyhow::ensure!(status.success(), "{name} ended with {status}: {last_words}");
        let records = self.records().await? - before;
        // Marks of transactions count as records here.
        let is_all = records == i64::from(lines) || name == "exactly_once" && records >= i64::from(lines);
        anyhow::ensure!(is_all, "{records} records of {lines} lines");
        Ok(Used { lines: f64::from(lines), cpu_s, wall_s, resident_mb })
    }

    async fn records(&self) -> anyhow::Result<i64> {
        let ends = admin::stable_ends(&self.kafka_config(), CONNECTION_EVENTS.name).await?;
        Ok(ends.values().sum())
    }
}
