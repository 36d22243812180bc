//! A part that fails or says nothing: the answer names it in our words and tells nothing of what it said.

use axum::body::Body;
use axum::http::Method;
use report_life::Journal;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::json;

use super::fixture::{Answer, Console, PASSWORD, WRONG, operations, request};
use super::world::Fault;

fn assert_away(answer: &Answer, part: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (503, "away"), "{answer:?}");
    assert_eq!(answer.message(), format!("{part} does not answer; try again in a moment"));
    assert!(!answer.text().contains("internal"), "{answer:?}");
}

#[tokio::test]
async fn database_that_refuses_is_named_and_nothing_it_said() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    *console.world.clickhouse_fault.lock().unwrap() = Some(Fault::Fails);
    for path in [
        "remote-networks",
        "users",
        "resources",
        "addresses",
        "users/7/connections",
        "resources/7/connections",
        "traffic/connections",
        "traffic/connections/019f2f5d-72c8-8123-8000-0123456789ab",
        "traffic/open",
        "traffic/series?from=2026-11-01T00:00&to=2026-11-02T00:00",
        "traffic/top?by=user",
        "traffic/facets?of=user",
        "traffic/insights/relay_share",
    ] {
        assert_away(&console.get(&format!("/api/v1/{path}"), &cookie).await, "the database");
    }
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    assert_away(&console.post("/api/v1/reports/estimate", &cookie, &new).await, "the database");
    let counted = console.count("requests_total{route=\"/api/v1/users\",status=\"503\"}");
    assert_eq!(counted, 1);
    assert_eq!(console.get("/api/v1/reports", &cookie).await.status, 200, "reports do without it");
}

#[tokio::test]
async fn report_that_kafka_does_not_take_was_not_asked_for() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    *console.world.kafka_fault.lock().unwrap() = Some(Fault::Fails);
    assert_away(&console.post("/api/v1/reports", &cookie, &new).await, "the event log");
    // A clock that is stopped moves to the next deadline once nothing else goes on.
    tokio::time::pause();
    *console.world.kafka_fault.lock().unwrap() = Some(Fault::Hangs);
    let begun = tokio::time::Instant::now();
    assert_away(&console.post("/api/v1/reports", &cookie, &new).await, "the event log");
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert!(console.world.requests.lock().unwrap().is_empty());
    assert_eq!(console.get("/api/v1/reports", &cookie).await.json(), json!({ "reports": [] }));
}

#[tokio::test]
async fn file_is_not_given_out_while_nobody_can_note_it() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let report = console.completed("acme", "acme.csv", Some("secret")).await;
    console.store.put("acme/acme.csv.manifest.json", "{}".into()).await.unwrap();
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        *console.world.kafka_fault.lock().unwrap() = Some(fault);
        for file in ["download", "manifest"] {
            assert_away(&console.get(&format!("/api/v1/reports/{report}/{file}"), &cookie).await, "the event log");
        }
    }
    assert_eq!(console.count("downloads_total"), 0);
}

#[tokio::test]
async fn nobody_is_signed_in_and_nothing_is_done_while_it_cannot_be_noted() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    assert_eq!(console.post("/api/v1/reports", &cookie, &new).await.status, 201);
    let before = console.world.requests.lock().unwrap().pop().unwrap();
    let (running, failed) = (console.report_of("acme"), console.apply(Journal::requested(&before)));
    console.apply(ReportEvent::new(failed, "acme".parse().unwrap(), ReportEventType::Failed, Moment::FIRST));
    console.world.acts.lock().unwrap().clear();
    tokio::time::pause();
    for (number, fault) in [Fault::Fails, Fault::Hangs].into_iter().enumerate() {
        *console.world.kafka_fault.lock().unwrap() = Some(fault);
        let right = console.sign_in_as("globex", "admin", PASSWORD).await;
        assert_away(&right, "the event log");
        assert_eq!(right.header("set-cookie"), "");
        for wish in [format!("{running}/cancel"), format!("{failed}/retry")] {
            assert_away(&console.post(&format!("/api/v1/reports/{wish}"), &cookie, &json!({})).await, "the event log");
        }
        // A wrong password is noted beside its answer.
        assert!(console.count("audit_events_total{result=\"failed\"}") >= 3 * (number as u64 + 1));
        assert_eq!(console.sign_in_as("globex", "admin", WRONG).await.code(), "wrong_password", "as for no account");
    }
    *console.world.kafka_fault.lock().unwrap() = Some(Fault::Fails);
    let signed_out = request(Method::DELETE, "/api/v1/session", &cookie, Body::empty());
    assert_away(&console.send(signed_out).await, "the event log");
    assert_eq!(console.get("/api/v1/session", &cookie).await.status, 401, "who wants to be out is out");
    assert!(!console.world.was_touched() && console.world.acts.lock().unwrap().is_empty());
    assert_eq!(console.count("sign_ins_total{result=\"right\"}"), 1);
}

#[tokio::test]
async fn every_request_has_a_deadline() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    *console.world.clickhouse_fault.lock().unwrap() = Some(Fault::Hangs);
    tokio::time::pause();
    for (method, path) in operations() {
        let asks = path.ends_with("/connections")
            || ["/users", "/resources", "/remote-networks", "/addresses"].iter().any(|it| path.ends_with(it));
        if method != Method::GET || !asks {
            continue;
        }
        let begun = tokio::time::Instant::now();
        let asked = request(method, &path.replace("{id}", "7"), &cookie, Body::empty());
        assert_away(&console.send(asked).await, "a part");
        assert_eq!(begun.elapsed().as_secs(), 150, "{path}");
    }
    assert_eq!(console.world.queries.lock().unwrap().len(), 7);
    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    let begun = tokio::time::Instant::now();
    assert_away(&console.post("/api/v1/reports/estimate", &cookie, &new).await, "a part");
    assert_eq!(begun.elapsed().as_secs(), 150, "an estimate");
}
