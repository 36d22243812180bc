//! Open connections: from a line in a Connector's log to the answer of the API, and how long the question takes with 10 000 of them, among
//! those of a day that have ended and are remembered. Every service is a process of its own.

use std::fs::File;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use rand::SeedableRng;
use rand::rngs::StdRng;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::times::Moment;

use crate::connector::log::line_of;
use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Program, Stage};
use crate::open_rows::OpenRows;
use crate::table_size::TableSize;
use crate::traffic::Traffic;

const PARTITIONS: i32 = 16;
const OPEN: u32 = 10_000;
/// Connections of the last day that have ended.
const ENDED: u32 = 200_000;
/// A third of them were the same Connector's.
const REMEMBERED: OpenRows =
    OpenRows { tenant: "acme", connector: "if(number % 3 = 0, 150001, 150000 + number % 1200)" };
/// Connections that are opened a second.
const A_SECOND: f64 = 500.0;
/// Questions of each kind, one after the other.
const QUESTIONS: u32 = 300;
/// How often the API is asked while connections are opened.
const LOOK_EVERY: Duration = Duration::from_millis(25);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// What no page of another site can send.
const OWN_HEADER: &str = "x-flowledger";
const PASSWORD: &str = "correct horse battery";

pub(crate) async fn measure() -> anyhow::Result<Measured> {
    let stage = Stage::start(PARTITIONS).await?;
    REMEMBERED.ended(&stage.clickhouse, ENDED).await?;
    let scene = Scene::start(&stage).await?;
    let mut measured = Measured::default();
    scene.visible(&mut measured).await?;
    scene.questions(&mut measured).await?;
    let ended = "SELECT count() FROM open_connections FINAL WHERE NOT is_open";
    let ended: u32 = stage.clickhouse.text(ended).await?.trim().parse()?;
    anyhow::ensure!(ended == ENDED, "{ended} connections that have ended are remembered instead of {ENDED}");
    measured.notes.push(format!(
        "{OPEN} connections opened, {A_SECOND} a second, beside {ENDED} that have ended; connector, aggregator and console as processes of \
         their own, one client"
    ));
    let size = TableSize::of(&stage.clickhouse, "open_connections").await?;
    measured.notes.push(format!("open_connections: {}", size.told()));
    Ok(measured)
}

/// The services, and a client that is signed in.
struct Scene {
    log: PathBuf,
    url: String,
    client: reqwest::Client,
    cookie: String,
    _services: Vec<Program>,
}

impl Scene {
    async fn start(stage: &Stage) -> anyhow::Result<Self> {
        let at = |name: &str| stage.folder.path().join(name);
        let (log, config) = (at("connector.log"), at("services.toml"));
        File::create(&log)?;
        let url = format!("http://{}", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:0\"\n[kafka]\nbootstrap_servers = '{}'\n[registry]\nurl = '{}'\n\
             [clickhouse]\nurl = '{}'\n\
             [connector]\ntenant = 'acme'\ninputs = ['{}']\nstate_dir = '{}'\ninstance = 'bench'\n\
             [console]\nlisten = '{}'\npublic_url = '{url}'\n\
             [[console.accounts]]\ntenant = 'acme'\nname = 'admin'\nemail = 'admin@acme.example'\npassword_hash = '{}'\n",
            stage.kafka.bootstrap_servers(),
            stage.registry.url(),
            stage.engine.url(),
            log.display(),
            at("positions").display(),
            url.trim_start_matches("http://"),
            password_hash()?,
        );
        std::fs::write(&config, text)?;
        let mut services = Vec::new();
        for name in ["connector", "aggregator", "console"] {
            let output = File::create(at(&format!("{name}-output.log")))?;
            let mut command = Command::new(local_parts::flowledger_binary()?);
            command.arg(name).arg("--config").arg(&config).stdin(Stdio::null());
            services.push(Program(command.stdout(output.try_clone()?).stderr(output).spawn()?));
        }
        let client = reqwest::Client::builder().timeout(WAIT_MAX).build()?;
        let mut scene = Self { log, url, client, cookie: String::new(), _services: services };
        scene.cookie = scene.signed_in().await?;
        Ok(scene)
    }

    /// The cookie of a session, once the console listens.
    async fn signed_in(&self) -> anyhow::Result<String> {
        let body = serde_json::json!({ "tenant": "acme", "account": "admin", "password": PASSWORD });
        let begin = Instant::now();
        loop {
            let asked = self.client.post(format!("{}/api/v1/session", self.url)).header(OWN_HEADER, "1").json(&body);
            match asked.send().await {
                Ok(answer) => {
                    let answer = answer.error_for_status()?;
                    let cookie = answer.headers().get("set-cookie").context("no cookie")?.to_str()?;
                    return Ok(cookie.split(';').next().unwrap_or_default().to_owned());
                }
                Err(error) if begin.elapsed() > WAIT_MAX => return Err(error.into()),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }

    /// How many are open, as the API says; and how many it shows.
    async fn open(&self, question: &str) -> anyhow::Result<(u32, usize)> {
        let asked =
            self.client.get(format!("{}/api/v1/traffic/open?{question}", self.url)).header("cookie", &self.cookie);
        let answer: serde_json::Value =
            serde_json::from_slice(&asked.send().await?.error_for_status()?.bytes().await?)?;
        let total = answer["total"].as_u64().and_then(|total| u32::try_from(total).ok()).context("no total")?;
        Ok((total, answer["connections"].as_array().map_or(0, Vec::len)))
    }

    /// From a line to the answer in which it is counted. One Connector's lines are one partition's events: they become visible in
    /// their order.
    async fn visible(&self, measured: &mut Measured) -> anyhow::Result<()> {
        let lines = lines()?;
        let mut log = File::options().append(true).open(&self.log)?;
        // Until partitions are assigned: starts are measured elsewhere.
        let (first, lines) = lines.split_first().context("no lines")?;
        log.write_all(first.as_bytes())?;
        let begin = Instant::now();
        while self.open("limit=1").await?.0 == 0 {
            anyhow::ensure!(begin.elapsed() < WAIT_MAX, "the first line is not visible");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        let lines = lines.to_vec();
        let begin = Instant::now();
        let writing = tokio::task::spawn_blocking(move || -> std::io::Result<Vec<Duration>> {
            let mut written = Vec::with_capacity(lines.len());
            for (number, line) in (0_u32..).zip(lines) {
                let due = Duration::from_secs_f64(f64::from(number) / A_SECOND);
                std::thread::sleep(due.saturating_sub(begin.elapsed()));
                log.write_all(line.as_bytes())?;
                written.push(begin.elapsed());
            }
            Ok(written)
        });
        // When so many were seen first.
        let mut seen: Vec<Duration> = Vec::new();
        while seen.len() < OPEN as usize - 1 {
            anyhow::ensure!(begin.elapsed() < 2 * WAIT_MAX, "lines do not become visible: {} did", seen.len());
            let total = self.open("limit=1").await?.0;
            seen.resize((total as usize).saturating_sub(1).max(seen.len()), begin.elapsed());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let written = writing.await??;
        let waits: Vec<f64> =
            written.iter().zip(&seen).map(|(written, seen)| (*seen - *written).as_secs_f64()).collect();
        let [p50, p99] = at(waits, [50, 99]);
        measured.figures.push(Figure::new("open_visible_p50_seconds", p50, "s", "limit", 2.0));
        measured.figures.push(Figure::new("open_visible_p99_seconds", p99, "s", "limit", 2.0));
        Ok(())
    }

    /// How long the API takes to answer.
    async fn questions(&self, measured: &mut Measured) -> anyhow::Result<()> {
        for (name, question, shown, goal) in [
            ("open_connections", "limit=50", 50, Some(50.0)),
            ("open_connections_of_user", "limit=50&users=113007", 0, Some(50.0)),
            ("open_connections_all", "limit=10000", OPEN as usize, None),
        ] {
            let mut waits = Vec::new();
            for _ in 0..QUESTIONS {
                let begin = Instant::now();
                let (total, there) = self.open(question).await?;
                waits.push(begin.elapsed().as_secs_f64() * 1e3);
                anyhow::ensure!(there >= shown && (shown == 0 || total == OPEN), "{there} of {total} are shown");
            }
            for (percent, value) in [50, 99].into_iter().zip(at(waits, [50, 99])) {
                let name = format!("{name}_p{percent}_ms");
                measured.figures.push(match goal {
                    Some(goal) => Figure::new(name, value, "ms", "limit", goal),
                    None => Figure::alone(name, value, "ms"),
                });
            }
        }
        Ok(())
    }
}

/// Lines of connections that are opened now, all by one Connector.
fn lines() -> anyhow::Result<Vec<String>> {
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    let opened_at = Moment::from_millis(i64::try_from(now_ms)?);
    let mut traffic = Traffic::new(StdRng::seed_from_u64(5), A_SECOND)?.over_networks(1);
    let mut lines = Vec::new();
    while lines.len() < OPEN as usize {
        let event = traffic.next_event()?;
        if event.event_type == EventType::ClosedConnection {
            lines.push(line_of(&ConnectionEvent {
                event_type: EventType::EstablishedConnection,
                start_time: opened_at,
                end_time: opened_at,
                connector_id: "150001".parse()?,
                ..event
            }));
        }
    }
    Ok(lines)
}

fn at(mut waits: Vec<f64>, percents: [usize; 2]) -> [f64; 2] {
    waits.sort_by(f64::total_cmp);
    percents.map(|percent| waits[(waits.len() * percent / 100).min(waits.len() - 1)])
}

/// What `flowledger password-hash` makes of the password.
fn password_hash() -> anyhow::Result<String> {
    let mut command = Command::new(local_parts::flowledger_binary()?);
    let mut child = command.arg("password-hash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("no input")?.write_all(PASSWORD.as_bytes())?;
    Ok(String::from_utf8(child.wait_with_output()?.stdout)?.trim().to_owned())
}
