//! What accounts do is noted, with who and from where, and shown to their tenant.

use audit_log::{Act, name};
use axum::body::Body;
use axum::http::Method;
use schemas::audit_event::AuditAction;
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;
use serde_json::{Value, json};

use super::fixture::{Console, PASSWORD, WRONG, request};

/// In short: whose, by whom, from where, what, to what, and how it was answered.
fn told(act: &Act) -> String {
    let (tenant, account) = (act.tenant.as_ref().unwrap(), act.account.as_deref().unwrap());
    let (address, subject) = (act.address.as_deref().unwrap(), act.subject.as_deref().unwrap_or("-"));
    format!("{tenant} {account} {address} {} {subject} {} {:?}", name(act.action), name(act.outcome), act.details)
}

fn acts(console: &Console) -> Vec<String> {
    console.world.acts.lock().unwrap().drain(..).map(|act| told(&act)).collect()
}

#[tokio::test]
async fn what_an_account_does_is_noted_before_it_is_done() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    assert_eq!(acts(&console), ["acme admin 192.0.2.7 signed_in - allowed {}"]);

    let new = json!({ "from": "2026-11-01T00:00", "to": "2026-11-02T00:00", "zone": "UTC", "kind": "users" });
    let asked = console.post("/api/v1/reports", &cookie, &new).await.json();
    let details =
        r#"{"format": "csv", "from": "2026-11-01T00:00:00Z", "kind": "user_activity", "to": "2026-11-02T00:00:00Z"}"#;
    let id = asked["id"].as_str().unwrap();
    assert_eq!(acts(&console), [format!("acme admin 192.0.2.7 report_requested {id} allowed {details}")]);
    let requested = console.world.requests.lock().unwrap()[0].clone();
    let report = console.apply(report_life::Journal::requested(&requested));

    console.post(&format!("/api/v1/reports/{report}/cancel"), &cookie, &json!({})).await;
    assert_eq!(acts(&console), [format!("acme admin 192.0.2.7 report_cancelled {report} allowed {{}}")]);
    console.apply(ReportEvent::new(report, "acme".parse().unwrap(), ReportEventType::Cancelled, Moment::FIRST));
    console.post(&format!("/api/v1/reports/{report}/retry"), &cookie, &json!({})).await;
    assert_eq!(acts(&console), [format!("acme admin 192.0.2.7 report_retried {report} allowed {{}}")]);

    let completed = console.completed("acme", "acme.csv", Some("a,b")).await;
    let path = format!("/api/v1/reports/{completed}/download");
    console.get(&path, &cookie).await;
    let mut part = request(Method::GET, &path, &cookie, Body::empty());
    part.headers_mut().insert("range", "bytes=1-".parse().unwrap());
    console.send(part).await;
    console.store.put("acme/acme.csv.manifest.json", "{}".into()).await.unwrap();
    console.get(&format!("/api/v1/reports/{completed}/manifest"), &cookie).await;
    let downloaded = format!("acme admin 192.0.2.7 report_downloaded {completed} allowed");
    let details =
        [r#"{"file": "acme.csv"}"#, r#"{"bytes": "1-2", "file": "acme.csv"}"#, r#"{"file": "acme.csv.manifest.json"}"#];
    assert_eq!(acts(&console), details.map(|details| format!("{downloaded} {details}")));

    console.send(request(Method::DELETE, "/api/v1/session", &cookie, Body::empty())).await;
    assert_eq!(acts(&console), ["acme admin 192.0.2.7 signed_out - allowed {}"]);
    assert_eq!(console.count("audit_events_total{result=\"noted\"}"), 8);
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_address_is_the_clients() {
    let console = Console::new();
    let forwarded = |mut request: axum::http::Request<Body>| {
        request.headers_mut().insert("x-forwarded-for", "203.0.113.66, 198.51.100.20".parse().unwrap());
        request
    };
    let credentials = json!({ "tenant": "acme", "account": "admin", "password": PASSWORD }).to_string();
    let sign_in = request(Method::POST, "/api/v1/session", "", Body::from(credentials));
    let cookie = console.send(forwarded(sign_in)).await.cookie();
    assert_eq!(acts(&console), ["acme admin 198.51.100.20 signed_in - allowed {}"]);
    let report = console.completed("acme", "acme.csv", Some("a,b")).await;
    let path = format!("/api/v1/reports/{report}/download");
    console.send(forwarded(request(Method::GET, &path, &cookie, Body::empty()))).await;
    assert!(acts(&console)[0].starts_with("acme admin 198.51.100.20 report_downloaded"));
    let downloaded = console.world.events.lock().unwrap().last().unwrap().clone();
    assert_eq!(downloaded.actor_address.as_deref(), Some("198.51.100.20"));
    console.send(forwarded(request(Method::DELETE, "/api/v1/session", &cookie, Body::empty()))).await;
    assert_eq!(acts(&console), ["acme admin 198.51.100.20 signed_out - allowed {}"]);
}

#[tokio::test]
async fn wrong_password_is_noted_for_accounts_that_exist_and_nothing_that_was_typed() {
    let console = Console::new();
    for (tenant, account) in [("acme", "admin"), ("acme", WRONG), ("nobody", "admin"), ("globex", "admin")] {
        assert_eq!(console.sign_in_as(tenant, account, WRONG).await.status, 401);
    }
    while console.world.acts.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let refused = |tenant: &str| format!("{tenant} admin 192.0.2.7 sign_in_refused - refused {{}}");
    assert_eq!(acts(&console), ["acme", "globex"].map(refused));
    assert_eq!(console.count("sign_ins_total{result=\"wrong\"}"), 4);

    // What is tried while the account is closed is counted: else a stranger could fill the log.
    for _ in 0..20 {
        console.sign_in_as("acme", "admin", WRONG).await;
    }
    assert_eq!(console.sign_in_as("acme", "admin", PASSWORD).await.status, 429);
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(acts(&console).len(), 4, "five tries, one of which was before");
}

#[tokio::test]
async fn what_is_refused_for_other_reasons_is_no_act() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let others = console.completed("globex", "globex.csv", Some("secret")).await;
    acts(&console);
    for path in ["cancel", "retry"] {
        assert_eq!(console.post(&format!("/api/v1/reports/{others}/{path}"), &cookie, &json!({})).await.status, 404);
    }
    assert_eq!(console.get(&format!("/api/v1/reports/{others}/download"), &cookie).await.status, 404);
    let wrong = json!({ "from": "2026-11-02T00:00", "to": "2026-11-01T00:00", "zone": "UTC" });
    assert_eq!(console.post("/api/v1/reports", &cookie, &wrong).await.status, 400);
    assert_eq!(acts(&console), [""; 0]);
}

#[tokio::test]
async fn events_are_shown_newest_first_and_a_page_at_a_time() {
    let console = Console::new();
    let cookie = console.sign_in("acme").await;
    let subjects = ["one", "two", "three", "four", "five"];
    for subject in subjects {
        console.audited("acme", AuditAction::ReportDownloaded, subject);
        console.audited("globex", AuditAction::ReportDownloaded, "theirs");
    }
    console.audited("acme", AuditAction::SignedIn, "none");
    let page = async |query: &str| console.get(&format!("/api/v1/audit?{query}"), &cookie).await.json();
    let subjects_of = |page: &Value| -> Vec<String> {
        page["events"].as_array().unwrap().iter().map(|it| it["subject"].as_str().unwrap().to_owned()).collect()
    };
    let first = page("limit=2&action=report_downloaded").await;
    assert_eq!(subjects_of(&first), ["five", "four"]);
    let second = page(&format!("limit=3&action=report_downloaded&before={}", first["next"].as_str().unwrap())).await;
    assert_eq!(
        (subjects_of(&second), &second["next"], &second["has_older"]),
        (vec!["three".to_owned(), "two".to_owned(), "one".to_owned()], &Value::Null, &json!(false))
    );
    assert_eq!(subjects_of(&page("").await).len(), 6);
    for (query, count) in [
        ("account=admin", 6),
        ("account=jane", 0),
        ("action=signed_in", 1),
        ("from=2026-10-31T22:13:20Z&to=2026-10-31T22:13:21Z", 0),
    ] {
        assert_eq!(subjects_of(&page(query).await).len(), count, "{query}");
    }
    let mut shown = page("action=signed_in").await;
    shown["events"][0].as_object_mut().unwrap().remove("id");
    insta::assert_json_snapshot!("audit", shown);
}
