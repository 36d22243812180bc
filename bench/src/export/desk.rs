//! Where reports are asked for: a real S3 server, a real mail server, the journal, and what the events say.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use kafka_io::Producer;
use local_parts::{MailServer, S3, Silent};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::groups::GroupInfo;
use report_life::{Actor, Journal, Phase, ReportState, SharedBook, follow, follow_topic};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Registry, RegistryConfig};
use schemas::avro_schemas::{REPORT_EVENT, REPORT_REQUEST};
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{ReportFilter, ReportRequest};
use schemas::times::Moment;
use service_kit::CancellationToken;

use super::asked::{Asked, Made};
use super::exporter::Exporter;
use super::rows::TENANT;
use crate::ingest::stage::{Program, Stage};
use crate::process;

/// The longest report.
const REPORT_MAX: Duration = Duration::from_secs(3_600);
/// The group that slices are taken by.
const SLICES_GROUP: &str = "exporter-slices";
/// The longest time in which partitions are given to those who are there.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// How often it is looked whether something has come.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(10);

pub(crate) struct Desk<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) store: ReportStore,
    pub(crate) mail: MailServer,
    journal: Journal,
    book: SharedBook,
    events: Arc<Mutex<Vec<ReportEvent>>>,
    /// `[store]` and `[exporter.mail]`.
    config: String,
    exporters: Mutex<u32>,
    stop: CancellationToken,
    _s3: S3,
}

impl Drop for Desk<'_> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<'a> Desk<'a> {
    pub(crate) async fn start(stage: &'a Stage) -> anyhow::Result<Self> {
        let (for_s3, for_mail) = (stage.folder.path().join("s3"), stage.folder.path().join("mail"));
        let (s3, mail) =
            tokio::try_join!(S3::start(&for_s3, None, &Silent), MailServer::start(&for_mail, None, &Silent))?;
        let url = format!("s3://{}/bench", s3.bucket());
        let store = ReportStore::open(&StoreConfig {
            url: url.clone(),
            endpoint: Some(s3.endpoint()),
            access_key: Some(s3.access_key().to_owned()),
            secret_key: Some(s3.secret_key().to_owned().into()),
            allow_http: true,
            ..StoreConfig::default()
        })?;
        let config = format!(
            "[store]\nurl = '{url}'\nendpoint = '{}'\naccess_key = '{}'\nsecret_key = '{}'\nallow_http = true\n\
             [exporter.mail]\nhost = 'localhost'\nport = {}\nuser = '{}'\npassword = '{}'\nca_file = '{}'\n",
            s3.endpoint(),
            s3.access_key(),
            s3.secret_key(),
            mail.port(),
            mail.user(),
            mail.password(),
            mail.ca_file().display(),
        );
        let registry = Registry::new(&RegistryConfig { url: stage.registry.url(), ..RegistryConfig::default() })?;
        for subject in [&REPORT_EVENT, &REPORT_REQUEST] {
            registry.ensure(subject).await?;
        }
        let (stop, book, events) = (CancellationToken::new(), SharedBook::default(), Arc::default());
        tokio::spawn(follow(stage.kafka_config(), registry.clone(), book.clone(), 0, stop.clone()));
        tokio::spawn(keep(stage.kafka_config(), registry.clone(), Arc::clone(&events), stop.clone()));
        book.caught_up().await;
        let producer = Producer::new(&stage.kafka_config(), "bench")?;
        let journal = Journal::open(producer, &registry, &stop).await.context("stopped")??;
        Ok(Self { stage, store, mail, journal, book, events, config, exporters: Mutex::new(0), stop, _s3: s3 })
    }

    /// Starts an exporter that reads rows of the engine, with further settings.
    pub(crate) fn exporter(&self, settings: &str) -> anyhow::Result<Exporter> {
        self.exporter_reading(&self.stage.engine.url(), settings)
    }

    /// The same, reading from elsewhere.
    pub(crate) fn exporter_reading(&self, url: &str, settings: &str) -> anyhow::Result<Exporter> {
        let number = {
            let mut exporters = self.exporters.lock().unwrap_or_else(PoisonError::into_inner);
            *exporters += 1;
            *exporters
        };
        let at = |ending: &str| self.stage.folder.path().join(format!("exporter-{number}.{ending}"));
        let (config, log) = (at("toml"), at("log"));
        // A session that is over soon, so that what a dead one had is others' soon.
        let text = format!(
            "[telemetry]\nformat = 'json'\nlisten = '127.0.0.1:0'\n[kafka]\nbootstrap_servers = '{}'\n\
             [kafka.properties]\n'session.timeout.ms' = '6000'\n[registry]\nurl = '{}'\n[clickhouse]\nurl = '{url}'\n{}{settings}",
            self.stage.kafka.bootstrap_servers(),
            self.stage.registry.url(),
            self.config,
        );
        std::fs::write(&config, text)?;
        let output = File::create(&log)?;
        let mut command = Command::new(local_parts::flowledger_binary()?);
        command.arg("exporter").arg("--config").arg(config).stdin(Stdio::null());
        let child = command.stdout(output.try_clone()?).stderr(output).spawn()?;
        Ok(Exporter { program: Program(child), log })
    }

    /// Waits until partitions of slices are given to so many exporters, and stay so.
    pub(crate) async fn settled(&self, exporters: usize) -> anyhow::Result<()> {
        let mut client = ClientConfig::new();
        let consumer: BaseConsumer = client.set("bootstrap.servers", self.stage.kafka.bootstrap_servers()).create()?;
        let (begin, mut looks) = (Instant::now(), 0);
        while looks < 3 {
            let listed = tokio::task::block_in_place(|| consumer.fetch_group_list(Some(SLICES_GROUP), SETTLE_MAX))?;
            let is_so = |group: &GroupInfo| group.state() == "Stable" && group.members().len() == exporters;
            looks = if listed.groups().iter().any(is_so) { looks + 1 } else { 0 };
            anyhow::ensure!(begin.elapsed() < SETTLE_MAX, "partitions are not given to {exporters} exporters");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    }

    /// A request of the rows' tenant, that nobody is mailed about.
    pub(crate) fn request(&self, range: (Moment, Moment), asked: Asked) -> anyhow::Result<ReportRequest> {
        let Asked { kind, format, compression } = asked;
        Ok(ReportRequest {
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
        })
    }

    pub(crate) async fn ask(&self, request: &ReportRequest) -> anyhow::Result<ReportId> {
        self.journal.request(request).await?;
        Ok(request.report_id)
    }

    /// Asks for a report, waits until it is there, and says what these exporters took for it.
    pub(crate) async fn report(
        &self,
        exporters: &[Exporter],
        range: (Moment, Moment),
        asked: Asked,
    ) -> anyhow::Result<Made> {
        let engine = self.stage.engine.pid();
        let used = || exporters.iter().map(Exporter::cpu_seconds).sum::<anyhow::Result<f64>>();
        let before = (used()?, process::cpu_seconds(engine)?);
        let begin = Instant::now();
        let report = self.ask(&self.request(range, asked)?).await?;
        let state = self.completed(report).await?;
        let wall_s = begin.elapsed().as_secs_f64();
        let resident: Vec<f64> = exporters.iter().map(Exporter::resident_mb).collect::<anyhow::Result<_>>()?;
        #[expect(clippy::cast_precision_loss, reason = "figures for people")]
        Ok(Made {
            report,
            rows: state.rows as f64,
            size_bytes: state.size_bytes as f64,
            object_key: state.object_key.context("a report without a file")?,
            exporter_cpu_s: used()? - before.0,
            engine_cpu_s: process::cpu_seconds(engine)? - before.1,
            wall_s,
            resident_mb: resident.into_iter().fold(0.0, f64::max),
        })
    }

    /// Waits until a report is there.
    pub(crate) async fn completed(&self, report: ReportId) -> anyhow::Result<ReportState> {
        let ended = self.until(report, |state| state.phase.is_final()).await?;
        anyhow::ensure!(ended.phase == Phase::Completed, "the report is {:?}: {:?}", ended.phase, ended.reason);
        Ok(ended)
    }

    pub(crate) async fn until(
        &self,
        report: ReportId,
        is_so: impl Fn(&ReportState) -> bool,
    ) -> anyhow::Result<ReportState> {
        let begin = Instant::now();
        loop {
            if let Some(state) = self.state(report).filter(&is_so) {
                return Ok(state);
            }
            anyhow::ensure!(begin.elapsed() < REPORT_MAX, "a report does not get on");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    pub(crate) fn state(&self, report: ReportId) -> Option<ReportState> {
        self.book.of_any_tenant(report)
    }

    /// Says that nobody wants a report any more, where it has not ended.
    pub(crate) async fn cancel(&self, report: ReportId) -> anyhow::Result<()> {
        let actor = Actor { account: "bench".to_owned(), address: None };
        let state = self.state(report).context("no such report")?;
        if let Ok(Some(wish)) = state.cancel(actor, Moment::now()) {
            self.journal.append(&wish).await?;
        }
        Ok(())
    }

    /// What was said of a report, once this was.
    pub(crate) async fn events_to(&self, report: ReportId, last: ReportEventType) -> anyhow::Result<Vec<ReportEvent>> {
        let begin = Instant::now();
        loop {
            let events: Vec<_> = {
                let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
                events.iter().filter(|event| event.report_id == report).cloned().collect()
            };
            if events.iter().any(|event| event.event_type == last) {
                return Ok(events);
            }
            anyhow::ensure!(begin.elapsed() < SETTLE_MAX, "{last:?} was never said");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

async fn keep(
    kafka: kafka_io::KafkaConfig,
    registry: Registry,
    events: Arc<Mutex<Vec<ReportEvent>>>,
    stop: CancellationToken,
) -> Result<(), report_life::FollowError> {
    follow_topic(&kafka, &registry, &REPORT_EVENT, &stop, |event| {
        events.lock().unwrap_or_else(PoisonError::into_inner).extend(event);
    })
    .await
}
