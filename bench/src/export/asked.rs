//! What is asked for, and what it took.

use schemas::ids::ReportId;
use schemas::report_request::{Compression, ReportFormat, ReportKind};

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) kind: ReportKind,
    pub(crate) format: ReportFormat,
    pub(crate) compression: Compression,
}

impl Asked {
    /// Network events as CSV.
    pub(crate) const fn csv(compression: Compression) -> Self {
        Self { kind: ReportKind::Events, format: ReportFormat::Csv, compression }
    }

    /// Network events as envelopes.
    pub(crate) const NDJSON: Self =
        Self { kind: ReportKind::Events, format: ReportFormat::Ndjson, compression: Compression::None };

    /// Network events as Parquet.
    pub(crate) const PARQUET: Self =
        Self { kind: ReportKind::Events, format: ReportFormat::Parquet, compression: Compression::None };

    /// A report of groups.
    pub(crate) const fn groups(kind: ReportKind) -> Self {
        Self { kind, format: ReportFormat::Csv, compression: Compression::None }
    }

    /// Each kind and form, and its name.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("csv", Self::csv(Compression::None)),
        ("csv_gz", Self::csv(Compression::Gzip)),
        ("csv_zst", Self::csv(Compression::Zstd)),
        ("ndjson", Self::NDJSON),
        ("parquet", Self::PARQUET),
        ("summary", Self::groups(ReportKind::Summary)),
        ("users", Self::groups(ReportKind::UserActivity)),
    ];
}

/// What a report took.
pub(crate) struct Made {
    pub(crate) report: ReportId,
    pub(crate) rows: f64,
    pub(crate) size_bytes: f64,
    pub(crate) object_key: String,
    pub(crate) exporter_cpu_s: f64,
    pub(crate) engine_cpu_s: f64,
    pub(crate) wall_s: f64,
    /// The most that an exporter has had in memory until its end, MB.
    pub(crate) resident_mb: f64,
}

impl Made {
    pub(crate) fn cpu_s(&self) -> f64 {
        self.exporter_cpu_s + self.engine_cpu_s
    }

    pub(crate) fn rows_per_cpu_second(&self) -> f64 {
        self.rows / self.cpu_s()
    }

    pub(crate) fn note(&self, name: &str) -> String {
        let us = |seconds: f64| seconds / self.rows * 1e6;
        format!(
            "{name}: {} rows, {:.1} bytes a row, exporter {:.3} us and engine {:.3} us a row, {:.1} s, {:.0} MB",
            self.rows,
            self.size_bytes / self.rows,
            us(self.exporter_cpu_s),
            us(self.engine_cpu_s),
            self.wall_s,
            self.resident_mb
        )
    }
}
