//! Where tenants want to be told what becomes of their reports.

use axum::body::Body;
use axum::http::Method;
use report_life::{End, Phase, ReportEnd};
use schemas::audit_event::AuditAction;
use schemas::ids::{ReportId, WebhookId};
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent, WebhookState};
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};
use serde_json::{Value, json};

use super::fixture::{Answer, Console, request};
use super::world::Fault;

const ALL: &str = "/api/v1/webhooks";

fn build() -> Value {
    json!({ "name": "Build", "url": "https://build.acme.example/hook" })
}

/// Of a new webhook the path of its own, and it as it was written; the topic has brought it round.
async fn made(console: &Console, cookie: &str) -> (String, Webhook) {
    let answer = console.post(ALL, cookie, &build()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let webhook = written(console);
    assert_eq!(answer.json()["id"], json!(webhook.webhook_id.to_string()));
    (format!("{ALL}/{}", webhook.webhook_id), webhook)
}

fn written(console: &Console) -> Webhook {
    let webhook = console.world.webhooks.lock().unwrap().pop().unwrap();
    console.webhooks.apply(webhook.clone());
    webhook
}

async fn with_body(console: &Console, method: Method, path: &str, cookie: &str, body: &Value) -> Answer {
    console.send(request(method, path, cookie, Body::from(body.to_string()))).await
}

/// Its first delivery, which failed; the topic has brought it round.
fn failed(console: &Console, webhook: &Webhook, since: Moment) -> WebhookDelivery {
    let end = End { phase: Phase::Completed, attempt: 1, at: Moment::now() };
    let ends = [ReportEnd { report: ReportId::generate(), tenant: webhook.tenant.clone(), end }];
    let failed = console.webhooks.deliveries(webhook.webhook_id, |told| {
        let due = told.due(webhook, &ends, Moment::now()).remove(0);
        WebhookDelivery {
            step: DeliveryStep::Failed,
            tries: 1,
            at: Moment::now(),
            status: Some(500),
            problem: Some("it answered 500".to_owned()),
            failing_since: Some(since),
            ..due.delivery
        }
    });
    console.webhooks.apply_delivery(failed.clone());
    failed
}

#[tokio::test]
async fn webhook_is_made_with_the_tenant_of_the_session_and_shows_its_secret_once() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let answer = console.post(ALL, &cookie, &build()).await.json();
    let secret = answer["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let webhook = written(&console);
    assert_eq!((webhook.tenant.as_str(), webhook.changed_by.as_str()), ("acme", "admin"));
    assert_eq!((webhook.contact.as_str(), webhook.events.len()), ("admin@acme.example", 4));
    let path = format!("{ALL}/{}", webhook.webhook_id);
    let shown = console.get(&path, &cookie).await;
    assert!(!shown.text().contains("whsec_"), "{shown:?}");
    let mut expected = answer.clone();
    expected.as_object_mut().unwrap().remove("secret");
    assert_eq!(
        (shown.json(), console.get(ALL, &cookie).await.json()),
        (expected.clone(), json!({ "webhooks": [expected] }))
    );
    // Nothing that is written holds it.
    let kept = format!("{webhook:?} {:?}", console.world.acts.lock().unwrap());
    assert!(!kept.contains(&secret) && !kept.contains("whsec_"), "{kept}");

    let rotated = console.post(&format!("{path}/rotate"), &cookie, &json!({})).await.json();
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != json!(secret));
    assert!(rotated["former_secret_until"].is_string());
    assert_eq!(written(&console).generation, 2);
    let actions: Vec<_> = console.world.acts.lock().unwrap().iter().map(|it| it.action).collect();
    assert_eq!(actions, [AuditAction::SignedIn, AuditAction::WebhookCreated, AuditAction::WebhookSecretRotated]);
}

#[tokio::test]
async fn webhook_is_changed_paused_resumed_and_deleted() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, webhook) = made(&console, &cookie).await;
    let new = json!({ "name": "Other", "url": "https://other.acme.example/", "events": ["report.failed"], "contact": "ops@acme.example" });
    let changed = with_body(&console, Method::PUT, &path, &cookie, &new).await;
    assert_eq!((changed.status, &changed.json()["url"]), (200, &json!("https://other.acme.example/")));
    let changed = written(&console);
    assert_eq!(
        (changed.events.as_slice(), changed.contact.as_str()),
        (&[WebhookEvent::ReportFailed][..], "ops@acme.example")
    );
    assert_eq!((changed.webhook_id, changed.events_after), (webhook.webhook_id, webhook.events_after));
    let paused = console.post(&format!("{path}/pause"), &cookie, &json!({})).await;
    assert_eq!((paused.status, &paused.json()["state"]), (200, &json!("paused")));
    written(&console);
    let resumed = console.post(&format!("{path}/resume"), &cookie, &json!({})).await;
    assert_eq!((resumed.status, &resumed.json()["state"]), (200, &json!("active")));
    assert!(written(&console).events_after > webhook.events_after);
    assert_eq!(with_body(&console, Method::DELETE, &path, &cookie, &json!({})).await.status, 204);
    assert_eq!(written(&console).state, WebhookState::Deleted);
    assert_eq!(console.get(&path, &cookie).await.status, 404);
}

#[tokio::test]
async fn what_it_was_told_comes_in_pages_newest_first() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, webhook) = made(&console, &cookie).await;
    let now = Moment::now();
    for earlier in 0..5 {
        failed(&console, &webhook, Moment::from_millis(now.as_millis() - earlier));
    }
    let page = async |query: &str| console.get(&format!("{path}/deliveries{query}"), &cookie).await.json();
    let ids = |page: &serde_json::Value| -> Vec<String> {
        let shown = page["deliveries"].as_array().unwrap().iter();
        shown.map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&page("").await);
    assert_eq!(all.len(), 5);
    let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let shown = page(&query).await;
        paged.extend(ids(&shown));
        let Some(next) = shown["next"].as_str() else { break };
        query = format!("?limit=2&before={next}");
    }
    assert_eq!(paged, all);
    for (query, field) in [("limit=0", "limit"), ("limit=501", "limit"), ("before=x", "before")] {
        let refused = console.get(&format!("{path}/deliveries?{query}"), &cookie).await;
        assert_eq!((refused.status, &refused.json()["error"]["field"]), (400, &json!(field)), "{query}");
    }
}

#[tokio::test]
async fn what_it_was_told_is_shown_and_told_again() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, webhook) = made(&console, &cookie).await;
    assert_eq!(console.get(&format!("{path}/deliveries"), &cookie).await.json(), json!({ "deliveries": [] }));
    let failed = failed(&console, &webhook, Moment::now());
    let shown = console.get(&format!("{path}/deliveries"), &cookie).await.json();
    let shown = &shown["deliveries"][0];
    let found = ["id", "event", "state", "status", "problem", "tries"].map(|field| shown[field].clone());
    let id = failed.delivery_id.to_string();
    let expected =
        [json!(id), json!("report.completed"), json!("waiting"), json!(500), json!("it answered 500"), json!(1)];
    assert_eq!(found, expected);
    assert!(shown["next_try_at"].as_str() > shown["at"].as_str());
    assert_eq!(console.get(&path, &cookie).await.json()["state"], json!("failing"));
    let again = console.post(&format!("{path}/deliveries/{id}/redeliver"), &cookie, &json!({})).await;
    assert_eq!(
        (again.status, &again.json()["state"], &again.json()["redeliveries"]),
        (200, &json!("waiting"), &json!(1))
    );
    let asked = console.world.deliveries.lock().unwrap().pop().unwrap();
    assert_eq!((asked.step, asked.round, asked.actor.as_deref()), (DeliveryStep::Requested, 1, Some("admin")));
    let missing = WebhookId::generate();
    for wrong in [
        format!("{path}/deliveries/none/redeliver"),
        format!("{path}/deliveries/{missing}/redeliver"),
        format!("{ALL}/{missing}/deliveries/{id}/redeliver"),
    ] {
        assert_eq!(console.post(&wrong, &cookie, &json!({})).await.status, 404, "{wrong}");
    }
}

#[tokio::test]
async fn webhook_that_is_away_says_since_when_and_is_told_nothing_before_it_is_resumed() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, webhook) = made(&console, &cookie).await;
    let days = |count: i64| Moment::from_micros(Moment::now().as_micros() - count * 86_400_000_000);
    let old = Webhook { events_after: days(9), ..webhook };
    console.webhooks.apply(old.clone());
    let failed = failed(&console, &old, days(4));
    let shown = console.get(&path, &cookie).await.json();
    assert_eq!((&shown["state"], shown["failing_since"].is_string()), (&json!("away"), true));
    let again = console.post(&format!("{path}/deliveries/{}/redeliver", failed.delivery_id), &cookie, &json!({})).await;
    assert_eq!((again.status, again.message().as_str()), (409, "the webhook is away: resume it first"));
    assert_eq!(console.post(&format!("{path}/resume"), &cookie, &json!({})).await.json()["state"], json!("active"));
}

#[tokio::test]
async fn tenant_neither_sees_nor_changes_anothers_webhook() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let (path, webhook) = made(&console, &acme).await;
    let delivery = failed(&console, &webhook, Moment::now()).delivery_id;
    assert_eq!(console.get(ALL, &globex).await.json(), json!({ "webhooks": [] }));
    let nobodys = WebhookId::generate().to_string();
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PUT, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/pause")),
        (Method::POST, format!("{path}/resume")),
        (Method::POST, format!("{path}/rotate")),
        (Method::GET, format!("{path}/deliveries")),
        (Method::POST, format!("{path}/deliveries/{delivery}/redeliver")),
    ] {
        let hidden = with_body(&console, method.clone(), &path, &globex, &build()).await;
        let nowhere = path.replace(&webhook.webhook_id.to_string(), &nobodys);
        let missing = with_body(&console, method, &nowhere, &globex, &build()).await;
        assert_eq!((hidden.status, &hidden.body), (404, &missing.body), "{path}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_with_its_field() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("n".repeat(101))),
        ("url", json!("http://build.acme.example/")),
        ("url", json!("https://127.0.0.1/")),
        ("url", json!("https://169.254.169.254/latest/meta-data")),
        ("url", json!("https://[::ffff:10.0.0.1]/")),
        ("url", json!("https://build.acme.example:6379/")),
        ("url", json!("https://user:password@build.acme.example/")),
        ("url", json!(format!("https://build.acme.example/{}", "x".repeat(2_048)))),
        ("contact", json!("nobody")),
    ] {
        let mut wrong = build();
        wrong[field] = value.clone();
        let answer = console.post(ALL, &cookie, &wrong).await;
        assert_eq!((answer.status, &answer.json()["error"]["field"]), (400, &json!(field)), "{value}");
    }
    for (field, value) in
        [("events", json!(["report.seen"])), ("tenant", json!("globex")), ("secret", json!("whsec_mine"))]
    {
        let mut wrong = build();
        wrong[field] = value;
        let answer = console.post(ALL, &cookie, &wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "unreadable"), "{field}");
    }
    assert!(!console.world.was_touched());
}

#[tokio::test]
async fn tenant_has_as_many_webhooks_as_the_operator_says_and_none_without_a_key() {
    let console = Console::new();
    let (acme, globex) = (console.sign_in("acme").await, console.sign_in("globex").await);
    let (_, webhook) = made(&console, &acme).await;
    for _ in 1..10 {
        console.webhooks.apply(Webhook { webhook_id: WebhookId::generate(), ..webhook.clone() });
    }
    let over = console.post(ALL, &acme, &build()).await;
    assert_eq!((over.status, &over.json()["error"]["field"]), (429, &json!("webhooks.per_tenant_max")));
    made(&console, &globex).await;
    let without = Console::without_webhooks();
    let cookie = without.sign_in("acme").await;
    let answer = without.post(ALL, &cookie, &build()).await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "not_now"));
    assert!(answer.message().contains("webhooks.key"), "{}", answer.message());
}

#[tokio::test]
async fn change_that_kafka_does_not_take_was_not_made() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let (path, webhook) = made(&console, &cookie).await;
    let delivery = failed(&console, &webhook, Moment::now()).delivery_id;
    tokio::time::pause();
    for fault in [Fault::Fails, Fault::Hangs] {
        *console.world.kafka_fault.lock().unwrap() = Some(fault);
        for (method, path) in [
            (Method::POST, ALL.to_owned()),
            (Method::PUT, path.clone()),
            (Method::DELETE, path.clone()),
            (Method::POST, format!("{path}/pause")),
            (Method::POST, format!("{path}/resume")),
            (Method::POST, format!("{path}/rotate")),
            (Method::POST, format!("{path}/deliveries/{delivery}/redeliver")),
        ] {
            let answer = with_body(&console, method, &path, &cookie, &build()).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "away"), "{path}");
            assert!(!answer.text().contains("whsec_"), "{path}");
        }
    }
    assert!(!console.world.was_touched());
}
