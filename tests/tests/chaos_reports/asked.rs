//! Reports that are asked for, cancelled and asked for again, and what each has to be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rand::Rng;
use rand::rngs::StdRng;
use report_life::{Actor, Phase, ReportState};
use schemas::examples::report_request;
use schemas::ids::ReportId;
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportSplit, ReportTable};
use schemas::times::Moment;

use crate::stage::{Stage, WAIT_MAX};
use crate::traffic::{LARGE, SMALL};

/// Tenant, kind, format, compression, and whether denied attempts are in it.
type Question = (&'static str, ReportKind, ReportFormat, Compression, bool);
/// One that is split, and the most rows of a file.
const SPLIT: (usize, i64) = (9, 1_000);

/// Those of network events of the large tenant are made slice by slice, by all exporters, but for the one that is split.
const QUESTIONS: [Question; 11] = [
    (LARGE, ReportKind::Events, ReportFormat::Csv, Compression::Gzip, false),
    (LARGE, ReportKind::Events, ReportFormat::Csv, Compression::None, true),
    (LARGE, ReportKind::Events, ReportFormat::Ndjson, Compression::Zstd, false),
    (LARGE, ReportKind::Events, ReportFormat::Parquet, Compression::None, false),
    (LARGE, ReportKind::Summary, ReportFormat::Csv, Compression::Gzip, false),
    (LARGE, ReportKind::UserActivity, ReportFormat::Csv, Compression::None, false),
    (SMALL, ReportKind::Events, ReportFormat::Csv, Compression::None, false),
    (SMALL, ReportKind::Events, ReportFormat::Ndjson, Compression::Gzip, true),
    (SMALL, ReportKind::Summary, ReportFormat::Parquet, Compression::None, false),
    (LARGE, ReportKind::Events, ReportFormat::Csv, Compression::Gzip, true),
    (LARGE, ReportKind::Traffic, ReportFormat::Csv, Compression::Zstd, false),
];
/// One that is made in a moment.
const QUICK: usize = 6;
/// Reports that are open at once.
pub(crate) const OPEN: usize = 6;

/// One that was asked for.
pub(crate) struct Report {
    pub(crate) request: ReportRequest,
    /// None: one that cannot be made.
    pub(crate) question: Option<usize>,
    /// When it is to be cancelled.
    cancel_at: Option<Instant>,
    pub(crate) is_cancelled: bool,
    ask_again: bool,
}

pub(crate) struct Asked {
    /// While nothing went wrong.
    undisturbed: Vec<Report>,
    /// Since then.
    pub(crate) all: Vec<Report>,
    /// The right bytes of each file, by question.
    pub(crate) right: BTreeMap<usize, Vec<Vec<u8>>>,
}

fn hours_of_resources() -> ReportTable {
    let measures = ["connections", "bytes", "users"].map(str::to_owned).to_vec();
    ReportTable { bucket: Some("hour".to_owned()), by: vec!["resource".to_owned()], measures }
}

impl Asked {
    /// Asks each question once while nothing goes wrong.
    pub(crate) async fn undisturbed(stage: &mut Stage) -> Self {
        let mut asked = Self { undisturbed: Vec::new(), all: Vec::new(), right: BTreeMap::new() };
        for question in 0..QUESTIONS.len() {
            asked.ask(stage, Some(question), 1).await;
        }
        asked.wait_ended(stage).await;
        for (question, report) in asked.all.iter().enumerate() {
            let state = stage.state(report.request.report_id);
            assert_eq!((state.phase, &state.reason), (Phase::Completed, &None), "{:?}", QUESTIONS[question]);
            let slices = state.slices_expected.unwrap();
            assert!(slices > 5 || QUESTIONS[question].0 != LARGE, "{slices} slices of {:?}", QUESTIONS[question]);
            assert!(state.files > 5 || question != SPLIT.0, "{} files", state.files);
            asked.right.insert(question, stage.files(&state.file_keys()).await);
        }
        asked.undisturbed = std::mem::take(&mut asked.all);
        asked
    }

    /// Those of before too: they have their files and mails still.
    pub(crate) fn ever(&self) -> impl Iterator<Item = &Report> {
        self.undisturbed.iter().chain(&self.all)
    }

    async fn ask(&mut self, stage: &Stage, question: Option<usize>, receivers: usize) -> &mut Report {
        let (tenant, kind, format, compression, denied) = QUESTIONS[question.unwrap_or(0)];
        let receivers = (0..receivers).map(|number| format!("admin{number}@{tenant}.example")).collect();
        let mut request = ReportRequest {
            report_id: ReportId::generate(),
            tenant: tenant.parse().unwrap(),
            kind,
            format,
            compression,
            requested_at: Moment::now(),
            receivers,
            barrier: report_life::barrier(&stage.kafka_config()).await.unwrap(),
            ..report_request()
        };
        request.filter.denied = denied;
        let (split, rows) = SPLIT;
        request.split = (question == Some(split)).then_some(ReportSplit { rows: Some(rows), bytes: None });
        request.table = (kind == ReportKind::Traffic).then(hours_of_resources);
        if question.is_none() {
            request.columns = vec!["nonsense".to_owned()];
        }
        stage.journal.request(&request).await.unwrap();
        self.all.push(Report { request, question, cancel_at: None, is_cancelled: false, ask_again: false });
        self.all.last_mut().unwrap()
    }

    /// Asks one that is made in a moment, and whose mails wait.
    pub(crate) async fn ask_quick(&mut self, stage: &Stage) {
        self.ask(stage, Some(QUICK), 2).await;
    }

    /// Cancels and asks again what is to be, and asks until enough are open.
    pub(crate) async fn tend(&mut self, pick: &mut StdRng, stage: &Stage) {
        self.wishes(stage).await;
        while self.open(stage) < OPEN {
            let question = (!pick.random_ratio(1, 14)).then(|| pick.random_range(0..QUESTIONS.len()));
            let (receivers, is_cancelled) = (pick.random_range(0..3), pick.random_ratio(1, 5));
            let (after, ask_again) = (Duration::from_millis(pick.random_range(0..4_000)), pick.random_ratio(1, 2));
            let report = self.ask(stage, question, receivers).await;
            if is_cancelled && question.is_some() {
                (report.cancel_at, report.ask_again) = (Some(Instant::now() + after), ask_again);
            }
        }
    }

    async fn wishes(&mut self, stage: &Stage) {
        for report in &mut self.all {
            let Some(state) = stage.known(report.request.report_id) else { continue };
            if report.cancel_at.is_some_and(|at| at <= Instant::now()) {
                report.cancel_at = None;
                let actor = Actor { account: "admin".to_owned(), address: None };
                // One that has ended already is not cancelled.
                if let Ok(Some(wish)) = state.cancel(actor, Moment::now()) {
                    stage.journal.append(&wish).await.unwrap();
                    report.is_cancelled = true;
                }
            }
            if report.ask_again && state.phase == Phase::Cancelled {
                let again = state.ask_again("admin".to_owned(), Moment::now()).unwrap();
                stage.journal.request_again(&again).await.unwrap();
                (report.ask_again, report.is_cancelled) = (false, false);
                report.request = again;
            }
        }
    }

    fn open(&self, stage: &Stage) -> usize {
        self.all.iter().filter(|it| !self.has_ended(stage, it)).count()
    }

    /// At the end of its last request, and with all its mails.
    fn has_ended(&self, stage: &Stage, report: &Report) -> bool {
        let is_last = |state: &ReportState| {
            state.phase.is_final()
                && state.request.as_ref().is_some_and(|last| last.requested_at == report.request.requested_at)
        };
        stage.known(report.request.report_id).is_some_and(|state| is_last(&state))
    }

    /// One that has ended and whose mails are not all sent.
    pub(crate) fn is_mail_waiting(&self, stage: &Stage) -> bool {
        self.all.iter().any(|report| {
            let state = stage.known(report.request.report_id);
            state.is_some_and(|it| {
                matches!(it.phase, Phase::Completed | Phase::Failed)
                    && it.notified.len() < report.request.receivers.len()
            })
        })
    }

    pub(crate) fn summary(&self, stage: &Stage) -> String {
        let mut phases = BTreeMap::new();
        for report in &self.all {
            *phases.entry(stage.known(report.request.report_id).map_or("asked", |it| it.phase.name())).or_insert(0) +=
                1;
        }
        format!("{phases:?}")
    }

    /// Waits until all have ended, all wishes are told, and everything of them is done with.
    pub(crate) async fn wait_ended(&mut self, stage: &mut Stage) {
        let (mut begin, mut before) = (Instant::now(), usize::MAX);
        loop {
            self.wishes(stage).await;
            let is_wished = self.all.iter().any(|it| it.cancel_at.is_some());
            let open = self.open(stage);
            if open == 0 && !is_wished {
                break;
            }
            if open < before {
                (begin, before) = (Instant::now(), open);
            }
            let of_report = |it: &&Report| !self.has_ended(stage, it);
            let left: Vec<_> = self.all.iter().filter(of_report).map(|it| stage.known(it.request.report_id)).collect();
            assert!(begin.elapsed() < WAIT_MAX, "{left:#?}; see {}", stage.keep());
            stage.exporters.restart_ended();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        stage.wait_all_done().await;
    }
}
