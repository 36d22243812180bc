//! `flowledger demo`: everything on one machine, for a look or for a report of a log file.
#![expect(clippy::print_stdout, reason = "the demo talks to a person")]

mod answers;
mod input;
mod live;
mod rejects;
mod stack;
mod traffic;

use crate::cli::DemoOptions;

pub(crate) async fn run(options: DemoOptions) -> anyhow::Result<()> {
    // A person who looks wants to see what happens, not every line of it.
    service_kit::telemetry::init(&service_kit::telemetry::TelemetryConfig {
        filter: "error".to_owned(),
        ..service_kit::telemetry::TelemetryConfig::default()
    });
    let stop = crate::stop::on_signal()?;
    match (&options.input, &options.report) {
        (Some(input), Some(report)) => input::run(&options, input, report, stop).await,
        _ => live::run(&options, stop).await,
    }
}
