//! `flowledger`: every service, the migrations, the embedded engine and the demo in one binary. Wiring only: what a service
//! does stands in its own crate.

mod aggregate;
mod audit;
mod cli;
mod config;
mod dead_letter;
mod demo;
mod migrate;
mod offsets;
mod output;
mod report;
mod select;
mod services;
mod stop;
mod sync;
mod table;
mod traffic;
mod webhook;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::cli::{Cli, Command};

/// How long calls that block may go on when everything else has ended.
const HANGING_CALLS_MAX: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&anyhow::Error::new(error).context("the runtime cannot be started")),
    };
    let ended = runtime.block_on(run(cli.command));
    // Calls into a client may still hang on a broker that is away: nobody waits for what they give any more.
    runtime.shutdown_timeout(HANGING_CALLS_MAX);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    service_kit::tls::install();
    match command {
        Command::Connector(options) => {
            services::run(services::Service::Connector { once: options.once }, options.common).await
        }
        Command::Ingest(options) => services::run(services::Service::Ingest, options).await,
        Command::Aggregator(options) => services::run(services::Service::Aggregator, options).await,
        Command::Exporter(options) => services::run(services::Service::Exporter, options).await,
        Command::Console(options) => services::run(services::Service::Console, options).await,
        Command::Migrate(options) => migrate::run(options).await,
        Command::DeadLetter(command) => dead_letter::run(command).await,
        Command::Aggregate(command) => aggregate::run(command).await,
        Command::Offsets(command) => offsets::run(command).await,
        Command::Traffic(command) => traffic::run(*command).await,
        Command::Report(command) => report::run(*command).await,
        Command::Webhook(command) => webhook::run(*command).await,
        Command::Sync(command) => sync::run(*command).await,
        Command::Audit(command) => audit::run(command).await,
        Command::Clickhouse(options) => services::run_engine(options).await,
        Command::PasswordHash => services::print_password_hash(),
        Command::Demo(options) => demo::run(options).await,
    }
}

#[expect(clippy::print_stderr, reason = "the last word of a command line program")]
fn failed(error: &anyhow::Error) -> ExitCode {
    let mut said = error.to_string();
    // Some errors carry their cause in their own words too, because logs show only those.
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said = format!("{said}: {cause}");
        }
    }
    eprintln!("flowledger: {said}");
    ExitCode::FAILURE
}
