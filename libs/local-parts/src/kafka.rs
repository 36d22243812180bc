//! Apache Kafka: one KRaft node.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::child::{Child, Recipe, absolute, make_folder, process_methods};
use crate::{PartError, Progress, cache, checksum, ports, tools};

const VERSION: &str = "4.1.0";
const SIZE_BYTES: u64 = 43 << 20;
const POM: &str = include_str!("../parts/kafka-pom.xml");
/// SHA-256 and name of every jar, as `sha256sum` prints them.
const JARS: &str = include_str!("../parts/kafka-jars.sha256");
/// Classes ready to map.
const ARCHIVE: &str = "kafka.jsa";
/// Small and quick to start: a broker for one machine.
const JVM: [&str; 4] = ["-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"];

/// A running broker.
#[derive(Debug)]
pub struct Kafka {
    child: Child,
    port: u16,
}

process_methods!(Kafka);

/// The folder with `jars/`, `template/` (a formatted log folder) and the class archive.
pub(crate) async fn ensure(progress: &dyn Progress) -> Result<PathBuf, PartError> {
    tools::need(&["java"])?;
    let parts = cache::folder(&format!("kafka-{VERSION}"), async |folder| {
        progress.step("Kafka", "fetching");
        fetch_jars(folder, progress).await?;
        progress.step("Kafka", "preparing");
        format_template(folder).await
    })
    .await?;
    if !parts.join(ARCHIVE).is_file() {
        archive_classes(&parts).await?;
    }
    Ok(parts)
}

async fn fetch_jars(folder: &Path, progress: &dyn Progress) -> Result<(), PartError> {
    tools::need(&["mvn"])?;
    let jars = folder.join("jars");
    let pom = folder.join("pom.xml");
    std::fs::write(&pom, POM).map_err(PartError::system("the list of Kafka's jars cannot be written"))?;
    let mut command = Command::new("mvn");
    command
        .args(["-q", "-B", "-f", "pom.xml"])
        .arg("org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies")
        .args(["-DincludeScope=runtime", "-DoutputDirectory=jars"])
        .current_dir(folder);
    let copy = tools::run("fetching Kafka by Maven", &mut command);
    tools::watched("Kafka", &jars, SIZE_BYTES, progress, copy).await?;
    for line in JARS.lines() {
        let Some((sum, name)) = line.split_once("  ") else { continue };
        checksum::verify(&jars.join(name), sum)?;
    }
    Ok(())
}

/// Jars in the pinned order: a class archive holds only for the class path it was made with.
fn class_path(parts: &Path) -> String {
    let jars = JARS.lines().filter_map(|line| line.split_once("  "));
    jars.map(|(_, name)| parts.join("jars").join(name).display().to_string()).collect::<Vec<_>>().join(":")
}

async fn format_template(folder: &Path) -> Result<(), PartError> {
    let template = folder.join("template");
    if template.join("meta.properties").is_file() {
        return Ok(());
    }
    let properties = folder.join("template.properties");
    write_properties(&properties, &template, ports::chosen(None)?, ports::chosen(None)?)?;
    let mut command = Command::new("java");
    command
        .args(JVM)
        .args(["-cp", &class_path(folder), "kafka.tools.StorageTool", "format"])
        .args(["-t", "Zmxvd2xlZGdlci1vbmUtMQ", "-c"])
        .arg(&properties);
    tools::run("formatting Kafka's log folder", &mut command).await.map(drop)
}

/// Runs the broker once so that the JVM writes its classes to an archive: starts take 2 s instead of 5. The archive holds for
/// one class path only, so it is made when the jars are in their place.
async fn archive_classes(parts: &Path) -> Result<(), PartError> {
    let failed = || PartError::system("a trial run of Kafka failed");
    let trial = tempfile::tempdir_in(parts).map_err(failed())?;
    let archive = trial.path().join(ARCHIVE);
    let option = format!("-XX:ArchiveClassesAtExit={}", archive.display());
    let mut kafka = Kafka::start_from(parts, trial.path(), None, option).await?;
    kafka.stop();
    std::fs::rename(&archive, parts.join(ARCHIVE)).map_err(failed())
}

fn write_properties(file: &Path, data: &Path, port: u16, controller: u16) -> Result<(), PartError> {
    let data = data.display();
    let mut text = format!(
        "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\nlog.dirs={data}\n"
    );
    let settings = [
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"),
        ("offsets.topic.replication.factor", "1"),
        ("offsets.topic.num.partitions", "4"),
        ("transaction.state.log.replication.factor", "1"),
        ("transaction.state.log.min.isr", "1"),
        ("transaction.state.log.num.partitions", "4"),
        ("share.coordinator.state.topic.replication.factor", "1"),
        ("share.coordinator.state.topic.min.isr", "1"),
        ("group.initial.rebalance.delay.ms", "0"),
        ("auto.create.topics.enable", "false"),
        // A broker that was killed comes back after its session, not after 9 s.
        ("broker.session.timeout.ms", "2000"),
        ("broker.heartbeat.interval.ms", "500"),
        ("log.cleaner.dedupe.buffer.size", "8388608"),
        ("log.cleaner.io.buffer.size", "262144"),
        ("num.network.threads", "2"),
        ("num.io.threads", "2"),
    ];
    for (key, value) in settings {
        let _ = writeln!(text, "{key}={value}");
    }
    std::fs::write(file, text).map_err(PartError::system("Kafka's properties cannot be written"))
}

impl Kafka {
    /// Starts a broker whose data lie in `folder`, and waits until it answers. Data that lie there already are used.
    ///
    /// # Errors
    /// When the part cannot be fetched, or the broker does not run.
    pub async fn start(folder: &Path, port: Option<u16>, progress: &dyn Progress) -> Result<Self, PartError> {
        let parts = ensure(progress).await?;
        progress.step("Kafka", "starting");
        let option = format!("-XX:SharedArchiveFile={}", parts.join(ARCHIVE).display());
        let started = Self::start_from(&parts, folder, port, option.clone()).await;
        match started {
            // Of ports that were free when they were chosen somebody else may have taken one since.
            Err(PartError::NotRunning { .. }) if port.is_none() => Self::start_from(&parts, folder, port, option).await,
            started => started,
        }
    }

    async fn start_from(
        parts: &Path,
        folder: &Path,
        port: Option<u16>,
        archive_option: String,
    ) -> Result<Self, PartError> {
        let folder = absolute(folder)?;
        let (port, controller) = (ports::chosen(port)?, ports::chosen(None)?);
        let data = folder.join("data");
        if !data.join("meta.properties").is_file() {
            make_folder(&data)?;
            for name in ["meta.properties", "bootstrap.checkpoint"] {
                std::fs::copy(parts.join("template").join(name), data.join(name))
                    .map_err(PartError::system("Kafka's log folder cannot be made"))?;
            }
        }
        let properties = folder.join("server.properties");
        write_properties(&properties, &data, port, controller)?;
        let mut arguments: Vec<String> = JVM.iter().map(|&it| it.to_owned()).collect();
        arguments.push(archive_option);
        arguments.extend(["-cp".to_owned(), class_path(parts), "kafka.Kafka".to_owned()]);
        arguments.push(properties.display().to_string());
        let recipe = Recipe { part: "kafka", program: "java".into(), arguments, environment: Vec::new(), folder };
        let mut kafka = Self { child: Child::start(recipe)?, port };
        kafka.ready().await?;
        Ok(kafka)
    }

    async fn ready(&mut self) -> Result<(), PartError> {
        let port = self.port;
        self.child.ready(async || answers(port).await).await
    }

    /// `127.0.0.1:port`.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// True where the broker answers the first request of Kafka's protocol, ApiVersions.
async fn answers(port: u16) -> bool {
    // Length 10; key 18, version 0, correlation id 7, no client id.
    const REQUEST: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff];
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(&REQUEST).await?;
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await.map(|_| answer[4..] == [0, 0, 0, 7])
    };
    matches!(tokio::time::timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}
