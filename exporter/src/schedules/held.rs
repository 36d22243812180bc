//! The schedules of the partitions that are ours.

use std::collections::{BTreeMap, HashMap};

use kafka_io::Partition;
use report_life::LastRun;
use report_schedules::{Owners, Run, Standing, Timetable};
use schemas::ids::ScheduleId;
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use schemas::times::Moment;

/// Most that is counted of what one schedule has missed, at once: of one of every minute some 69 days.
const PASSED_OVER_MAX: usize = 100_000;

/// A run as it is to be asked for.
pub(super) struct Next {
    pub(super) run: Run,
    /// It begins before it would by itself.
    has_more: bool,
    /// When the one that was made last was due.
    after: Moment,
    /// Some were due since then, and are not made any more.
    passes_over: bool,
}

impl Next {
    /// What is in it depends on what was made before.
    pub(super) fn makes_up(&self) -> bool {
        self.has_more || self.passes_over
    }
}

/// A schedule with what is known of its runs.
pub(super) struct Kept {
    pub(super) schedule: ReportSchedule,
    timetable: Timetable,
    standing: Standing,
    /// The last run that is known or was asked for: no note, but nothing is asked for again before its event has come round.
    pub(super) asked_until: Moment,
    /// The last one that was asked for from here.
    asked: Option<LastRun>,
    /// When a run was due that was tried, and how many it passed over: whether it was taken is not known.
    tried: Option<(Moment, usize)>,
    /// Nothing is due before.
    look_at: Moment,
}

impl Kept {
    /// What is to be made up to now, oldest first; `known` is the last run that is known. What is older was asked for, or passed over.
    pub(super) fn due(&self, now: Moment, count: usize, known: Option<LastRun>) -> Vec<Run> {
        let after = self.schedule.runs_after.max(self.asked_until);
        self.timetable.due(known.map_or(after, |known| known.due.max(after)), now, count)
    }

    /// One of them as it is to be asked for; `known` is the last run that is known.
    pub(super) fn following(&self, run: Run, known: Option<LastRun>) -> Next {
        let last = known.into_iter().chain(self.asked).max_by_key(|last| last.due);
        let runs_after = self.schedule.runs_after;
        let after = last.map_or(runs_after, |last| last.due.max(runs_after));
        let passes_over = self.timetable.count_between(after, run.due, 1) > 0;
        let following = self.timetable.following(run, last, runs_after);
        Next { has_more: following.from < run.from, run: following, after, passes_over }
    }

    /// This one is asked for now; gives how many it passes over.
    pub(super) fn tries(&mut self, next: &Next) -> usize {
        let passed_over = self.timetable.count_between(next.after, next.run.due, PASSED_OVER_MAX);
        self.tried = Some((next.run.due, passed_over));
        passed_over
    }

    /// How many a run passed over that was tried, of which it was not known whether it was taken, and is now: it, or a later one, has come round.
    pub(super) fn taken(&mut self, known: Option<LastRun>) -> Option<usize> {
        let tried = self.tried.take_if(|(due, _)| known.is_some_and(|known| known.due >= *due));
        tried.map(|(_, passed_over)| passed_over)
    }

    /// This one was asked for.
    pub(super) fn asked(&mut self, run: &Run) {
        (self.asked_until, self.tried) = (run.due, None);
        self.asked = Some(LastRun { due: run.due, range_to: Some(run.to) });
    }

    /// All that is due now was asked for.
    pub(super) fn looked(&mut self, now: Moment) {
        self.look_at = self.timetable.next_due(now).unwrap_or(Moment::END);
    }
}

#[derive(Default)]
struct Ours {
    /// All that lay there was read: before, a schedule may have been changed since what was read of it.
    is_read: bool,
    schedules: BTreeMap<ScheduleId, Kept>,
}

pub(super) struct Held {
    owners: Owners,
    partitions: HashMap<i32, Ours>,
}

impl Held {
    pub(super) fn new(owners: Owners) -> Self {
        Self { owners, partitions: HashMap::new() }
    }

    pub(super) fn begin(&mut self, partitions: &[Partition]) {
        self.partitions.extend(partitions.iter().map(|it| (it.number, Ours::default())));
    }

    pub(super) fn give_up(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.partitions.remove(&partition.number);
        }
    }

    /// A partition was read to its end; true where it was not before.
    pub(super) fn is_read(&mut self, partition: i32) -> bool {
        self.partitions.get_mut(&partition).is_some_and(|ours| !std::mem::replace(&mut ours.is_read, true))
    }

    /// The schedule as it is now; one that cannot be read is none any more.
    pub(super) fn take(&mut self, partition: i32, schedule: ReportSchedule) {
        let Some(ours) = self.partitions.get_mut(&partition) else { return };
        let last = ours.schedules.remove(&schedule.schedule_id);
        if schedule.state == ScheduleState::Deleted {
            return;
        }
        match Timetable::of(&schedule) {
            Ok(timetable) => {
                let standing = self.owners.standing(&schedule);
                if standing == Standing::OwnerGone {
                    let (id, owner) = (schedule.schedule_id, &schedule.request.requested_by);
                    tracing::warn!(schedule = %id, owner, "its owner has no account any more: nothing is made");
                }
                let asked_until = last.as_ref().map_or(Moment::FIRST, |last| last.asked_until);
                let (asked, tried) = last.map_or((None, None), |last| (last.asked, last.tried));
                let kept = Kept { timetable, standing, asked_until, asked, tried, look_at: Moment::FIRST, schedule };
                ours.schedules.insert(kept.schedule.schedule_id, kept);
            }
            Err(error) => tracing::warn!(schedule = %schedule.schedule_id, %error, "a schedule is skipped"),
        }
    }

    /// Those that may have something due.
    pub(super) fn having_something_due(&mut self, now: Moment) -> impl Iterator<Item = &mut Kept> {
        let read = self.partitions.values_mut().filter(|ours| ours.is_read);
        let kept = read.flat_map(|ours| ours.schedules.values_mut());
        kept.filter(move |kept| kept.standing == Standing::Active && kept.look_at <= now)
    }

    /// How each of them stands.
    pub(super) fn standings(&self) -> impl Iterator<Item = Standing> {
        self.partitions.values().flat_map(|ours| ours.schedules.values().map(|kept| kept.standing))
    }
}
