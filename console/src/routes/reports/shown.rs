//! A report as it is shown.

use report_life::{Phase, ReportState};
use report_writer::SPREADSHEET_ROWS;
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportSplit, ReportTable};
use serde::{Deserialize, Serialize};
use traffic_query::time_range::{TimeNotes, rfc3339};
use utoipa::ToSchema;

use crate::error::Refusal;
use crate::routes::filter::Filter;
use crate::routes::notes::ShownNotes;

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileCompression {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl From<FileCompression> for Compression {
    fn from(compression: FileCompression) -> Self {
        match compression {
            FileCompression::None => Self::None,
            FileCompression::Gzip => Self::Gzip,
            FileCompression::Zstd => Self::Zstd,
        }
    }
}

impl From<Compression> for FileCompression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::None | Compression::Unknown => Self::None,
            Compression::Gzip => Self::Gzip,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// What a report lists.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileKind {
    /// A line a connection.
    #[default]
    Events,
    /// A line a Resource.
    Summary,
    /// A line a User.
    Users,
    /// A line a group of `table`.
    Traffic,
}

impl From<FileKind> for ReportKind {
    fn from(kind: FileKind) -> Self {
        match kind {
            FileKind::Events => Self::Events,
            FileKind::Summary => Self::Summary,
            FileKind::Users => Self::UserActivity,
            FileKind::Traffic => Self::Traffic,
        }
    }
}

impl From<ReportKind> for FileKind {
    fn from(kind: ReportKind) -> Self {
        match kind {
            ReportKind::Events | ReportKind::Unknown => Self::Events,
            ReportKind::Summary => Self::Summary,
            ReportKind::UserActivity => Self::Users,
            ReportKind::Traffic => Self::Traffic,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileFormat {
    #[default]
    Csv,
    Ndjson,
    Parquet,
}

impl From<FileFormat> for ReportFormat {
    fn from(format: FileFormat) -> Self {
        match format {
            FileFormat::Csv => Self::Csv,
            FileFormat::Ndjson => Self::Ndjson,
            FileFormat::Parquet => Self::Parquet,
        }
    }
}

impl From<ReportFormat> for FileFormat {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Ndjson => Self::Ndjson,
            ReportFormat::Parquet => Self::Parquet,
            ReportFormat::Csv | ReportFormat::Unknown => Self::Csv,
        }
    }
}

/// What files of a report are made for.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SplitPreset {
    /// As many rows as a sheet takes: 1 048 575, and the header.
    Spreadsheet,
}

/// Where files of a report end, so that it has several: before the row that would be too much of either.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileSplit {
    /// The most rows of a file, at least 1000. Its header is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rows: Option<i64>,
    /// The most bytes of a file before it is packed, at least 1 000 000, with its header. Not of Parquet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
    /// In place of rows: `spreadsheet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preset: Option<SplitPreset>,
}

impl FileSplit {
    /// What it asks for.
    ///
    /// # Errors
    /// Where rows are said twice.
    pub(super) fn asked(self) -> Result<ReportSplit, Refusal> {
        let rows = match (self.rows, self.preset) {
            (Some(_), Some(_)) => return Err(Refusal::field("split.preset", "stands in place of split.rows")),
            (rows, None) => rows,
            (None, Some(SplitPreset::Spreadsheet)) => Some(SPREADSHEET_ROWS),
        };
        Ok(ReportSplit { rows, bytes: self.bytes })
    }
}

impl From<ReportSplit> for FileSplit {
    fn from(split: ReportSplit) -> Self {
        Self { rows: split.rows, bytes: split.bytes, preset: None }
    }
}

/// Which table of traffic, in the words of `GET …/traffic/series`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileTable {
    /// `minute`, `hour`, or `day`, `week`, `month` of the zone; absent: the whole range is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    /// What groups are made by, up to four: `remote_network`, `user`, `service_account`, `resource`, `applied_rule`, `connector`, `device`,
    /// `protocol`, `port`, `status`, `tunnel_path`, `country`, `client_address`, `address`. None of them: one group a bucket.
    #[serde(default)]
    by: Vec<String>,
    /// What is measured of each, the first gives the order: `events`, `connections`, `succeeded`, `failed_dns`, `failed_other`, `denied`, `bytes`,
    /// `bytes_received`, `bytes_transferred`, `users`, `devices`, `client_addresses`, `addresses`, `duration_p50_us`, `duration_p95_us`. Empty means
    /// `connections`.
    #[serde(default)]
    measures: Vec<String>,
}

impl From<FileTable> for ReportTable {
    fn from(table: FileTable) -> Self {
        Self { bucket: table.bucket, by: table.by, measures: table.measures }
    }
}

impl From<ReportTable> for FileTable {
    fn from(table: ReportTable) -> Self {
        Self { bucket: table.bucket, by: table.by, measures: table.measures }
    }
}

/// A report as the API shows it.
#[must_use]
pub fn report_json(state: ReportState) -> serde_json::Value {
    serde_json::json!(Report::from(state))
}

/// How far a report is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Report {
    id: String,
    /// `requested`, `waiting`, `running`, `completed`, `failed`, `cancelled`, `expired`.
    state: &'static str,
    /// Somebody wants it no more; it ends in a moment.
    cancel_requested: bool,
    requested_at: Option<String>,
    requested_by: Option<String>,
    /// UTC.
    from: Option<String>,
    /// UTC.
    to: Option<String>,
    zone: Option<String>,
    kind: FileKind,
    format: FileFormat,
    /// Of events: those that were chosen; none where it has the usual 26.
    columns: Vec<String>,
    #[serde(flatten)]
    filter: Filter,
    compression: FileCompression,
    /// Of CSV: begins with the mark of UTF-8.
    byte_order_mark: bool,
    /// Of CSV: an apostrophe before what a spreadsheet would take for a formula.
    formula_guard: bool,
    /// Where its files end, where it is split.
    split: Option<FileSplit>,
    /// Of traffic: which table.
    table: Option<FileTable>,
    /// While it waits: events that are not stored yet, of those that it has to hold.
    events_behind: Option<i64>,
    rows: i64,
    rows_expected: Option<i64>,
    slices: i64,
    slices_expected: Option<i64>,
    /// What slices have counted of a report of groups becomes its file: `rows` are merged, of those that were read.
    merging: bool,
    /// While it runs, and once it has run for a few seconds.
    rows_per_second: Option<i64>,
    /// While it runs: when it will be completed, by what is known now.
    ends_at: Option<String>,
    size_bytes: i64,
    file_name: Option<String>,
    /// Once it is completed: how many files it has, which are downloaded by their numbers from 0.
    files: i64,
    reason: Option<String>,
    completed_at: Option<String>,
    /// When the file will be deleted; absent where it stays.
    expires_at: Option<String>,
    /// Who gets the mails.
    receivers: Vec<String>,
    /// How many of them got the one that it is ready, or failed.
    notified: usize,
    downloads: u64,
}

/// A report that was asked for now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AskedReport {
    #[serde(flatten)]
    report: Report,
    #[serde(flatten)]
    notes: ShownNotes,
}

impl AskedReport {
    pub(super) fn new(state: ReportState, notes: TimeNotes) -> Self {
        Self { report: state.into(), notes: notes.into() }
    }
}

impl From<ReportState> for Report {
    fn from(state: ReportState) -> Self {
        let request = state.request.as_ref();
        let pace = Some(state.pace).filter(|_| state.phase == Phase::Running);
        Self {
            id: state.id.to_string(),
            state: state.phase.name(),
            cancel_requested: state.cancel_requested,
            requested_at: request.map(|it| rfc3339(it.requested_at)),
            requested_by: request.map(|it| it.requested_by.clone()),
            from: request.map(|it| rfc3339(it.range_from)),
            to: request.map(|it| rfc3339(it.range_to)),
            zone: request.map(|it| it.zone.clone()),
            kind: request.map(|it| it.kind.into()).unwrap_or_default(),
            format: request.map(|it| it.format.into()).unwrap_or_default(),
            columns: request.map(|it| it.columns.clone()).unwrap_or_default(),
            filter: request.map(|it| it.filter.clone().into()).unwrap_or_default(),
            compression: request.map(|it| it.compression.into()).unwrap_or_default(),
            byte_order_mark: request.is_some_and(|it| it.byte_order_mark),
            formula_guard: request.is_some_and(|it| it.formula_guard),
            split: request.and_then(|it| it.split).map(FileSplit::from),
            table: request.and_then(|it| it.table.clone()).map(FileTable::from),
            events_behind: state.events_behind.filter(|_| state.phase == Phase::Waiting),
            rows: state.rows,
            rows_expected: state.rows_expected,
            slices: state.slices,
            slices_expected: state.slices_expected,
            merging: state.is_merging(),
            rows_per_second: pace.and_then(|pace| pace.rows_per_second()),
            ends_at: pace.and_then(|pace| pace.ends_at(state.rows_expected?)).map(rfc3339),
            size_bytes: state.size_bytes,
            file_name: state.file_name,
            files: state.files,
            reason: state.reason,
            completed_at: state.ended_at.map(rfc3339),
            expires_at: state.expires_at.map(rfc3339),
            receivers: request.map(|it| it.receivers.clone()).unwrap_or_default(),
            notified: state.notified.len(),
            downloads: state.downloads,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reports {
    pub(crate) reports: Vec<Report>,
}
