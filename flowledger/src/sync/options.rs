//! The command line of `flowledger sync`.

use clap::{Args, Subcommand, ValueEnum};
use schemas::ids::SyncId;
use schemas::report_request::ReportFormat;

use crate::cli::Packing;
use crate::select::SelectOptions;
use crate::traffic::FilterOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum SyncCommand {
    /// Make a sync, of what comes from now on; prints its id.
    New {
        #[command(flatten)]
        select: SelectOptions,
        /// What the tenant calls it.
        #[arg(long)]
        name: String,
        /// Bucket, as `syncs.destinations` names it.
        #[arg(long)]
        destination: String,
        /// Format of its objects.
        #[arg(long, value_enum, default_value_t)]
        format: ObjectFormat,
        /// How they are packed [default: gzip; Parquet is packed inside].
        #[arg(long, value_enum)]
        compression: Option<Packing>,
        #[command(flatten)]
        filter: Box<FilterOptions>,
        /// Denied attempts too.
        #[arg(long)]
        denied: bool,
        /// Time between two objects, seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        interval: i32,
        /// Who is told when it fails, and when it is well again; may be given more than once.
        #[arg(long = "receiver", value_name = "E-MAIL")]
        receivers: Vec<String>,
    },
    /// Syncs, oldest first.
    List {
        #[command(flatten)]
        select: SelectOptions,
    },
    /// One sync, and how it stands.
    Show {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Give it another name, interval or receivers.
    Change {
        #[command(flatten)]
        one: OneOptions,
        /// What the tenant calls it [default: as before].
        #[arg(long)]
        name: Option<String>,
        /// Time between two objects, seconds [default: as before].
        #[arg(long, value_name = "SECONDS")]
        interval: Option<i32>,
        /// Who is told, instead of those before; may be given more than once [default: as before].
        #[arg(long = "receiver", value_name = "E-MAIL")]
        receivers: Vec<String>,
    },
    /// Write no objects until it is resumed.
    Pause {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Write objects again, beginning with what came meanwhile.
    Resume {
        #[command(flatten)]
        one: OneOptions,
    },
    /// Bring a past range, of what came before the sync was made; it is widened to whole hours of UTC.
    Backfill {
        #[command(flatten)]
        one: OneOptions,
        /// First end time: `2026-11-01T00:00` in --zone, or with an offset or Z.
        #[arg(long, value_name = "TIME")]
        from: String,
        /// First end time after it.
        #[arg(long, value_name = "TIME")]
        to: String,
        /// IANA zone of times without an offset.
        #[arg(long, value_name = "ZONE", default_value = "UTC")]
        zone: String,
    },
    /// Write no more of a past range; what is in the bucket stays.
    CancelBackfill {
        #[command(flatten)]
        one: OneOptions,
        /// Which, as `sync show` tells it.
        #[arg(long)]
        number: i64,
    },
    /// Forget it; its objects stay.
    Delete {
        #[command(flatten)]
        one: OneOptions,
    },
}

/// Format of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// Events as JSON, one a line.
    #[default]
    Ndjson,
    /// Typed columns, packed inside.
    Parquet,
}

impl From<ObjectFormat> for ReportFormat {
    fn from(format: ObjectFormat) -> Self {
        match format {
            ObjectFormat::Ndjson => Self::Ndjson,
            ObjectFormat::Parquet => Self::Parquet,
        }
    }
}

/// One sync.
#[derive(Clone, Debug, Args)]
pub(crate) struct OneOptions {
    #[command(flatten)]
    pub(crate) select: SelectOptions,
    /// Its id.
    #[arg(value_name = "SYNC")]
    pub(crate) sync: SyncId,
}
