//! What a tenant's admin asks for.

use serde::{Deserialize, Serialize};

use crate::ids::{ReportId, Tenant};
use crate::times::Moment;

/// What the report lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportKind {
    /// Not known to this reader.
    Unknown,
    /// Network events, 26 columns.
    Events,
    /// One line a Resource.
    Summary,
    /// One line a User.
    UserActivity,
    /// Measures of groups: [`ReportTable`].
    Traffic,
}

/// Format of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReportFormat {
    /// Not known to this reader.
    Unknown,
    /// Contract section 5.
    Csv,
    /// Contract section 6.
    Ndjson,
    /// Apache Parquet.
    Parquet,
}

/// Compression of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Compression {
    /// Not known to this reader.
    Unknown,
    /// As it is.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// What of the tenant's traffic is wanted. An empty list means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFilter {
    /// Remote Network ids.
    pub remote_networks: Vec<i64>,
    /// User ids.
    pub users: Vec<i64>,
    /// Resource ids.
    pub resources: Vec<i64>,
    /// Connector ids.
    pub connectors: Vec<i64>,
    /// Device ids.
    pub devices: Vec<i64>,
    /// `tcp`, `udp`, `icmp`.
    pub protocols: Vec<String>,
    /// `NORMAL`, `DNS_ERROR`, `CONNECTION_FAILED`, `ACCESS_DENIED`.
    pub statuses: Vec<String>,
    /// Addresses or ranges in CIDR form, of the client or of the Resource: either.
    pub address_ranges: Vec<String>,
    /// True: rows for denied attempts too.
    pub denied: bool,
    /// Service account ids; with `users`: either.
    #[serde(default)]
    pub service_accounts: Vec<i64>,
    /// Resource definitions that matched.
    #[serde(default)]
    pub applied_rules: Vec<String>,
    /// Ports of the Resource, or ranges such as `8000-8999`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// `direct`, `relay`.
    #[serde(default)]
    pub tunnel_paths: Vec<String>,
    /// Countries of the client, as events give them.
    #[serde(default)]
    pub countries: Vec<String>,
    /// Addresses or ranges of the client.
    #[serde(default)]
    pub client_addresses: Vec<String>,
    /// Addresses or ranges that the Resource was reached at.
    #[serde(default)]
    pub resource_addresses: Vec<String>,
    /// Text in the name that was asked for, in any case; `None` means all.
    #[serde(default)]
    pub domain: Option<String>,
}

/// Where a report's files end: with the row behind which one more would be too much of either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSplit {
    /// The most rows of a file; its header is none.
    pub rows: Option<i64>,
    /// The most bytes of a file before it is packed, with its header.
    pub bytes: Option<i64>,
}

/// Which table of traffic: words of the query layer, which are looked at when the report is asked for, and when it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportTable {
    /// Width of its points in time; `None`: the whole range.
    pub bucket: Option<String>,
    /// Dimensions that groups are made by.
    pub by: Vec<String>,
    /// What is measured of each; empty means connections.
    pub measures: Vec<String>,
}

/// One partition of `connection-events` at the moment of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BarrierOffset {
    /// Partition.
    pub partition: i32,
    /// Last stable offset as a `read_committed` consumer sees it: ingest has passed it when its position is there.
    pub offset: i64,
}

/// One request: Avro record `ReportRequest`, subject `report-requests-value`. Field order is the schema's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRequest {
    /// The report.
    pub report_id: ReportId,
    /// Whose traffic; taken from the identity of who asked.
    pub tenant: Tenant,
    /// What the report lists.
    pub kind: ReportKind,
    /// Format of the file.
    pub format: ReportFormat,
    /// Compression of the file.
    pub compression: Compression,
    /// First end time that is in the report.
    pub range_from: Moment,
    /// First end time after it: the range is `[range_from, range_to)`.
    pub range_to: Moment,
    /// IANA name of the zone that the range was entered in. The file is in UTC.
    pub zone: String,
    /// What of the traffic is wanted.
    pub filter: ReportFilter,
    /// Columns, where not all are wanted; empty means the kind's own.
    pub columns: Vec<String>,
    /// Account that asked.
    pub requested_by: String,
    /// When.
    pub requested_at: Moment,
    /// E-mail addresses that get the mail.
    pub receivers: Vec<String>,
    /// What has to be stored before the report may be made.
    pub barrier: Vec<BarrierOffset>,
    /// Of CSV: the file begins with the mark of UTF-8.
    #[serde(default)]
    pub byte_order_mark: bool,
    /// Of CSV: an apostrophe before texts that a spreadsheet takes for a formula.
    #[serde(default)]
    pub formula_guard: bool,
    /// Where its files end; else it has as many as it is made of.
    #[serde(default)]
    pub split: Option<ReportSplit>,
    /// Of [`ReportKind::Traffic`]: which table.
    #[serde(default)]
    pub table: Option<ReportTable>,
}
