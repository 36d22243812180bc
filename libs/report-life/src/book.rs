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
use crate::state::{End, ReportState};
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
    /// Ends in the order in which they were seen: of which report, and which of its ends. Places rise, and some are free.
    ended: BTreeMap<u64, (ReportId, usize)>,
    /// Place of the next one.
    next_place: u64,
}

impl Shelf {
    fn apply(&mut self, event: &ReportEvent) {
        let (state, ends) = match self.reports.entry(event.report_id) {
            Entry::Vacant(vacant) => (vacant.insert(ReportState::begun_by(event)), 0),
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
mod tests {
    use schemas::examples::report_request;
    use schemas::report_event::ReportEventType;
    use schemas::report_request::ReportRequest;

    use super::*;
    use crate::journal::Journal;
    use crate::state::Phase;

    #[tokio::test]
    async fn change_that_is_waited_for_is_seen_among_any_number_of_others() {
        let (book, id, tenant) = (SharedBook::default(), ReportId::generate(), "acme".parse::<Tenant>().unwrap());
        let event = |id, event_type| ReportEvent::new(id, tenant.clone(), event_type, Moment::FIRST);
        book.apply(&event(id, ReportEventType::Requested));
        let waiting = book.wait_for(id, |state| state.cancel_requested);
        let changing = async {
            // First, so that it is among those that were missed.
            book.apply(&event(id, ReportEventType::CancelRequested));
            for _ in 0..2 * CHANGES_WAITING {
                book.apply(&event(ReportId::generate(), ReportEventType::Requested));
            }
        };
        assert!(tokio::join!(waiting, changing).0.cancel_requested);
        assert_eq!(book.wait_for(id, |state| state.cancel_requested).await.id, id, "it is so already");
    }

    #[test]
    fn tenant_sees_its_own_reports_only() {
        let book = SharedBook::default();
        let (acme, globex): (Tenant, Tenant) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (first, second) = (ReportId::generate(), ReportId::generate());
        for (id, tenant) in [(first, &acme), (second, &globex)] {
            book.apply(&ReportEvent::new(id, tenant.clone(), ReportEventType::Requested, Moment::FIRST));
        }
        assert_eq!(book.list(&acme, 9).iter().map(|state| state.id).collect::<Vec<_>>(), [first]);
        assert!(book.get(&acme, second).is_none());
        assert!(book.get(&globex, second).is_some());
    }

    #[test]
    fn place_is_held_from_the_start_to_the_end_and_again_when_it_is_begun_again() {
        let (book, acme) = (SharedBook::default(), "acme".parse::<Tenant>().unwrap());
        let (first, second) = (ReportId::generate(), ReportId::generate());
        let tell = |id, event_type| book.apply(&ReportEvent::new(id, acme.clone(), event_type, Moment::FIRST));
        let placed = |tenant: &Tenant| book.turn(tenant, second, Moment::FIRST).placed;
        for (event_type, expected) in [
            (ReportEventType::Requested, 0),
            (ReportEventType::Started, 1),
            (ReportEventType::Progressed, 1),
            (ReportEventType::Failed, 0),
        ] {
            tell(first, event_type);
            assert_eq!((placed(&acme), placed(&"globex".parse().unwrap())), (expected, 0), "{event_type:?}");
        }
        let requested_at = Moment::from_millis(1);
        let again = ReportRequest { report_id: first, tenant: acme.clone(), requested_at, ..report_request() };
        book.apply(&Journal::retried(&again));
        assert_eq!(book.turn(&acme, second, Moment::FIRST), Turn { placed: 0, older: 1 });
        tell(first, ReportEventType::Started);
        assert_eq!(placed(&acme), 1);
    }

    #[test]
    fn every_end_that_a_report_came_to_is_known_once() {
        let (book, id, acme) = (SharedBook::default(), ReportId::generate(), "acme".parse::<Tenant>().unwrap());
        let event = |event_type, seconds: i64| {
            ReportEvent::new(id, acme.clone(), event_type, Moment::from_millis(seconds * 1_000))
        };
        // Two exporters say each.
        for event_type in [ReportEventType::Completed, ReportEventType::Expired] {
            let seconds = if event_type == ReportEventType::Completed { 7 } else { 9 };
            book.apply(&event(event_type, seconds));
            book.apply(&event(event_type, seconds + 1));
        }
        let ends = |place| {
            let (ends, next) = book.ends_from(place);
            (ends.into_iter().map(|it| (it.end.phase.name(), it.end.at.as_millis())).collect::<Vec<_>>(), next)
        };
        assert_eq!(ends(0), (vec![("completed", 7_000), ("expired", 9_000)], 2));
        assert_eq!(ends(1), (vec![("expired", 9_000)], 2));
        assert_eq!(ends(2), (vec![], 2), "nothing is new");
        // The next one has the next place, though those before it are forgotten.
        book.forget(Moment::from_millis(60_000));
        assert_eq!(ends(0), (vec![], 2));
        let other = ReportEvent { report_id: ReportId::generate(), ..event(ReportEventType::Failed, 70) };
        book.apply(&other);
        assert_eq!(ends(2), (vec![("failed", 70_000)], 3));
    }

    #[test]
    fn reports_are_found_by_when_they_came_to_the_end_that_they_are_at() {
        use ReportEventType::{Completed, Expired, Failed, Requested};
        let (book, acme) = (SharedBook::default(), "acme".parse::<Tenant>().unwrap());
        let tell = |id, event_type, millis| {
            book.apply(&ReportEvent::new(id, acme.clone(), event_type, Moment::from_millis(millis)));
        };
        let [open, failed, expired, again] = [(); 4].map(|()| ReportId::generate());
        for id in [open, failed, expired, again] {
            tell(id, Requested, 1);
        }
        tell(failed, Failed, 10);
        tell(expired, Completed, 10);
        tell(expired, Expired, 20);
        tell(again, Failed, 10);
        let ended = |from, to| {
            let found = book.ended(Moment::from_millis(from), Moment::from_millis(to));
            found.into_iter().map(|it| (it.report, it.end.phase)).collect::<HashMap<_, _>>()
        };
        assert_eq!(ended(10, 11), HashMap::from([(failed, Phase::Failed), (again, Phase::Failed)]));
        assert_eq!(ended(20, 21), HashMap::from([(expired, Phase::Expired)]));
        assert!(ended(0, 10).is_empty() && ended(11, 20).is_empty());
        let requested_at = Moment::from_millis(15);
        book.apply(&Journal::retried(&ReportRequest {
            report_id: again,
            tenant: acme.clone(),
            requested_at,
            ..report_request()
        }));
        assert_eq!(ended(0, 100), HashMap::from([(failed, Phase::Failed), (expired, Phase::Expired)]));
    }

    #[test]
    fn report_without_a_file_is_forgotten_and_stays_so() {
        use ReportEventType::{Completed, Expired, Failed, Requested, Started};
        let (book, tenant) = (SharedBook::default(), "acme".parse::<Tenant>().unwrap());
        let tell =
            |id, event_type, at| book.apply(&ReportEvent::new(id, tenant.clone(), event_type, Moment::from_micros(at)));
        let reports = [(); 5].map(|()| ReportId::generate());
        let lives = [&[Failed][..], &[Completed], &[Completed, Expired], &[Started], &[Failed]];
        for (id, events) in reports.into_iter().zip(lives) {
            tell(id, Requested, 0);
            for event_type in events {
                tell(id, *event_type, if id == reports[4] { 100 } else { 10 });
            }
        }
        book.forget(Moment::from_micros(100));
        let found = reports.map(|id| (book.get(&tenant, id).is_some(), book.is_forgotten(id)));
        let (kept, gone) = ((true, false), (false, true));
        assert_eq!(found, [gone, kept, gone, kept, kept], "failed, has a file, expired, goes on, ended later");
        assert!(reports.iter().all(|id| book.is_known(*id)), "those that are forgotten, too");
        assert!(!book.is_known(ReportId::generate()));
        tell(reports[0], Requested, 200);
        assert!(book.get(&tenant, reports[0]).is_none());
        assert_eq!(book.list(&tenant, 9).len(), 3);
    }
}
