//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::report_request::{Compression, ReportFormat, ReportKind};
use schemas::times::Moment;

use crate::aggregate::AggregateCommand;
use crate::audit::AuditCommand;
use crate::dead_letter::DeadLetterCommand;
use crate::offsets::OffsetsCommand;
use crate::report::ReportCommand;
use crate::sync::SyncCommand;
use crate::table::TableOptions;
use crate::traffic::TrafficCommand;
use crate::webhook::WebhookCommand;

/// Event-sourced analytics of zero-trust network traffic: from Connectors' log lines through Kafka and ClickHouse to reports.
#[derive(Debug, Parser)]
#[command(name = "flowledger", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Follow Connectors' log files and publish what they report.
    Connector(ConnectorOptions),
    /// Write connection events to ClickHouse.
    Ingest(CommonOptions),
    /// Keep the roll-ups and the open connections.
    Aggregator(CommonOptions),
    /// Make the reports that were asked for, and mail when they are ready.
    Exporter(CommonOptions),
    /// Serve the HTTP API and the admins' pages.
    Console(CommonOptions),
    /// Make or bring up to date Kafka's topics, the registry's schemas and ClickHouse's tables.
    Migrate(CommonOptions),
    /// List, show, replay or discard the events that ingest refused.
    #[command(subcommand)]
    DeadLetter(DeadLetterCommand),
    /// Hold the roll-up against the raw rows, or make it anew from them; delete copies from the raw rows.
    #[command(subcommand)]
    Aggregate(AggregateCommand),
    /// Move the offsets of ingest and aggregator back, after a backup was restored or the topic was made anew.
    #[command(subcommand)]
    Offsets(OffsetsCommand),
    /// Ask for a tenant's traffic: connections, measures over time, groups with most, names.
    #[command(subcommand)]
    Traffic(Box<TrafficCommand>),
    /// Ask for a tenant's reports, follow, cancel and download them.
    #[command(subcommand)]
    Report(Box<ReportCommand>),
    /// Say where a tenant wants to be told what becomes of its reports, and see what it was told.
    #[command(subcommand)]
    Webhook(Box<WebhookCommand>),
    /// Have a tenant's events written to a bucket, interval by interval, and see how that goes.
    #[command(subcommand)]
    Sync(Box<SyncCommand>),
    /// List what accounts did, and check that nothing of it was changed.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Serve ClickHouse's HTTP interface from the embedded engine; for a look and for tests.
    Clickhouse(ClickhouseOptions),
    /// Read a password from standard input and print its hash for `console.accounts`.
    PasswordHash,
    /// Start everything on this machine: for a look, or to make a report of a log file.
    Demo(DemoOptions),
}

/// Options that every service has.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CommonOptions {
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Check the configuration and end.
    #[arg(long)]
    pub(crate) check_config: bool,
    /// Print the configuration with all defaults, secrets hidden, and end.
    #[arg(long)]
    pub(crate) print_config: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ConnectorOptions {
    #[command(flatten)]
    pub(crate) common: CommonOptions,
    /// Read to the end of the inputs and end, instead of following them.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct ClickhouseOptions {
    /// The engine's library, `libchdb.so`.
    #[arg(long, value_name = "FILE")]
    pub(crate) library: PathBuf,
    /// Folder of the data; one process at a time.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on; loopback only.
    #[arg(long, default_value = "127.0.0.1:8123")]
    pub(crate) listen: SocketAddr,
}

/// Version of the Connectors' log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogVersion {
    /// `connection.duration` in milliseconds.
    #[default]
    V2,
    /// `connection.duration` in microseconds.
    V3,
}

/// What the report of a log lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Network events, a line each.
    #[default]
    Events,
    /// A line a Resource.
    Summary,
    /// A line a User.
    Users,
    /// A line a group: any question of `flowledger traffic` as a table.
    Traffic,
}

/// Format of the report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Comma-separated values.
    #[default]
    Csv,
    /// Network events as JSON, one a line.
    Ndjson,
    /// Typed columns, packed inside.
    Parquet,
}

/// What spreadsheets need of CSV.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct SpreadsheetOptions {
    /// Begin CSV with the mark of UTF-8, by which Excel knows it.
    #[arg(long)]
    pub(crate) byte_order_mark: bool,
    /// Put an apostrophe before what a spreadsheet would take for a formula, in CSV.
    #[arg(long)]
    pub(crate) formula_guard: bool,
}

impl From<Kind> for ReportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Events => Self::Events,
            Kind::Summary => Self::Summary,
            Kind::Users => Self::UserActivity,
            Kind::Traffic => Self::Traffic,
        }
    }
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Ndjson => Self::Ndjson,
            Format::Parquet => Self::Parquet,
        }
    }
}

impl From<Packing> for Compression {
    fn from(packing: Packing) -> Self {
        match packing {
            Packing::None => Self::None,
            Packing::Gzip => Self::Gzip,
            Packing::Zstd => Self::Zstd,
        }
    }
}

/// How the report is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Packing {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DemoOptions {
    /// Keep the data in this folder, and go on with what lies there.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Address of the console.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS", conflicts_with = "input")]
    pub(crate) console: SocketAddr,
    /// Make a report of this log file and end; `-` is standard input.
    #[arg(long, value_name = "FILE", requires = "report")]
    pub(crate) input: Option<PathBuf>,
    /// Where the report goes.
    #[arg(long, value_name = "OUT", requires = "input")]
    pub(crate) report: Option<PathBuf>,
    /// What it lists.
    #[arg(long, value_enum, default_value_t, requires = "input")]
    pub(crate) kind: Kind,
    /// Its format.
    #[arg(long, value_enum, default_value_t, requires = "input")]
    pub(crate) format: Format,
    /// How it is packed.
    #[arg(long, value_enum, default_value_t, requires = "input")]
    pub(crate) compression: Packing,
    /// Its columns in this order, joined with commas, instead of the contract's.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "input")]
    pub(crate) columns: Vec<String>,
    /// Version of the log.
    #[arg(long, value_enum, default_value_t, requires = "input")]
    pub(crate) log_version: LogVersion,
    /// Tenant whose log it is.
    #[arg(long, default_value = "acme", requires = "input")]
    pub(crate) tenant: Tenant,
    /// First end time in the report, with its zone: `2026-11-01T00:00:00Z`. Without it: 1970.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "input")]
    pub(crate) from: Option<Moment>,
    /// First end time after it, with its zone. Without it: 2100.
    #[arg(long, value_name = "TIME", value_parser = moment, requires = "input")]
    pub(crate) to: Option<Moment>,
    /// Only this Remote Network; may be given more than once.
    #[arg(long = "network", value_name = "ID", requires = "input")]
    pub(crate) networks: Vec<RemoteNetworkId>,
    /// Rows for denied attempts too.
    #[arg(long, requires = "input")]
    pub(crate) denied: bool,
    #[command(flatten)]
    pub(crate) spreadsheet: SpreadsheetOptions,
    #[command(flatten)]
    pub(crate) table: TableOptions,
    /// Write the lines that were refused to this file, each with its reason before it.
    #[arg(long, value_name = "FILE", requires = "input")]
    pub(crate) rejects: Option<PathBuf>,
}

/// A time with its zone, `Z` or an offset.
pub(crate) fn moment(text: &str) -> Result<Moment, String> {
    let timestamp: jiff::Timestamp = text.parse().map_err(|_| {
        format!("{text} is not a time with its zone, such as 2026-11-01T00:00:00Z or 2026-11-01T00:00:00+01:00")
    })?;
    Ok(Moment::from_micros(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn time_carries_its_zone() {
        assert_eq!(moment("2026-11-01T01:00:00+01:00"), moment("2026-11-01T00:00:00Z"));
        assert_eq!(moment("2026-11-01T00:00:00.000001Z").unwrap().as_micros(), 1_793_491_200_000_001);
        assert!(moment("2026-11-01T00:00:00").is_err());
    }
}
