//! The command line of `flowledger report schedule`.

use clap::{Args, Subcommand};
use schemas::ids::ScheduleId;

use crate::report::options::NewOptions;
use crate::select::SelectOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Keep a report; prints its id.
    New {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        new: Box<NewOptions>,
        /// What the tenant calls it.
        #[arg(long)]
        name: String,
        /// Account of the tenant that it belongs to: nothing is made by it any more when that is gone.
        #[arg(long, value_name = "ACCOUNT")]
        owner: String,
        /// Range of each report as seen from when it is due, such as `yesterday`, `last week`, `this month`, `last 24 hours`, `last 7 days`,
        /// `since last run`.
        #[arg(long)]
        range: String,
        /// `hourly at :15`, `daily at 06:00`, `weekly on monday at 06:00`, `monthly on day 31 at 06:00`, or five fields of cron
        /// [default: when somebody says `run`].
        #[arg(long, value_name = "TIMES")]
        when: Option<String>,
    },
    /// The next runs with their ranges, before something is kept.
    Preview {
        #[command(flatten)]
        times: TimesOptions,
    },
    /// Schedules, oldest first.
    List {
        #[command(flatten)]
        select: SelectOptions,
    },
    /// One schedule with its next runs.
    Show {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Make nothing by it until it is resumed.
    Pause {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Make reports by it again, from now on.
    Resume {
        #[command(flatten)]
        one: OneOptions,
        /// Account that it belongs to from now on [default: as before].
        #[arg(long, value_name = "ACCOUNT")]
        owner: Option<String>,
    },
    /// Make a report by it now; prints its id.
    Run {
        #[command(flatten)]
        one: OneOptions,
        /// Wait for its end, and say how far it is.
        #[arg(long)]
        follow: bool,
    },
    /// Forget it; its reports stay.
    Delete {
        #[command(flatten)]
        one: OneOptions,
    },
}

/// Times that are not kept yet.
#[derive(Clone, Debug, Args)]
pub(crate) struct TimesOptions {
    /// As of a schedule.
    #[arg(long, value_name = "TIMES")]
    pub(crate) when: String,
    /// As of a schedule.
    #[arg(long)]
    pub(crate) range: String,
    /// IANA zone of both.
    #[arg(long, default_value = "UTC")]
    pub(crate) zone: String,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// One schedule.
#[derive(Clone, Debug, Args)]
pub(crate) struct OneOptions {
    #[command(flatten)]
    pub(crate) select: SelectOptions,
    /// Its id.
    #[arg(value_name = "SCHEDULE")]
    pub(crate) schedule: ScheduleId,
}
