//! The command line of `flowledger traffic`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use traffic_query::time_range::TimeNotes;
use traffic_query::{Bucket, Dimension, Field, FilterForm, Insight, Measure, TrafficFilter};

#[derive(Debug, Subcommand)]
pub(crate) enum TrafficCommand {
    /// Connections that ended, failed or were denied, newest first.
    Recent {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// Only what is older than this event, the last of a page.
        #[arg(long, value_name = "EVENT")]
        before: Option<EventId>,
        /// At most so many, 1 to 500.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// One connection with all its events.
    Connection {
        #[command(flatten)]
        select: SelectOptions,
        /// Event id of any of its events.
        #[arg(value_name = "EVENT")]
        event: EventId,
    },
    /// Connections that are open now, those opened last first.
    Open {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// At most so many, 1 to 10000.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Measures over time.
    Series {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// Width of a point: minute, hour, or day, week (from Monday) or month of the zone [default: by the range].
        #[arg(long, value_name = "WIDTH")]
        bucket: Option<Bucket>,
        /// A series for each value of this; up to twice.
        #[arg(long, value_name = "DIMENSION")]
        split: Vec<Dimension>,
        #[command(flatten)]
        groups: GroupOptions,
    },
    /// The groups with most of a measure, and all others together.
    Top {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// What groups are made by; up to twice.
        #[arg(long, value_name = "DIMENSION", required = true)]
        by: Vec<Dimension>,
        #[command(flatten)]
        groups: GroupOptions,
    },
    /// For each dimension the values with most events, among what all other fields of the filter let through.
    Facets {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// Dimension; may be given more than once.
        #[arg(long, value_name = "DIMENSION", required = true)]
        of: Vec<Dimension>,
        /// Values of each, 1 to 100.
        #[arg(long, default_value_t = 10, value_name = "N")]
        limit: u32,
    },
    /// What stands out: new countries, unused Resources, high error rates and the like.
    Insight {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        filter: FilterOptions,
        /// Which: `new_countries`, `new_client_addresses`, `unused_resources`, `inactive_users`, `broad_rules`, `relay_share`,
        /// `error_rate`, `unresolved_names`, `uneven_connectors`.
        #[arg(value_name = "INSIGHT")]
        insight: Insight,
        /// At most so many, 1 to 1000.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
    /// Users, Resources, Remote Networks or addresses by a part of their name.
    Search {
        #[command(flatten)]
        select: SelectOptions,
        /// What is looked for.
        #[arg(value_enum)]
        what: SearchedOption,
        /// Part of the name; any case.
        #[arg(default_value = "")]
        text: String,
        /// At most so many, 1 to 1000.
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: u32,
    },
}

impl TrafficCommand {
    /// The filter of those that have one.
    pub(crate) fn filter(&self) -> Option<&FilterOptions> {
        match self {
            Self::Recent { filter, .. }
            | Self::Open { filter, .. }
            | Self::Series { filter, .. }
            | Self::Top { filter, .. }
            | Self::Facets { filter, .. }
            | Self::Insight { filter, .. } => Some(filter),
            Self::Connection { .. } | Self::Search { .. } => None,
        }
    }
}

/// What names are looked for of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SearchedOption {
    /// Remote Networks, by name.
    RemoteNetworks,
    /// Users, by e-mail address.
    Users,
    /// Resources, by rule or address.
    Resources,
    /// Names and addresses that were asked for.
    Addresses,
}

/// Whose traffic, and how it is shown.
#[derive(Clone, Debug, Args)]
pub(crate) struct SelectOptions {
    /// Configuration file; the environment (`FLOWLEDGER__SECTION__KEY`) wins over it.
    #[arg(long, env = "FLOWLEDGER_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Tenant whose traffic it is.
    #[arg(long)]
    pub(crate) tenant: Tenant,
    /// One JSON object a line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is measured, and of how many groups.
#[derive(Clone, Debug, Args)]
pub(crate) struct GroupOptions {
    /// What is measured; may be given more than once, the first gives the order [default: connections].
    #[arg(long = "measure", value_name = "MEASURE")]
    measures: Vec<Measure>,
    /// Groups beside the others, 1 to 100.
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) limit: u32,
}

impl GroupOptions {
    pub(crate) fn measures(&self) -> &[Measure] {
        if self.measures.is_empty() { &[Measure::Connections] } else { &self.measures }
    }
}

/// The filter, and what was made of the local times of its range; its options are the table of its fields.
#[derive(Clone, Debug)]
pub(crate) struct FilterOptions(pub(crate) TrafficFilter, pub(crate) TimeNotes);

fn option(field: Field) -> String {
    field.name().replace('_', "-")
}

impl Args for FilterOptions {
    fn augment_args(command: Command) -> Command {
        Field::ALL.into_iter().fold(command, |command, field| {
            let name = option(field);
            let action = if field.is_list() { ArgAction::Append } else { ArgAction::Set };
            command.arg(
                Arg::new(field.name())
                    .long(name)
                    .action(action)
                    .value_name("VALUE")
                    .help(field.help())
                    .help_heading("Filter"),
            )
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FilterOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let wrong = |error: traffic_query::FilterError| {
            let said = format!("--{} {}\n", error.field.replace('_', "-"), error.reason);
            clap::Error::raw(clap::error::ErrorKind::ValueValidation, said)
        };
        let mut form = FilterForm::default();
        for field in Field::ALL {
            for value in matches.get_many::<String>(field.name()).into_iter().flatten() {
                form.add(field.name(), value).map_err(wrong)?;
            }
        }
        let filter = form.build().map_err(wrong)?;
        Ok(Self(filter, form.time_range().map_err(wrong)?.notes))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
