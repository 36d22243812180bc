//! `flowledger report`: reports for an operator at a terminal, beside the services. It reads and writes the same events as the console;
//! the configuration is what lets it in, so the tenant is an option here.
//!
//! Answers go to standard output, progress and the last word to standard error. It went well when what was asked for came about: with
//! `--follow`, when the report was completed.

mod download;
mod options;
mod print;
mod schedule;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use audit_log::Act;
use clickhouse_io::{ClickHouse, traffic};
use futures_util::TryStreamExt;
use kafka_io::Producer;
use report_life::{
    Actor, FollowError, Journal, Phase, ReportState, SharedBook, barrier, check_receivers, file_places, folder_name,
    follow, manifest_key, report_filter, saved_manifest, traffic_filter,
};
use report_schedules::Timetable;
use report_store::ReportStore;
use report_writer::{choose_writer, estimate_measures};
use schema_registry::Registry;
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::CancellationToken;
use tokio::task::JoinHandle;
use traffic_query::FilterError;
use traffic_query::time_range::TimeNotes;

pub(crate) use self::options::ReportCommand;
use self::options::{NamedRange, NewOptions};
use self::verify::verify;
use crate::audit;
use crate::cli::CommonOptions;
use crate::config::Config;
use crate::output::{noted, said};
use crate::select::SelectOptions;

/// How long Kafka and the registry may take until all events of reports are read, or something is written.
const KAFKA_MAX: Duration = Duration::from_secs(60);

pub(crate) async fn run(command: ReportCommand) -> anyhow::Result<()> {
    match command {
        ReportCommand::New { select, new, range, follow } => {
            noted(&new.filter.1);
            let request = within_range(request(&select, *new)?, &range)?;
            let desk = Desk::open(&select).await?;
            let id = desk.ask(&select, request).await?;
            let state = desk.until(id, |_| true).await?;
            if select.json {
                print::one(state, true)?;
            } else {
                crate::output::line(&id.to_string())?;
            }
            if follow { desk.follow(id).await } else { Ok(()) }
        }
        ReportCommand::Estimate { select, new, range } => {
            let notes = new.filter.1.clone();
            noted(&notes);
            let request = within_range(request(&select, *new)?, &range)?;
            Desk::open(&select).await?.estimate(&select, &request, notes).await
        }
        ReportCommand::List { select, limit } => {
            let desk = Desk::open(&select).await?;
            Ok(print::list(desk.book.list(&select.tenant, limit), select.json)?)
        }
        ReportCommand::Show { select, report, follow } => {
            let desk = Desk::open(&select).await?;
            let state = desk.found(&select, report)?;
            if !follow {
                return Ok(print::one(state, select.json)?);
            }
            let ended = desk.follow(report).await;
            print::one(desk.found(&select, report)?, select.json)?;
            ended
        }
        ReportCommand::Cancel { select, report } => {
            let desk = Desk::open(&select).await?;
            let actor = Actor { account: select.actor(), address: None };
            if let Some(event) = desk.found(&select, report)?.cancel(actor, Moment::now())? {
                desk.note(audit::act(&select.tenant, &select.actor(), AuditAction::ReportCancelled).to(&report))
                    .await?;
                within(desk.journal().await?.append(&event)).await??;
            }
            said("it ends as soon as an exporter sees it");
            Ok(())
        }
        ReportCommand::Retry { select, report, follow } => {
            let desk = Desk::open(&select).await?;
            let request = desk.found(&select, report)?.ask_again(select.actor(), Moment::now())?;
            desk.within_limits(&select)?;
            desk.note(audit::act(&select.tenant, &select.actor(), AuditAction::ReportRetried).to(&report)).await?;
            within(desk.journal().await?.request_again(&request)).await??;
            // What is followed is not the end that it came to before.
            let asked_at = request.requested_at;
            let is_noted = move |state: &ReportState| {
                // Somebody else's wish may have been first.
                !state.phase.may_begin_again() || state.request.as_ref().is_some_and(|it| it.requested_at >= asked_at)
            };
            desk.until(report, is_noted).await?;
            if follow { desk.follow(report).await } else { Ok(()) }
        }
        ReportCommand::Schedule(command) => schedule::run(*command).await,
        ReportCommand::Download { select, report, output, force } => {
            let desk = Desk::open(&select).await?;
            desk.download(&select, report, output, force).await
        }
        ReportCommand::Manifest { select, report } => {
            let desk = Desk::open(&select).await?;
            desk.manifest(&select, report).await
        }
        ReportCommand::Verify { file, manifest } => {
            tokio::task::spawn_blocking(move || verify(&file, &manifest)).await?
        }
    }
}

/// Where reports are asked for and looked at.
struct Desk {
    config: Config,
    registry: Registry,
    book: SharedBook,
    following: JoinHandle<Result<(), FollowError>>,
}

impl Desk {
    /// Returns when all events are read.
    async fn open(select: &SelectOptions) -> anyhow::Result<Self> {
        let options = CommonOptions { config: select.config.clone(), ..CommonOptions::default() };
        let config = crate::services::loaded(&options, |_| Ok(()))?.context("no config")?;
        let (registry, book) = (Registry::new(&config.registry)?, SharedBook::default());
        let stop = CancellationToken::new();
        let (kafka, days) = (config.kafka.clone(), config.limits.remember_days);
        let mut following = tokio::spawn(follow(kafka, registry.clone(), book.clone(), days, stop));
        tokio::select! {
            read = within(book.caught_up()) => read?,
            ended = &mut following => ended??,
        }
        Ok(Self { config, registry, book, following })
    }

    async fn journal(&self) -> anyhow::Result<Journal> {
        let producer = Producer::new(&self.config.kafka, "flowledger-report")?;
        let opened = within(Journal::open(producer, &self.registry, &CancellationToken::new())).await?;
        Ok(opened.context("the registry does not answer")??)
    }

    /// Before it is done.
    async fn note(&self, act: Act) -> anyhow::Result<()> {
        audit::note(&self.config, &self.registry, act).await
    }

    fn found(&self, select: &SelectOptions, report: ReportId) -> anyhow::Result<ReportState> {
        self.book.get(&select.tenant, report).with_context(|| format!("{} has no report {report}", select.tenant))
    }

    fn within_limits(&self, select: &SelectOptions) -> anyhow::Result<()> {
        let now = Moment::now();
        let over = self.config.limits.check(&self.book.usage(&select.tenant, None, now), now);
        over.map_err(|over| anyhow::anyhow!("{}: {over}", over.limit))
    }

    async fn ask(&self, select: &SelectOptions, mut request: ReportRequest) -> anyhow::Result<ReportId> {
        self.within_limits(select)?;
        request.barrier = within(barrier(&self.config.kafka)).await??;
        let act = audit::act(&select.tenant, &select.actor(), AuditAction::ReportRequested);
        self.note(act.of_request(&request)).await?;
        within(self.journal().await?.request(&request)).await??;
        Ok(request.report_id)
    }

    async fn estimate(&self, select: &SelectOptions, request: &ReportRequest, notes: TimeNotes) -> anyhow::Result<()> {
        let filter = traffic_filter(&request.filter).map_err(wrong)?.within(request.range_from, request.range_to);
        let measures =
            estimate_measures(request, &filter).map_err(|reason| anyhow::anyhow!("{}", of_option(&reason)))?;
        let (clickhouse, now) = (ClickHouse::new(&self.config.clickhouse), Moment::now());
        let count = traffic::count(&clickhouse, &select.tenant, &filter, &measures, now).await?;
        let usage = self.book.usage(&select.tenant, None, now);
        let over = |connections| self.config.limits.check_planned(&usage, connections, now);
        Ok(crate::output::fields(
            &console::estimate_json(request, notes, &count, self.config.exporter.keep_days, over),
            select.json,
        )?)
    }

    /// Waits until a report is as is wanted.
    async fn until(&self, report: ReportId, wanted: impl Fn(&ReportState) -> bool) -> anyhow::Result<ReportState> {
        let ended = async {
            while !self.following.is_finished() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            state = self.book.wait_for(report, wanted) => Ok(state),
            () = ended => bail!("the events of reports cannot be followed any more"),
        }
    }

    /// Says how far a report is until it is at its end; an error where that is not its file.
    async fn follow(&self, report: ReportId) -> anyhow::Result<()> {
        let mut last = String::new();
        loop {
            let state = self.until(report, |state| print::progress(state) != last).await?;
            last = print::progress(&state);
            said(&last);
            match state.phase {
                Phase::Completed => return Ok(()),
                phase if phase.is_final() => bail!("the report is {}", phase.name()),
                _ => {}
            }
        }
    }

    async fn manifest(&self, select: &SelectOptions, report: ReportId) -> anyhow::Result<()> {
        let state = self.found(select, report)?;
        let (Some(key), Some(name)) = (&state.object_key, &state.file_name) else {
            bail!("the report is {}: it has no file", state.phase.name());
        };
        let store = ReportStore::open(&self.config.store)?;
        let pieces: Vec<_> = store.read(&manifest_key(key), None).await?.try_collect().await?;
        let act = audit::act(&select.tenant, &select.actor(), AuditAction::ReportDownloaded);
        self.note(act.to(&report).with("file", &saved_manifest(name))).await?;
        Ok(crate::output::line(String::from_utf8(pieces.concat())?.trim_end())?)
    }

    async fn download(
        &self,
        select: &SelectOptions,
        report: ReportId,
        output: Option<PathBuf>,
        force: bool,
    ) -> anyhow::Result<()> {
        let state = self.found(select, report)?;
        let (Some(_), Some(name)) = (&state.object_key, &state.file_name) else {
            bail!("the report is {}: it has no file", state.phase.name());
        };
        let name = if state.files > 1 { folder_name(name) } else { name };
        // A name, whatever whoever wrote the event has put before it.
        let name = Path::new(name).file_name().context("the report's file has no name: --output gives it one")?;
        let output = output.unwrap_or_else(|| PathBuf::from(name));
        ensure!(force || !output.exists(), "{} is there: --force replaces it", output.display());
        let (store, keys) = (ReportStore::open(&self.config.store)?, state.file_keys());
        let size = download::size(&store, &keys).await?;
        ensure!(i64::try_from(size)? == state.size_bytes, "the store has {size} bytes of {}", state.size_bytes);
        let act = audit::act(&select.tenant, &select.actor(), AuditAction::ReportDownloaded);
        self.note(act.to(&report).with("file", &name.to_string_lossy())).await?;
        // No file without its event.
        let event = ReportEvent {
            actor: Some(select.actor()),
            actor_address: audit::machine(),
            ..ReportEvent::new(state.id, state.tenant.clone(), ReportEventType::Downloaded, Moment::now())
        };
        within(self.journal().await?.append(&event)).await??;
        if keys.len() > 1 {
            std::fs::create_dir_all(&output).with_context(|| format!("{} cannot be made", output.display()))?;
        }
        for (key, place) in keys.iter().zip(file_places(&keys, &output)) {
            let size = download::fetch(&store, key, &place, force).await?;
            said(&format!("{}: {size} bytes", place.display()));
        }
        Ok(())
    }
}

/// What is asked for, without its barrier.
fn request(select: &SelectOptions, new: NewOptions) -> anyhow::Result<ReportRequest> {
    check_receivers(&new.receivers).map_err(wrong)?;
    let filter = &new.filter.0;
    let request = ReportRequest {
        report_id: ReportId::generate(),
        tenant: select.tenant.clone(),
        kind: new.kind.into(),
        format: new.format.into(),
        compression: new.compression.into(),
        range_from: filter.from,
        range_to: filter.to,
        zone: filter.zone.iana_name().unwrap_or("UTC").to_owned(),
        filter: report_filter(filter, new.denied).map_err(wrong)?,
        columns: new.columns,
        requested_by: select.actor(),
        requested_at: Moment::now(),
        receivers: new.receivers,
        barrier: Vec::new(),
        byte_order_mark: new.spreadsheet.byte_order_mark,
        formula_guard: new.spreadsheet.formula_guard,
        split: new.split.asked(),
        table: new.table.asked(),
    };
    choose_writer(&request).map_err(|reason| anyhow::anyhow!("{}", of_option(&reason)))?;
    Ok(request)
}

/// The same over a range that is said by its name, where one is.
fn within_range(mut request: ReportRequest, range: &NamedRange) -> anyhow::Result<ReportRequest> {
    if let Some(range) = &range.range {
        let seen = Timetable::seen_from(range, &request.zone, Moment::now()).map_err(wrong)?;
        (request.range_from, request.range_to) = seen;
    }
    Ok(request)
}

/// A reason that begins with a field's name, with that of its option.
fn of_option(reason: &str) -> String {
    let (field, rest) = reason.split_once(' ').unwrap_or((reason, ""));
    let field = match field {
        "table" | "table.by" => "group-by",
        "table.bucket" => "bucket",
        // Given once for each.
        "table.measures" => "measure",
        "receivers" => "receiver",
        field => field,
    };
    format!("--{} {rest}", field.replace(['_', '.'], "-"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over errors")]
fn wrong(error: FilterError) -> anyhow::Error {
    anyhow::anyhow!("{}", of_option(&error.to_string()))
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.following.abort();
    }
}

async fn within<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    tokio::time::timeout(KAFKA_MAX, work).await.context("Kafka or the registry does not answer")
}
