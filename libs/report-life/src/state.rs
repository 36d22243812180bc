//! The fold of one report's events.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use schemas::ids::{ReportId, Tenant};
use schemas::known_reason::KnownReason;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{ReportKind, ReportRequest};
use schemas::times::Moment;

use crate::files::{file_key, file_keys};
use crate::limits::{Daily, Spent};
use crate::pace::Pace;
use crate::phase::{End, Phase};
use crate::plan::Plan;
use crate::series::Series;

/// More files, or slices, than any report has: an event that tells of more is believed so far.
const FILES_MOST: i64 = 10_000;

/// What is known of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportState {
    /// The report.
    pub id: ReportId,
    /// Its tenant: that of its first event. Events that name another one are not taken.
    pub tenant: Tenant,
    /// The request, once it was seen; the last one, where it was asked for again.
    pub request: Option<ReportRequest>,
    /// How far it is.
    pub phase: Phase,
    /// Number of the attempt that counts: what an earlier one tells is not taken.
    pub attempt: i32,
    /// Somebody wants it no more, and no exporter has ended it yet.
    pub cancel_requested: bool,
    /// Events that ingest was behind when it was last told.
    pub events_behind: Option<i64>,
    /// Rows written so far; while it [is merged](Self::is_merging) those of which what was counted is merged.
    pub rows: i64,
    /// Rows that the plan expects.
    pub rows_expected: Option<i64>,
    /// Slices written so far.
    pub slices: i64,
    /// Slices of the plan.
    pub slices_expected: Option<i64>,
    /// The most slices that any attempt had: so many files may have been begun below its key.
    pub slices_most: i64,
    /// The plan of the attempt, where its slices are made by whoever takes them; gone with its end.
    pub plan: Option<Arc<Plan>>,
    /// The files of the attempt that are whole, where it is split; gone with its end.
    pub series: Option<Arc<Series>>,
    /// How fast rows are written.
    pub pace: Pace,
    /// Bytes handed to the store so far.
    pub size_bytes: i64,
    /// Key in the store, once it is completed; of several files that which they lie below.
    pub object_key: Option<String>,
    /// How many files it has, once it is completed.
    pub files: i64,
    /// They lie below its key, however many they are.
    pub is_folder: bool,
    /// Name that a browser saves it under.
    pub file_name: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// The same for programs, where whoever said it knows it.
    pub known_reason: Option<KnownReason>,
    /// Receivers whose mail was taken.
    pub notified: BTreeSet<String>,
    /// Receivers who were told that its file will be deleted, or cannot be told.
    pub reminded: BTreeSet<String>,
    /// How often it was given out.
    pub downloads: u64,
    /// Its file, or a part of it, was given out since it was made.
    pub is_fetched: bool,
    /// When it came to its end.
    pub ended_at: Option<Moment>,
    /// When its file will be deleted.
    pub expires_at: Option<Moment>,
    /// What it took before it was asked for again.
    pub spent: Spent,
    /// All ends that it came to, oldest first.
    pub ends: Vec<End>,
    /// How often it was asked for.
    pub asked: Daily,
    /// How often it was given out on the last day that it was.
    pub downloaded: Daily,
    /// When it was last told how far it is.
    pub told_at: Moment,
}

impl ReportState {
    /// The state that the first event leaves.
    #[must_use]
    pub fn begun_by(event: &ReportEvent) -> Self {
        let mut state = Self {
            id: event.report_id,
            tenant: event.tenant.clone(),
            request: None,
            phase: Phase::Requested,
            attempt: 0,
            cancel_requested: false,
            events_behind: None,
            rows: 0,
            rows_expected: None,
            slices: 0,
            slices_expected: None,
            slices_most: 0,
            plan: None,
            series: None,
            pace: Pace::default(),
            size_bytes: 0,
            object_key: None,
            files: 0,
            is_folder: false,
            file_name: None,
            reason: None,
            known_reason: None,
            notified: BTreeSet::new(),
            reminded: BTreeSet::new(),
            downloads: 0,
            is_fetched: false,
            ended_at: None,
            expires_at: None,
            spent: Spent::default(),
            ends: Vec::new(),
            asked: Daily::default(),
            downloaded: Daily::default(),
            told_at: event.at,
        };
        state.apply(event);
        state
    }

    /// The end that it is at; none while it goes on.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.ends.last().copied().filter(|_| self.phase.is_final())
    }

    /// True when its file is to be deleted by now.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        self.phase == Phase::Completed && self.expires_at.is_some_and(|at| at <= now)
    }

    /// True where slices have counted all rows of a report of groups, and what they have counted becomes its file.
    #[must_use]
    pub fn is_merging(&self) -> bool {
        let makes_groups = self.request.as_ref().is_some_and(|request| match request.kind {
            ReportKind::Summary | ReportKind::UserActivity | ReportKind::Traffic => true,
            ReportKind::Events | ReportKind::Unknown => false,
        });
        let is_counted = |plan: &Arc<Plan>| plan.failed.is_none() && plan.is_made();
        self.phase == Phase::Running && makes_groups && self.plan.as_ref().is_some_and(is_counted)
    }

    /// When its receivers are to be told that its file will be deleted, where they are told so long before: not of one that was fetched, and not
    /// of one that is kept no longer than that.
    #[must_use]
    pub fn reminds_at(&self, before: Duration) -> Option<Moment> {
        let (made_at, expires_at) = (self.ended_at?, self.expires_at?);
        let before = i64::try_from(before.as_micros()).ok().filter(|before| *before > 0)?;
        let at = Moment::from_micros(expires_at.as_micros().saturating_sub(before));
        (self.phase == Phase::Completed && !self.is_fetched && at > made_at).then_some(at)
    }

    /// Those who are to be told so by now, and were not; nobody when the file is to be deleted already.
    #[must_use]
    pub fn to_remind(&self, before: Duration, now: Moment) -> Vec<String> {
        let is_time = self.reminds_at(before).is_some_and(|at| at <= now) && !self.is_due(now);
        let receivers = self.request.iter().filter(|_| is_time).flat_map(|request| &request.receivers);
        let all: BTreeSet<_> = receivers.filter(|it| !self.reminded.contains(*it)).cloned().collect();
        all.into_iter().collect()
    }

    /// Where its files lie, in the order of their rows; none before it is completed, and after they were deleted.
    #[must_use]
    pub fn file_keys(&self) -> Vec<String> {
        self.object_key.as_ref().map_or_else(Vec::new, |key| file_keys(key, self.is_folder.then_some(self.files)))
    }

    /// Where one of its files lies, by its number from 0.
    #[must_use]
    pub fn file_key(&self, number: i64) -> Option<String> {
        let key = self.object_key.as_ref().filter(|_| (0..self.files).contains(&number))?;
        Some(if self.is_folder { file_key(key, number) } else { key.clone() })
    }

    /// True when nothing has to be known of it any more: it has no file, and came to its end before `before`.
    #[must_use]
    pub fn may_be_forgotten(&self, before: Moment) -> bool {
        self.phase.may_begin_again() && self.ended_at.is_some_and(|at| at < before)
    }

    /// Takes one more event, whatever it is and in whatever order they come. A report that came to its end stays there until it
    /// is asked for again; an attempt that another one has taken the place of has nothing to say any more.
    pub fn apply(&mut self, event: &ReportEvent) {
        let is_foreign = event.tenant != self.tenant || event.report_id != self.id;
        if is_foreign || event.attempt.is_some_and(|attempt| attempt < self.attempt) {
            return;
        }
        match event.event_type {
            ReportEventType::Unknown => {}
            ReportEventType::CancelRequested => self.cancel_requested = !self.phase.is_final(),
            ReportEventType::Requested => {
                if self.request.is_none() && event.request.is_some() {
                    self.request.clone_from(&event.request);
                    self.asked.count(event.at);
                }
            }
            ReportEventType::Waiting => {
                self.goes_on(Phase::Waiting, event, |state| state.events_behind = event.events_behind);
            }
            ReportEventType::Started => self.goes_on(Phase::Running, event, |state| {
                state.attempt = event.attempt.unwrap_or(state.attempt.saturating_add(1));
                (state.rows, state.slices, state.size_bytes) = (0, 0, 0);
                (state.rows_expected, state.slices_expected) = (event.rows_expected, event.slices_expected);
                state.slices_most = state.slices_most.max(event.slices_expected.unwrap_or(0).min(FILES_MOST));
                (state.plan, state.series, state.pace) = (None, None, Pace::begun(event.at));
            }),
            // Of two who believe that the attempt is theirs the first counts.
            ReportEventType::Planned => self.goes_on(Phase::Running, event, |state| {
                state.plan = state.plan.take().or_else(|| Plan::of(event).map(Arc::new));
            }),
            ReportEventType::SliceProgressed => self.of_plan(event, Plan::progressed),
            ReportEventType::SliceDone => self.of_plan(event, Plan::done),
            ReportEventType::SliceFailed => self.of_plan(event, Plan::failed),
            ReportEventType::FileDone => {
                if event.attempt == Some(self.attempt) {
                    self.goes_on(Phase::Running, event, |state| Series::note(&mut state.series, event));
                }
            }
            ReportEventType::Progressed => self.goes_on(Phase::Running, event, |state| {
                state.count(event);
                state.pace.tell(event.at, state.rows);
            }),
            ReportEventType::Completed => self.ends(Phase::Completed, event),
            ReportEventType::Failed => self.ends(Phase::Failed, event),
            ReportEventType::Cancelled => self.ends(Phase::Cancelled, event),
            ReportEventType::Expired => {
                if self.phase == Phase::Completed {
                    self.phase = Phase::Expired;
                    self.ends.push(End { phase: self.phase, attempt: self.attempt, at: event.at });
                    (self.object_key, self.files, self.is_folder, self.expires_at) = (None, 0, false, None);
                }
            }
            ReportEventType::Notified => self.notified.extend(event.receiver.clone()),
            ReportEventType::Reminded => self.reminded.extend(event.receiver.clone()),
            ReportEventType::Downloaded => {
                self.is_fetched |= self.phase == Phase::Completed;
                self.downloads += 1;
                self.downloaded.count(event.at);
            }
            ReportEventType::Retried => self.begins_again(event),
        }
    }

    /// Only by a request that is newer than the last one, which may come twice, and than the end: of two wishes one is enough.
    fn begins_again(&mut self, event: &ReportEvent) {
        let Some(request) = &event.request else { return };
        let is_newer = self.request.as_ref().is_none_or(|last| last.requested_at < request.requested_at)
            && self.ended_at.is_none_or(|ended_at| ended_at < request.requested_at);
        if !self.phase.may_begin_again() || !is_newer {
            return;
        }
        self.spent = Spent::with(self);
        self.asked.count(request.requested_at);
        self.request = Some(request.clone());
        self.phase = Phase::Requested;
        self.attempt = self.attempt.saturating_add(1);
        (self.rows, self.slices, self.size_bytes) = (0, 0, 0);
        (self.rows_expected, self.slices_expected, self.events_behind) = (None, None, None);
        (self.reason, self.known_reason) = (None, None);
        (self.ended_at, self.pace) = (None, Pace::default());
        (self.notified, self.reminded, self.is_fetched) = (BTreeSet::new(), BTreeSet::new(), false);
    }

    fn goes_on(&mut self, phase: Phase, event: &ReportEvent, change: impl FnOnce(&mut Self)) {
        if !self.phase.is_final() {
            self.phase = phase;
            self.told_at = self.told_at.max(event.at);
            change(self);
        }
    }

    fn of_plan(&mut self, event: &ReportEvent, change: impl FnOnce(&mut Plan, &ReportEvent)) {
        let was_merging = self.is_merging();
        let Some(plan) = &mut self.plan else { return };
        self.told_at = self.told_at.max(event.at);
        let plan = Arc::make_mut(plan);
        change(plan, event);
        self.slices = plan.slices_done();
        // Late word of a slice changes nothing of it.
        if was_merging {
            return;
        }
        (self.rows, self.size_bytes) = plan.written();
        if self.is_merging() {
            // What was counted of them is merged now: from the first one on, and in a pace of its own.
            (self.rows, self.pace) = (0, Pace::begun(event.at));
        } else {
            self.pace.tell(event.at, self.rows);
        }
    }

    fn count(&mut self, event: &ReportEvent) {
        self.rows = event.rows.unwrap_or(self.rows);
        self.slices = event.slices.unwrap_or(self.slices);
        self.size_bytes = event.size_bytes.unwrap_or(self.size_bytes);
        self.rows_expected = event.rows_expected.or(self.rows_expected);
        self.slices_expected = event.slices_expected.or(self.slices_expected);
    }

    fn ends(&mut self, phase: Phase, event: &ReportEvent) {
        if self.phase.is_final() {
            return;
        }
        if let Some(plan) = self.plan.as_ref().filter(|_| self.is_merging()) {
            // All of them were read.
            self.rows = plan.written().0;
        }
        (self.phase, self.cancel_requested, self.plan, self.series) = (phase, false, None, None);
        self.count(event);
        self.ended_at = Some(event.at);
        self.ends.push(End { phase, attempt: self.attempt, at: event.at });
        self.reason.clone_from(&event.reason);
        self.known_reason.clone_from(&event.known_reason);
        if phase == Phase::Completed {
            self.object_key.clone_from(&event.object_key);
            (self.files, self.is_folder) = (event.files.unwrap_or(1).min(FILES_MOST), event.files.is_some());
            self.file_name.clone_from(&event.file_name);
            self.expires_at = event.expires_at;
        }
    }
}

#[cfg(test)]
mod tests;
