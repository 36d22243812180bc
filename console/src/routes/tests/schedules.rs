//! Reports that are kept, and when they are made by themselves.

use axum::body::Body;
use axum::http::Method;
use report_life::Journal;
use report_schedules::{Run, request_of};
use schemas::ids::ScheduleId;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use schemas::times::Moment;
use serde_json::{Value, json};
use traffic_query::time_range::rfc3339;

use super::fixture::{Answer, Console, request};
use super::world::Fault;

const ALL: &str = "/api/v1/report-schedules";

fn weekly() -> Value {
    json!({
        "name": "Every week", "when": "weekly on monday at 06:00", "range": "last week", "zone": "Europe/Berlin",
        "remote_networks": ["64894"], "compression": "gzip",
    })
}

/// Of a new schedule the path of its own, and it as it was written; the topic has brought it round.
async fn kept(console: &Console, cookie: &str, new: &Value) -> (String, ReportSchedule) {
    let answer = console.post(ALL, cookie, new).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let schedule = written(console);
    assert_eq!(answer.json()["id"], json!(schedule.schedule_id.to_string()));
    (format!("{ALL}/{}", schedule.schedule_id), schedule)
}

fn written(console: &Console) -> ReportSchedule {
    let schedule = console.world.schedules.lock().unwrap().pop().unwrap();
    console.schedules.apply(schedule.clone());
    schedule
}

async fn with_body(console: &Console, method: Method, path: &str, cookie: &str, body: &Value) -> Answer {
    console.send(request(method, path, cookie, Body::from(body.to_string()))).await
}

#[tokio::test]
async fn schedule_is_kept_with_the_tenant_and_owner_of_the_session_and_shows_its_next_runs() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, schedule) = kept(&console, &cookie, &weekly()).await;
    assert_eq!((schedule.tenant.as_str(), schedule.request.requested_by.as_str()), ("acme", "admin"));
    assert_eq!(schedule.request.receivers, ["admin@acme.example"]);
    assert_eq!(schedule.request.filter.remote_networks, [64894]);
    let shown = console.get(&path, &cookie).await.json();
    assert_eq!((&shown["state"], &shown["reason"], &shown["last_run"]), (&json!("active"), &Value::Null, &Value::Null));
    assert_eq!((&shown["when"], &shown["zone"]), (&json!("weekly on monday at 06:00"), &json!("Europe/Berlin")));
    let runs = shown["next_runs"].as_array().unwrap();
    assert_eq!(runs.len(), 5);
    assert!(runs.iter().all(|run| run["to"].as_str() < run["due"].as_str()), "{runs:?}");
    let list = console.get(ALL, &cookie).await.json();
    assert_eq!(list["schedules"], json!([shown]));
}

#[tokio::test]
async fn what_is_shown_and_put_back_changes_nothing() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let mut new = json!({
        "name": "All of it", "when": "daily at 06:00", "range": "last 7 days", "zone": "UTC", "kind": "events", "format": "csv",
        "columns": ["user", "end_time"], "remote_networks": ["64894"], "users": ["1"], "resources": ["2"], "connectors": ["3"],
        "devices": ["4"], "protocols": ["tcp"], "statuses": ["ACCESS_DENIED"], "addresses": ["10.0.0.0/8"], "denied": true,
        "service_accounts": ["5"], "applied_rules": ["*.corp.example"], "ports": ["443", "8000-8999"], "tunnel_paths": ["relay"],
        "countries": ["DE"], "client_addresses": ["192.0.2.0/24"], "resource_addresses": ["2001:db8::/32"], "domain": "wiki",
        "compression": "zstd", "byte_order_mark": true, "formula_guard": true, "split": { "rows": 1_048_575, "bytes": 2_000_000 },
        "receivers": ["jo@acme.example"],
    });
    let (path, first) = kept(&console, &cookie, &new).await;
    let shown = console.get(&path, &cookie).await.json();
    for (field, value) in new.as_object_mut().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
        *value = shown[field].clone();
    }
    assert_eq!(with_body(&console, Method::PUT, &path, &cookie, &new).await.status, 200);
    let second = written(&console);
    assert_eq!((second.range, second.when, second.name), (first.range, first.when, first.name));
    let (report_id, requested_at) = (first.request.report_id, first.request.requested_at);
    assert_eq!(ReportRequest { report_id, requested_at, ..second.request }, first.request);
}

#[tokio::test]
async fn tenant_neither_sees_nor_changes_anothers_schedule() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let (path, schedule) = kept(&console, &acme, &weekly()).await;
    assert_eq!(console.get(ALL, &globex).await.json(), json!({ "schedules": [] }));
    let id = schedule.schedule_id.to_string();
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/pause")),
        (Method::POST, format!("{path}/resume")),
        (Method::POST, format!("{path}/run")),
    ] {
        let foreign = with_body(&console, method.clone(), &path, &globex, &weekly()).await;
        let missing = path.replace(&id, &ScheduleId::generate().to_string());
        let missing = with_body(&console, method.clone(), &missing, &globex, &weekly()).await;
        assert_eq!((foreign.status, foreign.text()), (404, missing.text()), "{method} {path}");
        assert_eq!(console.send(request(method, &path, "", Body::empty())).await.status, 401, "{path}");
    }
    let mut forged = weekly();
    forged["tenant"] = json!("acme");
    assert_eq!(console.post(ALL, &globex, &forged).await.code(), "unreadable");
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_the_name_of_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("name", json!("")),
        ("when", json!("sometimes")),
        ("when", json!("61 * * * *")),
        ("range", json!("tomorrow")),
        ("zone", json!("Mars/Base")),
        ("receivers", json!(["nobody"])),
        ("remote_networks", json!(["none"])),
        ("columns", json!(["nothing"])),
    ] {
        let mut wrong = weekly();
        wrong[field] = value.clone();
        let answer = console.post(ALL, &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad_field"), "{field} {value}");
        assert_eq!(answer.json()["error"]["field"], json!(field), "{value}");
    }
    for (field, times) in [
        ("when", json!({ "when": "never", "range": "yesterday", "zone": "UTC" })),
        ("range", json!({ "when": "daily at 06:00", "range": "", "zone": "UTC" })),
        ("zone", json!({ "when": "daily at 06:00", "range": "yesterday", "zone": "" })),
    ] {
        let answer = console.post(&format!("{ALL}/preview"), &cookie, &times).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{times}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn next_runs_are_told_before_something_is_kept() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let times = json!({ "when": "daily at 02:30", "range": "yesterday", "zone": "Europe/Berlin" });
    let told = console.post(&format!("{ALL}/preview"), &cookie, &times).await;
    assert_eq!(told.status, 200);
    let runs = told.json()["next_runs"].as_array().unwrap().clone();
    assert!(runs.len() == 5 && runs.windows(2).all(|pair| pair[0]["to"] == pair[1]["from"]), "{runs:?}");
    // As the estimate of a report says.
    assert_eq!(told.json()["keep_days"], json!(30));
    let by_hand = json!({ "range": "yesterday", "zone": "Europe/Berlin" });
    let told = console.post(&format!("{ALL}/preview"), &cookie, &by_hand).await;
    assert_eq!((told.status, told.json()), (200, json!({ "next_runs": [], "keep_days": 30 })));
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn schedule_is_paused_resumed_replaced_and_deleted() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, first) = kept(&console, &cookie, &weekly()).await;
    let paused = console.post(&format!("{path}/pause"), &cookie, &json!({})).await;
    assert_eq!((&paused.json()["state"], &paused.json()["next_runs"]), (&json!("paused"), &json!([])));
    assert_eq!(written(&console).state, ScheduleState::Paused);
    let mut monthly = weekly();
    monthly["when"] = json!("monthly on day 31 at 06:00");
    let replaced = with_body(&console, Method::PUT, &path, &cookie, &monthly).await;
    assert_eq!((replaced.status, &replaced.json()["state"]), (200, &json!("paused")), "as it was");
    let replaced = written(&console);
    assert_eq!(replaced.when.as_deref(), Some("monthly on day 31 at 06:00"));
    assert!(replaced.runs_after > first.runs_after);
    let resumed = console.post(&format!("{path}/resume"), &cookie, &json!({})).await;
    assert_eq!((resumed.status, &resumed.json()["state"]), (200, &json!("active")));
    assert!(written(&console).runs_after > replaced.runs_after);
    assert_eq!(with_body(&console, Method::DELETE, &path, &cookie, &json!({})).await.status, 204);
    assert_eq!(written(&console).state, ScheduleState::Deleted);
    assert_eq!(console.get(&path, &cookie).await.status, 404);
}

#[tokio::test]
async fn report_is_made_by_hand_and_shown_as_the_last_run_with_its_outcome() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let mut by_hand = weekly();
    by_hand["when"] = Value::Null;
    let (path, schedule) = kept(&console, &cookie, &by_hand).await;
    assert_eq!(console.get(&path, &cookie).await.json()["state"], json!("by_hand"));
    let made = console.post(&format!("{path}/run"), &cookie, &json!({})).await;
    assert_eq!((made.status, &made.json()["state"]), (201, &json!("requested")));
    let asked = console.world.requests.lock().unwrap().pop().unwrap();
    assert!(asked.report_id.is_run_of(schedule.schedule_id));
    assert!(asked.range_from < asked.range_to && asked.range_to <= asked.requested_at);
    assert_eq!(asked.barrier.len(), 2);
    console.apply(Journal::requested(&asked));
    let failed = ReportEvent::new(asked.report_id, asked.tenant, ReportEventType::Failed, Moment::now());
    console.apply(ReportEvent { reason: Some("50 reports wait".to_owned()), ..failed });
    let last = console.get(&path, &cookie).await.json()["last_run"].clone();
    assert_eq!((&last["state"], &last["reason"]), (&json!("failed"), &json!("50 reports wait")));
}

#[tokio::test]
async fn next_run_since_the_last_is_shown_as_it_will_be_made_and_one_by_hand_begins_there_too() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let mut since = weekly();
    since["range"] = json!("since last run");
    let (path, schedule) = kept(&console, &cookie, &since).await;
    let first = |shown: &Value| shown["next_runs"][0]["from"].clone();
    let by_itself = first(&console.get(&path, &cookie).await.json());
    // Made long ago, before a pause: no time of this one is near it.
    let minutes = |count: i64| Moment::from_millis(count * 60_000);
    let (due, from, to) = (minutes(29_000_000), minutes(28_990_000), minutes(28_999_995));
    console.apply(Journal::requested(&request_of(&schedule, &Run { due, from, to }, Vec::new())));
    let shown = console.get(&path, &cookie).await.json();
    assert_eq!(first(&shown), json!(rfc3339(to)));
    assert!(first(&shown).as_str() < by_itself.as_str());
    let list = console.get(ALL, &cookie).await.json();
    assert_eq!(first(&list["schedules"][0]), first(&shown));
    assert_eq!(console.post(&format!("{path}/run"), &cookie, &json!({})).await.status, 201);
    let asked = console.world.requests.lock().unwrap().pop().unwrap();
    assert_eq!(asked.range_from, to);
}

#[tokio::test]
async fn schedule_whose_owner_has_no_account_says_so_until_somebody_takes_it_over() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, mut schedule) = kept(&console, &cookie, &weekly()).await;
    schedule.request.requested_by = "jo".to_owned();
    console.schedules.apply(schedule);
    let shown = console.get(&path, &cookie).await.json();
    let reason = "its owner jo has no account any more; resume it to make it yours";
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("paused"), &json!(reason)));
    let resumed = console.post(&format!("{path}/resume"), &cookie, &json!({})).await.json();
    assert_eq!((&resumed["state"], &resumed["owner"]), (&json!("active"), &json!("admin")));
}

#[tokio::test]
async fn tenant_has_as_many_schedules_as_its_limit_says() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let (_, schedule) = kept(&console, &acme, &weekly()).await;
    for _ in 1..50 {
        console.schedules.apply(ReportSchedule { schedule_id: ScheduleId::generate(), ..schedule.clone() });
    }
    let over = console.post(ALL, &acme, &weekly()).await;
    assert_eq!((over.status, &over.json()["error"]["field"]), (429, &json!("limits.schedules")));
    kept(&console, &globex, &weekly()).await;
    // A run by hand has the limits of every report.
    for _ in 0..50 {
        console.report_of("acme");
    }
    let over = console.post(&format!("{ALL}/{}/run", schedule.schedule_id), &acme, &json!({})).await;
    assert_eq!((over.status, &over.json()["error"]["field"]), (429, &json!("limits.open")));
}

#[tokio::test]
async fn change_that_kafka_does_not_take_was_not_made() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, _) = kept(&console, &cookie, &weekly()).await;
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        *console.world.kafka_fault.lock().unwrap() = Some(fault);
        for (method, path) in [
            (Method::POST, ALL.to_owned()),
            (Method::PUT, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/pause")),
            (Method::POST, format!("{path}/resume")),
            (Method::POST, format!("{path}/run")),
        ] {
            let answer = with_body(&console, method, &path, &cookie, &weekly()).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "away"), "{path}");
        }
    }
    assert!(!console.world.was_touched());
    assert_eq!(console.get(&path, &cookie).await.json()["state"], json!("active"));
}
