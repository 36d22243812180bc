//! The command line of `flowledger report`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use report_writer::SPREADSHEET_ROWS;
use schemas::ids::ReportId;
use schemas::report_request::ReportSplit;

use super::schedule::ScheduleCommand;
use crate::cli::{Format, Kind, Packing, SpreadsheetOptions};
use crate::select::SelectOptions;
use crate::table::TableOptions;
use crate::traffic::FilterOptions;

#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Ask for a report; prints its id.
    New {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        new: Box<NewOptions>,
        #[command(flatten)]
        range: NamedRange,
        /// Wait for its end, and say how far it is.
        #[arg(long)]
        follow: bool,
    },
    /// Say how large a report would be; nothing is asked for.
    Estimate {
        #[command(flatten)]
        select: SelectOptions,
        #[command(flatten)]
        new: Box<NewOptions>,
        #[command(flatten)]
        range: NamedRange,
    },
    /// Reports, newest first.
    List {
        #[command(flatten)]
        select: SelectOptions,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// One report.
    Show {
        #[command(flatten)]
        select: SelectOptions,
        /// Its id.
        #[arg(value_name = "REPORT")]
        report: ReportId,
        /// Wait for its end, and say how far it is.
        #[arg(long)]
        follow: bool,
    },
    /// End a report that waits or is made; nothing is left of its file.
    Cancel {
        #[command(flatten)]
        select: SelectOptions,
        /// Its id.
        #[arg(value_name = "REPORT")]
        report: ReportId,
    },
    /// Ask again for a report that failed, was cancelled or has expired.
    Retry {
        #[command(flatten)]
        select: SelectOptions,
        /// Its id.
        #[arg(value_name = "REPORT")]
        report: ReportId,
        /// Wait for its end, and say how far it is.
        #[arg(long)]
        follow: bool,
    },
    /// Keep reports, and have them made by themselves.
    #[command(subcommand)]
    Schedule(Box<ScheduleCommand>),
    /// Write a report's file, or a folder of several; each is there only when it is whole.
    Download {
        #[command(flatten)]
        select: SelectOptions,
        /// Its id.
        #[arg(value_name = "REPORT")]
        report: ReportId,
        /// Where it goes [default: its own name, in this folder]; of several files the folder.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace files that are there.
        #[arg(long)]
        force: bool,
    },
    /// Print what a report's file is, and how complete: the manifest that lies beside it.
    Manifest {
        #[command(flatten)]
        select: SelectOptions,
        /// Its id.
        #[arg(value_name = "REPORT")]
        report: ReportId,
    },
    /// Hold a file, or the folder of several, against the manifest: sizes, SHA-256 and rows. Needs nothing else.
    Verify {
        /// The file, or the folder, as it was downloaded.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Its manifest.
        #[arg(value_name = "MANIFEST")]
        manifest: PathBuf,
    },
}

/// A range by its name.
#[derive(Clone, Debug, Args)]
pub(crate) struct NamedRange {
    /// Its range as seen from now in --zone, in place of --from and --to: last-hour, today, yesterday, this-week, last-week, this-month,
    /// last-month, this-year, last-year, last-24-hours, last-7-days (any number; whole days before today). Days, weeks (from
    /// Monday), months and years are those of the zone.
    #[arg(long, value_name = "RANGE", conflicts_with_all = ["from", "to"])]
    pub(crate) range: Option<String>,
}

/// What is asked for.
#[derive(Clone, Debug, Args)]
pub(crate) struct NewOptions {
    #[command(flatten)]
    pub(crate) filter: FilterOptions,
    /// What it lists.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) kind: Kind,
    /// Its format.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// Its columns in this order, joined with commas, instead of the usual 26.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    #[command(flatten)]
    pub(crate) spreadsheet: SpreadsheetOptions,
    #[command(flatten)]
    pub(crate) split: SplitOptions,
    #[command(flatten)]
    pub(crate) table: TableOptions,
    /// Rows for denied attempts too.
    #[arg(long)]
    pub(crate) denied: bool,
    /// How the file is packed.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) compression: Packing,
    /// Who gets a mail when it is ready; may be given up to 20 times.
    #[arg(long = "receiver", value_name = "E-MAIL")]
    pub(crate) receivers: Vec<String>,
}

/// In several files, each of which ends before the row that would be too much.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SplitOptions {
    /// In files that fit what they are for.
    #[arg(long, value_enum, value_name = "FOR", conflicts_with = "split_rows")]
    split: Option<SplitFor>,
    /// In files of at most so many rows, at least 1000; headers are none.
    #[arg(long, value_name = "ROWS")]
    split_rows: Option<i64>,
    /// In files of at most so many bytes before they are packed, at least 1000000.
    #[arg(long, value_name = "BYTES")]
    split_bytes: Option<i64>,
}

/// What files are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SplitFor {
    /// As many rows as a sheet takes: 1048575, and the header.
    Spreadsheet,
}

impl SplitOptions {
    /// What is asked for, where something is.
    pub(crate) fn asked(self) -> Option<ReportSplit> {
        let of_preset = self.split.map(|SplitFor::Spreadsheet| SPREADSHEET_ROWS);
        let split = ReportSplit { rows: self.split_rows.or(of_preset), bytes: self.split_bytes };
        (split != ReportSplit::default()).then_some(split)
    }
}
