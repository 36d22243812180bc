//! How large a report will be, said before it is made.

use schemas::connection_event::ConnectionStatus;
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest};
use traffic_query::{Measure, TrafficFilter};

use crate::choose_writer::traffic_table;

/// What a report will hold, as far as that is known before it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Connections that are read for it, denied attempts too where it asks for them.
    pub connections: u64,
    /// Rows of its files, headers left out; `None` where nothing but making it would say.
    pub rows: Option<u64>,
    /// Bytes of its files; `None` where no size of such a row was measured.
    pub size_bytes: Option<u64>,
}

/// Whether denied attempts are read for a report with this filter. Who names the status, or a measure that counts them, asks for them; in
/// counts of connections they never are.
///
/// # Errors
/// In words for an admin, which begin with the field's name: what of its table cannot be made.
pub fn reads_denied(request: &ReportRequest, filter: &TrafficFilter) -> Result<bool, String> {
    let is_named = filter.statuses.contains(&ConnectionStatus::AccessDenied);
    let is_counted = traffic_table(request)?.is_some_and(|table| table.counts_denied());
    Ok(is_counted || request.kind == ReportKind::Events && (request.filter.denied || is_named))
}

/// What has to be measured of the connections of its filter to say how large a report will be.
///
/// # Errors
/// As of [`reads_denied`].
pub fn estimate_measures(request: &ReportRequest, filter: &TrafficFilter) -> Result<Vec<Measure>, String> {
    let read = if reads_denied(request, filter)? { Measure::Events } else { Measure::Connections };
    let rows = (request.kind == ReportKind::UserActivity).then_some(Measure::Users);
    Ok([Some(read), rows].into_iter().flatten().collect())
}

impl Estimate {
    /// Of what was measured, in the order of [`estimate_measures`].
    #[must_use]
    pub fn of(request: &ReportRequest, measured: &[u128]) -> Self {
        let number = |at: usize| measured.get(at).map(|number| u64::try_from(*number).unwrap_or(u64::MAX));
        let connections = number(0).unwrap_or(0);
        let rows = match request.kind {
            ReportKind::Events => Some(connections),
            ReportKind::UserActivity => number(1),
            ReportKind::Summary | ReportKind::Traffic | ReportKind::Unknown => None,
        };
        let size_bytes = rows.zip(row_bytes(request)).map(|(rows, bytes)| rows.saturating_mul(bytes));
        Self { connections, rows, size_bytes }
    }
}

/// Bytes of a row in the file, as they were measured with made-up traffic (docs/performance.md, reports).
fn row_bytes(request: &ReportRequest) -> Option<u64> {
    if request.kind != ReportKind::Events || !request.columns.is_empty() {
        return None;
    }
    match (request.format, request.compression) {
        (ReportFormat::Csv, Compression::None) => Some(248),
        (ReportFormat::Csv, Compression::Gzip) => Some(61),
        (ReportFormat::Csv, Compression::Zstd) => Some(51),
        (ReportFormat::Ndjson, Compression::None) => Some(584),
        // Packed inside, whichever of the two is asked for.
        (ReportFormat::Parquet, Compression::None | Compression::Zstd) => Some(36),
        (ReportFormat::Ndjson, Compression::Gzip | Compression::Zstd)
        | (ReportFormat::Parquet, Compression::Gzip)
        | (ReportFormat::Unknown, _)
        | (_, Compression::Unknown) => None,
    }
}

#[cfg(test)]
mod tests {
    use schemas::examples::report_request;
    use schemas::report_request::{ReportFilter, ReportTable};

    use super::*;

    fn made(kind: ReportKind, format: ReportFormat, compression: Compression) -> ReportRequest {
        ReportRequest { kind, format, compression, columns: Vec::new(), ..report_request() }
    }

    #[test]
    fn size_is_told_where_a_row_was_measured_and_nowhere_else() {
        let (csv, ndjson, parquet) = (ReportFormat::Csv, ReportFormat::Ndjson, ReportFormat::Parquet);
        let size = |request: &ReportRequest| Estimate::of(request, &[1_000]).size_bytes;
        for (format, compression, expected) in [
            (csv, Compression::None, Some(248_000)),
            (csv, Compression::Gzip, Some(61_000)),
            (csv, Compression::Zstd, Some(51_000)),
            (ndjson, Compression::None, Some(584_000)),
            (ndjson, Compression::Gzip, None),
            (parquet, Compression::None, Some(36_000)),
            (parquet, Compression::Zstd, Some(36_000)),
        ] {
            assert_eq!(size(&made(ReportKind::Events, format, compression)), expected, "{format:?} {compression:?}");
        }
        let columns = vec!["user".to_owned()];
        assert_eq!(size(&ReportRequest { columns, ..made(ReportKind::Events, csv, Compression::None) }), None);
        for kind in [ReportKind::Summary, ReportKind::UserActivity, ReportKind::Traffic] {
            assert_eq!(Estimate::of(&made(kind, csv, Compression::None), &[1_000, 7]).size_bytes, None, "{kind:?}");
        }
        let most = Estimate::of(&made(ReportKind::Events, csv, Compression::None), &[u128::MAX]);
        assert_eq!((most.rows, most.size_bytes), (Some(u64::MAX), Some(u64::MAX)));
    }

    #[test]
    fn rows_are_connections_or_users_or_not_known() {
        let filter = TrafficFilter::default();
        for (kind, measures, rows) in [
            (ReportKind::Events, vec![Measure::Connections], Some(1_000)),
            (ReportKind::UserActivity, vec![Measure::Connections, Measure::Users], Some(7)),
            (ReportKind::Summary, vec![Measure::Connections], None),
        ] {
            let request =
                ReportRequest { filter: ReportFilter::default(), ..made(kind, ReportFormat::Csv, Compression::None) };
            assert_eq!(estimate_measures(&request, &filter), Ok(measures.clone()), "{kind:?}");
            let estimate = Estimate::of(&request, &[1_000, 7][..measures.len()]);
            assert_eq!((estimate.connections, estimate.rows), (1_000, rows), "{kind:?}");
        }
    }

    #[test]
    fn denied_attempts_count_where_they_are_asked_for() {
        let asked = |kind, denied, measure: Option<&str>| {
            let table = measure.map(|measure| ReportTable {
                bucket: Some("day".to_owned()),
                measures: vec![measure.to_owned()],
                ..ReportTable::default()
            });
            let filter = ReportFilter { denied, ..ReportFilter::default() };
            ReportRequest { filter, table, ..made(kind, ReportFormat::Csv, Compression::None) }
        };
        let all = TrafficFilter::default();
        let named = TrafficFilter { statuses: [ConnectionStatus::AccessDenied].into(), ..TrafficFilter::default() };
        for (request, filter, expected) in [
            (asked(ReportKind::Events, false, None), &all, Measure::Connections),
            (asked(ReportKind::Events, true, None), &all, Measure::Events),
            (asked(ReportKind::Events, false, None), &named, Measure::Events),
            (asked(ReportKind::Summary, true, None), &named, Measure::Connections),
            (asked(ReportKind::Traffic, false, Some("bytes")), &all, Measure::Connections),
            (asked(ReportKind::Traffic, false, Some("denied")), &all, Measure::Events),
        ] {
            assert_eq!(estimate_measures(&request, filter).unwrap()[0], expected, "{request:?}");
        }
    }
}
