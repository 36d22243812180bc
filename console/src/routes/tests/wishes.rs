//! Reports that are cancelled and asked for again.

use report_life::Journal;
use schemas::ids::ReportId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use serde_json::json;

use super::fixture::Console;

/// A report of `acme` that an admin asked for, as its request is.
async fn asked(console: &Console, cookie: &str) -> ReportRequest {
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    assert_eq!(console.post("/api/v1/reports", cookie, &new).await.status, 201);
    let request = console.world.requests.lock().unwrap().pop().unwrap();
    console.apply(Journal::requested(&request));
    request
}

fn event(report: ReportId, event_type: ReportEventType) -> ReportEvent {
    ReportEvent::new(report, "acme".parse().unwrap(), event_type, Moment::FIRST)
}

#[tokio::test]
async fn wish_to_cancel_is_noted_with_who_wishes_it() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = asked(&console, &cookie).await.report_id;
    let path = format!("/api/v1/reports/{report}/cancel");
    for event_type in [ReportEventType::Waiting, ReportEventType::Started] {
        console.apply(event(report, event_type));
        let answer = console.post(&path, &cookie, &json!({})).await;
        assert_eq!((answer.status, &answer.json()["cancel_requested"]), (202, &json!(true)), "{answer:?}");
        let noted = console.world.events.lock().unwrap().pop().unwrap();
        assert_eq!((noted.event_type, noted.report_id), (ReportEventType::CancelRequested, report));
        assert_eq!((noted.actor.as_deref(), noted.actor_address.as_deref()), (Some("admin"), Some("192.0.2.7")));
    }
    console.apply(event(report, ReportEventType::CancelRequested));
    let answer = console.post(&path, &cookie, &json!({})).await;
    assert_eq!((answer.status, &answer.json()["cancel_requested"]), (202, &json!(true)), "once is enough");
    assert!(console.world.events.lock().unwrap().is_empty());
    for (event_type, message) in [
        (ReportEventType::Cancelled, "the report is cancelled already: there is nothing to cancel"),
        (ReportEventType::Completed, "the report is cancelled already: there is nothing to cancel"),
    ] {
        console.apply(event(report, event_type));
        let answer = console.post(&path, &cookie, &json!({})).await;
        assert_eq!((answer.status, answer.code().as_str(), answer.message().as_str()), (409, "not_now", message));
    }
    assert!(console.world.events.lock().unwrap().is_empty(), "nothing is noted for a wish that is refused");
}

#[tokio::test]
async fn report_is_asked_for_again_with_its_own_range_and_barrier() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let first = asked(&console, &cookie).await;
    let path = format!("/api/v1/reports/{}/retry", first.report_id);
    let refused = console.post(&path, &cookie, &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "not_now"));
    assert!(refused.message().starts_with("the report is requested: it will be made"), "{}", refused.message());

    console
        .apply(ReportEvent { reason: Some("no space".to_owned()), ..event(first.report_id, ReportEventType::Failed) });
    let answer = console.post(&path, &cookie, &json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["state"], &answer.json()["reason"]),
        (202, &json!("requested"), &json!(null))
    );
    let again = console.world.requests.lock().unwrap().pop().unwrap();
    assert!(again.requested_at > first.requested_at);
    assert_eq!(ReportRequest { requested_at: first.requested_at, ..again.clone() }, first);

    console.apply(Journal::retried(&again));
    let refused = console.post(&path, &cookie, &json!({})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "not_now"), "it is asked for already");
    let completed = console.completed("acme", "acme.csv", Some("a")).await;
    let refused = console.post(&format!("/api/v1/reports/{completed}/retry"), &cookie, &json!({})).await;
    assert_eq!((refused.status, refused.message().as_str()), (409, "the report is completed: download it"));
    assert!(console.world.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn tenant_at_its_limit_is_told_which_and_when_it_ends() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    let huge = ReportId::generate();
    let rows = Some(10_000_000_000);
    console.apply(ReportEvent { rows, at: Moment::now(), ..event(huge, ReportEventType::Failed) });
    let answer = console.post("/api/v1/reports", &acme, &new).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "over_limit"));
    assert_eq!(answer.json()["error"]["field"], json!("limits.rows_a_day"));
    assert!(answer.json()["error"]["again_at"].as_str().unwrap().ends_with("T00:00:00Z"), "{answer:?}");
    assert_eq!(console.post("/api/v1/reports", &globex, &new).await.status, 201);
    console.world.requests.lock().unwrap().clear();

    for _ in 0..50 {
        console.report_of("globex");
    }
    let answer = console.post("/api/v1/reports", &globex, &new).await;
    assert_eq!((answer.status, &answer.json()["error"]["field"]), (429, &json!("limits.open")));
    assert!(console.world.requests.lock().unwrap().is_empty());
}
