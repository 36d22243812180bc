//! What syncs have to do now, and whose turn it is.
//!
//! What is live, what is brought of the past, and mails have places of their own: however many wait, one kind holds up no other. A bucket that
//! hangs holds up the syncs to it, and leaves room for those to others.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bucket_syncs::SyncState;
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type};
use schemas::ids::SyncId;
use schemas::times::Moment;
use tokio::time::Instant;

use super::tell::due_at;

/// What a sync does, beside each other: neither waits for the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// The next object.
    Live,
    /// The past range that was asked for first.
    Backfill,
    /// Telling a receiver that it fails, or is well again.
    Mail(String),
}

/// What a sync does.
pub(super) type Key = (SyncId, Work);

/// Why no step of a sync is begun now.
pub(super) enum Busy {
    Running,
    /// Until the event of this step comes round, or then.
    Round(Instant),
    /// It failed.
    Until(Instant),
}

/// Live objects that are made at once, and of those the ones to one bucket.
const LIVE_MAX: usize = 6;
const OF_A_BUCKET_MAX: usize = 4;
/// Past ranges that are brought at once.
const BACKFILLS_MAX: usize = 2;
/// Mails that are sent at once.
const MAILS_MAX: usize = 4;

/// What is to be begun, with all that is held here.
pub(super) fn to_begin<'a>(
    held: impl Iterator<Item = &'a SyncState>,
    busy: &HashMap<Key, Busy>,
    now: Moment,
    mail_after: Duration,
) -> Vec<Key> {
    let mut held: Vec<_> = held.collect();
    // Who is furthest behind comes first, but where its bucket is away.
    held.sort_by_key(|it| (it.failing.is_some(), it.reached));
    let is_running = |key: &Key| matches!(busy.get(key), Some(Busy::Running));
    let running = |wanted: fn(&Work) -> bool| {
        busy.iter().filter(|((_, work), busy)| wanted(work) && matches!(busy, Busy::Running)).count()
    };
    let mut live = running(|work| *work == Work::Live);
    let mut of_buckets = BTreeMap::<&str, usize>::new();
    for state in held.iter().filter(|it| is_running(&(it.id, Work::Live))) {
        *of_buckets.entry(&state.settings.destination).or_default() += 1;
    }
    let (mut backfills, mut mails, mut begun) = (Vec::new(), Vec::new(), Vec::new());
    for state in held {
        for work in Work::due(state, now, mail_after) {
            let key = (state.id, work);
            if busy.contains_key(&key) {
                continue;
            }
            match &key.1 {
                Work::Live => {
                    let of_bucket = of_buckets.entry(&state.settings.destination).or_default();
                    if live < LIVE_MAX && *of_bucket < OF_A_BUCKET_MAX {
                        (live, *of_bucket) = (live + 1, *of_bucket + 1);
                        begun.push(key);
                    }
                }
                Work::Backfill => {
                    backfills.push((state.open_backfill().map(|it| (it.failing.is_some(), it.moved_at)), key));
                }
                Work::Mail(_) => mails.push(key),
            }
        }
    }
    // The one that has waited longest for its turn; those that fail take what the others leave.
    backfills.sort_by_key(|(turn, _)| *turn);
    let room = BACKFILLS_MAX.saturating_sub(running(|work| *work == Work::Backfill));
    begun.extend(backfills.into_iter().map(|(_, key)| key).take(room));
    begun.extend(mails.into_iter().take(MAILS_MAX.saturating_sub(running(|work| matches!(work, Work::Mail(_))))));
    begun
}

impl Work {
    /// All that is to be done now.
    pub(super) fn due(state: &SyncState, now: Moment, mail_after: Duration) -> Vec<Self> {
        let mut due = Vec::new();
        if (state.open.is_some() && !state.is_paused) || state.due(now).is_some() {
            due.push(Self::Live);
        }
        if state.open_backfill().is_some() {
            due.push(Self::Backfill);
        }
        if due_at(state, mail_after).is_some_and(|at| at <= now) {
            due.extend(state.to_tell().cloned().map(Self::Mail));
        }
        due
    }

    /// What this is the event of; `None` of what people do, and of what is said in the midst of a step.
    pub(super) fn of(event: &BucketSyncEvent) -> Option<Self> {
        match event.event_type {
            Type::Failed if event.number.is_some() => Some(Self::Backfill),
            Type::Looked | Type::Planned | Type::Stored | Type::Failed => Some(Self::Live),
            Type::BackfillProgressed | Type::Backfilled => Some(Self::Backfill),
            Type::Notified => event.receiver.clone().map(Self::Mail),
            Type::Unknown
            | Type::Created
            | Type::Changed
            | Type::Paused
            | Type::Resumed
            | Type::Deleted
            | Type::BackfillRequested
            | Type::BackfillCancelled
            | Type::Packed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::write_sync_mail::tests::state;

    const MAIL_AFTER: Duration = Duration::from_secs(900);

    /// Syncs that are due, each a second less behind than the one before.
    fn due(count: i64, destination: &str) -> Vec<SyncState> {
        let one = |number: i64| {
            let mut state = SyncState { id: SyncId::generate(), ..state() };
            state.reached = Moment::from_micros(state.reached.as_micros() + number * 1_000_000);
            state.settings.destination = destination.to_owned();
            state
        };
        (0..count).map(one).collect()
    }

    /// One of which a past range is wanted, since then.
    fn with_past(state: SyncState, seconds: i64) -> SyncState {
        let wanted = BucketSyncEvent {
            range_from: Some(Moment::FIRST),
            range_to: Some(Moment::END),
            ..state.event(Type::BackfillRequested, Moment::from_millis(seconds * 1_000))
        };
        state.with(&wanted)
    }

    fn begun(held: &[SyncState], running: &[Key]) -> Vec<Key> {
        let busy = running.iter().map(|key| (key.clone(), Busy::Running)).collect();
        to_begin(held.iter(), &busy, Moment::END, MAIL_AFTER)
    }

    fn keys(states: &[SyncState], work: &Work) -> Vec<Key> {
        states.iter().map(|it| (it.id, work.clone())).collect()
    }

    #[test]
    fn past_ranges_take_turns_and_hold_up_no_live_object() {
        let mut held: Vec<_> = (0_i64..).zip(due(4, "lake")).map(|(number, it)| with_past(it, 10 - number)).collect();
        let all = keys(&held, &Work::Backfill);
        assert_eq!(begun(&held, &keys(&held, &Work::Live)), [all[3].clone(), all[2].clone()], "who waits longest");
        assert!(!begun(&held, &all[..2]).iter().any(|(_, work)| *work == Work::Backfill));
        // Even if all of them ran.
        held.extend(due(1, "lake"));
        assert!(begun(&held, &all).contains(&(held[4].id, Work::Live)));
    }

    #[test]
    fn past_range_that_could_be_brought_comes_before_those_that_fail() {
        let mut held: Vec<_> = due(5, "lake").into_iter().zip(1..).map(|(it, asked)| with_past(it, asked)).collect();
        for failing in &mut held[..4] {
            let failed = BucketSyncEvent { number: Some(1), ..failing.event(Type::Failed, Moment::END) };
            *failing = failing.clone().with(&failed);
        }
        let all = keys(&held, &Work::Backfill);
        let begun: Vec<_> = begun(&held, &[]).into_iter().filter(|(_, work)| *work == Work::Backfill).collect();
        assert_eq!(begun, [all[4].clone(), all[0].clone()]);
    }

    #[test]
    fn bucket_that_hangs_leaves_room_for_others() {
        let (hanging, well) = (due(8, "hangs"), due(1, "lake"));
        let held = [hanging.clone(), well.clone()].concat();
        let first = begun(&held, &[]);
        assert_eq!(first.len(), 5);
        assert!(first.contains(&(well[0].id, Work::Live)));
        assert_eq!(begun(&held, &keys(&hanging[..4], &Work::Live)), [(well[0].id, Work::Live)]);
        assert_eq!(begun(&hanging, &[]), keys(&hanging[..4], &Work::Live), "who is furthest behind");
        // Two of them.
        let held = [due(4, "hangs"), due(4, "hangs too")].concat();
        assert_eq!(begun(&held, &[]).len(), 6);
    }

    #[test]
    fn who_does_not_fail_comes_before_who_does() {
        let mut held = due(7, "lake");
        for failing in &mut held[..5] {
            *failing = failing.clone().with(&failing.event(Type::Failed, Moment::END));
        }
        let first: Vec<_> = begun(&held, &[]).into_iter().filter(|(_, work)| *work == Work::Live).collect();
        assert_eq!(first, keys(&[&held[5..], &held[..2]].concat(), &Work::Live));
    }

    #[test]
    fn each_receiver_is_told_by_a_step_of_its_own_whatever_else_runs() {
        let mut state = due(1, "lake").remove(0);
        state.settings.receivers = vec!["ann".to_owned(), "bob".to_owned()];
        let state = state.clone().with(&state.event(Type::Failed, Moment::FIRST));
        let (ann, bob) = ((state.id, Work::Mail("ann".to_owned())), (state.id, Work::Mail("bob".to_owned())));
        let live = (state.id, Work::Live);
        let held = std::slice::from_ref(&state);
        assert_eq!(begun(held, std::slice::from_ref(&live)), [ann.clone(), bob.clone()]);
        assert_eq!(begun(held, &[live.clone(), ann]), [bob]);
        assert!(
            to_begin([&state].into_iter(), &HashMap::from([(live, Busy::Running)]), Moment::FIRST, MAIL_AFTER)
                .is_empty()
        );
    }

    #[test]
    fn step_is_known_again_by_its_event() {
        let state = state();
        let event = |event_type| state.event(event_type, Moment::FIRST);
        let of_past = BucketSyncEvent { number: Some(1), ..event(Type::Failed) };
        let noted = state.notified("ann", Moment::FIRST);
        let found = [event(Type::Failed), of_past, noted, event(Type::Paused)].map(|it| Work::of(&it));
        assert_eq!(found, [Some(Work::Live), Some(Work::Backfill), Some(Work::Mail("ann".to_owned())), None]);
    }
}
