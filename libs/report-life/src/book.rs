//! All reports in memory, kept up to date by following the topic.

mod runs;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use kafka_io::KafkaConfig;
use schema_registry::Registry;
use schemas::avro_schemas;
use schemas::ids::{ReportId, Tenant};
use schemas::report_event::ReportEvent;
use schemas::times::Moment;
use service_kit::CancellationToken;
use tokio::sync::{broadcast, watch};

use crate::follow::{FollowError, follow_topic};
use crate::limits::Usage;
use crate::phase::End;
use crate::state::ReportState;
use crate::turn::Turn;

pub use self::runs::LastRun;

/// Changes that wait for a listener; one that is slower misses some and reads the book again.
const CHANGES_WAITING: usize = 256;
/// After so many events it is looked for what may be forgotten.
const EVENTS_BETWEEN: u32 = 1_000;
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

#[derive(Default)]
struct Shelf {
    reports: BTreeMap<ReportId, ReportState>,
    /// Those of each tenant that are not at their end.
    open: HashMap<Tenant, BTreeSet<ReportId>>,
    /// Of these only that they were: their requests and events mean nothing any more.
    forgotten: BTreeSet<ReportId>,
    /// Of both those that schedules have made, in the order in which each schedule's were due.
    runs: BTreeSet<([u8; 10], ReportId)>,
    /// Ends in the order in which they were seen: of which report, and which of its ends. Places rise, and some are free.
    ended: BTreeMap<u64, (ReportId, usize)>,
    /// Place of the next one.
    next_place: u64,
}

impl Shelf {
    fn apply(&mut self, event: &ReportEvent) {
        let (state, ends) = match self.reports.entry(event.report_id) {
            Entry::Vacant(vacant) => {
                self.runs.extend(event.report_id.mark_of_schedule().map(|mark| (mark, event.report_id)));
                (vacant.insert(ReportState::begun_by(event)), 0)
            }
            Entry::Occupied(occupied) => {
                let state = occupied.into_mut();
                let ends = state.ends.len();
                state.apply(event);
                (state, ends)
            }
        };
        for number in ends..state.ends.len() {
            self.ended.insert(self.next_place, (event.report_id, number));
            self.next_place += 1;
        }
        if !state.phase.is_final() {
            self.open.entry(state.tenant.clone()).or_default().insert(state.id);
        } else if let Some(open) = self.open.get_mut(&state.tenant) {
            open.remove(&state.id);
        }
    }
}

/// An end of a report, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportEnd {
    /// The report.
    pub report: ReportId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What it came to.
    pub end: End,
}

/// The book; cheap to clone. A tenant sees its own reports only: another's is as if it were not there.
#[derive(Clone)]
pub struct SharedBook {
    shelf: Arc<RwLock<Shelf>>,
    changes: broadcast::Sender<(Tenant, ReportId)>,
    caught_up: watch::Sender<bool>,
}

impl Default for SharedBook {
    fn default() -> Self {
        Self {
            shelf: Arc::default(),
            changes: broadcast::channel(CHANGES_WAITING).0,
            caught_up: watch::channel(false).0,
        }
    }
}

impl SharedBook {
    /// Takes one event.
    pub fn apply(&self, event: &ReportEvent) {
        let mut shelf = self.write();
        if shelf.forgotten.contains(&event.report_id) {
            return;
        }
        shelf.apply(event);
        drop(shelf);
        let _ = self.changes.send((event.tenant.clone(), event.report_id));
    }

    /// One report of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, id: ReportId) -> Option<ReportState> {
        self.of_any_tenant(id).filter(|state| state.tenant == *tenant)
    }

    /// One report, for services that act for all tenants.
    #[must_use]
    pub fn of_any_tenant(&self, id: ReportId) -> Option<ReportState> {
        self.read().reports.get(&id).cloned()
    }

    /// True for a report that was, so long ago that nothing else is known of it.
    #[must_use]
    pub fn is_forgotten(&self, id: ReportId) -> bool {
        self.read().forgotten.contains(&id)
    }

    /// True for a report that was asked for at any time, whatever is known of it.
    #[must_use]
    pub fn is_known(&self, id: ReportId) -> bool {
        let shelf = self.read();
        shelf.reports.contains_key(&id) || shelf.forgotten.contains(&id)
    }

    /// Forgets reports that have no file and came to their end before `before`.
    pub fn forget(&self, before: Moment) {
        let mut shelf = self.write();
        let Shelf { reports, forgotten, ended, .. } = &mut *shelf;
        forgotten.extend(reports.extract_if(.., |_, state| state.may_be_forgotten(before)).map(|(id, _)| id));
        ended.retain(|_, (report, _)| reports.contains_key(report));
    }

    fn read(&self) -> RwLockReadGuard<'_, Shelf> {
        self.shelf.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.shelf.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports of a tenant, newest first: ids are in order of time.
    #[must_use]
    pub fn list(&self, tenant: &Tenant, limit: usize) -> Vec<ReportState> {
        let shelf = self.read();
        shelf.reports.values().rev().filter(|state| state.tenant == *tenant).take(limit).cloned().collect()
    }

    /// What a tenant has used of its limits, beside `report` and what came after it.
    #[must_use]
    pub fn usage(&self, tenant: &Tenant, report: Option<ReportId>, now: Moment) -> Usage {
        let shelf = self.read();
        Usage::of(shelf.reports.values().filter(|state| state.tenant == *tenant), report, now)
    }

    /// Whether a report's turn has come among its tenant's. Looks at those that are open, and so may be asked often.
    #[must_use]
    pub fn turn(&self, tenant: &Tenant, report: ReportId, now: Moment) -> Turn {
        let shelf = self.read();
        let open = shelf.open.get(tenant).into_iter().flatten();
        Turn::of(open.filter_map(|id| shelf.reports.get(id)), report, now)
    }

    /// Reports whose files are to be deleted by now.
    #[must_use]
    pub fn due(&self, now: Moment) -> Vec<ReportState> {
        let shelf = self.read();
        shelf.reports.values().filter(|state| state.is_due(now)).cloned().collect()
    }

    /// Reports of which somebody is to be told by now that their files will be deleted, that soonest which is deleted first.
    #[must_use]
    pub fn to_remind(&self, before: Duration, now: Moment) -> Vec<ReportState> {
        let shelf = self.read();
        let mut found: Vec<_> =
            shelf.reports.values().filter(|state| !state.to_remind(before, now).is_empty()).cloned().collect();
        found.sort_by_key(|state| state.expires_at);
        found
    }

    /// Reports of all tenants that came to the end that they are at from a moment on and before another, and that end. One that was asked for
    /// again goes on, and is none of them.
    #[must_use]
    pub fn ended(&self, from: Moment, to: Moment) -> Vec<ReportEnd> {
        let shelf = self.read();
        let ended = shelf.reports.values().filter_map(|state| {
            let end = state.end().filter(|end| (from..to).contains(&end.at))?;
            Some(ReportEnd { report: state.id, tenant: state.tenant.clone(), end })
        });
        ended.collect()
    }

    /// What reports of all tenants were seen to come to from a place on, first 0, and the place from which to go on. In the order of the
    /// topic, which is none of time. A report that was forgotten meanwhile has no end.
    #[must_use]
    pub fn ends_from(&self, place: u64) -> (Vec<ReportEnd>, u64) {
        let shelf = self.read();
        let seen = shelf.ended.range(place..).filter_map(|(_, (report, number))| {
            let state = shelf.reports.get(report)?;
            Some(ReportEnd { report: state.id, tenant: state.tenant.clone(), end: *state.ends.get(*number)? })
        });
        (seen.collect(), shelf.next_place)
    }

    /// Tells of every change from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<(Tenant, ReportId)> {
        self.changes.subscribe()
    }

    /// Waits until the report is as is wanted; gives it as it is then.
    pub async fn wait_for(&self, id: ReportId, wanted: impl Fn(&ReportState) -> bool) -> ReportState {
        let mut changes = self.changes();
        loop {
            if let Some(state) = self.where_it_is(id, &wanted) {
                return state;
            }
            // Changes that were missed are looked after as well; the sender lives as long as `self`.
            while matches!(changes.recv().await, Ok((_, changed)) if changed != id) {}
        }
    }

    /// Many wait, and few see what they want: only then it is copied.
    fn where_it_is(&self, id: ReportId, wanted: impl Fn(&ReportState) -> bool) -> Option<ReportState> {
        let shelf = self.read();
        shelf.reports.get(&id).filter(|state| wanted(state)).cloned()
    }

    /// Waits until everything that lay on the topic at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Keeps the book up to date until told to stop. Events that cannot be read are skipped and logged; reports without a file are forgotten
/// `remember_days` after their end, 0: never.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedBook,
    remember_days: u32,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let forget = || {
        if remember_days > 0 {
            book.forget(Moment::from_micros(Moment::now().as_micros() - i64::from(remember_days) * DAY));
        }
    };
    let mut events = 0;
    let told = |followed: Option<ReportEvent>| match followed {
        Some(event) => {
            book.apply(&event);
            events += 1;
            // Not before all of the past was told: what was forgotten may have been asked for again later.
            if events % EVENTS_BETWEEN == 0 && *book.caught_up.borrow() {
                forget();
            }
        }
        None => {
            forget();
            book.caught_up.send_replace(true);
        }
    };
    follow_topic(&kafka, &registry, &avro_schemas::REPORT_EVENT, &stop, told).await
}

#[cfg(test)]
mod tests;
