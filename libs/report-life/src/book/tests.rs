use schemas::examples::report_request;
use schemas::report_event::ReportEventType;
use schemas::report_request::ReportRequest;

use super::*;
use crate::journal::Journal;
use crate::phase::Phase;

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
    let event =
        |event_type, seconds: i64| ReportEvent::new(id, acme.clone(), event_type, Moment::from_millis(seconds * 1_000));
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
