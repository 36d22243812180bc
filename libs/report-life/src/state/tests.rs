//! What events leave, in whatever order they come.

use proptest::prelude::*;

use super::*;
use crate::journal::Journal;
use crate::plan::Failure;
use schemas::event_id::EventId;
use schemas::examples::report_request as request;
use schemas::report_event::{FileDone, RowPlace, UploadedPart};

fn no_space() -> KnownReason {
    KnownReason { code: "no_space".to_owned(), values: vec!["7".to_owned()] }
}

fn event(event_type: ReportEventType) -> ReportEvent {
    let request = request();
    ReportEvent {
        rows: Some(7),
        object_key: Some("reports/acme/1/x.csv".to_owned()),
        receiver: Some("admin@acme.example".to_owned()),
        reason: Some("no space".to_owned()),
        known_reason: Some(no_space()),
        ..ReportEvent::new(request.report_id, request.tenant, event_type, Moment::FIRST)
    }
}

fn retried(millis: i64) -> ReportEvent {
    Journal::retried(&ReportRequest { requested_at: Moment::from_millis(millis), ..request() })
}

fn folded(types: &[ReportEventType]) -> ReportState {
    let mut state = ReportState::begun_by(&event(ReportEventType::Requested));
    types.iter().for_each(|it| state.apply(&event(*it)));
    state
}

#[test]
fn report_that_ended_stays_ended_until_it_is_asked_for_again() {
    use ReportEventType::{Completed, Expired, Failed, Progressed, Started};
    let completed = folded(&[Started, Completed, Failed, Progressed]);
    assert_eq!(completed.phase, Phase::Completed);
    let failed = folded(&[Started, Failed]);
    assert_eq!((failed.phase, &failed.object_key), (Phase::Failed, &None));
    for (mut ended, begins) in [(failed, true), (completed, false), (folded(&[Completed, Expired]), true)] {
        let before = ended.clone();
        ended.apply(&retried(1));
        assert_eq!(ended.phase == Phase::Requested, begins, "{before:?}");
        assert_eq!(ended == before, !begins);
    }
}

#[test]
fn request_that_comes_twice_begins_once() {
    let mut state = folded(&[ReportEventType::Failed]);
    state.apply(&retried(1));
    state.apply(&event(ReportEventType::Failed));
    for again in [retried(1), retried(0), event(ReportEventType::Retried)] {
        state.apply(&again);
        assert_eq!(state.phase, Phase::Failed, "{again:?}");
    }
    state.apply(&retried(2));
    assert_eq!((state.phase, state.reason, state.known_reason), (Phase::Requested, None, None));
}

#[test]
fn attempt_that_was_taken_over_says_nothing_any_more() {
    let by = |attempt, event_type| ReportEvent { attempt: Some(attempt), ..event(event_type) };
    let mut state = folded(&[]);
    state.apply(&by(1, ReportEventType::Started));
    state.apply(&by(2, ReportEventType::Started));
    for late in [ReportEventType::Completed, ReportEventType::Failed, ReportEventType::Notified] {
        state.apply(&by(1, late));
        assert_eq!((state.phase, state.notified.len()), (Phase::Running, 0), "{late:?}");
    }
    state.apply(&by(2, ReportEventType::Failed));
    state.apply(&retried(1));
    state.apply(&by(2, ReportEventType::Notified));
    assert_eq!((state.phase, state.notified.len()), (Phase::Requested, 0), "the mail was about the failure");
    state.apply(&by(3, ReportEventType::Cancelled));
    assert_eq!(state.phase, Phase::Cancelled);
}

#[test]
fn cancelling_and_completion_have_one_outcome_whichever_is_first() {
    use ReportEventType::{CancelRequested, Cancelled, Completed, Started};
    assert!(folded(&[Started, CancelRequested]).cancel_requested);
    for (events, phase) in [
        (&[Started, CancelRequested, Completed, Cancelled][..], Phase::Completed),
        (&[Started, Completed, CancelRequested][..], Phase::Completed),
        (&[Started, CancelRequested, Cancelled, Completed][..], Phase::Cancelled),
        (&[CancelRequested, Cancelled][..], Phase::Cancelled),
    ] {
        let state = folded(events);
        assert_eq!((state.phase, state.cancel_requested), (phase, false), "{events:?}");
        assert_eq!(state.object_key.is_some(), phase == Phase::Completed, "{events:?}");
    }
}

#[test]
fn receivers_are_to_be_told_once_before_a_file_is_deleted_that_nobody_fetched() {
    const DAY: Duration = Duration::from_secs(86_400);
    let at = |days: i64| Moment::from_millis(days * 86_400_000);
    let receivers = vec!["b@acme.example".to_owned(), "a@acme.example".to_owned(), "a@acme.example".to_owned()];
    let asked = Journal::requested(&ReportRequest { receivers, ..request() });
    let completed = ReportEvent { expires_at: Some(at(10)), ..event(ReportEventType::Completed) };
    let made = || {
        let mut state = ReportState::begun_by(&asked);
        state.apply(&completed);
        state
    };
    let both = ["a@acme.example", "b@acme.example"];
    for (before, now, told) in [
        (3 * DAY, 6, &[][..]),
        (3 * DAY, 7, &both),
        (3 * DAY, 9, &both),
        (3 * DAY, 10, &[]),
        (10 * DAY, 9, &[]), // kept no longer than that
        (Duration::ZERO, 10, &[]),
        (Duration::MAX, 9, &[]),
    ] {
        assert_eq!(made().to_remind(before, at(now)), told, "{before:?} {now}");
    }
    let mut state = made();
    state.apply(&ReportEvent { receiver: Some(both[0].to_owned()), ..event(ReportEventType::Reminded) });
    assert_eq!(state.to_remind(3 * DAY, at(8)), both[1..]);
    state.apply(&event(ReportEventType::Downloaded));
    assert!(state.to_remind(3 * DAY, at(8)).is_empty());
    // Made anew, everything begins again.
    state.apply(&event(ReportEventType::Expired));
    state.apply(&Journal::retried(&ReportRequest { requested_at: at(20), ..asked.request.clone().unwrap() }));
    state.apply(&ReportEvent { at: at(21), expires_at: Some(at(31)), ..event(ReportEventType::Completed) });
    assert_eq!(state.to_remind(3 * DAY, at(29)), both);
}

#[test]
fn sizes_beyond_any_report_are_taken_as_the_largest() {
    let most = Some(i64::MAX);
    let mut state = folded(&[ReportEventType::Started]);
    state.apply(&of_slice(ReportEventType::Planned, "a", 0, 0));
    let told = of_slice(ReportEventType::SliceProgressed, "a", 0, 7);
    state.apply(&ReportEvent { rows: most, size_bytes: most, ..told });
    let parts = Some(vec![UploadedPart { number: 1, etag: "a".to_owned(), size_bytes: i64::MAX }]);
    let done = of_slice(ReportEventType::SliceDone, "a", 1, 7);
    state.apply(&ReportEvent { rows: most, staged_bytes: most, parts, ..done });
    assert_eq!((state.rows, state.size_bytes), (i64::MAX, i64::MAX));
    state.apply(&ReportEvent { files: most, ..event(ReportEventType::Completed) });
    assert_eq!(state.file_keys().len(), 10_000);
}

#[test]
fn event_that_names_another_tenant_is_not_taken() {
    let mut state = folded(&[ReportEventType::Started]);
    let foreign = ReportEvent { tenant: "globex".parse().unwrap(), ..event(ReportEventType::Failed) };
    state.apply(&foreign);
    assert_eq!(state.phase, Phase::Running);
}

/// An event of attempt 1 about a slice of `upload`.
fn of_slice(event_type: ReportEventType, upload: &str, slice: i32, rows: i64) -> ReportEvent {
    ReportEvent {
        attempt: Some(1),
        upload_id: Some(upload.to_owned()),
        encoder_version: Some(1),
        slices_expected: Some(3),
        slice: Some(slice),
        rows: Some(rows),
        size_bytes: Some(rows * 10),
        staged_key: Some(format!("{upload}-{rows}")),
        staged_bytes: Some(rows * 10),
        sha256: Some(format!("sha256 of {rows}")),
        ..event(event_type)
    }
}

#[test]
fn slices_are_folded_whoever_makes_them_and_the_first_maker_counts() {
    use ReportEventType::{Planned, SliceDone, SliceFailed, SliceProgressed};
    let mut state = folded(&[]);
    state.apply(&ReportEvent { attempt: Some(1), ..event(ReportEventType::Started) });
    // Nobody has planned: nothing is known of slices.
    state.apply(&of_slice(SliceDone, "a", 0, 5));
    state.apply(&of_slice(Planned, "a", 0, 0));
    state.apply(&of_slice(Planned, "b", 0, 0));
    for event in [
        of_slice(SliceProgressed, "a", 0, 5),
        of_slice(SliceProgressed, "a", 1, 1),
        of_slice(SliceDone, "a", 0, 7),
        of_slice(SliceDone, "a", 0, 8),
        of_slice(SliceProgressed, "a", 0, 4),
        of_slice(SliceFailed, "a", 0, 4),
        of_slice(SliceDone, "b", 1, 9),
        of_slice(SliceDone, "a", 3, 9),
        of_slice(SliceDone, "a", -1, 9),
    ] {
        state.apply(&event);
    }
    assert_eq!((state.rows, state.size_bytes, state.slices), (8, 80, 1));
    let plan = state.plan.clone().unwrap();
    assert!(plan.upload_id == "a" && plan.has(0) && !plan.has(1) && plan.stored().is_none() && plan.failed.is_none());
    state.apply(&of_slice(SliceDone, "a", 2, 1));
    state.apply(&of_slice(SliceDone, "a", 1, 2));
    let stored = state.plan.as_ref().unwrap().stored().unwrap();
    let keys: Vec<_> = stored.iter().map(|it| it.staged_key.as_deref().unwrap()).collect();
    assert_eq!(keys, ["a-7", "a-2", "a-1"]);
    assert_eq!(stored[0].sha256.as_deref(), Some("sha256 of 7"));
    // Another attempt begins: what the last one's makers say is not taken.
    state.apply(&ReportEvent { attempt: Some(2), ..event(ReportEventType::Started) });
    assert!(state.plan.is_none());
    state.apply(&of_slice(Planned, "a", 0, 0));
    assert!(state.plan.is_none() && state.rows == 0);
}

#[test]
fn what_slices_have_counted_is_merged_from_the_first_row_on_and_at_a_pace_of_its_own() {
    use ReportEventType::{Cancelled, Planned, Progressed, SliceDone, SliceProgressed};
    let at = |second: i64| Moment::from_micros(second * 1_000_000);
    let merging = |kind| {
        let mut state = folded(&[]);
        state.request = Some(ReportRequest { kind, ..request() });
        for (event, second) in [
            (ReportEvent { rows_expected: Some(30), ..event(ReportEventType::Started) }, 0),
            (of_slice(Planned, "a", 0, 0), 1),
            (of_slice(SliceDone, "a", 0, 10), 2),
            (of_slice(SliceDone, "a", 1, 10), 4),
            (of_slice(SliceProgressed, "a", 2, 5), 6),
        ] {
            state.apply(&ReportEvent { attempt: Some(1), at: at(second), ..event });
            assert!(!state.is_merging());
        }
        state.apply(&ReportEvent { at: at(10), ..of_slice(SliceDone, "a", 2, 10) });
        state
    };
    let lines = merging(ReportKind::Events);
    assert_eq!((lines.is_merging(), lines.rows), (false, 30));
    for kind in [ReportKind::Summary, ReportKind::UserActivity, ReportKind::Traffic] {
        let mut state = merging(kind);
        assert_eq!((state.is_merging(), state.rows, state.slices), (true, 0, 3));
        assert_eq!((state.pace.rows_per_second(), state.pace.ends_at(30)), (None, None), "nothing is known of it yet");
        let told = |second, rows| ReportEvent {
            attempt: Some(1),
            at: at(second),
            rows: Some(rows),
            slices: Some(3),
            size_bytes: Some(300),
            ..event(Progressed)
        };
        state.apply(&told(20, 10));
        // Late word of a slice that another one was first with.
        state.apply(&ReportEvent { at: at(21), ..of_slice(SliceDone, "a", 1, 10) });
        assert_eq!((state.is_merging(), state.rows, state.slices), (true, 10, 3));
        assert_eq!((state.pace.ends_at(30), state.told_at), (Some(at(40)), at(21)));
        let mut cancelled = state.clone();
        cancelled.apply(&ReportEvent { attempt: Some(1), rows: None, ..event(Cancelled) });
        assert_eq!((cancelled.is_merging(), cancelled.rows), (false, 30), "all of them were read");
        state.apply(&ReportEvent { attempt: Some(2), ..event(ReportEventType::Started) });
        assert!(!state.is_merging());
    }
}

#[test]
fn slice_that_cannot_be_made_is_told_with_its_reason() {
    let mut state = folded(&[ReportEventType::Started]);
    state.apply(&of_slice(ReportEventType::Planned, "a", 0, 0));
    state.apply(&of_slice(ReportEventType::SliceFailed, "a", 1, 0));
    let failure = Failure { reason: "no space".to_owned(), known: Some(no_space()) };
    assert_eq!(state.plan.as_ref().unwrap().failed, Some(failure));
    state.apply(&event(ReportEventType::Failed));
    assert!(state.plan.is_none());
    assert_eq!(state.known_reason, Some(no_space()));
}

#[test]
fn files_of_a_report_are_those_of_its_last_completion() {
    let started = |attempt, slices| ReportEvent {
        attempt: Some(attempt),
        slices_expected: Some(slices),
        ..event(ReportEventType::Started)
    };
    let mut state = folded(&[]);
    for (attempt, slices) in [(1, 4), (2, 3)] {
        state.apply(&started(attempt, slices));
    }
    assert_eq!((state.files, state.slices_most, state.file_keys()), (0, 4, Vec::new()));
    state.apply(&ReportEvent { attempt: Some(2), files: Some(3), ..event(ReportEventType::Completed) });
    let keys = [0, 1, 2].map(|number| format!("reports/acme/1/x/part-0000{number}.csv"));
    assert_eq!((state.files, state.file_keys()), (3, keys.to_vec()));
    state.apply(&event(ReportEventType::Expired));
    assert_eq!((state.files, state.slices_most, state.file_keys()), (0, 4, Vec::new()));
    assert_eq!(
        folded(&[ReportEventType::Completed]).file_keys(),
        ["reports/acme/1/x.csv"],
        "one, where it says nothing"
    );
}

/// A file of so many rows.
fn file(number: i32, rows: i64) -> FileDone {
    let event_id = EventId::from_parts(0, [7; 10]);
    let last_row = RowPlace { end_time: Moment::FIRST, event_id, of_millisecond: 1 };
    FileDone { number, rows, size_bytes: 9, sha256: "00".repeat(32), last_row }
}

#[test]
fn files_are_noted_without_a_gap_and_of_one_attempt_and_version() {
    let done = |attempt, version, number, rows| ReportEvent {
        attempt: Some(attempt),
        encoder_version: Some(version),
        file: Some(file(number, rows)),
        ..event(ReportEventType::FileDone)
    };
    let noted = |state: &ReportState| {
        let files = state.series.iter().flat_map(|series| series.files.clone());
        files.map(|file| (file.number, file.rows)).collect::<Vec<_>>()
    };
    let started = |attempt| ReportEvent { attempt: Some(attempt), ..event(ReportEventType::Started) };
    let mut state = folded(&[]);
    state.apply(&started(1));
    for event in [
        done(1, 2, 1, 5),
        done(1, 2, 0, 5),
        done(1, 2, 0, 6), // somebody else made it too
        done(1, 3, 1, 5),
        done(1, 2, 2, 5),
        done(2, 2, 1, 5),
        done(1, 2, -1, 5),
        event(ReportEventType::FileDone),
        done(1, 2, 1, 7),
    ] {
        state.apply(&event);
    }
    assert_eq!((noted(&state), state.phase), (vec![(0, 5), (1, 7)], Phase::Running));
    assert_eq!(state.series.as_ref().unwrap().encoder_version, 2);
    // Another attempt has files of its own, and an end has none.
    state.apply(&started(2));
    state.apply(&done(1, 2, 0, 5));
    assert!(state.series.is_none());
    state.apply(&done(2, 2, 0, 8));
    assert_eq!(noted(&state), [(0, 8)]);
    state.apply(&ReportEvent { attempt: Some(2), ..event(ReportEventType::Failed) });
    state.apply(&done(2, 2, 1, 8));
    assert!(state.series.is_none());
}

fn types() -> impl Strategy<Value = ReportEventType> {
    use ReportEventType as T;
    prop::sample::select(vec![
        T::Unknown,
        T::Requested,
        T::Waiting,
        T::Started,
        T::Progressed,
        T::CancelRequested,
        T::Completed,
        T::Failed,
        T::Cancelled,
        T::Notified,
        T::Retried,
        T::Downloaded,
        T::Expired,
        T::Planned,
        T::SliceProgressed,
        T::SliceDone,
        T::SliceFailed,
        T::Reminded,
        T::FileDone,
    ])
}

proptest! {
    #[test]
    fn any_order_of_events_folds(events in prop::collection::vec((types(), 0..4_i32), 0..30)) {
        let mut state = folded(&[]);
        for (event_type, number) in events {
            let request = ReportRequest { requested_at: Moment::from_millis(number.into()), ..request() };
            let attempt = Some(number).filter(|it| *it > 0);
            let (file, encoder_version) = (Some(file(number, 7)), Some(1));
            state.apply(&ReportEvent { attempt, request: Some(request), file, encoder_version, ..event(event_type) });
        }
        prop_assert!(!state.cancel_requested || !state.phase.is_final());
        prop_assert_eq!(state.object_key.is_some(), state.phase == Phase::Completed);
        prop_assert_eq!(state.files > 0, state.phase == Phase::Completed);
        prop_assert_eq!(state.ended_at.is_some(), state.phase.is_final());
        prop_assert!(state.plan.is_none() || !state.phase.is_final());
        prop_assert!(state.series.is_none() || !state.phase.is_final());
    }
}
