//! What events leave, and what comes next.

use schemas::report_request::{Compression, ReportFormat};

use super::*;

pub(crate) fn at(seconds: i64) -> Moment {
    Moment::from_millis(seconds * 1_000)
}

pub(crate) fn settings() -> BucketSyncSettings {
    BucketSyncSettings {
        name: "To our lake".to_owned(),
        destination: "lake".to_owned(),
        format: ReportFormat::Ndjson,
        compression: Compression::Gzip,
        denied: false,
        interval_seconds: 60,
        receivers: vec!["admin@acme.example".to_owned()],
        filter: None,
    }
}

fn listed(offsets: &[(i32, i64)]) -> Vec<BarrierOffset> {
    offsets.iter().map(|&(partition, offset)| BarrierOffset { partition, offset }).collect()
}

pub(crate) fn made() -> SyncState {
    let barrier = listed(&[(0, 10), (1, 20)]);
    let event = crate::change::created("acme".parse().unwrap(), settings(), barrier, "admin", at(100));
    SyncState::begun_by(&event).unwrap()
}

fn planned(state: &SyncState, end: i64, until: &[(i32, i64)]) -> BucketSyncEvent {
    let event = state.event(Type::Planned, at(end));
    BucketSyncEvent { number: Some(state.next), interval_end: Some(at(end)), until: listed(until), ..event }
}

fn stored(state: &SyncState, number: i64) -> BucketSyncEvent {
    let event = state.event(Type::Stored, at(500));
    BucketSyncEvent { number: Some(number), rows: Some(3), object_key: Some("key".to_owned()), ..event }
}

#[test]
fn object_is_what_lies_between_two_checkpoints() {
    let mut state = made();
    assert_eq!((state.due(at(119)), state.due(at(125))), (None, Some(at(120))));
    let plan = planned(&state, 120, &[(0, 15), (1, 20), (2, 4)]);
    state.apply(&plan);
    let open = state.open.clone().unwrap();
    assert_eq!((open.number, open.from), (1, [(0, 10), (1, 20)].into()));
    assert_eq!(open.until, [(0, 15), (1, 20), (2, 4)].into());
    assert_eq!(state.due(at(200)), None, "one after the other");
    state.apply(&stored(&state, 1));
    assert_eq!((state.open.clone(), state.reached, state.due(at(180))), (None, at(120), Some(at(180))));
    assert_eq!(state.last_object.as_ref().map(|it| it.rows), Some(3));
}

#[test]
fn what_may_lie_in_the_place_of_an_object_is_known_until_it_is_stored() {
    let packed = |state: &SyncState, number, rows, sha256: &str| BucketSyncEvent {
        number: Some(number),
        rows: Some(rows),
        size_bytes: Some(10 * rows),
        sha256: Some(sha256.to_owned()),
        ..state.event(Type::Packed, at(130))
    };
    let mut state = made();
    let before = state.clone();
    state.apply(&packed(&before, 1, 3, "of no plan"));
    assert_eq!(state, before);
    let plan = planned(&state, 120, &[(0, 15)]);
    state.apply(&plan);
    for event in [
        packed(&state, 1, 3, "a"),
        packed(&state, 1, 3, "b"),
        packed(&state, 1, 3, "a"),
        packed(&state, 2, 3, "of another"),
        BucketSyncEvent { sha256: None, ..packed(&state, 1, 3, "") },
    ] {
        state.apply(&event);
    }
    let known: Vec<_> = state.open.as_ref().unwrap().packed.iter().map(|it| it.sha256.as_str()).collect();
    assert_eq!(known, ["a", "b"]);
    // The next one knows nothing of them.
    state.apply(&stored(&state, 1));
    let plan = planned(&state, 180, &[(0, 16)]);
    state.apply(&plan);
    assert!(state.open.as_ref().unwrap().packed.is_empty());
}

#[test]
fn first_plan_of_a_number_counts_and_what_is_told_twice_is_told_once() {
    let mut state = made();
    let (first, zombie) = (planned(&state, 120, &[(0, 15)]), planned(&state, 120, &[(0, 19)]));
    state.apply(&first);
    state.apply(&zombie);
    assert_eq!(state.open.as_ref().unwrap().until[&0], 15);
    let looked = BucketSyncEvent { event_type: Type::Looked, ..zombie.clone() };
    state.apply(&looked);
    assert_eq!(state.until[&0], 15, "who looked did so before it was planned");
    state.apply(&stored(&state, 1));
    let after = state.clone();
    for late in [first, zombie, looked, stored(&after, 1)] {
        state.apply(&late);
        assert_eq!(state, after);
    }
}

#[test]
fn no_checkpoint_goes_back() {
    let mut state = made();
    state.apply(&BucketSyncEvent { event_type: Type::Looked, ..planned(&state, 120, &[(0, 3), (1, 25)]) });
    assert_eq!((state.until.clone(), state.reached), ([(0, 10), (1, 25)].into(), at(120)));
    // Nothing came, but not all was looked at.
    let behind = BucketSyncEvent { event_type: Type::Looked, is_behind: true, ..planned(&state, 180, &[(0, 12)]) };
    assert_eq!(state.clone().with(&behind).reached, at(120));
    let (until, is_behind) = state.next_until(&[(0, 4), (1, 30), (2, 1)].into());
    assert_eq!((until, is_behind), ([(0, 10), (1, 30), (2, 1)].into(), false));
}

#[test]
fn what_is_more_than_one_object_takes_comes_in_the_next_at_once() {
    let mut state = made();
    let all: Offsets = [(0, 10 + 4 * OFFSETS_MAX), (1, 21)].into();
    let mut objects = 0;
    loop {
        let (until, is_behind) = state.next_until(&all);
        let listed: Vec<_> = until.iter().map(|(partition, offset)| (*partition, *offset)).collect();
        let plan = BucketSyncEvent { is_behind, ..planned(&state, 120, &listed) };
        state.apply(&plan);
        let number = state.open.as_ref().unwrap().number;
        state.apply(&stored(&state, number));
        objects += 1;
        if !is_behind {
            break;
        }
        assert_eq!(state.due(at(120)), Some(at(120)));
    }
    assert_eq!((objects, state.until, state.reached), (5, all, at(120)));
}

/// Who does not know how it stands.
fn to_tell(state: &SyncState) -> Vec<&str> {
    state.to_tell().map(String::as_str).collect()
}

fn away(state: &SyncState, seconds: i64) -> BucketSyncEvent {
    BucketSyncEvent { reason: Some("away".to_owned()), ..state.event(Type::Failed, at(seconds)) }
}

#[test]
fn receivers_are_told_once_that_it_fails_and_once_that_it_is_well() {
    let mut state = made();
    state.settings.receivers = vec!["ann".to_owned(), "bob".to_owned()];
    assert!(to_tell(&state).is_empty());
    let plan = planned(&state, 120, &[(0, 15)]);
    state.apply(&plan);
    let known = Some(KnownReason { code: "away".to_owned(), values: Vec::new() });
    let failed = BucketSyncEvent { known_reason: known.clone(), ..away(&state, 130) };
    state.apply(&failed);
    state.apply(&BucketSyncEvent { at: at(135), ..failed.clone() });
    assert_eq!(state.failing, Some(Failing { since: at(130), reason: "away".to_owned(), known }));
    assert_eq!(to_tell(&state), ["ann", "bob"]);
    let ann_knows = state.notified("ann", at(140));
    state.apply(&ann_knows);
    assert_eq!((to_tell(&state), state.well_since), (vec!["bob"], None), "each for himself");
    // Who was never told is not told that it is well.
    state.apply(&stored(&state, 1));
    assert_eq!((to_tell(&state), state.well_since, state.failing.clone()), (vec!["ann"], Some(at(500)), None));
    // A mail that was on its way when it was well again is followed by another.
    let bob_knows = BucketSyncEvent { receiver: Some("bob".to_owned()), ..ann_knows };
    state.apply(&bob_knows);
    assert_eq!((to_tell(&state), state.well_since), (vec!["ann", "bob"], Some(at(500))));
    let well = state.notified("ann", at(510));
    state.apply(&well);
    // It fails again before bob was told: of him nothing has changed.
    state.apply(&away(&state, 520));
    assert_eq!((to_tell(&state), state.well_since), (vec!["ann"], None));
    let plan = planned(&state, 600, &[(0, 16)]);
    state.apply(&plan);
    state.apply(&stored(&state, 2));
    let well = state.notified("bob", at(610));
    state.apply(&well);
    assert_eq!((to_tell(&state).len(), state.well_since), (0, None));
}

fn backfilled(state: &SyncState, number: i64, seconds: i64) -> BucketSyncEvent {
    BucketSyncEvent { number: Some(number), objects: Some(3), ..state.event(Type::Backfilled, at(seconds)) }
}

#[test]
fn past_that_fails_is_not_well_by_what_is_live_nor_the_other_way_round() {
    let mut state = made();
    let (asked, _) = crate::change::backfill(&state, (at(0), at(7_200)), "admin", at(110)).unwrap();
    state.apply(&asked);
    let past_fails = |state: &SyncState, seconds| BucketSyncEvent { number: Some(1), ..away(state, seconds) };
    state.apply(&past_fails(&state, 120));
    let looked = |state: &SyncState, end| BucketSyncEvent { event_type: Type::Looked, ..planned(state, end, &[]) };
    for end in [180, 240] {
        state.apply(&looked(&state, end));
        state.apply(&past_fails(&state, end + 5));
    }
    assert_eq!(state.fails().map(|it| it.since), Some(at(120)), "since the first time");
    let told = state.notified("admin@acme.example", at(300));
    state.apply(&told);
    // What is live fails too, and is what is shown.
    assert!(to_tell(&state).is_empty());
    state.apply(&away(&state, 310));
    assert_eq!(state.fails().map(|it| it.since), Some(at(310)));
    assert_eq!(to_tell(&state), ["admin@acme.example"], "of the next object it knows nothing yet");
    state.apply(&state.notified("admin@acme.example", at(312)));
    assert!(to_tell(&state).is_empty());
    state.apply(&backfilled(&state, 1, 320));
    assert_eq!((state.fails().map(|it| it.since), state.well_since), (Some(at(310)), None));
    state.apply(&looked(&state, 360));
    assert_eq!((state.fails(), state.well_since), (None, Some(at(360))));
    // What comes late about a range that is done changes nothing.
    state.apply(&past_fails(&state, 370));
    assert_eq!(state.fails(), None);
}

#[test]
fn past_is_brought_piece_by_piece_until_it_is_done_or_not_wanted_any_more() {
    const HOURS: i64 = 3_600;
    let mut state = made();
    let (asked, _) = crate::change::backfill(&state, (at(0), at(10 * HOURS)), "admin", at(110)).unwrap();
    state.apply(&asked);
    state.apply(&asked);
    let progressed = |state: &SyncState, hour: i64, objects, seconds| BucketSyncEvent {
        number: Some(1),
        range_from: Some(at(hour * HOURS)),
        objects: Some(objects),
        ..state.event(Type::BackfillProgressed, at(seconds))
    };
    assert_eq!(state.backfills[0].hours(), (0, 10));
    state.apply(&progressed(&state, 4, 2, 120));
    // Another exporter that believes that it is its own.
    state.apply(&progressed(&state, 3, 1, 130));
    let first = &state.backfills[0];
    assert_eq!((first.hours(), first.objects, first.moved_at), ((4, 10), 2, at(120)));
    state.apply(&backfilled(&state, 1, 140));
    let first = &state.backfills[0];
    assert_eq!((first.hours(), first.objects, first.end), ((10, 10), 3, Some(BackfillEnd::Done)));
    let done = state.clone();
    let cancelled = |state: &SyncState, number| BucketSyncEvent {
        number: Some(number),
        ..state.event(Type::BackfillCancelled, at(150))
    };
    for late in [progressed(&done, 5, 9, 150), cancelled(&done, 1), backfilled(&done, 1, 150)] {
        state.apply(&late);
        assert_eq!(state, done);
    }
    assert_eq!(state.open_backfill().map(|it| it.number), Some(2));
    state.apply(&cancelled(&state, 2));
    state.apply(&backfilled(&state, 2, 160));
    assert_eq!((state.open_backfill(), state.backfills[1].end), (None, Some(BackfillEnd::Cancelled)));
}

#[test]
fn who_becomes_a_receiver_is_told_and_who_is_none_any_more_is_not() {
    let mut state = made();
    state.apply(&away(&state, 130));
    // As exporters wrote it that told all at once.
    let all = BucketSyncEvent { receiver: None, ..state.notified("", at(140)) };
    state.apply(&all);
    assert!(to_tell(&state).is_empty());
    let settings = BucketSyncSettings { receivers: vec!["ann".to_owned()], ..settings() };
    let changed = BucketSyncEvent { settings: Some(settings), ..state.event(Type::Changed, at(150)) };
    state.apply(&changed);
    assert_eq!((to_tell(&state), state.receivers_since), (vec!["ann"], at(150)));
    let looked = BucketSyncEvent { event_type: Type::Looked, ..planned(&state, 180, &[]) };
    state.apply(&looked);
    assert_eq!((to_tell(&state).len(), state.well_since), (0, None), "nobody knew");
}

#[test]
fn paused_sync_goes_on_where_it_was() {
    let mut state = made();
    let paused = state.event(Type::Paused, at(110));
    state.apply(&paused);
    assert_eq!((state.due(at(1_000)), state.lag_seconds(at(1_000))), (None, None));
    let resumed = state.event(Type::Resumed, at(1_000));
    state.apply(&resumed);
    assert_eq!((state.due(at(1_000)), state.until.clone()), (Some(at(960)), state.start));
}

#[test]
fn tenant_has_its_own_until_they_are_deleted() {
    let (mut syncs, state) = (BTreeMap::new(), made());
    let event = BucketSyncEvent { settings: Some(settings()), ..state.event(Type::Created, at(100)) };
    take(&mut syncs, &event);
    let foreign = BucketSyncEvent { tenant: "globex".parse().unwrap(), ..state.event(Type::Deleted, at(101)) };
    take(&mut syncs, &foreign);
    take(&mut syncs, &BucketSyncEvent { event_type: Type::Paused, ..foreign });
    assert!(!syncs[&state.id].is_paused);
    take(&mut syncs, &state.event(Type::Deleted, at(102)));
    assert!(syncs.is_empty());
}

proptest::proptest! {
    /// Two exporters write plans and ends of what they know, late and in any order: objects follow each other without gap or overlap.
    #[test]
    fn every_offset_is_in_one_object(steps in proptest::collection::vec((0_usize..2, 0_i64..9, 0_u8..4), 1..80)) {
        let begun = made();
        let (mut log, mut known) = (Vec::<BucketSyncEvent>::new(), [begun.clone(), begun.clone()]);
        let (mut read, mut ingested) = ([0, 0], 10);
        let (mut truth, mut objects) = (begun, Vec::new());
        for (member, more, act) in steps {
            ingested += more;
            let state = &mut known[member];
            match act {
                0 => {
                    // Reads what it has not read yet.
                    for event in &log[read[member]..] {
                        state.apply(event);
                    }
                    read[member] = log.len();
                    continue;
                }
                1 => log.push(planned(state, 120, &[(0, ingested)])),
                2 => log.push(BucketSyncEvent { event_type: Type::Looked, ..planned(state, 120, &[]) }),
                _ => {
                    let Some(open) = &state.open else { continue };
                    log.push(stored(state, open.number));
                }
            }
            let before = truth.open.clone();
            truth.apply(log.last().unwrap());
            if truth.open.is_some() && before.is_none() {
                objects.push(truth.open.clone().unwrap());
            }
        }
        let mut end = 10;
        for object in &objects {
            proptest::prop_assert_eq!(object.from[&0], end);
            end = object.until[&0];
        }
        proptest::prop_assert_eq!(end, truth.until[&0]);
    }
}
