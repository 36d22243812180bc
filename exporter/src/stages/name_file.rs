//! Names: what a browser saves a report under, and where it lies in the store.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemas::report_request::{Compression, ReportRequest};
use schemas::times::Moment;

/// `flowledger-acme-network-events-20261101T000000Z-20261102T000000Z.csv.gz`.
pub(crate) fn file_name(request: &ReportRequest) -> String {
    let ending = match request.compression {
        Compression::Gzip => "csv.gz",
        Compression::Zstd => "csv.zst",
        Compression::None | Compression::Unknown => "csv",
    };
    let (from, to) = (stamp(request.range_from), stamp(request.range_to));
    format!("flowledger-{}-network-events-{from}-{to}.{ending}", request.tenant)
}

/// The same for every attempt, so that a second one replaces the first.
pub(crate) fn object_key(request: &ReportRequest) -> String {
    format!("reports/{}/{}/{}", request.tenant, request.report_id, file_name(request))
}

fn stamp(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default();
    timestamp.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::check_request::tests::request;

    #[test]
    fn name_says_tenant_kind_and_range() {
        assert_eq!(
            object_key(&request()),
            "reports/acme/0193a0b0-0000-7000-8000-000000000001/\
             flowledger-acme-network-events-20261101T000000Z-20261102T000000Z.csv.gz"
        );
    }
}
