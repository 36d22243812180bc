//! `flowledger exporter` under measurement, on real parts, and reports that are asked of it.

use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::Producer;
use local_parts::{S3, Silent};
use report_life::{Journal, Phase, ReportState, SharedBook, follow};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Registry, RegistryConfig};
use schemas::avro_schemas::{REPORT_EVENT, REPORT_REQUEST};
use schemas::ids::ReportId;
use schemas::report_request::{Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;
use service_kit::CancellationToken;

use super::rows::TENANT;
use crate::ingest::stage::{Program, Stage};
use crate::process;

/// The longest report.
const REPORT_MAX: Duration = Duration::from_secs(1_800);

pub(crate) struct Exporter<'a> {
    stage: &'a Stage,
    program: Program,
    journal: Journal,
    book: SharedBook,
    stop: CancellationToken,
    pub(crate) store: ReportStore,
    _s3: S3,
}

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
}

/// What a report took.
pub(crate) struct Made {
    pub(crate) rows: f64,
    pub(crate) size_bytes: f64,
    pub(crate) object_key: String,
    pub(crate) exporter_cpu_s: f64,
    pub(crate) engine_cpu_s: f64,
    pub(crate) wall_s: f64,
    /// The most that the exporter has had in memory until its end, MB.
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

impl Drop for Exporter<'_> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<'a> Exporter<'a> {
    pub(crate) async fn start(stage: &'a Stage) -> anyhow::Result<Self> {
        let s3 = S3::start(&stage.folder.path().join("s3"), None, &Silent).await?;
        let store = StoreConfig {
            url: format!("s3://{}/bench", s3.bucket()),
            endpoint: Some(s3.endpoint()),
            access_key: Some(s3.access_key().to_owned()),
            secret_key: Some(s3.secret_key().to_owned().into()),
            allow_http: true,
            ..StoreConfig::default()
        };
        let registry = Registry::new(&RegistryConfig { url: stage.registry.url(), ..RegistryConfig::default() })?;
        for subject in [&REPORT_EVENT, &REPORT_REQUEST] {
            registry.ensure(subject).await?;
        }
        let (stop, book) = (CancellationToken::new(), SharedBook::default());
        tokio::spawn(follow(stage.kafka_config(), registry.clone(), book.clone(), 0, stop.clone()));
        book.caught_up().await;
        let producer = Producer::new(&stage.kafka_config(), "bench")?;
        let journal = Journal::open(producer, &registry, &stop).await.context("stopped")??;
        let program = stage.service(
            "exporter",
            &format!(
                "[store]\nurl = '{}'\nendpoint = '{}'\naccess_key = '{}'\nsecret_key = '{}'\nallow_http = true\n",
                store.url,
                s3.endpoint(),
                s3.access_key(),
                s3.secret_key()
            ),
        )?;
        let store = ReportStore::open(&store)?;
        Ok(Self { stage, program, journal, book, stop, store, _s3: s3 })
    }

    /// Asks for a report and waits for its end.
    pub(crate) async fn report(&self, range: (Moment, Moment), asked: Asked) -> anyhow::Result<Made> {
        let Asked { kind, format, compression } = asked;
        let request = ReportRequest {
            report_id: ReportId::generate(),
            tenant: TENANT.parse()?,
            kind,
            format,
            compression,
            range_from: range.0,
            range_to: range.1,
            zone: "UTC".to_owned(),
            filter: ReportFilter::default(),
            columns: Vec::new(),
            requested_by: "bench".to_owned(),
            requested_at: Moment::now(),
            receivers: Vec::new(),
            barrier: Vec::new(),
            byte_order_mark: false,
            formula_guard: false,
            split: None,
            table: None,
        };
        let (exporter, engine) = (self.program.0.id(), self.stage.engine.pid());
        let before = (process::cpu_seconds(exporter)?, process::cpu_seconds(engine)?);
        let begin = Instant::now();
        self.journal.request(&request).await?;
        let ended = self.ended(request.report_id).await?;
        anyhow::ensure!(ended.phase == Phase::Completed, "the report failed: {:?}", ended.reason);
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        Ok(Made {
            rows: ended.rows as f64,
            size_bytes: ended.size_bytes as f64,
            object_key: ended.object_key.context("a report without a file")?,
            exporter_cpu_s: process::cpu_seconds(exporter)? - before.0,
            engine_cpu_s: process::cpu_seconds(engine)? - before.1,
            wall_s: begin.elapsed().as_secs_f64(),
            resident_mb: self.resident_mb()?,
        })
    }

    async fn ended(&self, report: ReportId) -> anyhow::Result<ReportState> {
        let begin = Instant::now();
        loop {
            if let Some(state) = self.book.of_any_tenant(report).filter(|state| state.phase.is_final()) {
                return Ok(state);
            }
            anyhow::ensure!(begin.elapsed() < REPORT_MAX, "a report does not end");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The most that the exporter has had in memory.
    pub(crate) fn resident_mb(&self) -> anyhow::Result<f64> {
        process::resident_mb_max(self.program.0.id())
    }
}
