//! `flowledger aggregate`: the roll-ups held against the raw rows, and made anew from them; copies among the raw rows found and deleted.

use std::cmp::Ordering;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use clickhouse_io::rollup::{DEFINITION, Definitions};
use clickhouse_io::{ClickHouse, copies, rollup};
use schemas::ids::Tenant;
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;

use crate::cli::{CommonOptions, moment};
use crate::config::Config;
use crate::output::{line, said, table};

/// Differences that are shown.
const SHOWN_MAX: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum AggregateCommand {
    /// Compare a roll-up and raw rows, print where they differ, and fail where they do.
    Verify {
        #[command(flatten)]
        range: RangeOptions,
        /// Which roll-up. Minutes are kept for `aggregator.minutes_kept_days`, and count copies that came long after their facts.
        #[arg(long, value_enum, default_value_t = Unit::Hour)]
        by: Unit,
    },
    /// Count hours anew from the raw rows, and their days from them; events may keep coming.
    Rebuild(RangeOptions),
    /// Delete copies from the raw rows, in hours that are over: of each fact the first row stays, and what goes is noted before.
    Dedupe {
        #[command(flatten)]
        range: RangeOptions,
        /// Say what would go, and delete nothing.
        #[arg(long)]
        dry_run: bool,
        /// Who; kept with what is noted. Without it: `$USER`.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
}

/// What a roll-up counts by.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Unit {
    /// `connections_by_minute`.
    Minute,
    /// `connections_by_hour`.
    Hour,
    /// `connections_by_day`.
    Day,
    /// `network_days`: durations by steps, and what was seen.
    NetworkDay,
    /// `names`: of each id the newest, of days that are over.
    Name,
}

impl Unit {
    /// What is counted by; `None` of names, which are not counted.
    fn counted(self) -> Option<rollup::Unit> {
        match self {
            Self::Minute => Some(rollup::Unit::Minute),
            Self::Hour => Some(rollup::Unit::Hour),
            Self::Day => Some(rollup::Unit::Day),
            Self::NetworkDay => Some(rollup::Unit::NetworkDay),
            Self::Name => None,
        }
    }
}

/// Whose roll-up, and which hours of it.
#[derive(Clone, Debug, Args)]
pub(crate) struct RangeOptions {
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Tenant whose roll-up it is.
    #[arg(long)]
    tenant: Tenant,
    /// A moment in the first hour, with its zone: `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Moment,
    /// The first moment after the last hour, with its zone.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to: Moment,
}

impl RangeOptions {
    fn clickhouse(&self) -> anyhow::Result<ClickHouse> {
        Ok(ClickHouse::new(&self.config()?.clickhouse))
    }

    fn config(&self) -> anyhow::Result<Config> {
        if self.from >= self.to {
            bail!("--to is not after --from");
        }
        let options = CommonOptions { config: self.config.clone(), ..CommonOptions::default() };
        crate::services::loaded(&options, |_| Ok(()))?.context("no config")
    }

    fn range(&self) -> (Moment, Moment) {
        (self.from, self.to)
    }
}

pub(crate) async fn run(command: AggregateCommand) -> anyhow::Result<()> {
    match command {
        AggregateCommand::Verify { range: options, by } => {
            let config = options.config()?;
            let (clickhouse, days) = (ClickHouse::new(&config.clickhouse), config.aggregator.minutes_kept_days);
            if matches!(by, Unit::Minute) && options.from < minutes_kept_since(days) {
                bail!("minutes are kept for {days} days: --from is before {}", rfc3339(minutes_kept_since(days)));
            }
            let Some(unit) = by.counted() else { return verify_names(&clickhouse, &options).await };
            say_definitions(&clickhouse, &options, unit).await?;
            let found = rollup::verify(&clickhouse, &options.tenant, unit, options.range(), SHOWN_MAX).await?;
            match copies::find(&clickhouse, &options.tenant, options.range(), 0).await?.0 {
                0 => {}
                count => said(&format!("{count} raw rows are copies; `flowledger aggregate dedupe` deletes them")),
            }
            if found.is_empty() {
                said("roll-up and raw rows are the same");
                return Ok(());
            }
            let keys = match unit {
                rollup::Unit::NetworkDay => "",
                _ => "USER, SERVICE ACCOUNT, RESOURCE, CONNECTOR, PROTOCOL, TUNNEL PATH, COUNTRY",
            };
            let head = ["TIME", "NETWORK", keys, "ROLL-UP", "RAW ROWS"];
            let rows = found.iter().map(|it| {
                let time = rfc3339(Moment::from_micros(it.time * 1_000_000));
                let (rolled_up, raw) = (or_none(it.rolled_up.clone()), or_none(it.raw.clone()));
                vec![time, it.remote_network_id.to_string(), it.keys.clone(), rolled_up, raw]
            });
            line(&table(&head.map(str::to_owned), rows))?;
            let count = counted(found.len());
            match unit {
                rollup::Unit::Minute => bail!("{count} groups differ; hours that are over are counted by themselves"),
                _ => bail!("{count} groups differ; `flowledger aggregate rebuild` counts them anew"),
            }
        }
        AggregateCommand::Rebuild(options) => {
            let clickhouse = options.clickhouse()?;
            say_newer(&clickhouse, &options).await?;
            let told = |done: usize, all: usize| said(&format!("{done} of {all} hours are counted"));
            rollup::rebuild(&clickhouse, rollup::DEFINITION, &options.tenant, options.range(), told).await?;
            Ok(())
        }
        AggregateCommand::Dedupe { range: options, dry_run, by } => {
            let clickhouse = options.clickhouse()?;
            if dry_run {
                let (count, shown) =
                    copies::find(&clickhouse, &options.tenant, options.range(), SHOWN_MAX.into()).await?;
                let head = ["TIME", "TABLE", "EVENT", "SOURCE", "PARTITION", "OFFSET"];
                let rows = shown.into_iter().map(|it| {
                    let time = rfc3339(Moment::from_micros(it.end_time));
                    vec![time, it.event_table, it.event_id, it.source, it.partition.to_string(), it.offset.to_string()]
                });
                line(&table(&head.map(str::to_owned), rows))?;
                said(&format!("dry run: {count} copies"));
                return Ok(());
            }
            let by = by.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| "unknown".to_owned());
            let told = |done: u64| said(&format!("{done} copies are deleted"));
            let done = copies::delete(&clickhouse, &options.tenant, options.range(), &by, told).await?;
            if done == 0 {
                said("there are no copies");
            }
            Ok(())
        }
    }
}

/// By which definitions a range is counted, and what to do where it is not this program's.
async fn say_definitions(clickhouse: &ClickHouse, options: &RangeOptions, unit: rollup::Unit) -> anyhow::Result<()> {
    let units = match unit {
        rollup::Unit::Minute => return Ok(()),
        rollup::Unit::Hour => "hours",
        rollup::Unit::Day | rollup::Unit::NetworkDay => "days",
    };
    for Definitions { definition, count } in
        rollup::definitions(clickhouse, &options.tenant, unit, options.range()).await?
    {
        let what_to_do = match definition.cmp(&DEFINITION) {
            Ordering::Less => format!(
                ", older than this program's ({DEFINITION}): aggregators of its version count them anew, `flowledger aggregate rebuild` does it at once"
            ),
            Ordering::Equal => String::new(),
            Ordering::Greater => format!(", newer than this program's ({DEFINITION}): use the newer program"),
        };
        said(&format!("{count} {units} of Remote Networks are counted by definition {definition}{what_to_do}"));
    }
    Ok(())
}

/// Says where a rebuild goes back to an older definition.
async fn say_newer(clickhouse: &ClickHouse, options: &RangeOptions) -> anyhow::Result<()> {
    let found = rollup::definitions(clickhouse, &options.tenant, rollup::Unit::Hour, options.range()).await?;
    for Definitions { definition, count } in found.into_iter().filter(|it| it.definition > DEFINITION) {
        said(&format!(
            "{count} hours of Remote Networks are counted by definition {definition}, and become those of this program, {DEFINITION}: aggregators of a newer version count them anew"
        ));
    }
    Ok(())
}

async fn verify_names(clickhouse: &ClickHouse, options: &RangeOptions) -> anyhow::Result<()> {
    let found = rollup::verify_names(clickhouse, &options.tenant, options.range(), SHOWN_MAX).await?;
    if found.is_empty() {
        said("names and raw rows are the same");
        return Ok(());
    }
    let count = counted(found.len());
    let rows = found.into_iter().map(|it| vec![it.kind, it.id, or_none(it.kept), or_none(it.raw)]);
    line(&table(&["KIND", "ID", "KEPT", "RAW ROWS"].map(str::to_owned), rows))?;
    bail!(
        "{count} names differ; those that are missing come when their day is over and counted, or by `flowledger aggregate rebuild`; those that no raw row has stay, \
         as of rows that were purged"
    )
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// How many, of those that are shown at most.
fn counted(found: usize) -> String {
    let more = if found as u64 == u64::from(SHOWN_MAX) { " or more" } else { "" };
    format!("{found}{more}")
}

/// Rows by minute go so many days after they were written.
fn minutes_kept_since(days: u16) -> Moment {
    Moment::from_micros(Moment::now().as_micros() - i64::from(days) * 86_400_000_000)
}
