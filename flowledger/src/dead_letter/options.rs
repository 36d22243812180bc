//! The command line of `flowledger dead-letter`.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use dead_letter::{Filter, PlaceName};
use schemas::ids::{RemoteNetworkId, Tenant};
use schemas::times::Moment;

use crate::cli::moment;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List letters, oldest first.
    List {
        #[command(flatten)]
        select: SelectOptions,
        /// Show so many, the newest.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
        /// One JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Show letters with headers and value, and the event where it can be decoded.
    Show {
        #[command(flatten)]
        select: SelectOptions,
        /// One JSON object a line; the value in hexadecimal.
        #[arg(long)]
        json: bool,
    },
    /// Send the records of letters to `connection-events` again, and mark the letters as replayed.
    Replay {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        change: ChangeOptions,
    },
    /// Mark letters as not needed; they stay on the topic until its retention takes them.
    Discard {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        change: ChangeOptions,
    },
}

/// What became of a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateOption {
    /// Nothing yet.
    Open,
    /// It was sent again.
    Replayed,
    /// It was marked as not needed.
    Discarded,
    /// Whatever it was.
    Any,
}

/// Which letters are meant: all options together.
#[derive(Clone, Debug, Args)]
pub(crate) struct SelectOptions {
    /// Letters, each by the partition and offset it came from, `3-118`, or with the source, `main/3-118`.
    #[arg(value_name = "LETTER")]
    pub(crate) names: Vec<PlaceName>,
    /// The reason holds this text, in whatever case.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// From this partition of `connection-events`.
    #[arg(long, value_name = "N")]
    pub(crate) partition: Option<i32>,
    /// From these offsets, `100-200` or `100`.
    #[arg(long, value_name = "FIRST-LAST", value_parser = offsets)]
    pub(crate) offsets: Option<RangeInclusive<i64>>,
    /// Published at this time or later: `2026-11-01T00:00:00Z`.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<Moment>,
    /// Published before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<Moment>,
    /// Of this Remote Network, by the record's key.
    #[arg(long, value_name = "ID")]
    pub(crate) network: Option<RemoteNetworkId>,
    /// Of this tenant, where the event can be decoded.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<Tenant>,
    /// In this state. Without it: open letters, and for `show` any.
    #[arg(long, value_enum)]
    pub(crate) state: Option<StateOption>,
    /// Read so many records of the topic at most.
    #[arg(long, default_value_t = 5_000_000, value_name = "N")]
    pub(crate) read_max: u64,
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

impl SelectOptions {
    /// `otherwise`: the state that is meant where none is set.
    pub(crate) fn filter(&self, otherwise: StateOption) -> Filter {
        Filter {
            names: self.names.clone(),
            reason: self.reason.clone(),
            partition: self.partition,
            offsets: self.offsets.clone(),
            since: self.since,
            until: self.until,
            key: self.network.map(|network| network.to_string()),
            state: match self.state.unwrap_or(otherwise) {
                StateOption::Open => Some("open"),
                StateOption::Replayed => Some("replayed"),
                StateOption::Discarded => Some("discarded"),
                StateOption::Any => None,
            },
        }
    }
}

/// How letters are changed.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChangeOptions {
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// All letters in that state; without it letters or a filter have to be given.
    #[arg(long)]
    pub(crate) all: bool,
    /// Take so many at most, the oldest.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    pub(crate) limit: usize,
    /// Why; kept with the mark.
    #[arg(long, default_value = "", value_name = "TEXT")]
    pub(crate) why: String,
    /// Who; kept with the mark. Without it: `$USER`.
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
}

fn offsets(text: &str) -> Result<RangeInclusive<i64>, String> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|offset| *offset >= 0);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        _ => Err(format!("{text} is not an offset such as 100, nor a first and a last one such as 100-200")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_one_or_a_first_and_a_last() {
        assert_eq!((offsets("7"), offsets("7-9")), (Ok(7..=7), Ok(7..=9)));
        for text in ["", "-7", "9-7", "a-9", "1-2-3"] {
            assert!(offsets(text).is_err(), "{text}");
        }
    }
}
