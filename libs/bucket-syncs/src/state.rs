//! What a sync's events say so far, and what comes next.

mod backfill;

use std::collections::{BTreeMap, BTreeSet};

use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type, BucketSyncSettings};
use schemas::ids::{SyncId, Tenant};
use schemas::known_reason::KnownReason;
use schemas::report_request::BarrierOffset;
use schemas::times::Moment;

pub use self::backfill::{Backfill, BackfillEnd};

/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 3_600_000_000;
/// Offsets of all tenants that one object is made from; what is more comes in the next, at once.
const OFFSETS_MAX: i64 = 100_000_000;

/// What a receiver was told, as the reason of `Notified`.
const FAILING: &str = "failing";
const WELL: &str = "well";

/// For each partition of the connection events the offset before which all is meant.
pub type Offsets = BTreeMap<i32, i64>;

/// As a map.
#[must_use]
pub fn offsets_of(listed: &[BarrierOffset]) -> Offsets {
    listed.iter().map(|it| (it.partition, it.offset)).collect()
}

/// What an object holds: its tenant's events in `[from, until)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its number, from 1.
    pub number: i64,
    /// End of its interval, which names it.
    pub interval_end: Moment,
    /// A partition that is missing begins at 0.
    pub from: Offsets,
    /// A partition that is missing is not in it.
    pub until: Offsets,
    /// More was stored than one object takes.
    pub is_behind: bool,
    /// What may lie in its place: noted before it became visible, one for each version whose exporters have tried.
    pub packed: Vec<Packed>,
}

/// An object that has its bytes and is to be put in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Events in it.
    pub rows: i64,
    /// Its size.
    pub size_bytes: i64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

/// An object that is in its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its number.
    pub number: i64,
    /// Its key.
    pub key: String,
    /// Events in it.
    pub rows: i64,
    /// Its size.
    pub size_bytes: i64,
    /// When it was stored.
    pub at: Moment,
}

/// Since when, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// The first time since it was well.
    pub since: Moment,
    /// In words for an admin.
    pub reason: String,
    /// The same for programs, where whoever said it knows it.
    pub known: Option<KnownReason>,
}

/// The fold of a sync's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncState {
    /// Its id.
    pub id: SyncId,
    /// Its tenant.
    pub tenant: Tenant,
    /// As they are now.
    pub settings: BucketSyncSettings,
    /// No object is made until it is resumed.
    pub is_paused: bool,
    /// When it was made.
    pub created_at: Moment,
    /// Events from here on are in its objects; those before come by backfill.
    pub start: Offsets,
    /// Up to here each event is in an object, or in the one that is planned.
    pub until: Offsets,
    /// End of the last interval that is done with.
    pub reached: Moment,
    /// Number of the next object to be planned.
    pub next: i64,
    /// The object that is to be made now.
    pub open: Option<Plan>,
    /// The last object that held something.
    pub last_object: Option<Stored>,
    /// Why the next object cannot be made. What may be brought of the past is not said by it: see [`fails`](Self::fails).
    pub failing: Option<Failing>,
    /// Receivers who were told that it fails, and not that it is well again; true: that the next object does, and not only a past range.
    pub told: BTreeMap<String, bool>,
    /// Since when it has these receivers.
    pub receivers_since: Moment,
    /// It is well again, and some of those do not know yet.
    pub well_since: Option<Moment>,
    /// What was asked for of the past, in that order.
    pub backfills: Vec<Backfill>,
}

/// Takes an event into the states of all syncs. Events of what is not there change nothing.
pub fn take(syncs: &mut BTreeMap<SyncId, SyncState>, event: &BucketSyncEvent) {
    match event.event_type {
        Type::Created => {
            if let Some(state) = SyncState::begun_by(event) {
                syncs.entry(state.id).or_insert(state);
            }
        }
        Type::Deleted => syncs.retain(|id, state| *id != event.sync_id || state.tenant != event.tenant),
        _ => {
            if let Some(state) = syncs.get_mut(&event.sync_id).filter(|it| it.tenant == event.tenant) {
                state.apply(event);
            }
        }
    }
}

impl SyncState {
    /// As it begins; `None` where the event has no settings.
    #[must_use]
    pub fn begun_by(event: &BucketSyncEvent) -> Option<Self> {
        let start = offsets_of(&event.until);
        Some(Self {
            id: event.sync_id,
            tenant: event.tenant.clone(),
            settings: event.settings.clone()?,
            is_paused: false,
            created_at: event.at,
            until: start.clone(),
            start,
            reached: event.at,
            next: 1,
            open: None,
            last_object: None,
            failing: None,
            told: BTreeMap::new(),
            receivers_since: event.at,
            well_since: None,
            backfills: Vec::new(),
        })
    }

    /// As it is after this event of its own, and nothing between.
    #[must_use]
    pub fn with(mut self, event: &BucketSyncEvent) -> Self {
        self.apply(event);
        self
    }

    fn apply(&mut self, event: &BucketSyncEvent) {
        match event.event_type {
            Type::Unknown | Type::Created | Type::Deleted => {}
            Type::Changed => {
                if let Some(settings) = &event.settings {
                    if settings.receivers != self.settings.receivers {
                        self.receivers_since = event.at;
                    }
                    self.settings.clone_from(settings);
                    self.told.retain(|it, _| settings.receivers.contains(it));
                }
            }
            Type::Paused => self.is_paused = true,
            Type::Resumed => self.is_paused = false,
            Type::BackfillRequested => {
                if let (Some(from), Some(to)) = (event.range_from, event.range_to) {
                    let number = i64::try_from(self.backfills.len()).unwrap_or(i64::MAX) + 1;
                    self.backfills.push(Backfill::new(number, (from, to), event.at));
                }
            }
            Type::BackfillProgressed | Type::Backfilled | Type::BackfillCancelled => self.brought(event),
            Type::Looked => self.looked(event),
            Type::Planned => self.planned(event),
            Type::Packed => self.packed(event),
            Type::Stored => self.stored(event),
            Type::Failed => {
                let (reason, known) = (event.reason.clone().unwrap_or_default(), event.known_reason.clone());
                let failing = match event.number {
                    None => Some(&mut self.failing),
                    Some(number) => self.backfill(number).map(|it| &mut it.failing),
                };
                if let Some(failing) = failing {
                    let since = failing.as_ref().map_or(event.at, |it| it.since);
                    *failing = Some(Failing { since, reason, known });
                }
            }
            // Where it has changed meanwhile, they know what is not so any more, and are told again.
            Type::Notified => {
                let all = self.settings.receivers.iter();
                let receivers: BTreeSet<_> =
                    event.receiver.as_ref().map_or_else(|| all.cloned().collect(), |it| [it.clone()].into());
                if event.reason.as_deref() == Some(WELL) {
                    self.told.retain(|it, _| !receivers.contains(it));
                } else {
                    let of_live = event.number.is_none();
                    receivers.into_iter().for_each(|it| *self.told.entry(it).or_default() |= of_live);
                }
            }
        }
        if self.fails().is_some() || self.told.is_empty() {
            self.well_since = None;
        } else {
            self.well_since.get_or_insert(event.at);
        }
    }

    /// Only of the same checkpoint, or a later one: whoever looked has seen nothing up to there.
    fn looked(&mut self, event: &BucketSyncEvent) {
        let Some(end) = event.interval_end.filter(|_| event.number == Some(self.next) && self.open.is_none()) else {
            return;
        };
        for (partition, offset) in offsets_of(&event.until) {
            let known = self.until.entry(partition).or_default();
            *known = offset.max(*known);
        }
        if !event.is_behind {
            self.reached = end.max(self.reached);
        }
        self.failing = None;
    }

    /// The first plan of a number counts, whoever has written it: of those that come later nobody makes an object.
    fn planned(&mut self, event: &BucketSyncEvent) {
        let Some(interval_end) = event.interval_end.filter(|_| event.number == Some(self.next) && self.open.is_none())
        else {
            return;
        };
        let from = self.until.clone();
        let mut until = from.clone();
        for (partition, offset) in offsets_of(&event.until) {
            let known = until.entry(partition).or_default();
            *known = offset.max(*known);
        }
        self.until.clone_from(&until);
        let (number, is_behind, packed) = (self.next, event.is_behind, Vec::new());
        self.open = Some(Plan { number, interval_end, from, until, is_behind, packed });
        self.next += 1;
    }

    fn packed(&mut self, event: &BucketSyncEvent) {
        let Some(plan) = self.open.as_mut().filter(|plan| event.number == Some(plan.number)) else { return };
        let (Some(rows), Some(size_bytes), Some(sha256)) = (event.rows, event.size_bytes, event.sha256.clone()) else {
            return;
        };
        let packed = Packed { rows, size_bytes, sha256 };
        if !plan.packed.contains(&packed) {
            plan.packed.push(packed);
        }
    }

    fn stored(&mut self, event: &BucketSyncEvent) {
        let Some(plan) = self.open.take_if(|plan| event.number == Some(plan.number)) else { return };
        if !plan.is_behind {
            self.reached = plan.interval_end.max(self.reached);
        }
        if let Some(key) = event.object_key.clone() {
            let (rows, size_bytes) = (event.rows.unwrap_or(0), event.size_bytes.unwrap_or(0));
            self.last_object = Some(Stored { number: plan.number, key, rows, size_bytes, at: event.at });
        }
        self.failing = None;
    }

    fn brought(&mut self, event: &BucketSyncEvent) {
        let Some(backfill) = event.number.and_then(|number| self.backfill(number)) else { return };
        match event.event_type {
            Type::Backfilled => {
                backfill.moved(backfill.to, event);
                backfill.end = Some(BackfillEnd::Done);
            }
            Type::BackfillCancelled => backfill.end = Some(BackfillEnd::Cancelled),
            _ => backfill.moved(event.range_from.unwrap_or(backfill.reached), event),
        }
    }

    /// One that is open.
    fn backfill(&mut self, number: i64) -> Option<&mut Backfill> {
        self.backfills.iter_mut().find(|it| it.number == number && it.is_open())
    }

    /// Why it fails: the next object, or else a past range. Each is well again by what is done of itself alone.
    #[must_use]
    pub fn fails(&self) -> Option<&Failing> {
        self.failing.as_ref().or_else(|| self.past_that_fails().and_then(|it| it.failing.as_ref()))
    }

    fn past_that_fails(&self) -> Option<&Backfill> {
        self.backfills.iter().find(|it| it.is_open() && it.failing.is_some())
    }

    /// An event of this sync that tells nothing but its type.
    #[must_use]
    pub fn event(&self, event_type: Type, at: Moment) -> BucketSyncEvent {
        BucketSyncEvent::new(self.id, self.tenant.clone(), event_type, at)
    }

    /// Receivers who do not know how it stands.
    pub fn to_tell(&self) -> impl Iterator<Item = &String> {
        let (live_fails, fails) = (self.failing.is_some(), self.fails().is_some());
        self.settings.receivers.iter().filter(move |it| match self.told.get(*it) {
            None => fails,
            // Who was told of a past range does not know of the next object.
            Some(of_live) => !fails || (live_fails && !of_live),
        })
    }

    /// A receiver knows how it stands.
    #[must_use]
    pub fn notified(&self, receiver: &str, at: Moment) -> BucketSyncEvent {
        let (told, receiver) = (if self.fails().is_some() { FAILING } else { WELL }, receiver.to_owned());
        // Of which past range it is told, where that alone fails.
        let number = if self.failing.is_some() { None } else { self.past_that_fails().map(|it| it.number) };
        let (reason, receiver) = (Some(told.to_owned()), Some(receiver));
        BucketSyncEvent { number, reason, receiver, ..self.event(Type::Notified, at) }
    }

    /// End of the interval whose object is to be planned now.
    #[must_use]
    pub fn due(&self, now: Moment) -> Option<Moment> {
        let width = i64::from(self.settings.interval_seconds.max(1)) * 1_000_000;
        let end = Moment::from_micros(now.as_micros().div_euclid(width) * width);
        (!self.is_paused && self.open.is_none() && end > self.reached).then_some(end)
    }

    /// How far the next object goes where so much is stored, and whether that is less than there is.
    #[must_use]
    pub fn next_until(&self, stored: &Offsets) -> (Offsets, bool) {
        let behind = |partition: &i32, stored: i64| {
            stored.saturating_sub(self.until.get(partition).copied().unwrap_or(0)).max(0)
        };
        let all = stored.iter().map(|(partition, stored)| behind(partition, *stored)).fold(0, i64::saturating_add);
        let share = |offsets: i64| {
            if all <= OFFSETS_MAX {
                return offsets;
            }
            // Not rounded to nothing: the sum of all shares is what makes it go on.
            let part = i128::from(offsets) * i128::from(OFFSETS_MAX) / i128::from(all);
            i64::try_from(part).unwrap_or(offsets).max(offsets.min(1))
        };
        let until = stored.iter().map(|(partition, stored)| {
            let from = self.until.get(partition).copied().unwrap_or(0);
            (*partition, from.saturating_add(share(behind(partition, *stored))))
        });
        (until.collect(), all > OFFSETS_MAX)
    }

    /// The past range that is to be brought now.
    #[must_use]
    pub fn open_backfill(&self) -> Option<&Backfill> {
        self.backfills.iter().find(|it| it.is_open()).filter(|_| !self.is_paused)
    }

    /// How long ago the end of what is in the bucket was, seconds; it has one interval. `None` while it is paused.
    #[must_use]
    pub fn lag_seconds(&self, now: Moment) -> Option<i64> {
        (!self.is_paused).then(|| (now.as_micros().saturating_sub(self.reached.as_micros()) / 1_000_000).max(0))
    }
}

#[cfg(test)]
pub(crate) mod tests;
