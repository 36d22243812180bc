//! Kafka, registry and engine as child processes, and all services in this one.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use local_parts::{ClickHouseProcess, Kafka, Progress, SchemaRegistry};
use report_life::{Journal, SharedBook, follow};
use schema_registry::Registry;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;
use service_kit::tasks::TaskGroup;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::config::Config;
use crate::migrate::migrate;

/// How long the services may take to end.
const END_MAX: Duration = Duration::from_secs(20);

/// Tells the steps, one line each; a download overwrites its own line.
pub(crate) struct Lines {
    overwrites: bool,
    is_half: AtomicBool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { overwrites: std::io::stdout().is_terminal(), is_half: AtomicBool::new(false) }
    }

    pub(crate) fn say(&self, part: &str, what: &str) {
        if self.is_half.swap(false, Ordering::AcqRel) {
            println!();
        }
        println!("  {part:<18} {what}");
    }
}

impl Progress for Lines {
    fn step(&self, part: &str, what: &str) {
        self.say(part, what);
    }

    fn bytes(&self, part: &str, done: u64, total: u64) {
        if self.overwrites && total > 0 {
            self.is_half.store(true, Ordering::Release);
            print!("\r  {part:<18} {:>3} % of {} MB", done * 100 / total, total >> 20);
            let _ = std::io::stdout().flush();
        }
    }
}

/// Where the data lie: kept, or gone with the demo.
pub(crate) enum Folder {
    Kept(PathBuf),
    Passing(TempDir),
}

impl Folder {
    pub(crate) fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        match keep {
            Some(folder) => {
                std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
                Ok(Self::Kept(folder.canonicalize()?))
            }
            None => Ok(Self::Passing(tempfile::Builder::new().prefix("flowledger-demo-").tempdir()?)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(folder) => folder,
            Self::Passing(folder) => folder.path(),
        }
    }
}

/// The parts that run, and how the services reach them.
pub(crate) struct Stack {
    pub(crate) folder: Folder,
    pub(crate) config: Config,
    pub(crate) context: ServiceContext,
    pub(crate) tasks: TaskGroup,
    pub(crate) book: SharedBook,
    pub(crate) journal: Journal,
    // Declared last: children go after the services have ended.
    _parts: (Kafka, SchemaRegistry, ClickHouseProcess),
}

impl Stack {
    /// Starts the parts, brings topics, schemas and tables up to date, and starts ingest, aggregator and exporter.
    pub(crate) async fn start(
        folder: Folder,
        console_url: &str,
        stop: CancellationToken,
        lines: &Lines,
    ) -> anyhow::Result<Self> {
        let own = std::env::current_exe().context("this program cannot be found")?;
        let at = |name: &str| folder.path().join(name);
        let (kafka, registry, engine) = (at("kafka"), at("registry"), at("clickhouse"));
        let starting = async {
            tokio::try_join!(
                Kafka::start(&kafka, None, lines),
                SchemaRegistry::start(&registry, None, lines),
                ClickHouseProcess::start(&own, &engine, None, lines),
            )
        };
        let parts = stop.run_until_cancelled(starting).await.context("told to stop")??;
        let config = configured(&folder, console_url, &parts);
        lines.say("Topics and tables", "bringing up to date");
        migrate(&config, &stop).await?;
        let context = ServiceContext::new(stop);
        let mut tasks = TaskGroup::new(context.stop.clone());
        let reader = Registry::new(&config.registry)?;
        let producer = kafka_io::Producer::new(&config.kafka, "flowledger-demo")?;
        let journal = Journal::open(producer, &reader, &context.stop).await.context("told to stop")??;
        let book = SharedBook::default();
        tasks.spawn("reports", follow(config.kafka.clone(), reader, book.clone(), 0, context.stop.clone()));
        let mut stack = Self { folder, config, context, tasks, book, journal, _parts: parts };
        stack.start_services(lines).await?;
        Ok(stack)
    }

    async fn start_services(&mut self, lines: &Lines) -> anyhow::Result<()> {
        lines.say("Services", "starting");
        let Config { kafka, registry, clickhouse, store, .. } = self.config.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        self.tasks.spawn("operator's port", service_kit::admin_server::serve(listener, self.context.clone()));
        self.tasks.spawn(
            "ingest",
            ingest::run(
                self.config.ingest.clone(),
                kafka.clone(),
                registry.clone(),
                clickhouse.clone(),
                self.context.clone(),
            ),
        );
        self.tasks.spawn(
            "aggregator",
            aggregator::run(
                self.config.aggregator.clone(),
                kafka.clone(),
                registry.clone(),
                clickhouse.clone(),
                self.context.clone(),
            ),
        );
        self.tasks.spawn(
            "exporter",
            exporter::run(self.config.exporter.clone(), kafka, registry, clickhouse, store, self.context.clone()),
        );
        Ok(())
    }

    /// Waits until a task ends or the stop token is cancelled, and then for the rest.
    pub(crate) async fn join(self) -> anyhow::Result<()> {
        self.tasks.join(END_MAX).await?;
        Ok(())
    }

    /// Runs `work` beside the services; when one of them ends first, that is the error.
    pub(crate) async fn beside<T>(&mut self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        tokio::select! {
            done = work => done,
            () = self.context.stop.cancelled() => anyhow::bail!("told to stop"),
            ended = self.tasks.first_end() => {
                ended?;
                anyhow::bail!("a service ended by itself")
            }
        }
    }
}

fn configured(
    folder: &Folder,
    console_url: &str,
    (kafka, registry, engine): &(Kafka, SchemaRegistry, ClickHouseProcess),
) -> Config {
    let mut config = Config::default();
    config.kafka.bootstrap_servers = kafka.bootstrap_servers();
    config.registry.url = registry.url();
    config.clickhouse.url = engine.url();
    config.store.url = format!("file://{}", folder.path().join("reports").display());
    config.exporter.mail.outbox = Some(folder.path().join("outbox"));
    config.exporter.owners = super::live::owners();
    config.exporter.console_url = console_url.to_owned();
    config.console.public_url = console_url.to_owned();
    // Soon rather than large: a person is looking.
    config.ingest.batch_age = Duration::from_millis(200);
    config
}
