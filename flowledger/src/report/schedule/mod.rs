//! `flowledger report schedule`: what the pages do with schedules, for an operator at a terminal.

mod options;
mod print;

use anyhow::{Context, ensure};
use kafka_io::Producer;
use report_life::barrier;
use report_schedules::{
    Saved, ScheduleJournal, SharedSchedules, Timetable, deleted, due_by_hand, follow_schedules, paused, request_of,
    resumed, saved,
};
use schemas::audit_event::AuditAction;
use schemas::ids::ReportId;
use schemas::report_request::ReportRequest;
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use service_kit::CancellationToken;

use self::options::OneOptions;
pub(crate) use self::options::ScheduleCommand;
use super::{Desk, request, within, wrong};
use crate::audit;
use crate::select::SelectOptions;

pub(super) async fn run(command: ScheduleCommand) -> anyhow::Result<()> {
    match command {
        ScheduleCommand::New { select, new, name, owner, range, when } => {
            let filter = &new.filter.0;
            let has_range = filter.from != Moment::FIRST || filter.to != Moment::END;
            ensure!(!has_range, "--from and --to: the range of a schedule's reports is --range");
            let request = ReportRequest { requested_by: owner, ..request(&select, *new)? };
            let shelf = Shelf::open(&select).await?;
            let kept = shelf.save(&select, Saved { name, range, when, request }).await?;
            let id = kept.schedule_id.to_string();
            if select.json { shelf.show(kept, true) } else { Ok(crate::output::line(&id)?) }
        }
        ScheduleCommand::Preview { times } => {
            let table = Timetable::read(Some(&times.when), &times.range, &times.zone).map_err(wrong)?;
            Ok(print::runs(&console::runs_json(&table, Moment::now()), times.json)?)
        }
        ScheduleCommand::List { select } => {
            let shelf = Shelf::open(&select).await?;
            let shown = shelf.schedules.list(&select.tenant).into_iter().map(|it| shelf.shown(it));
            Ok(print::list(&shown.collect::<Vec<_>>(), select.json)?)
        }
        ScheduleCommand::Show { one } => {
            let shelf = Shelf::open(&one.select).await?;
            shelf.show(shelf.found(&one)?, one.select.json)
        }
        ScheduleCommand::Pause { one } => {
            let shelf = Shelf::open(&one.select).await?;
            let schedule = paused(shelf.found(&one)?, &one.select.actor(), Moment::now());
            shelf.keep(&one.select, AuditAction::SchedulePaused, &schedule).await
        }
        ScheduleCommand::Resume { one, owner } => {
            let shelf = Shelf::open(&one.select).await?;
            let last = shelf.found(&one)?;
            let owner = owner.unwrap_or_else(|| last.request.requested_by.clone());
            shelf.has_account(&one.select, &owner)?;
            let schedule = resumed(last, &owner, &one.select.actor(), Moment::now());
            shelf.keep(&one.select, AuditAction::ScheduleResumed, &schedule).await
        }
        ScheduleCommand::Run { one, follow } => {
            let shelf = Shelf::open(&one.select).await?;
            let report = shelf.run(&one).await?;
            crate::output::line(&report.to_string())?;
            if follow { shelf.desk.follow(report).await } else { Ok(()) }
        }
        ScheduleCommand::Delete { one } => {
            let shelf = Shelf::open(&one.select).await?;
            let schedule = deleted(shelf.found(&one)?, &one.select.actor(), Moment::now());
            shelf.keep(&one.select, AuditAction::ScheduleDeleted, &schedule).await
        }
    }
}

/// Where schedules are kept.
struct Shelf {
    desk: Desk,
    schedules: SharedSchedules,
}

impl Shelf {
    /// Returns when all schedules and all events of reports are read.
    async fn open(select: &SelectOptions) -> anyhow::Result<Self> {
        let (desk, schedules, stop) = (Desk::open(select).await?, SharedSchedules::default(), CancellationToken::new());
        let (kafka, registry) = (desk.config.kafka.clone(), desk.registry.clone());
        let mut following = tokio::spawn(follow_schedules(kafka, registry, schedules.clone(), stop.clone()));
        tokio::select! {
            read = within(schedules.caught_up()) => read?,
            ended = &mut following => ended??,
        }
        stop.cancel();
        Ok(Self { desk, schedules })
    }

    fn found(&self, one: &OneOptions) -> anyhow::Result<ReportSchedule> {
        let (tenant, id) = (&one.select.tenant, one.schedule);
        self.schedules.get(tenant, id).with_context(|| format!("{tenant} has no schedule {id}"))
    }

    fn has_account(&self, select: &SelectOptions, owner: &str) -> anyhow::Result<()> {
        let has = self.desk.config.console.owners().has(&select.tenant, owner);
        ensure!(has, "--owner {owner} is no account of {}", select.tenant);
        Ok(())
    }

    async fn save(&self, select: &SelectOptions, mut new: Saved) -> anyhow::Result<ReportSchedule> {
        self.has_account(select, &new.request.requested_by)?;
        if new.request.receivers.is_empty() {
            let accounts = &self.desk.config.console.accounts;
            let owns = |it: &&console::Account| it.tenant == select.tenant && it.name == new.request.requested_by;
            new.request.receivers = accounts.iter().find(owns).map(|it| it.email.clone()).into_iter().collect();
        }
        new.check().map_err(wrong)?;
        let schedules = self.schedules.list(&select.tenant).len();
        let over = self.desk.config.limits.check_schedules(schedules);
        over.map_err(|over| anyhow::anyhow!("{}: {over}", over.limit))?;
        let kept = ReportSchedule { changed_by: select.actor(), ..saved(new, Moment::now()) };
        self.keep(select, AuditAction::ScheduleCreated, &kept).await?;
        Ok(kept)
    }

    async fn keep(&self, select: &SelectOptions, action: AuditAction, schedule: &ReportSchedule) -> anyhow::Result<()> {
        let act = audit::act(&select.tenant, &select.actor(), action).to(&schedule.schedule_id);
        self.desk.note(act.with("name", &schedule.name)).await?;
        let producer = Producer::new(&self.desk.config.kafka, "flowledger-report")?;
        let stop = CancellationToken::new();
        let journal = within(ScheduleJournal::open(producer, &self.desk.registry, &stop))
            .await?
            .context("the registry does not answer")??;
        Ok(within(journal.keep(schedule)).await??)
    }

    async fn run(&self, one: &OneOptions) -> anyhow::Result<ReportId> {
        let schedule = self.found(one)?;
        let due = due_by_hand(Moment::now());
        let table = Timetable::of(&schedule).map_err(wrong)?;
        let run = table.run(due).context("the schedule's range holds nothing now")?;
        let run = table.by_hand(run, self.desk.book.last_run(&schedule.tenant, one.schedule, due));
        self.desk.within_limits(&one.select)?;
        let barrier = within(barrier(&self.desk.config.kafka)).await??;
        let request = ReportRequest { requested_by: one.select.actor(), ..request_of(&schedule, &run, barrier) };
        let act = audit::act(&one.select.tenant, &one.select.actor(), AuditAction::ReportRequested);
        self.desk.note(act.of_request(&request).with("schedule", &one.schedule.to_string())).await?;
        within(self.desk.journal().await?.request(&request)).await??;
        Ok(request.report_id)
    }

    fn shown(&self, schedule: ReportSchedule) -> serde_json::Value {
        let (id, book, now) = (schedule.schedule_id, &self.desk.book, Moment::now());
        let report = book.newest_runs(&schedule.tenant, &[id]).remove(&id);
        let last = console::LastRuns::of(book, &schedule, report, now);
        console::schedule_json(schedule, &self.desk.config.console.owners(), last, now)
    }

    fn show(&self, schedule: ReportSchedule, as_json: bool) -> anyhow::Result<()> {
        Ok(print::one(&self.shown(schedule), as_json)?)
    }
}
