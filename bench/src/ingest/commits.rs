//! What exactly once costs by reckoning: the CPU of the commits that the same code would not make if it wrote no intents.

use std::time::{Duration, Instant};

use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions};
use schemas::topics::CONNECTION_EVENTS;

use crate::figure::Measured;
use crate::ingest::stage::{Stage, Used};
use crate::process;

/// Commits that are measured.
const COMMITS: u32 = 1_000;
/// A note as long as an intent's usually is.
const NOTE_LENGTH: usize = 160;

pub(crate) fn measure(stage: &Stage, ours: &Used, extra_commits: f64, measured: &mut Measured) -> anyhow::Result<()> {
    let options = BatchOptions::new("commits", CONNECTION_EVENTS.name);
    let mut consumer =
        BatchConsumer::new(&stage.kafka_config(), &options).map_err(|error| anyhow::anyhow!("{error}"))?;
    let begin = Instant::now();
    let (epoch, partition) = loop {
        anyhow::ensure!(begin.elapsed() < Duration::from_secs(60), "no partition came");
        let next = consumer.next(0, Duration::from_millis(100)).map_err(|error| anyhow::anyhow!("{error}"))?;
        if let Some(Arrived::Assigned { epoch, partitions }) = next {
            break (epoch, partitions[0].number);
        }
    };
    let (committer, note) = (consumer.committer(), "x".repeat(NOTE_LENGTH));
    let before = process::cpu_seconds(std::process::id())?;
    for number in 0..COMMITS {
        committer
            .commit_blocking(partition, epoch, i64::from(number), &note)
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    }
    let each = (process::cpu_seconds(std::process::id())? - before) / f64::from(COMMITS);
    consumer.close();
    let cost = 100.0 * extra_commits * each / ours.program_cpu_s;
    measured.notes.push(format!(
        "exactly once by reckoning: {extra_commits:.0} commits for intents alone, {:.0} us of CPU each: {cost:.2} %",
        each * 1e6
    ));
    Ok(())
}
