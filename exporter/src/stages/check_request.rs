//! Holds a request against what this exporter can make.

use clickhouse_io::report::ReportQuery;
use schemas::ids::RemoteNetworkId;
use schemas::report_request::{Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;

/// The query of a request.
///
/// # Errors
/// In words for an admin: what of the request cannot be made.
pub(crate) fn check_request(request: &ReportRequest) -> Result<ReportQuery, String> {
    if request.kind != ReportKind::Events {
        return Err("this kind of report is not made yet; network events are".to_owned());
    }
    if request.format != ReportFormat::Csv {
        return Err("this format is not made yet; CSV is".to_owned());
    }
    if request.compression == Compression::Unknown {
        return Err("this compression is not made yet; gzip and zstd are".to_owned());
    }
    if !request.columns.is_empty() {
        return Err("columns cannot be chosen yet".to_owned());
    }
    let ReportFilter { remote_networks, denied, .. } = &request.filter;
    let of_what_is_made =
        ReportFilter { remote_networks: remote_networks.clone(), denied: *denied, ..ReportFilter::default() };
    if request.filter != of_what_is_made {
        return Err("this filter is not made yet; Remote Networks and denied attempts are".to_owned());
    }
    if request.range_from >= request.range_to || request.range_from < Moment::FIRST || request.range_to > Moment::END {
        return Err("the range is empty or outside of 1970 to 2100".to_owned());
    }
    let networks = remote_networks.iter().map(|id| RemoteNetworkId::try_from(*id));
    Ok(ReportQuery {
        tenant: request.tenant.clone(),
        from: request.range_from,
        to: request.range_to,
        remote_networks: networks
            .collect::<Result<_, _>>()
            .map_err(|_| "a Remote Network id is negative".to_owned())?,
        denied: *denied,
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn request() -> ReportRequest {
        ReportRequest {
            report_id: "0193a0b0-0000-7000-8000-000000000001".parse().unwrap(),
            tenant: "acme".parse().unwrap(),
            kind: ReportKind::Events,
            format: ReportFormat::Csv,
            compression: Compression::Gzip,
            range_from: Moment::from_millis(1_793_491_200_000),
            range_to: Moment::from_millis(1_793_577_600_000),
            zone: "Europe/Berlin".to_owned(),
            filter: ReportFilter::default(),
            columns: Vec::new(),
            requested_by: "admin".to_owned(),
            requested_at: Moment::from_millis(1_793_600_000_000),
            receivers: vec!["admin@acme.example".to_owned()],
            barrier: Vec::new(),
        }
    }

    #[test]
    fn what_cannot_be_made_is_refused_in_words() {
        assert!(check_request(&request()).is_ok());
        for wrong in [
            ReportRequest { kind: ReportKind::Summary, ..request() },
            ReportRequest { format: ReportFormat::Parquet, ..request() },
            ReportRequest { compression: Compression::Unknown, ..request() },
            ReportRequest { range_to: request().range_from, ..request() },
            ReportRequest { filter: ReportFilter { users: vec![1], ..ReportFilter::default() }, ..request() },
            ReportRequest {
                filter: ReportFilter { remote_networks: vec![-1], ..ReportFilter::default() },
                ..request()
            },
        ] {
            assert!(check_request(&wrong).is_err(), "{wrong:?}");
        }
    }
}
