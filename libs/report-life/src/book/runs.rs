//! Which reports schedules have made: an id tells whose it is, and when it was due.

use std::collections::BTreeMap;

use schemas::ids::{ReportId, ScheduleId, Tenant};
use schemas::times::Moment;

use super::{SharedBook, Shelf};
use crate::state::ReportState;

/// The last run that a schedule made by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// When it was due.
    pub due: Moment,
    /// Where its range ended; `None` where that is forgotten.
    pub range_to: Option<Moment>,
}

impl SharedBook {
    /// The newest report that each of these schedules of a tenant has made.
    #[must_use]
    pub fn newest_runs(&self, tenant: &Tenant, schedules: &[ScheduleId]) -> BTreeMap<ScheduleId, ReportState> {
        let shelf = self.read();
        let own = |id| shelf.reports.get(&id).filter(|state| state.tenant == *tenant);
        let newest = schedules.iter().filter_map(|schedule| {
            let state = shelf.runs_before(*schedule, Moment::END).find_map(own)?;
            Some((*schedule, state.clone()))
        });
        newest.collect()
    }

    /// The newest run that a schedule of a tenant made by itself and that was due before `before`, whatever it came to. Those that are
    /// forgotten count.
    #[must_use]
    pub fn last_run(&self, tenant: &Tenant, schedule: ScheduleId, before: Moment) -> Option<LastRun> {
        let shelf = self.read();
        let mut runs = shelf.runs_before(schedule, before).filter(|id| is_by_itself(*id));
        runs.find_map(|id| {
            let range_to = match shelf.reports.get(&id) {
                Some(state) if state.tenant != *tenant => return None,
                Some(state) => state.request.as_ref().map(|request| request.range_to),
                None => None,
            };
            Some(LastRun { due: id.at(), range_to })
        })
    }
}

impl Shelf {
    /// Reports of a schedule that were due before `before`, newest first, whosever they are and whatever is known of them.
    fn runs_before(&self, schedule: ScheduleId, before: Moment) -> impl Iterator<Item = ReportId> {
        let place = |due| {
            let id = ReportId::of_run(schedule, due);
            (id.mark_of_schedule().unwrap_or_default(), id)
        };
        self.runs.range(place(Moment::FIRST)..place(before.max(Moment::FIRST))).rev().map(|(_, id)| *id)
    }
}

/// Schedules are due at whole minutes; what is made by hand is so at any millisecond.
fn is_by_itself(run: ReportId) -> bool {
    run.at().as_millis() % 60_000 == 0
}

#[cfg(test)]
mod tests {
    use schemas::examples::report_request;
    use schemas::report_event::{ReportEvent, ReportEventType};
    use schemas::report_request::ReportRequest;

    use super::*;
    use crate::journal::Journal;

    #[test]
    fn newest_report_of_a_schedule_is_found_by_its_id() {
        let (book, acme) = (SharedBook::default(), "acme".parse::<Tenant>().unwrap());
        let (daily, weekly, never) = (ScheduleId::generate(), ScheduleId::generate(), ScheduleId::generate());
        let mut made = Vec::new();
        for (schedule, seconds) in [(daily, 1), (daily, 3), (weekly, 2), (daily, 2)] {
            let id = ReportId::of_run(schedule, Moment::from_millis(seconds * 1_000));
            book.apply(&ReportEvent::new(id, acme.clone(), ReportEventType::Requested, Moment::FIRST));
            made.push(id);
        }
        book.apply(&ReportEvent::new(ReportId::generate(), acme.clone(), ReportEventType::Requested, Moment::FIRST));
        let found = book.newest_runs(&acme, &[daily, weekly, never]);
        let ids: BTreeMap<_, _> = found.into_iter().map(|(schedule, state)| (schedule, state.id)).collect();
        assert_eq!(ids, BTreeMap::from([(daily, made[1]), (weekly, made[2])]));
        assert!(book.newest_runs(&"globex".parse().unwrap(), &[daily]).is_empty());
    }

    #[test]
    fn last_run_is_one_of_its_schedule_that_nobody_made_by_hand_and_stays_known_when_it_is_forgotten() {
        let minute = |minutes: i64| Moment::from_millis(minutes * 60_000);
        let (book, schedule) = (SharedBook::default(), ScheduleId::generate());
        let (acme, globex): (Tenant, Tenant) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let ask = |schedule, due: Moment, tenant: &Tenant| {
            let (report_id, range_to) = (ReportId::of_run(schedule, due), Moment::from_millis(due.as_millis() - 7));
            let request = ReportRequest { report_id, tenant: tenant.clone(), range_to, ..report_request() };
            book.apply(&Journal::requested(&request));
            report_id
        };
        let runs = [10, 20, 30].map(|it| ask(schedule, minute(it), &acme));
        ask(schedule, Moment::from_millis(35 * 60_000 + 1), &acme);
        ask(schedule, minute(36), &globex);
        ask(ScheduleId::generate(), minute(37), &acme);
        let last = |before| book.last_run(&acme, schedule, minute(before));
        let told =
            |minutes| LastRun { due: minute(minutes), range_to: Some(Moment::from_millis(minutes * 60_000 - 7)) };
        assert_eq!((last(40), last(31), last(30), last(10)), (Some(told(30)), Some(told(30)), Some(told(20)), None));
        for run in &runs[1..] {
            book.apply(&ReportEvent::new(*run, acme.clone(), ReportEventType::Failed, minute(50)));
        }
        book.forget(minute(60));
        assert_eq!(last(40), Some(LastRun { due: minute(30), range_to: None }), "newer than what is known");
        assert_eq!(last(20), Some(told(10)));
    }
}
