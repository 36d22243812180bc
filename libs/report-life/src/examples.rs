//! A request, for tests.

use schemas::report_request::{Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;

/// Of tenant `acme`, asked for at the first moment there is.
pub(crate) fn request() -> ReportRequest {
    ReportRequest {
        report_id: "0193a0b0-0000-7000-8000-000000000001".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        kind: ReportKind::Events,
        format: ReportFormat::Csv,
        compression: Compression::Gzip,
        range_from: Moment::FIRST,
        range_to: Moment::END,
        zone: "UTC".to_owned(),
        filter: ReportFilter::default(),
        columns: Vec::new(),
        requested_by: "admin".to_owned(),
        requested_at: Moment::FIRST,
        receivers: Vec::new(),
        barrier: Vec::new(),
        byte_order_mark: false,
        formula_guard: false,
    }
}
