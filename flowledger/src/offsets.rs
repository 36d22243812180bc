//! `flowledger offsets`: how far ingest and aggregator are said to be, moved back by an operator. They count what is stored, and store what is not.
//!
//! The answer goes to standard output, the last word to standard error.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use kafka_io::admin::{BackTo, WayBack, move_back, ways_back};
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;

use crate::cli::{CommonOptions, moment};
use crate::output::{line, said, table};

#[derive(Debug, Subcommand)]
pub(crate) enum OffsetsCommand {
    /// Move committed offsets back, and none on: ingest and aggregator read again from there, count what is stored, and store what is not.
    ///
    /// Stop all of them first and wait for ten minutes: nothing that they sent may still arrive. Kafka refuses it while a group has members, and one
    /// that was stopped is a member for 45 s.
    Back {
        #[command(flatten)]
        to: ToOptions,
        /// Only of this group. Without it: of both.
        #[arg(long, value_enum)]
        group: Option<Group>,
        /// Say what would be moved, and move nothing.
        #[arg(long)]
        dry_run: bool,
        /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
        #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Where to.
#[derive(Clone, Copy, Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct ToOptions {
    /// To the first record that Kafka took at this time or later: `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Option<Moment>,
    /// To the first record that is there.
    #[arg(long)]
    to_beginning: bool,
}

/// Whose offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Raw rows.
    Ingest,
    /// Roll-ups.
    Aggregator,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Ingest => ingest::GROUP,
            Self::Aggregator => aggregator::GROUP,
        }
    }
}

pub(crate) async fn run(command: OffsetsCommand) -> anyhow::Result<()> {
    let OffsetsCommand::Back { to, group, dry_run, config } = command;
    let options = CommonOptions { config, ..CommonOptions::default() };
    let kafka = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?.kafka;
    if to.to.is_some_and(|time| time > Moment::now()) {
        bail!("--to: this time is yet to come");
    }
    let to = to.to.map_or(BackTo::Beginning, |time| BackTo::TimeMs(time.as_millis()));
    let mut all = Vec::new();
    for group in group.map_or(vec![Group::Ingest, Group::Aggregator], |group| vec![group]) {
        all.push((group.name(), ways_back(&kafka, group.name(), CONNECTION_EVENTS.name, to).await?));
    }
    let rows = all.iter().flat_map(|(group, ways)| ways.iter().filter_map(|way| row(group, way)));
    line(&table(&["GROUP", "PARTITION", "COMMITTED", "TO"].map(str::to_owned), rows))?;
    for (group, ways) in &all {
        if !dry_run && !move_back(&kafka, group, CONNECTION_EVENTS.name, ways).await? {
            bail!(
                "group {group} has members, and Kafka moves its offsets for nobody else: stop each {group}, and wait"
            );
        }
        said(&summary(group, ways, dry_run));
    }
    Ok(())
}

/// A partition that is moved.
fn row(group: &str, way: &WayBack) -> Option<Vec<String>> {
    Some(vec![group.to_owned(), way.partition.to_string(), way.committed?.to_string(), way.to?.to_string()])
}

fn summary(group: &str, ways: &[WayBack], is_dry: bool) -> String {
    let back = ways.iter().filter_map(|way| Some(way.committed? - way.to?));
    let (partitions, offsets) = (back.clone().count(), back.sum::<i64>());
    let dry = if is_dry { "dry run: " } else { "" };
    format!("{dry}{group}: {partitions} of {} partitions go back, by {offsets} offsets", ways.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_in_the_last_word_only() {
        let way = |partition, committed, to| WayBack { partition, committed, to };
        let ways = [way(0, Some(10), Some(4)), way(1, Some(3), None), way(2, None, None), way(3, Some(5), Some(0))];
        assert_eq!(ways.iter().filter_map(|it| row("ingest", it)).count(), 2);
        assert_eq!(summary("ingest", &ways, false), "ingest: 2 of 4 partitions go back, by 11 offsets");
        assert_eq!(summary("ingest", &[], true), "dry run: ingest: 0 of 0 partitions go back, by 0 offsets");
    }
}
