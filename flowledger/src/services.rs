//! Runs one service: arguments, config, telemetry, stop token, `run`.

use std::io::Read;
use std::time::Duration;

use anyhow::Context;
use service_kit::config::{RangeError, Validate};
use service_kit::context::ServiceContext;
use service_kit::tasks::TaskGroup;
use service_kit::{admin_server, telemetry};
use tokio::net::TcpListener;

use crate::cli::{ClickhouseOptions, CommonOptions};
use crate::config::Config;

/// How long the rest of the process may take to end beyond its service's own `drain_max`.
const END_MAX: Duration = Duration::from_secs(10);

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// Log lines to Kafka.
    Connector {
        /// Read to the end and end.
        once: bool,
    },
    /// Kafka to ClickHouse.
    Ingest,
    /// Roll-ups and open connections.
    Aggregator,
    /// Reports.
    Exporter,
    /// API and pages.
    Console,
}

impl Service {
    fn check(self, config: &Config) -> Result<(), RangeError> {
        match self {
            Self::Connector { .. } => config.connector.validate().map_err(|error| error.at("connector")),
            Self::Ingest => config.ingest.validate().map_err(|error| error.at("ingest")),
            Self::Aggregator if config.aggregator.source != config.ingest.source => {
                Err(RangeError::new("aggregator.source", "is not ingest.source: both name the same life of the topic"))
            }
            Self::Aggregator => config.aggregator.validate().map_err(|error| error.at("aggregator")),
            Self::Exporter => config.exporter.validate().map_err(|error| error.at("exporter")),
            Self::Console => {
                let linked = || config.console.linked_store(&config.store).map(drop);
                config.console.validate().and_then(|()| linked()).map_err(|error| error.at("console"))
            }
        }
    }

    /// How long its own stopping may take.
    fn drain_max(self, config: &Config) -> Duration {
        match self {
            Self::Connector { .. } => config.connector.drain_max,
            Self::Ingest => config.ingest.drain_max,
            Self::Aggregator => config.aggregator.drain_max,
            Self::Exporter => config.exporter.drain_max,
            Self::Console => config.console.drain_max,
        }
    }
}

/// The configuration that the options name, checked. `None`: it was only to be checked or printed, and that is done.
#[expect(clippy::print_stdout, reason = "what the option asks for")]
pub(crate) fn loaded(
    options: &CommonOptions,
    check: impl FnOnce(&Config) -> Result<(), RangeError>,
) -> anyhow::Result<Option<Config>> {
    let config: Config = service_kit::config::load(options.config.as_deref())?;
    check(&config).map_err(service_kit::config::ConfigError::OutOfRange)?;
    if options.print_config {
        print!("{}", toml::to_string_pretty(&config).context("config cannot be printed")?);
        return Ok(None);
    }
    if options.check_config {
        println!("config is right");
        return Ok(None);
    }
    Ok(Some(config))
}

/// Runs a service until it ends or is told to stop by SIGINT or SIGTERM.
pub(crate) async fn run(service: Service, options: CommonOptions) -> anyhow::Result<()> {
    let Some(mut config) = loaded(&options, |config| service.check(config))? else { return Ok(()) };
    telemetry::init(&config.telemetry);
    let context = ServiceContext::new(crate::stop::on_signal()?).called_by(config.telemetry.listen);
    let listener = TcpListener::bind(config.telemetry.listen)
        .await
        .with_context(|| format!("telemetry.listen: {} cannot be listened on", config.telemetry.listen))?;
    tracing::info!(address = %listener.local_addr()?, "metrics, health and readiness");
    let mut tasks = TaskGroup::new(context.stop.clone());
    tasks.spawn("operator's port", admin_server::serve(listener, context.clone()));
    let end_max = service.drain_max(&config).saturating_add(END_MAX);
    let Config { kafka, registry, clickhouse, store, .. } = config.clone();
    match service {
        Service::Connector { once } => {
            config.connector.once |= once;
            let metrics = connector::ConnectorMetrics::new(&context.metrics);
            tasks.spawn("connector", async move {
                let done = connector::run(config.connector, kafka, registry, metrics, context).await;
                done.map(|summary| tracing::info!(?summary, "connector ended"))
            });
        }
        Service::Ingest => tasks.spawn("ingest", ingest::run(config.ingest, kafka, registry, clickhouse, context)),
        Service::Aggregator => {
            tasks.spawn("aggregator", aggregator::run(config.aggregator, kafka, registry, clickhouse, context));
        }
        Service::Exporter => {
            config.exporter.limits = config.limits;
            (config.exporter.owners, config.exporter.receivers) = (config.console.owners(), config.console.receivers());
            (config.exporter.webhooks, config.exporter.syncs) = (config.webhooks, config.syncs);
            config.exporter.source = config.ingest.source;
            tasks.spawn("exporter", exporter::run(config.exporter, kafka, registry, clickhouse, store, context));
        }
        Service::Console => {
            config.console.limits = config.limits;
            config.console.keep_days = config.exporter.keep_days;
            (config.console.webhooks, config.console.syncs) = (config.webhooks, config.syncs);
            tasks.spawn("console", console::run(config.console, kafka, registry, clickhouse, store, context));
        }
    }
    Ok(tasks.join(end_max).await?)
}

/// Serves the embedded engine until told to stop.
pub(crate) async fn run_engine(options: ClickhouseOptions) -> anyhow::Result<()> {
    telemetry::init(&telemetry::TelemetryConfig::default());
    let config =
        embedded_clickhouse::EngineConfig { library: options.library, data: options.data, listen: options.listen };
    Ok(embedded_clickhouse::run(config, crate::stop::on_signal()?).await?)
}

/// Reads a password from standard input and prints its hash.
#[expect(clippy::print_stdout, reason = "what the command is for")]
pub(crate) fn print_password_hash() -> anyhow::Result<()> {
    let mut password = String::new();
    std::io::stdin().read_to_string(&mut password).context("standard input cannot be read")?;
    println!("{}", console::hash_password(password.trim_end_matches(['\r', '\n']))?);
    Ok(())
}
