//! `flowledger-bench <name> [--small] [--json]`: measurements beside a limit or a peer, taken in the same run.
#![expect(clippy::print_stdout, reason = "what the program is for")]

mod demo_seconds_to_console;
mod figure;
mod raw_bytes_per_row;
mod traffic;
mod transcode;
mod transcode_peers;

use clap::{Parser, ValueEnum};

/// Measurements of Flowledger beside limits and peers.
#[derive(Parser)]
#[command(name = "flowledger-bench", version)]
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
    /// Bytes a row of `connections` takes on the disk.
    #[value(name = "raw_bytes_per_row")]
    RawBytesPerRow,
    /// From the command to a console that answers, on a second start.
    #[value(name = "demo_seconds_to_console")]
    DemoSecondsToConsole,
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
        Name::Transcode => transcode::measure(options.small)?,
    };
    measured.print(options.json)
}
