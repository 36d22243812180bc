//! What people do to a schedule, and the request that it makes. Each change gives the whole of it as it is then.

use report_life::check_receivers;
use schemas::ids::{ReportId, ScheduleId};
use schemas::report_request::{BarrierOffset, ReportRequest};
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use schemas::times::Moment;
use traffic_query::FilterError;

use crate::timetable::{Run, Timetable};

/// Longest name, characters.
const NAME_MAX: usize = 100;

/// What is to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What the tenant calls it.
    pub name: String,
    /// Range of each report, such as `last week`.
    pub range: String,
    /// When one is made by itself; `None`: never.
    pub when: Option<String>,
    /// What each report asks for; tenant and zone are taken from it, and who asked is its owner.
    pub request: ReportRequest,
}

impl Saved {
    /// Its times.
    ///
    /// # Errors
    /// The field that is wrong. What of the request itself cannot be made is not looked after here.
    pub fn check(&self) -> Result<Timetable, FilterError> {
        let wrong = |field: &str, reason: String| Err(FilterError { field: field.to_owned(), reason });
        let length = self.name.chars().count();
        if self.name.trim().is_empty() || length > NAME_MAX || self.name.chars().any(char::is_control) {
            return wrong("name", format!("is not 1 to {NAME_MAX} characters, none of them a control character"));
        }
        check_receivers(&self.request.receivers)?;
        Timetable::read(self.when.as_deref(), &self.range, &self.request.zone)
    }
}

/// A new one. Reports are due from now on.
#[must_use]
pub fn saved(saved: Saved, now: Moment) -> ReportSchedule {
    let Saved { name, range, when, request } = saved;
    ReportSchedule {
        schedule_id: ScheduleId::generate(),
        tenant: request.tenant.clone(),
        name,
        state: ScheduleState::Active,
        changed_by: request.requested_by.clone(),
        request,
        range,
        when,
        runs_after: now,
        changed_at: now,
    }
}

/// Another in its place; paused or not as it was. Who does that is its owner. Where its times stay, what is due stays due.
#[must_use]
pub fn replaced(last: &ReportSchedule, by: Saved, now: Moment) -> ReportSchedule {
    let has_its_times = last.when == by.when && last.request.zone == by.request.zone;
    let runs_after = if has_its_times { last.runs_after } else { now };
    let (schedule_id, state) = (last.schedule_id, last.state);
    ReportSchedule { schedule_id, state, runs_after, ..saved(by, now) }
}

/// Nothing is made by it any more. It stays its owner's.
#[must_use]
pub fn paused(last: ReportSchedule, by: &str, now: Moment) -> ReportSchedule {
    changed(last, ScheduleState::Paused, by, now)
}

/// Reports are due again; those of the pause are not made up for. It has this owner from now on.
#[must_use]
pub fn resumed(mut last: ReportSchedule, owner: &str, by: &str, now: Moment) -> ReportSchedule {
    if last.state != ScheduleState::Active {
        last.runs_after = now;
    }
    owner.clone_into(&mut last.request.requested_by);
    changed(last, ScheduleState::Active, by, now)
}

/// It is gone. Its reports stay.
#[must_use]
pub fn deleted(last: ReportSchedule, by: &str, now: Moment) -> ReportSchedule {
    changed(last, ScheduleState::Deleted, by, now)
}

fn changed(last: ReportSchedule, state: ScheduleState, by: &str, now: Moment) -> ReportSchedule {
    ReportSchedule { state, changed_at: now, changed_by: by.to_owned(), ..last }
}

/// The request of one run: equal, but for the barrier, whoever makes it and however often, so that it is one report.
#[must_use]
pub fn request_of(schedule: &ReportSchedule, run: &Run, barrier: Vec<BarrierOffset>) -> ReportRequest {
    ReportRequest {
        report_id: ReportId::of_run(schedule.schedule_id, run.due),
        tenant: schedule.tenant.clone(),
        range_from: run.from,
        range_to: run.to,
        requested_at: run.due,
        barrier,
        ..schedule.request.clone()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use schemas::report_request::{Compression, ReportFilter, ReportFormat, ReportKind};

    use super::*;

    pub(crate) fn at(seconds: i64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    fn to_save() -> Saved {
        let request = ReportRequest {
            report_id: ReportId::generate(),
            tenant: "acme".parse().unwrap(),
            kind: ReportKind::Events,
            format: ReportFormat::Csv,
            compression: Compression::Gzip,
            range_from: Moment::FIRST,
            range_to: Moment::FIRST,
            zone: "Europe/Berlin".to_owned(),
            filter: ReportFilter::default(),
            columns: Vec::new(),
            requested_by: "admin".to_owned(),
            requested_at: at(1),
            receivers: vec!["admin@acme.example".to_owned()],
            barrier: Vec::new(),
            byte_order_mark: false,
            formula_guard: false,
            split: None,
            table: None,
        };
        let when = Some("weekly on monday at 06:00".to_owned());
        Saved { name: "Every week".to_owned(), range: "last week".to_owned(), when, request }
    }

    /// Of tenant `acme` and its `admin`, saved at the first second.
    pub(crate) fn weekly() -> ReportSchedule {
        saved(to_save(), at(1))
    }

    #[test]
    fn times_that_stay_keep_what_is_due_and_other_times_begin_anew() {
        let weekly = weekly();
        let renamed = replaced(&weekly, Saved { name: "Monday".to_owned(), ..to_save() }, at(9));
        assert_eq!((renamed.runs_after, renamed.changed_at, renamed.schedule_id), (at(1), at(9), weekly.schedule_id));
        let daily = Saved { when: Some("daily at 06:00".to_owned()), ..to_save() };
        assert_eq!(replaced(&weekly, daily, at(9)).runs_after, at(9));
        let mut moved = to_save();
        moved.request.zone = "UTC".to_owned();
        assert_eq!(replaced(&weekly, moved, at(9)).runs_after, at(9));
        let other = paused(weekly, "other", at(5));
        assert_eq!(replaced(&other, to_save(), at(9)).state, ScheduleState::Paused, "as it was");
    }

    #[test]
    fn what_was_due_in_a_pause_is_not_made_up_for() {
        let paused = paused(weekly(), "other", at(5));
        assert_eq!(
            (paused.state, paused.runs_after, paused.changed_by.as_str()),
            (ScheduleState::Paused, at(1), "other")
        );
        assert_eq!(paused.request.requested_by, "admin");
        let resumed = resumed(paused, "other", "jo", at(9));
        assert_eq!((resumed.state, resumed.runs_after), (ScheduleState::Active, at(9)));
        assert_eq!((resumed.request.requested_by.as_str(), resumed.changed_by.as_str()), ("other", "jo"));
        assert_eq!(super::resumed(resumed, "other", "jo", at(12)).runs_after, at(9), "it goes on already");
    }

    #[test]
    fn requests_of_one_run_are_equal_whatever_stands_in_the_template() {
        let mut weekly = weekly();
        let run = Run { due: at(70), from: at(10), to: at(20) };
        weekly.request.tenant = "globex".parse().unwrap();
        let request = request_of(&weekly, &run, Vec::new());
        assert_eq!(request, request_of(&weekly, &run, Vec::new()));
        assert_eq!(
            (request.tenant, request.requested_at, request.range_from, request.range_to),
            (weekly.tenant, at(70), at(10), at(20))
        );
        assert!(request.report_id.is_run_of(weekly.schedule_id));
    }

    #[test]
    fn what_cannot_be_kept_is_refused_with_the_name_of_its_field() {
        assert!(to_save().check().is_ok());
        let receivers = |receivers: Vec<&str>| {
            let mut to_save = to_save();
            to_save.request.receivers = receivers.into_iter().map(str::to_owned).collect();
            to_save
        };
        for (wrong, field) in [
            (Saved { name: " ".to_owned(), ..to_save() }, "name"),
            (Saved { name: "a\nb".to_owned(), ..to_save() }, "name"),
            (Saved { name: "n".repeat(101), ..to_save() }, "name"),
            (Saved { range: "tomorrow".to_owned(), ..to_save() }, "range"),
            (Saved { when: Some("never".to_owned()), ..to_save() }, "when"),
            (receivers(vec!["nobody"]), "receivers"),
            (receivers(vec!["a@b.example"; 21]), "receivers"),
        ] {
            assert_eq!(wrong.check().unwrap_err().field, field, "{wrong:?}");
        }
    }
}
