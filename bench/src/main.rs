//! `flowledger-bench <name> [--small] [--json]`: measurements beside a limit or a peer, taken in the same run.
#![expect(clippy::print_stdout, reason = "what the program is for")]

mod connector;
mod demo_seconds_to_console;
mod export;
mod figure;
mod ingest;
mod open_connections;
mod open_rows;
mod percentile;
mod process;
mod queries;
mod raw_bytes_per_row;
mod table_size;
mod traffic;
mod transcode;
mod transcode_peers;

use clap::{Parser, ValueEnum};

use crate::export::Part;
use crate::ingest::stage::peer_parts;
use crate::ingest::{consume_ceiling, obvious};

/// What is not on the command line: what few runs need.
const ENVIRONMENT: &str = "In the environment:
  ROWS=FOLDER      queries and the figures of export: the engine's rows are kept there for the next run
  EVENTS=NUMBER    the figures of export: so many rows, whole millions (20 million; 100 million of export_memory; 2 million with --small)
  SETTINGS=TOML    queries: further settings of ingest";

/// Measurements of Flowledger beside limits and peers.
#[derive(Parser)]
#[command(name = "flowledger-bench", version, after_help = ENVIRONMENT)]
struct Options {
    /// What is measured.
    #[arg(value_enum)]
    name: Name,
    /// Less of everything.
    #[arg(long)]
    small: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Bytes a row of `connections` takes on the disk, by column.
    #[value(name = "raw_bytes_per_row")]
    RawBytesPerRow,
    /// From the command to a console that answers, on a second start.
    #[value(name = "demo_seconds_to_console")]
    DemoSecondsToConsole,
    /// Kafka to ClickHouse: speed, memory, freshness, beside the obvious consumer.
    #[value(name = "ingest")]
    Ingest,
    /// Kafka to the roll-up by minute: speed, beside reading alone.
    #[value(name = "aggregator")]
    Aggregator,
    /// Ingest alone, for a profile.
    #[value(name = "ingest_alone", hide = true)]
    IngestAlone,
    /// The obvious consumer, as a process of its own.
    #[value(name = "peer_obvious_consumer", hide = true)]
    PeerObviousConsumer,
    /// The same, straight into the struct.
    #[value(name = "peer_obvious_consumer_direct", hide = true)]
    PeerObviousConsumerDirect,
    /// The same with JSON.
    #[value(name = "peer_obvious_consumer_json", hide = true)]
    PeerObviousConsumerJson,
    /// Reading alone, as a process of its own.
    #[value(name = "peer_consume_ceiling", hide = true)]
    PeerConsumeCeiling,
    /// A log file to Kafka: lines per CPU second, beside the obvious connector.
    #[value(name = "connector")]
    Connector,
    /// The obvious connector, as a process of its own.
    #[value(name = "peer_obvious_connector", hide = true)]
    PeerObviousConnector,
    /// Latencies of what admins ask all day, over many rows of many tenants, and bytes of the roll-ups.
    #[value(name = "queries")]
    Queries,
    /// From a line in a log to an open connection in an answer, and how long the question takes among those that have ended.
    #[value(name = "open_connections")]
    OpenConnections,
    /// Reports: all that is measured of them.
    #[value(name = "export")]
    Export,
    /// Reports: rows a CPU second, beside the engine's own files.
    #[value(name = "export_speed")]
    ExportSpeed,
    /// Reports: the exporter's memory, by kind, of 1 M and of all rows: 100 M.
    #[value(name = "export_memory")]
    ExportMemory,
    /// Reports: one huge one by four exporters, beside one.
    #[value(name = "export_scale")]
    ExportScale,
    /// Reports: a small one of one tenant beside ten huge ones of another, to the mail.
    #[value(name = "export_beside")]
    ExportBeside,
    /// Reports: from the wish to cancel one to its last query gone.
    #[value(name = "export_cancel")]
    ExportCancel,
    /// Reports: slices that are made again when an exporter is killed.
    #[value(name = "export_resume")]
    ExportResume,
    /// CPU time from Avro in memory to sorted blocks, an event.
    #[value(name = "transcode")]
    Transcode,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let measured = match options.name {
        Name::RawBytesPerRow => raw_bytes_per_row::measure(options.small).await?,
        Name::DemoSecondsToConsole => demo_seconds_to_console::measure()?,
        Name::Ingest => ingest::measure(options.small).await?,
        Name::Aggregator => ingest::aggregator::measure(options.small).await?,
        Name::IngestAlone => ingest::alone::measure().await?,
        Name::PeerObviousConsumer => return obvious::run(peer_parts(), obvious::Form::Avro).await,
        Name::PeerObviousConsumerDirect => return obvious::run(peer_parts(), obvious::Form::AvroDirect).await,
        Name::PeerObviousConsumerJson => return obvious::run(peer_parts(), obvious::Form::Json).await,
        Name::PeerConsumeCeiling => return consume_ceiling::run(peer_parts()).await,
        Name::Connector => connector::measure(options.small).await?,
        Name::PeerObviousConnector => {
            let [kafka, registry, log] = connector::PEER_PARTS.map(|name| std::env::var(name).unwrap_or_default());
            return connector::obvious::run(&kafka, &registry, &log).await;
        }
        Name::OpenConnections => open_connections::measure().await?,
        Name::Queries => queries::measure(options.small).await?,
        Name::Export => export::measure(Part::ALL, options.small).await?,
        Name::ExportSpeed => export::measure(&[Part::Speed], options.small).await?,
        Name::ExportMemory => export::measure(&[Part::Memory], options.small).await?,
        Name::ExportScale => export::measure(&[Part::Scale], options.small).await?,
        Name::ExportBeside => export::measure(&[Part::Beside], options.small).await?,
        Name::ExportCancel => export::measure(&[Part::Cancel], options.small).await?,
        Name::ExportResume => export::measure(&[Part::Resume], options.small).await?,
        Name::Transcode => transcode::measure(options.small)?,
    };
    measured.print(options.json)
}
