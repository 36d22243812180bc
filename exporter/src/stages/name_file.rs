//! Names: what a browser saves a report under, where it lies in the store, and in how many files.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use report_life::{file_key, groups_key};
use report_writer::Packing;
use schemas::report_request::{ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;

use crate::pack::packing;

/// `flowledger-acme-network-events-20261101T000000Z-20261102T000000Z.csv.gz`.
pub(crate) fn file_name(request: &ReportRequest) -> String {
    let kind = match request.kind {
        ReportKind::Summary => "summary",
        ReportKind::UserActivity => "user-activity",
        ReportKind::Traffic => "traffic",
        ReportKind::Events | ReportKind::Unknown => "network-events",
    };
    let format = match request.format {
        ReportFormat::Ndjson => "ndjson",
        ReportFormat::Parquet => "parquet",
        ReportFormat::Csv | ReportFormat::Unknown => "csv",
    };
    let packing = match packing(request) {
        Packing::Gzip => ".gz",
        Packing::Zstd => ".zst",
        Packing::Plain => "",
    };
    let (from, to) = (stamp(request.range_from), stamp(request.range_to));
    format!("flowledger-{}-{kind}-{from}-{to}.{format}{packing}", request.tenant)
}

/// Where everything of a report lies.
pub(crate) fn folder(request: &ReportRequest) -> String {
    format!("reports/{}/{}", request.tenant, request.report_id)
}

/// One for each attempt: what an earlier one leaves or deletes is never what a later one has made.
pub(crate) fn object_key(request: &ReportRequest, attempt: i32) -> String {
    format!("{}/{attempt}/{}", folder(request), file_name(request))
}

/// The attempt that a file of this request was made by; `None` where the key is none of ours.
pub(crate) fn attempt_of(request: &ReportRequest, key: &str) -> Option<i32> {
    key.strip_prefix(&folder(request))?.strip_prefix('/')?.split_once('/')?.0.parse().ok()
}

/// True where slices are not joined: a Parquet file has its own footer, so each slice is a file.
pub(crate) fn slices_are_files(request: &ReportRequest) -> bool {
    request.kind == ReportKind::Events && request.format == ReportFormat::Parquet
}

/// True where rows are counted together: slices give what they have counted, and the file is made of that.
pub(crate) fn counts_groups(request: &ReportRequest) -> bool {
    match request.kind {
        ReportKind::Summary | ReportKind::UserActivity | ReportKind::Traffic => true,
        ReportKind::Events | ReportKind::Unknown => false,
    }
}

/// True where each slice is an object by itself, with an upload of its own: a file, or what was counted.
pub(crate) fn slices_stand_alone(request: &ReportRequest) -> bool {
    slices_are_files(request) || counts_groups(request)
}

/// Where a slice lies, once it does, that stands alone.
pub(crate) fn slice_key(request: &ReportRequest, object_key: &str, number: i64) -> String {
    if counts_groups(request) { groups_key(object_key, number) } else { file_key(object_key, number) }
}

/// How many files lie below the key of a report that is not split and has so many slices; none where its one file lies at its key.
pub(crate) fn files_below(request: &ReportRequest, slices: i64) -> Option<i64> {
    (slices_are_files(request) && slices > 1).then_some(slices)
}

fn stamp(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default();
    timestamp.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use schemas::report_request::Compression;

    use super::*;
    use crate::stages::check_request::tests::request;

    #[test]
    fn name_says_kind_and_ends_as_what_it_is() {
        let named = |kind, format, compression| file_name(&ReportRequest { kind, format, compression, ..request() });
        for (name, end) in [
            (
                named(ReportKind::Summary, ReportFormat::Csv, Compression::None),
                "-summary-20261101T000000Z-20261102T000000Z.csv",
            ),
            (named(ReportKind::UserActivity, ReportFormat::Csv, Compression::Zstd), "000000Z.csv.zst"),
            (
                named(ReportKind::Traffic, ReportFormat::Csv, Compression::Gzip),
                "-acme-traffic-20261101T000000Z-20261102T000000Z.csv.gz",
            ),
            (named(ReportKind::Events, ReportFormat::Ndjson, Compression::Gzip), "000000Z.ndjson.gz"),
            (named(ReportKind::Events, ReportFormat::Ndjson, Compression::Zstd), "000000Z.ndjson.zst"),
            (named(ReportKind::Summary, ReportFormat::Parquet, Compression::None), "000000Z.parquet"),
            (named(ReportKind::Events, ReportFormat::Parquet, Compression::Zstd), "000000Z.parquet"),
        ] {
            assert!(name.ends_with(end), "{name}");
        }
        let name = named(ReportKind::UserActivity, ReportFormat::Csv, Compression::None);
        assert!(name.starts_with("flowledger-acme-user-activity-"), "{name}");
    }

    #[test]
    fn name_says_tenant_kind_and_range() {
        let key = object_key(&request(), 3);
        assert_eq!(
            key,
            "reports/acme/0193a0b0-0000-7000-8000-000000000001/3/\
             flowledger-acme-network-events-20261101T000000Z-20261102T000000Z.csv.gz"
        );
        assert_eq!(attempt_of(&request(), &key), Some(3));
        let others = key.replace("acme", "globex");
        for foreign in [others.as_str(), &folder(&request()), &key.replace("/3/", "/x/"), &key.replace("/3/", "/")] {
            assert_eq!(attempt_of(&request(), foreign), None, "{foreign}");
        }
    }
}
