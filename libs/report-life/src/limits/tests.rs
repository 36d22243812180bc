//! What reports take, and what is told where it is too much.

use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;

use super::*;
use crate::journal::Journal;
use schemas::examples::report_request as request;

const NOON: Moment = Moment::from_micros(10 * DAY + DAY / 2);

/// Reports of these numbers, each with 100 rows and 10 bytes.
fn reports(ends: &[(u8, ReportEventType, i64)]) -> Vec<ReportState> {
    let report = |number: u8| format!("0193a0b0-0000-7000-8000-0000000000{number:02}").parse().unwrap();
    let event = |number, event_type, at| ReportEvent {
        rows: Some(100),
        rows_expected: Some(300),
        size_bytes: Some(10),
        ..ReportEvent::new(report(number), "acme".parse().unwrap(), event_type, Moment::from_micros(at))
    };
    ends.iter().map(|(number, event_type, at)| ReportState::begun_by(&event(*number, *event_type, *at))).collect()
}

#[test]
fn todays_rows_and_those_that_are_on_their_way_count() {
    use ReportEventType::{Completed, Failed, Progressed, Requested, Waiting};
    let yesterday = 10 * DAY - 1;
    let of = reports(&[
        (1, Completed, yesterday),
        (2, Completed, 10 * DAY),
        (3, Failed, 11 * DAY - 1),
        (4, Progressed, yesterday),
        (5, Waiting, 10 * DAY),
        (6, Requested, 10 * DAY),
    ]);
    assert_eq!(Usage::of(&of, None, NOON), Usage { open: 3, rows: 700, bytes: 30, ..Usage::default() });
    assert_eq!(Usage::of(&of, Some(of[4].id), NOON).open, 1, "those that were there before");
    assert_eq!(Usage::of(&of, Some(of[3].id), NOON), Usage { rows: 400, bytes: 20, ..Usage::default() });
}

#[test]
fn asking_again_makes_nothing_undone() {
    use ReportEventType::{Cancelled, Completed, Expired, Failed};
    let mut state = reports(&[(1, Failed, 10 * DAY)]).remove(0);
    let used = |state: &ReportState| Usage::of([state], None, NOON);
    let mut rows = 100;
    for (end, more) in [(Cancelled, 100), (Completed, 300), (Failed, 100)] {
        let (report, tenant) = (state.id, state.tenant.clone());
        let at = Moment::from_micros(state.ended_at.unwrap().as_micros() + 1);
        if state.phase == Phase::Completed {
            state.apply(&ReportEvent::new(report, tenant.clone(), Expired, at));
        }
        state.apply(&Journal::retried(&ReportRequest { report_id: report, requested_at: at, ..request() }));
        assert_eq!((state.phase, used(&state).rows), (Phase::Requested, rows), "{end:?}");
        assert_eq!(Usage::of([&state], Some(report), NOON).rows, rows, "its own attempts, too");
        let (rows_now, rows_expected, size_bytes) = (Some(100), Some(300), Some(10));
        let end =
            ReportEvent { rows: rows_now, rows_expected, size_bytes, ..ReportEvent::new(report, tenant, end, at) };
        state.apply(&end);
        rows += more;
        assert_eq!(used(&state).rows, rows, "{end:?}");
    }
    assert_eq!(used(&state).bytes, 40);
    assert_eq!(Usage::of([&state], None, Moment::from_micros(11 * DAY)), Usage::default(), "tomorrow");
}

#[test]
fn limit_that_is_reached_is_told_with_when_it_ends() {
    let limits = Limits { open: 3, rows_a_day: 1_000, bytes_a_day: 50, ..Limits::default() };
    let usage = |open, rows, bytes| Usage { open, rows, bytes, ..Usage::default() };
    let tomorrow = Some(Moment::from_micros(11 * DAY));
    for (usage, rows, found) in [
        (usage(2, 999, 49), 1, None),
        (usage(3, 0, 0), 1, Some(("limits.open", None))),
        (usage(0, 1_000, 0), 0, Some(("limits.rows_a_day", tomorrow))),
        (usage(0, 0, 50), 0, Some(("limits.bytes_a_day", tomorrow))),
        (usage(0, 600, 0), 401, Some(("limits.rows_a_day", tomorrow))),
        (usage(0, 0, 0), 1_001, Some(("limits.rows_a_day", None))),
    ] {
        let reached = limits.reached(&usage, rows).map(|it| (it.setting(), it.again_at(NOON)));
        assert_eq!(reached, found, "{usage:?} {rows}");
        if rows == 0 {
            let over = limits.check(&usage, NOON).err().map(|over| (over.limit, over.again_at));
            assert_eq!(over, found, "{usage:?}");
        }
    }
}

#[test]
fn asking_and_downloading_are_counted_by_the_day() {
    use ReportEventType::{Cancelled, Downloaded};
    let at = |micros| Moment::from_micros(micros);
    let asked = |requested_at| ReportRequest { requested_at, ..request() };
    let mut state = ReportState::begun_by(&Journal::requested(&asked(at(10 * DAY))));
    // Noted twice.
    state.apply(&Journal::requested(&asked(at(10 * DAY + 1))));
    let used = |state: &ReportState, day| Usage::of([state], None, at(day * DAY));
    assert_eq!((used(&state, 10).asked, used(&state, 11).asked), (1, 0));
    for again in 1..=3 {
        let (report, tenant) = (state.id, state.tenant.clone());
        state.apply(&ReportEvent::new(report, tenant, Cancelled, at(10 * DAY + 10 * again)));
        let again = Journal::retried(&asked(at(10 * DAY + 10 * again + 1)));
        state.apply(&again);
        // It comes twice.
        state.apply(&again);
    }
    assert_eq!(used(&state, 10).asked, 4);
    assert_eq!(Usage::of([&state], Some(state.id), NOON).asked, 3, "all but this time");
    for second in 0..5 {
        let downloaded = ReportEvent::new(state.id, state.tenant.clone(), Downloaded, at(11 * DAY + second));
        state.apply(&downloaded);
    }
    // A clock that is behind.
    state.apply(&ReportEvent::new(state.id, state.tenant.clone(), Downloaded, NOON));
    let today = used(&state, 11);
    assert_eq!((used(&state, 10).downloads, today.downloads, today.asked), (0, 5, 0));

    let limits = Limits { reports_a_day: 4, downloads_a_day: 5, ..Limits::default() };
    let over = limits.check(&used(&state, 10), NOON).unwrap_err();
    assert_eq!((over.limit, over.again_at), ("limits.reports_a_day", Some(at(11 * DAY))));
    assert!(over.message.ends_with("4 times today, of 4 a day; ask again after midnight UTC"), "{over}");
    assert_eq!(limits.check(&today, NOON), Ok(()));
    let over = limits.check_download(&today, at(11 * DAY)).unwrap_err();
    assert_eq!((over.limit, over.again_at), ("limits.downloads_a_day", Some(at(12 * DAY))));
    assert_eq!(limits.check_download(&used(&state, 10), NOON), Ok(()));
}
