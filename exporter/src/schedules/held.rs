//! The schedules of the partitions that are ours.

use std::collections::{BTreeMap, HashMap};

use kafka_io::Partition;
use report_schedules::{Owners, Run, Standing, Timetable};
use schemas::ids::ScheduleId;
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use schemas::times::Moment;

/// A schedule with what is known of its runs.
pub(super) struct Kept {
    pub(super) schedule: ReportSchedule,
    timetable: Timetable,
    standing: Standing,
    /// The last run that is known or was asked for: no note, but nothing is asked for again before its event has come round.
    pub(super) asked_until: Moment,
    /// Nothing is due before.
    look_at: Moment,
}

impl Kept {
    /// What is to be made up to now, oldest first.
    pub(super) fn due(&self, now: Moment, count: usize) -> Vec<Run> {
        self.timetable.due(self.schedule.runs_after.max(self.asked_until), now, count)
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

    pub(super) fn is_read(&mut self, partition: i32) {
        if let Some(ours) = self.partitions.get_mut(&partition) {
            ours.is_read = true;
        }
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
                let asked_until = last.map_or(Moment::FIRST, |last| last.asked_until);
                let kept = Kept { timetable, standing, asked_until, look_at: Moment::FIRST, schedule };
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
