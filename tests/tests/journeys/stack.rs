//! Parts and services for one journey: each service is a process of its own.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clickhouse_io::ClickHouse;
use flate2::read::MultiGzDecoder;
use kafka_io::admin;
use reqwest::{Client, Method, RequestBuilder};
use schemas::topics;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::parts::{Choice, Parts};

/// The longest wait for anything in a journey.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(150);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A service that runs; killed when it is dropped.
pub(crate) struct Service {
    name: String,
    arguments: Vec<String>,
    config: PathBuf,
    environment: Vec<(String, String)>,
    process: Child,
    pub(crate) starts: u32,
}

impl Service {
    fn start(name: &str, config: &Path, environment: Vec<(String, String)>) -> Self {
        let arguments = vec![name.split('-').next().unwrap().to_owned()];
        let process = spawn(name, &arguments, config, &environment);
        Self { name: name.to_owned(), arguments, config: config.to_owned(), environment, process, starts: 1 }
    }

    /// SIGKILL, and a new process in its place.
    pub(crate) fn kill_and_restart(&mut self) {
        assert!(self.process.try_wait().unwrap().is_none(), "{} had ended before it was killed", self.name);
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(&self.name, &self.arguments, &self.config, &self.environment);
        self.starts += 1;
    }

    /// A setting of its own, such as `INGEST__SOURCE`, from its next start on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((format!("FLOWLEDGER__{name}"), value.to_owned()));
    }

    pub(crate) fn signal(&self, name: &str) {
        let told = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status().unwrap();
        assert!(told.success(), "{} was gone before SIG{name}", self.name);
    }

    /// SIGTERM; how it ended, and how long that took.
    pub(crate) async fn stop(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        self.signal("TERM");
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return (status, begin.elapsed());
            }
            assert!(begin.elapsed() < WAIT_MAX, "{} does not stop\n{}", self.name, self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{} goes on\n{}", self.name, self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it again, after [`Self::stop`].
    pub(crate) fn start_again(&mut self) {
        self.process = spawn(&self.name, &self.arguments, &self.config, &self.environment);
        self.starts += 1;
    }

    pub(crate) fn assert_running(&mut self) {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "{} ended by itself: {ended:?}\n{}", self.name, self.log());
    }

    /// How many of its log lines hold all of these.
    pub(crate) fn logged(&self, wanted: &[&str]) -> usize {
        self.whole_log().lines().filter(|line| wanted.iter().all(|it| line.contains(it))).count()
    }

    fn whole_log(&self) -> String {
        let path = self.config.with_file_name(format!("{}.log", self.name));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    fn log(&self) -> String {
        let text = self.whole_log();
        text.lines().rev().take(20).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(name: &str, arguments: &[String], config: &Path, environment: &[(String, String)]) -> Child {
    let log = File::options().create(true).append(true).open(config.with_file_name(format!("{name}.log"))).unwrap();
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .arg(local_parts::flowledger_binary().unwrap())
        .args(arguments)
        .arg("--config")
        .arg(config)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) struct Stack {
    pub(crate) connectors: Vec<Service>,
    pub(crate) ingest: Service,
    pub(crate) aggregator: Service,
    pub(crate) exporter: Service,
    /// Beside the first one, where a journey has more.
    pub(crate) exporters: Vec<Service>,
    pub(crate) console: Service,
    pub(crate) parts: Parts,
    clickhouse: ClickHouse,
    console_port: u16,
    folder: TempDir,
    client: Client,
}

/// Eight characters that no other journey has.
pub(crate) fn unique() -> String {
    uuid::Uuid::new_v4().simple().to_string()[..8].to_owned()
}

/// A tenant of one journey: the topics of a Kafka that is given hold others' events too.
pub(crate) fn tenant(name: &str) -> String {
    format!("{name}-{}", unique())
}

impl Stack {
    /// Everything: an account `admin` for each of these tenants, and a connector for each tenant with a log version, which
    /// follows `<folder>/logs/<tenant>/*.log`.
    pub(crate) async fn start(tenants: &[(&str, Option<&str>)]) -> Self {
        Self::start_on(tenants, Choice::Given, "", "").await
    }

    /// The same, with a section more in its configuration.
    pub(crate) async fn start_with_section(tenants: &[(&str, Option<&str>)], section: &str) -> Self {
        Self::start_on(tenants, Choice::Given, section, "").await
    }

    /// The same, on parts that the journey may stop.
    pub(crate) async fn start_with_own_parts(tenants: &[(&str, Option<&str>)]) -> Self {
        Self::start_on(tenants, Choice::Own, "", "").await
    }

    /// The same, and files lie at Azure's emulator.
    pub(crate) async fn start_on_azure(tenants: &[(&str, Option<&str>)]) -> Self {
        Self::start_on(tenants, Choice::OwnAzure, "", "").await
    }

    /// The same, with settings more of the exporter.
    pub(crate) async fn start_with_exporter(tenants: &[(&str, Option<&str>)], settings: &str) -> Self {
        Self::start_on(tenants, Choice::Own, "", settings).await
    }

    /// The same, with fields more of the last tenant's account.
    pub(crate) async fn start_with_account(tenants: &[(&str, Option<&str>)], account: &str, settings: &str) -> Self {
        Self::start_on(tenants, Choice::Own, account, settings).await
    }

    async fn start_on(tenants: &[(&str, Option<&str>)], choice: Choice, section: &str, exporter: &str) -> Self {
        service_kit::tls::install();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let binary = local_parts::flowledger_binary().unwrap();
        let parts = Parts::start(folder.path(), &unique(), choice).await;
        let console_port = free_port();
        let hash = password_hash(&binary);
        let accounts: String = tenants
            .iter()
            .map(|(tenant, _)| {
                format!("[[console.accounts]]\ntenant = \"{tenant}\"\nname = \"admin\"\nemail = \"admin@{tenant}.example\"\npassword_hash = '{hash}'\n")
            })
            .collect();
        let text = format!(
            "[telemetry]\nformat = \"json\"\nlisten = \"127.0.0.1:0\"\n{}[ingest]\nbatch_age = 0.2\nbatch_rows = 100\n\
             [aggregator]\nbatch_age = 0.2\nrefresh = 0.5\n\
             [exporter]\n{exporter}stretch_rows = 1000\nslice_rows = 1000\nsync_mail_after = 1\nconsole_url = \"http://127.0.0.1:{console_port}\"\n\
             [console]\nlisten = \"127.0.0.1:{console_port}\"\n{accounts}{section}",
            parts.sections(),
        );
        let config = at("flowledger.toml");
        std::fs::write(&config, text).unwrap();
        let migrated = Command::new(&binary).arg("migrate").arg("--config").arg(&config).output().unwrap();
        assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
        let connectors = tenants
            .iter()
            .filter_map(|(tenant, version)| Some((*tenant, (*version)?)))
            .map(|(tenant, version)| {
                let logs = at("logs").join(tenant);
                std::fs::create_dir_all(&logs).unwrap();
                let set = |key: &str, value: String| (format!("FLOWLEDGER__CONNECTOR__{key}"), value);
                let environment = vec![
                    set("TENANT", tenant.to_owned()),
                    set("LOG_VERSION", version.to_owned()),
                    set("INPUTS", logs.join("*.log").display().to_string()),
                    set("STATE_DIR", at("positions").join(tenant).display().to_string()),
                ];
                Service::start(&format!("connector-{tenant}"), &config, environment)
            })
            .collect();
        let service = |name: &str| Service::start(name, &config, Vec::new());
        let (ingest, aggregator) = (service("ingest"), service("aggregator"));
        let (exporter, console) = (service("exporter"), service("console"));
        let client = Client::builder().no_proxy().build().unwrap();
        let mut stack = Self {
            connectors,
            ingest,
            aggregator,
            exporter,
            exporters: Vec::new(),
            console,
            clickhouse: parts.clickhouse_client(),
            parts,
            console_port,
            folder,
            client,
        };
        stack.wait_for_console().await;
        stack
    }

    /// One exporter more.
    pub(crate) fn add_exporter(&mut self) {
        let name = format!("exporter-{}", self.exporters.len() + 2);
        self.exporters.push(Service::start(&name, &self.folder.path().join("flowledger.toml"), Vec::new()));
    }

    /// Another member of a service's group, under a name such as `ingest-second`.
    pub(crate) fn another(&self, name: &str) -> Service {
        Service::start(name, &self.folder.path().join("flowledger.toml"), Vec::new())
    }

    /// Another console beside the first, and its URL.
    pub(crate) async fn start_second_console(&self) -> (Service, String) {
        self.start_second_console_with(&[]).await
    }

    /// The same, with settings of its own.
    pub(crate) async fn start_second_console_with(&self, settings: &[(&str, &str)]) -> (Service, String) {
        let address = format!("127.0.0.1:{}", free_port());
        let (config, url) = (self.folder.path().join("flowledger.toml"), format!("http://{address}"));
        let settings = [("LISTEN", address.as_str())].into_iter().chain(settings.iter().copied());
        let environment =
            settings.map(|(key, value)| (format!("FLOWLEDGER__CONSOLE__{key}"), value.to_owned())).collect();
        let mut console = Service::start("console-second", &config, environment);
        let begin = Instant::now();
        while self.client.get(format!("{url}/api/v1/session")).send().await.is_err() {
            console.assert_running();
            assert!(begin.elapsed() < WAIT_MAX, "the second console does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        (console, url)
    }

    pub(crate) async fn wait_for_console(&mut self) {
        let begin = Instant::now();
        while self.client.get(self.url("/session")).send().await.is_err() {
            self.console.assert_running();
            assert!(begin.elapsed() < WAIT_MAX, "the console does not answer");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn console_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.console_port)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.console_url())
    }

    /// Appends lines to a tenant's log.
    pub(crate) fn append(&self, tenant: &str, lines: &[u8]) {
        let path = self.folder.path().join("logs").join(tenant).join("connector.log");
        File::options().create(true).append(true).open(path).unwrap().write_all(lines).unwrap();
    }

    pub(crate) async fn sign_in(&self, tenant: &str) -> Session<'_> {
        let credentials = json!({ "tenant": tenant, "account": "admin", "password": PASSWORD });
        let request = self.client.post(self.url("/session")).header("X-Flowledger", "1").json(&credentials);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        Session { stack: self, cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    /// What ClickHouse gives for a query.
    pub(crate) async fn sql(&self, sql: &str) -> Option<String> {
        let asked = tokio::time::timeout(Duration::from_secs(10), self.clickhouse.text(sql)).await;
        asked.ok()?.ok().map(|text| text.trim().to_owned())
    }

    /// A statement that changes what the services find.
    pub(crate) async fn execute(&self, sql: &str) {
        self.clickhouse.execute(sql).await.unwrap();
    }

    /// `flowledger` with these arguments, as an operator calls it beside the services.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(local_parts::flowledger_binary().unwrap());
        command.args(arguments).arg("--config").arg(self.folder.path().join("flowledger.toml"));
        command
    }

    /// Connections of a tenant that are stored, each fact once: what ended, failed or was denied.
    pub(crate) async fn stored(&self, tenant: &str) -> u64 {
        let sql = format!("SELECT uniqExact(event_id) FROM connections WHERE tenant = '{tenant}'");
        self.sql(&sql).await.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Records on the topic of unreadable lines.
    pub(crate) async fn dead_letters(&self) -> i64 {
        let topic = topics::CONNECTION_LINES_DEAD_LETTER.name;
        admin::stable_ends(&self.parts.kafka_config(), topic).await.unwrap().values().sum()
    }

    /// Ends the journey: services first, then what they left on parts that outlive it.
    pub(crate) async fn end(self) {
        let Self { connectors, ingest, aggregator, exporter, exporters, console, parts, .. } = self;
        drop((connectors, ingest, aggregator, exporter, exporters, console));
        parts.clean().await;
    }

    /// Waits until so many connections are stored.
    pub(crate) async fn wait_stored(&mut self, tenant: &str, connections: u64) -> u64 {
        let begin = Instant::now();
        loop {
            let stored = self.stored(tenant).await;
            if stored >= connections {
                return stored;
            }
            self.ingest.assert_running();
            assert!(begin.elapsed() < WAIT_MAX, "{stored} of {connections} connections of {tenant} are stored");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A signed-in account.
pub(crate) struct Session<'stack> {
    stack: &'stack Stack,
    cookie: String,
}

impl Session<'_> {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.stack.client.request(method, self.stack.url(path));
        request.header("Cookie", &self.cookie).header("X-Flowledger", "1").timeout(Duration::from_secs(60))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    /// Asks for a report; gives its id.
    pub(crate) async fn ask(&self, report: &Value) -> String {
        let answer = self.request(Method::POST, "/reports").json(report).send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
        answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Waits until a report is completed and its mail was taken.
    pub(crate) async fn wait_completed(&self, id: &str) -> Value {
        let begin = Instant::now();
        loop {
            let answer = self.request(Method::GET, &format!("/reports/{id}")).send().await.unwrap();
            let report: Value = answer.json().await.unwrap();
            assert_ne!(report["state"], "failed", "{report}");
            if report["state"] == "completed" && report["notified"] != 0 {
                return report;
            }
            assert!(begin.elapsed() < WAIT_MAX, "{report}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The bytes of all files of a report, in order.
    pub(crate) async fn files(&self, id: &str) -> Vec<Vec<u8>> {
        let shown = self.get(&format!("/reports/{id}")).await;
        let mut files = Vec::new();
        for number in 0..shown["files"].as_i64().unwrap() {
            files.push(self.download_path(&format!("/reports/{id}/download?file={number}")).await.1);
        }
        files
    }

    /// A report's file as it is, and its type.
    pub(crate) async fn download_file(&self, id: &str) -> (String, Vec<u8>) {
        self.download_path(&format!("/reports/{id}/download")).await
    }

    async fn download_path(&self, path: &str) -> (String, Vec<u8>) {
        let answer = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        (content_type, answer.bytes().await.unwrap().to_vec())
    }

    /// The text of a report's file, unpacked.
    pub(crate) async fn download(&self, id: &str) -> String {
        let (content_type, file) = self.download_file(id).await;
        let mut text = Vec::new();
        match content_type.as_str() {
            "application/gzip" => drop(MultiGzDecoder::new(&file[..]).read_to_end(&mut text).unwrap()),
            "application/zstd" => text = zstd::stream::decode_all(&file[..]).unwrap(),
            _ => text = file,
        }
        String::from_utf8(text).unwrap()
    }
}

/// Everything, in UTC.
pub(crate) fn everything() -> Value {
    json!({ "from": "1970-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z", "zone": "UTC" })
}

fn password_hash(binary: &Path) -> String {
    let mut child =
        Command::new(binary).arg("password-hash").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap().trim().to_owned()
}
