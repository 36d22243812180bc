//! How large a slice will be, more or less: by that its parts are cut. Whoever makes it expects the same, as it follows from what was planned.

use report_writer::Estimate;
use schemas::report_request::ReportRequest;
use schemas::report_slice::ReportSlice;

/// Bytes of a row where none was measured, which is packed NDJSON.
const ROW_BYTES: u64 = 150;

/// Bytes of a slice. Of chosen columns as of all: what is expected too large costs memory, what is expected too small a new attempt.
pub(crate) fn expected_bytes(slice: &ReportSlice) -> u64 {
    let rows: u64 = slice.stretches.iter().map(|it| u64::try_from(it.rows).unwrap_or_default()).sum();
    let all_columns = ReportRequest { columns: Vec::new(), ..slice.request.clone() };
    let estimate = Estimate::of(&all_columns, &[rows.into()]);
    estimate.size_bytes.unwrap_or_else(|| rows.saturating_mul(ROW_BYTES))
}

#[cfg(test)]
mod tests {
    use schemas::report_request::{Compression, ReportFormat};
    use schemas::report_slice::SliceStretch;
    use schemas::times::Moment;

    use super::*;
    use crate::stages::check_request::tests::request;

    fn slice(format: ReportFormat, compression: Compression, columns: &[&str], rows: &[i64]) -> ReportSlice {
        let (range_from, range_to) = (Moment::FIRST, Moment::FIRST);
        let columns = columns.iter().map(|it| (*it).to_owned()).collect();
        ReportSlice {
            report_id: request().report_id,
            tenant: request().tenant,
            attempt: 1,
            upload_id: "upload".to_owned(),
            object_key: "reports/acme/1/1/file".to_owned(),
            encoder_version: 1,
            slice: 0,
            first_part: 1,
            last_part: 50,
            // Of the whole report: no slice is measured by it.
            rows_expected: 1_000_000,
            stretches: rows.iter().map(|rows| SliceStretch { range_from, range_to, rows: *rows }).collect(),
            request: ReportRequest { format, compression, columns, ..request() },
        }
    }

    #[test]
    fn slice_is_as_large_as_its_rows_and_their_format() {
        let (csv, ndjson, parquet) = (ReportFormat::Csv, ReportFormat::Ndjson, ReportFormat::Parquet);
        for (format, compression, columns, expected) in [
            (csv, Compression::None, &[][..], 248_000),
            (csv, Compression::None, &["user"], 248_000),
            (csv, Compression::Gzip, &[], 61_000),
            (ndjson, Compression::None, &[], 584_000),
            (ndjson, Compression::Gzip, &[], 150_000),
            (parquet, Compression::None, &[], 36_000),
        ] {
            let found = expected_bytes(&slice(format, compression, columns, &[400, 600]));
            assert_eq!(found, expected, "{format:?} {compression:?} {columns:?}");
        }
        assert_eq!(expected_bytes(&slice(csv, Compression::None, &[], &[])), 0);
    }
}
