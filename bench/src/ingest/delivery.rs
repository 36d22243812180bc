//! What exactly once costs: the same code over the same backlog with and without it, by turns.

use crate::figure::{Figure, Measured};
use crate::ingest::stage::{Stage, Used};
use crate::ingest::{GROUP, note};

/// Runs of each. Of each the one with the least CPU counts: what disturbs a run only adds to it.
const RUNS: usize = 3;

/// `first` was a run with exactly once.
pub(crate) async fn measure(stage: &Stage, events: u32, first: &Used, measured: &mut Measured) -> anyhow::Result<()> {
    let (mut exactly_once, mut at_least_once) = (vec![*first], Vec::new());
    while at_least_once.len() < RUNS {
        at_least_once.push(run(stage, "at_least_once", events, measured).await?);
        if exactly_once.len() < RUNS {
            exactly_once.push(run(stage, "exactly_once", events, measured).await?);
        }
    }
    let least = |runs: &[Used], cpu: fn(&Used) -> f64| runs.iter().map(cpu).fold(f64::INFINITY, f64::min);
    let cost = |cpu: fn(&Used) -> f64| 100.0 * (least(&exactly_once, cpu) / least(&at_least_once, cpu) - 1.0);
    measured.figures.push(Figure::new("exactly_once_cost_percent", cost(|it| it.program_cpu_s), "%", "limit", 3.0));
    measured.notes.push(format!(
        "exactly_once_cost_percent: CPU of ingest with ingest.delivery exactly_once over that with at_least_once, by turns, the least of {RUNS} \
         runs each; of ingest and engine together it is {:.2} %",
        cost(|it| it.program_cpu_s + it.engine_cpu_s)
    ));
    Ok(())
}

async fn run(stage: &Stage, delivery: &str, events: u32, measured: &mut Measured) -> anyhow::Result<Used> {
    let mut program = stage.ingest(&format!("[ingest]\ndelivery = \"{delivery}\"\n"))?;
    let used = stage.drained(&mut program, GROUP, events).await?;
    program.stop()?;
    stage.begin_again(GROUP).await?;
    note(measured, &format!("ingest, {delivery}"), &used);
    Ok(used)
}
