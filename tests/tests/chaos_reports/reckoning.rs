//! What became of every report: its bytes, its manifest, its mails, and what lies in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use report_life::{Phase, ReportState, file_places, manifest_key};

use crate::asked::{Asked, Report};
use crate::stage::Stage;

/// Codes of the reasons that outages give which last longer than an exporter waits; no other fault here may fail a report.
const OF_OUTAGES: &[&str] = &["database", "store"];
/// Of a request that cannot be made.
const OF_REQUEST: &[&str] = &["request"];

#[derive(Debug, Default)]
pub(crate) struct Reckoning {
    // How those ended that were asked for since things go wrong.
    pub(crate) completed: usize,
    /// Some that could have been made.
    pub(crate) failed: usize,
    /// Some that could not.
    pub(crate) refused: usize,
    pub(crate) cancelled: usize,
    /// Other bytes, a manifest that is not theirs, an end or a reason that should not be, a mail of nothing.
    pub(crate) wrong: usize,
    /// Objects, parts and uploads in the store that belong to no report.
    pub(crate) left_over: usize,
    pub(crate) mails: usize,
    /// Mails that came twice, each under its Message-ID.
    pub(crate) mails_twice: usize,
    pub(crate) mails_missing: usize,
    /// Why reports failed that could have been made, as often.
    reasons: BTreeMap<String, usize>,
}

impl Reckoning {
    fn count(&mut self, report: &Report, state: &ReportState) {
        match state.phase {
            Phase::Completed => self.completed += 1,
            Phase::Failed if report.question.is_none() => self.refused += 1,
            Phase::Failed => {
                self.failed += 1;
                *self.reasons.entry(code(state).to_owned()).or_default() += 1;
            }
            Phase::Cancelled => self.cancelled += 1,
            _ => {}
        }
    }
}

fn code(state: &ReportState) -> &str {
    state.known_reason.as_ref().map_or("", |known| &known.code)
}

pub(crate) async fn reckon(stage: &mut Stage, asked: &Asked) -> Reckoning {
    let mut found = Reckoning::default();
    let mut files = BTreeSet::new();
    for report in &asked.all {
        found.count(report, &stage.state(report.request.report_id));
    }
    for report in asked.ever() {
        let state = stage.state(report.request.report_id);
        let problem = match state.phase {
            Phase::Completed => {
                let key = state.object_key.clone().unwrap_or_default();
                let problem = problem_of_files(stage, asked, report, &state).await;
                files.insert(manifest_key(&key));
                files.extend(state.file_keys());
                problem
            }
            Phase::Failed => problem_of_reason(report, &state),
            Phase::Cancelled => (!report.is_cancelled).then_some("nobody has cancelled it"),
            _ => Some("it has not ended"),
        };
        if let Some(problem) = problem {
            found.wrong += 1;
            println!("{problem}: {state:#?}");
        }
    }
    mails(&mut found, stage, asked);
    let objects = stage.objects();
    for path in walk(&objects) {
        let key = path.strip_prefix(&objects).unwrap().display().to_string();
        if !files.remove(&key) {
            found.left_over += 1;
            println!("left over: {key}");
        }
    }
    if found.wrong + found.left_over + found.mails_missing > 0 {
        println!("look into {}", stage.keep());
    }
    found
}

fn problem_of_reason(report: &Report, state: &ReportState) -> Option<&'static str> {
    if state.reason.as_ref().is_none_or(String::is_empty) {
        return Some("it failed without a reason");
    }
    let right = if report.question.is_some() { OF_OUTAGES } else { OF_REQUEST };
    (!right.contains(&code(state))).then_some("it failed for a reason that there was not")
}

async fn problem_of_files(stage: &Stage, asked: &Asked, report: &Report, state: &ReportState) -> Option<&'static str> {
    let Some(question) = report.question else { return Some("it cannot be made, and is completed") };
    let keys = state.file_keys();
    let files = stage.files(&keys).await;
    if files != asked.right[&question] {
        return Some("other bytes");
    }
    let manifest = stage.file(&manifest_key(state.object_key.as_ref()?)).await;
    // Each report has a place of its own: one file here, a folder of several there.
    let of_file = stage.folder().join(state.id.to_string());
    let of_manifest = of_file.with_extension("manifest");
    for (place, file) in file_places(&keys, &of_file).iter().zip(files) {
        std::fs::create_dir_all(place.parent()?).unwrap();
        std::fs::write(place, file).unwrap();
    }
    std::fs::write(&of_manifest, manifest).unwrap();
    let mut verify = Command::new(local_parts::flowledger_binary().unwrap());
    let verified = verify.args(["report", "verify"]).arg(of_file).arg(of_manifest).output().unwrap();
    (!verified.status.success()).then_some("its manifest says otherwise")
}

/// One to each receiver of a report that was completed or failed; a second one where a crash came between sending and noting it.
fn mails(found: &mut Reckoning, stage: &Stage, asked: &Asked) {
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for mail in stage.mail.messages().unwrap() {
        let id = mail.text.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default();
        *came.entry(id.trim().to_owned()).or_default() += 1;
        found.mails += 1;
    }
    for report in asked.ever() {
        let state = stage.state(report.request.report_id);
        if !matches!(state.phase, Phase::Completed | Phase::Failed) {
            continue;
        }
        for receiver in &report.request.receivers {
            match came.remove(&message_id(&state, receiver)) {
                Some(1) => {}
                Some(2) => found.mails_twice += 1,
                Some(_) => found.wrong += 1,
                None => {
                    found.mails_missing += 1;
                    println!("no mail to {receiver}: {state:#?}");
                }
            }
        }
    }
    for id in came.keys() {
        found.wrong += 1;
        println!("a mail of nothing: {id}");
    }
}

/// As the exporter writes it.
fn message_id(state: &ReportState, receiver: &str) -> String {
    let safe: String = receiver.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '.' }).collect();
    format!("<{}.{}.{safe}@reports.flowledger>", state.id, state.attempt)
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
