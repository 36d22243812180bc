//! Bucket syncs.

use axum::body::Body;
use axum::http::Method;
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType};
use schemas::ids::SyncId;
use schemas::report_request::Compression;
use serde_json::{Value, json};
use traffic_query::time_range::rfc3339;

use super::fixture::{Answer, Console, request};
use super::world::Fault;

const ALL: &str = "/api/v1/syncs";

fn lake() -> Value {
    json!({ "name": "To our lake", "destination": "lake" })
}

/// The last event that was written; the topic has brought it round.
fn written(console: &Console) -> BucketSyncEvent {
    let event = console.world.syncs.lock().unwrap().pop().unwrap();
    console.syncs.apply(&event);
    event
}

async fn with_body(console: &Console, method: Method, path: &str, cookie: &str, body: &Value) -> Answer {
    console.send(request(method, path, cookie, Body::from(body.to_string()))).await
}

async fn made(console: &Console, cookie: &str) -> String {
    let answer = console.post(ALL, cookie, &lake()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    format!("{ALL}/{}", written(console).sync_id)
}

#[tokio::test]
async fn sync_begins_with_what_comes_after_it_was_made() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    assert_eq!(console.get(ALL, &cookie).await.json(), json!({ "syncs": [], "destinations": ["lake"] }));
    let answer = console.post(ALL, &cookie, &lake()).await;
    let event = written(&console);
    assert_eq!((event.tenant.as_str(), event.actor.as_deref()), ("acme", Some("admin")));
    assert_eq!(event.until.iter().map(|it| it.offset).collect::<Vec<_>>(), [7, 9], "the barrier");
    let settings = event.settings.unwrap();
    assert_eq!((settings.interval_seconds, settings.compression), (300, Compression::Gzip));
    assert_eq!(settings.receivers, ["admin@acme.example"]);
    let mut shown = answer.json();
    assert_eq!(shown, console.get(&format!("{ALL}/{}", event.sync_id), &cookie).await.json());
    for changing in ["id", "created_at", "reached"] {
        shown.as_object_mut().unwrap().remove(changing);
    }
    insta::assert_json_snapshot!("sync", shown);
}

#[tokio::test]
async fn sync_is_narrowed_by_the_filter_for_good() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let fields = json!({
        "service_accounts": ["5"], "applied_rules": ["*.corp.example"], "ports": ["8000-8999"], "tunnel_paths": ["relay"],
        "countries": ["DE"], "client_addresses": ["192.0.2.0/24"], "resource_addresses": ["2001:db8::/32"], "domain": "wiki",
        "remote_networks": ["64894"], "users": ["7"], "denied": true,
    });
    let mut new = lake();
    new.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    assert_eq!(console.post(ALL, &cookie, &new).await.status, 201);
    let made = written(&console);
    let path = format!("{ALL}/{}", made.sync_id);
    let changed = json!({ "name": "Lake", "interval_seconds": 60, "receivers": [] });
    assert_eq!(with_body(&console, Method::PUT, &path, &cookie, &changed).await.status, 200);
    assert_eq!(written(&console).settings.unwrap().report_filter(), made.settings.unwrap().report_filter());
    let shown = console.get(&path, &cookie).await.json();
    for (field, value) in fields.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }
}

#[tokio::test]
async fn what_is_done_to_a_sync_is_an_event_and_on_the_audit_log() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let path = made(&console, &cookie).await;
    let changed = json!({ "name": "Lake", "interval_seconds": 60, "receivers": ["ops@acme.example"] });
    let range = json!({ "from": "2020-11-01T00:00", "to": "2020-11-02T00:00", "zone": "Europe/Berlin" });
    let cancelled = json!({ "number": 1 });
    for (method, ending, body, event_type) in [
        (Method::PUT, "", &changed, BucketSyncEventType::Changed),
        (Method::POST, "/pause", &json!({}), BucketSyncEventType::Paused),
        (Method::POST, "/resume", &json!({}), BucketSyncEventType::Resumed),
        (Method::POST, "/backfill", &range, BucketSyncEventType::BackfillRequested),
        (Method::POST, "/backfill/cancel", &cancelled, BucketSyncEventType::BackfillCancelled),
        (Method::DELETE, "", &json!({}), BucketSyncEventType::Deleted),
    ] {
        let answer = with_body(&console, method, &format!("{path}{ending}"), &cookie, body).await;
        assert!(answer.status == 200 || answer.status == 204, "{answer:?}");
        assert_eq!(written(&console).event_type, event_type);
    }
    assert_eq!(console.get(&path, &cookie).await.status, 404);
    assert_eq!(console.world.acts.lock().unwrap().len(), 8, "with the sign-in");
}

#[tokio::test]
async fn how_far_the_past_is_and_that_it_is_not_wanted_any_more_is_shown() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let path = made(&console, &cookie).await;
    let range = json!({ "from": "2020-11-01T00:00", "to": "2020-11-02T00:00", "zone": "UTC" });
    assert_eq!(console.post(&format!("{path}/backfill"), &cookie, &range).await.status, 200);
    let asked = written(&console);
    let reached = asked.range_from.map(|it| schemas::times::Moment::from_micros(it.as_micros() + 5 * 3_600_000_000));
    console.syncs.apply(&BucketSyncEvent {
        number: Some(1),
        range_from: reached,
        objects: Some(3),
        ..BucketSyncEvent::new(asked.sync_id, asked.tenant, BucketSyncEventType::BackfillProgressed, asked.at)
    });
    let mut shown = json!([{
        "number": 1, "from": "2020-11-01T00:00:00Z", "to": "2020-11-02T00:00:00Z", "state": "waiting",
        "reached": "2020-11-01T05:00:00Z", "hours_done": 5, "hours": 24, "objects": 3,
    }]);
    assert_eq!(console.get(&path, &cookie).await.json()["backfills"], shown);
    let answer = console.post(&format!("{path}/backfill/cancel"), &cookie, &json!({ "number": 1 })).await;
    shown[0]["state"] = json!("cancelled");
    assert_eq!(answer.json()["backfills"], shown);
}

#[tokio::test]
async fn past_range_is_widened_to_whole_hours_and_what_was_taken_is_told() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let path = made(&console, &cookie).await;
    for (from, to, zone, taken) in [
        (
            "2020-11-01T00:00",
            "2020-11-02T00:00",
            "Asia/Kolkata",
            json!({ "from": "2020-10-31T18:00:00Z", "to": "2020-11-01T19:00:00Z" }),
        ),
        (
            "2020-11-02T00:00",
            "2020-11-03T00:00",
            "Asia/Kathmandu",
            json!({ "from": "2020-11-01T18:00:00Z", "to": "2020-11-02T19:00:00Z" }),
        ),
        (
            "2020-11-01T00:00",
            "2020-11-02T00:00",
            "Europe/Berlin",
            json!({ "from": "2020-10-31T23:00:00Z", "to": "2020-11-01T23:00:00Z" }),
        ),
        (
            "2020-10-25T02:30",
            "2020-10-25T02:15",
            "Europe/Berlin",
            json!({
                "from": "2020-10-25T00:00:00Z",
                "to": "2020-10-25T02:00:00Z",
                "from_note": "occurs twice, as clocks go back; the earlier one is meant",
                "to_note": "occurs twice, as clocks go back; the later one is meant",
            }),
        ),
        (
            "2020-03-29T02:30",
            "2020-03-29T04:00",
            "Europe/Berlin",
            json!({
                "from": "2020-03-29T01:00:00Z",
                "to": "2020-03-29T02:00:00Z",
                "from_note": "does not occur, as clocks go forward; 2020-03-29T03:30:00 is meant",
            }),
        ),
    ] {
        let range = json!({ "from": from, "to": to, "zone": zone });
        let answer = console.post(&format!("{path}/backfill"), &cookie, &range).await;
        assert_eq!((answer.status, &answer.json()["range"]), (200, &taken), "{answer:?}");
        let event = written(&console);
        let ends = [event.range_from, event.range_to].map(|it| rfc3339(it.unwrap()));
        assert_eq!(json!(ends), json!([taken["from"], taken["to"]]), "what is brought");
        let shown = answer.json()["backfills"].as_array().unwrap().last().unwrap().clone();
        assert_eq!((&shown["from"], &shown["to"]), (&taken["from"], &taken["to"]));
    }
    let shown = console.get(&path, &cookie).await.json();
    assert!(shown.get("range").is_none(), "it is of who asks: {shown}");
}

#[tokio::test]
async fn tenant_neither_sees_nor_changes_anothers_sync() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let path = made(&console, &acme).await;
    assert_eq!(console.get(ALL, &globex).await.json()["syncs"], json!([]));
    let id = path.rsplit('/').next().unwrap().to_owned();
    let changed = json!({ "name": "Lake", "interval_seconds": 60, "receivers": [] });
    let range = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC" });
    for (method, ending, body) in [
        (Method::GET, "", &json!({})),
        (Method::PUT, "", &changed),
        (Method::DELETE, "", &json!({})),
        (Method::POST, "/pause", &json!({})),
        (Method::POST, "/resume", &json!({})),
        (Method::POST, "/backfill", &range),
        (Method::POST, "/backfill/cancel", &json!({ "number": 1 })),
    ] {
        let path = format!("{path}{ending}");
        let foreign = with_body(&console, method.clone(), &path, &globex, body).await;
        let missing = path.replace(&id, &SyncId::generate().to_string());
        let missing = with_body(&console, method.clone(), &missing, &globex, body).await;
        assert_eq!((foreign.status, foreign.text()), (404, missing.text()), "{method} {path}");
        assert_eq!(console.send(request(method, &path, "", Body::empty())).await.status, 401, "{path}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_the_name_of_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("name", json!("")),
        ("destination", json!("sea")),
        ("interval_seconds", json!(9)),
        ("receivers", json!(["nobody"])),
        ("ports", json!(["https"])),
        ("domain", json!("")),
    ] {
        let mut wrong = lake();
        wrong[field] = value;
        let answer = console.post(ALL, &cookie, &wrong).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)));
    }
    let path = made(&console, &cookie).await;
    let empty = json!({ "from": "2020-11-01T00:30", "to": "2020-11-01T00:30", "zone": "UTC" });
    let later = json!({ "from": "2098-11-01T00:00", "to": "2098-11-02T00:00", "zone": "UTC" });
    for (verb, body, field) in [
        ("backfill", &empty, "to"),
        ("backfill", &later, "from"),
        ("backfill/cancel", &json!({ "number": 1 }), "number"),
    ] {
        let answer = console.post(&format!("{path}/{verb}"), &cookie, body).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{verb} {body}");
    }
    assert!(!console.world.was_touched());
    for _ in 1..5 {
        made(&console, &cookie).await;
    }
    assert_eq!(console.post(ALL, &cookie, &lake()).await.code(), "not_now");
}

#[tokio::test]
async fn sync_that_kafka_does_not_take_is_not_there() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let path = made(&console, &cookie).await;
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        *console.world.kafka_fault.lock().unwrap() = Some(fault);
        for (path, body) in [(ALL.to_owned(), lake()), (format!("{path}/pause"), json!({}))] {
            let answer = console.post(&path, &cookie, &body).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "away"), "{path}");
        }
    }
    assert!(!console.world.was_touched());
}
