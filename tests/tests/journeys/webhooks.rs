//! A webhook that a real receiver takes: signed as its own library wants it, tried again, redelivered, under two secrets, and over a kill.

use std::time::{Duration, Instant};

use local_parts::{Silent, WebhookReceiver};
use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{Session, Stack, WAIT_MAX, everything, tenant};

/// The operator's key of the journeys.
const KEY: &str = "the key of the journeys, 32 bytes or more";

/// The section that lets a receiver on this machine be called, on its port.
fn section(receiver: &WebhookReceiver) -> String {
    let allow =
        |addresses: &str| format!("[[webhooks.allow]]\naddresses = \"{addresses}\"\nport = {}\n", receiver.port());
    let ca_file = receiver.ca_file().display().to_string();
    format!(
        "[webhooks]\nkey = \"{KEY}\"\nanswer_max = 3\nca_file = '{ca_file}'\n{}{}",
        allow("127.0.0.1"),
        allow("::1")
    )
}

fn url(receiver: &WebhookReceiver, path: &str) -> String {
    format!("https://localhost:{}{path}", receiver.port())
}

async fn wish(session: &Session<'_>, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = session.request(method, path).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// A webhook's path, and its secret.
async fn made(session: &Session<'_>, name: &str, url: &str) -> (String, String) {
    let (status, made) = wish(session, Method::POST, "/webhooks", &json!({ "name": name, "url": url })).await;
    assert_eq!(status, 201, "{made}");
    (format!("/webhooks/{}", made["id"].as_str().unwrap()), made["secret"].as_str().unwrap().to_owned())
}

/// What came to a path, once it is so many.
async fn came(receiver: &WebhookReceiver, path: &str, count: usize) -> Vec<Value> {
    let begin = Instant::now();
    loop {
        let requests = receiver.requests().unwrap();
        let requests = requests.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let came: Vec<_> = requests.filter(|it| it["path"] == path).collect();
        if came.len() >= count {
            assert_eq!(came.len(), count, "{came:#?}");
            return came;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{count} to {path}: {came:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The webhook's only delivery, once it is in this state.
async fn delivery(session: &Session<'_>, webhook: &str, state: &str) -> Value {
    let begin = Instant::now();
    loop {
        let told = session.get(&format!("{webhook}/deliveries")).await;
        let told = told["deliveries"].as_array().unwrap().clone();
        if let [one] = told.as_slice()
            && one["state"] == state
        {
            return one.clone();
        }
        assert!(begin.elapsed() < WAIT_MAX, "not {state}: {told:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn receiver_is_told_once_after_failures_again_when_somebody_wants_it_and_under_both_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start(folder.path(), None, &Silent).await.unwrap();
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let stack = Stack::start_with_section(&[(acme, None), (globex, None)], &section(&receiver)).await;
    let session = stack.sign_in(acme).await;
    let (webhook, secret) = made(&session, "Fails twice", &url(&receiver, "/fails-2/hook")).await;
    let (moved, _) = made(&session, "Moved", &url(&receiver, "/moved/hook")).await;
    receiver.trust(&[&secret]).unwrap();
    let report = session.ask(&everything()).await;
    session.wait_completed(&report).await;

    // 500, 500, 204: with growing waits, under one id, and each signed for its own moment.
    let requests = came(&receiver, "/fails-2/hook", 3).await;
    let told = delivery(&session, &webhook, "delivered").await;
    assert_eq!((&told["tries"], &told["status"], &told["report_id"]), (&json!(3), &json!(204), &json!(report)));
    for request in &requests {
        assert_eq!((&request["id"], &request["verified"]), (&told["id"], &json!([0])), "{request}");
        assert_eq!((&request["body"], &request["content_type"]), (&requests[0]["body"], &json!("application/json")));
    }
    let seconds: Vec<i64> = requests.iter().map(|it| it["timestamp"].as_str().unwrap().parse().unwrap()).collect();
    assert!(seconds[1] - seconds[0] >= 5 && seconds[2] - seconds[1] >= 30, "{seconds:?}");
    let body: Value = serde_json::from_str(requests[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["type"], &body["data"]["report_id"]), (&json!("report.completed"), &json!(report)));
    let link = body["data"]["report_url"].as_str().unwrap();
    assert_eq!(reqwest::get(link).await.unwrap().status(), 401, "a link that needs a sign-in");
    let told = delivery(&session, &moved, "waiting").await;
    assert_eq!(told["problem"], "it answered 307");
    assert!(came(&receiver, "/elsewhere", 0).await.is_empty(), "a redirect is not followed");
    assert_eq!(wish(&session, Method::DELETE, &moved, &json!({})).await.0, 204);

    // Again by hand; then under another secret and the one before.
    let redeliver = format!("{webhook}/deliveries/{}/redeliver", requests[0]["id"].as_str().unwrap());
    assert_eq!(wish(&session, Method::POST, &redeliver, &json!({})).await.0, 200);
    let requests = came(&receiver, "/fails-2/hook", 4).await;
    assert_eq!((&requests[3]["id"], &requests[3]["verified"]), (&requests[0]["id"], &json!([0])));
    let (status, rotated) = wish(&session, Method::POST, &format!("{webhook}/rotate"), &json!({})).await;
    let new_secret = rotated["secret"].as_str().unwrap().to_owned();
    assert_eq!((status, new_secret == secret), (200, false));
    receiver.trust(&[&secret, &new_secret]).unwrap();
    // The exporter reads what the console wrote a moment later.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let second = session.ask(&everything()).await;
    session.wait_completed(&second).await;
    // The receiver fails each new id twice.
    let requests = came(&receiver, "/fails-2/hook", 7).await;
    for request in &requests[4..] {
        assert_eq!(request["verified"], json!([0, 1]), "both sign: {request}");
        assert!(request["body"].as_str().unwrap().contains(&second));
    }

    // Another tenant's reports are told to nobody here, and no secret is in any log or on any topic.
    let others = stack.sign_in(globex).await;
    let theirs = others.ask(&everything()).await;
    others.wait_completed(&theirs).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(receiver.requests().unwrap().iter().all(|it| !it.contains(&theirs)));
    for secret in [secret.as_str(), new_secret.as_str(), KEY] {
        assert_eq!(stack.exporter.logged(&[secret]) + stack.console.logged(&[secret]), 0);
    }
    assert!(stack.exporter.logged(&["a webhook was told"]) >= 8);
    stack.end().await;
}

#[tokio::test]
async fn exporter_that_is_killed_while_it_sends_sends_it_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start(folder.path(), None, &Silent).await.unwrap();
    let acme = &tenant("acme");
    // Long enough that the kill comes while the receiver has it.
    let section = section(&receiver).replace("answer_max = 3", "answer_max = 60");
    let mut stack = Stack::start_with_section(&[(acme, None)], &section).await;
    let session = stack.sign_in(acme).await;
    let (webhook, secret) = made(&session, "Hangs", &url(&receiver, "/hangs/hook")).await;
    let (quick, quick_secret) = made(&session, "Quick", &url(&receiver, "/quick")).await;
    receiver.trust(&[&secret, &quick_secret]).unwrap();
    receiver.hang(true).unwrap();
    let report = session.ask(&everything()).await;
    session.wait_completed(&report).await;
    came(&receiver, "/hangs/hook", 1).await;
    // A receiver that says nothing holds back no other.
    delivery(&session, &quick, "delivered").await;
    let told = session.get(&format!("{webhook}/deliveries")).await;
    assert_eq!(told["deliveries"], json!([]), "in mid-flight: sent, and not noted");
    stack.exporter.kill_and_restart();
    receiver.hang(false).unwrap();
    let session = stack.sign_in(acme).await;
    let told = delivery(&session, &webhook, "delivered").await;
    let requests = came(&receiver, "/hangs/hook", 2).await;
    for request in &requests {
        assert_eq!((&request["id"], &request["verified"]), (&told["id"], &json!([0])), "{request}");
        assert_eq!(request["body"], requests[0]["body"]);
    }
    came(&receiver, "/quick", 1).await;
    stack.end().await;
}

#[tokio::test]
async fn address_of_this_machine_is_not_called_unless_the_operator_allows_it() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start(folder.path(), None, &Silent).await.unwrap();
    let acme = &tenant("acme");
    // The port is allowed, for another address: what is refused is the address.
    let section = section(&receiver).replace("127.0.0.1", "10.11.12.13").replace("::1", "fd00::1");
    let stack = Stack::start_with_section(&[(acme, None)], &section).await;
    let session = stack.sign_in(acme).await;
    for literal in [format!("https://127.0.0.1:{}/hook", receiver.port()), "https://169.254.169.254/".to_owned()] {
        let (status, refused) =
            wish(&session, Method::POST, "/webhooks", &json!({ "name": "x", "url": literal })).await;
        assert_eq!((status, &refused["error"]["field"]), (400, &json!("url")), "{literal}");
    }
    let (webhook, _) = made(&session, "By name", &url(&receiver, "/hook")).await;
    let report = session.ask(&everything()).await;
    session.wait_completed(&report).await;
    let told = delivery(&session, &webhook, "waiting").await;
    assert_eq!(told["problem"], "it may not be called: its name leads to an address that is not public");
    assert_eq!(told["status"], Value::Null);
    assert!(receiver.requests().unwrap().is_empty(), "nothing came");
    stack.end().await;
}

#[tokio::test]
async fn operator_keeps_webhooks_at_a_terminal() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let section = format!("[webhooks]\nkey = \"{KEY}\"\n");
    let stack = Stack::start_with_section(&[(acme, None), (globex, None)], &section).await;
    let webhook = |tenant: &str, verb: &str, more: &[&str]| {
        let output = stack.command(&[&["webhook", verb, "--tenant", tenant, "--by", "jo"][..], more].concat()).output();
        let (output, text) = (output.unwrap(), |bytes| String::from_utf8(bytes).unwrap());
        (text(output.stdout), text(output.stderr), output.status.success())
    };
    let new = ["--name", "Build", "--contact", "ops@acme.example", "--event", "report.failed"];
    let (made, beside, went_well) =
        webhook(acme, "new", &[&new[..], &["--url", "https://acme.example/hook", "--json"]].concat());
    assert!(went_well, "{beside}");
    let made: Value = serde_json::from_str(&made).unwrap();
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    assert!(secret.starts_with("whsec_"), "{made}");
    let (_, beside, went_well) = webhook(acme, "new", &[&new[..], &["--url", "https://10.0.0.1/"]].concat());
    assert!(!went_well && beside.contains("--url has an address that may not be called"), "{beside}");
    let (list, ..) = webhook(acme, "list", &[]);
    assert!(list.lines().count() == 2 && list.contains(id) && list.contains("report.failed"), "{list}");
    assert!(webhook(acme, "pause", &[id]).2);
    let state = || serde_json::from_str::<Value>(&webhook(acme, "show", &[id, "--json"]).0).unwrap()["state"].clone();
    assert_eq!(state(), "paused");
    assert!(webhook(acme, "resume", &[id]).2);
    assert_eq!(state(), "active");
    let (rotated, ..) = webhook(acme, "rotate", &[id]);
    assert!(rotated.contains("whsec_") && !rotated.contains(secret), "{rotated}");
    assert!(!webhook(acme, "show", &[id]).0.contains("whsec_"));
    let changed = webhook(acme, "change", &[&[id][..], &new[..], &["--url", "https://acme.example/other"]].concat());
    assert!(changed.2, "{}", changed.1);
    assert!(webhook(acme, "show", &[id]).0.contains("https://acme.example/other"));
    assert_eq!(webhook(acme, "deliveries", &[id]).0.lines().count(), 1);
    let (_, beside, went_well) = webhook(acme, "redeliver", &[id, id]);
    assert!(!went_well && beside.contains("was not told"), "{beside}");
    let (_, beside, went_well) = webhook(globex, "show", &[id]);
    assert!(!went_well && beside.contains("has no webhook"), "{beside}");
    assert!(webhook(acme, "delete", &[id]).2);
    assert_eq!(webhook(acme, "list", &[]).0.lines().count(), 1);
    // Each of these is on the audit log, without a secret.
    let audit = stack.command(&["audit", "list", "--tenant", acme, "--json", "--limit", "50"]).output().unwrap();
    let audit = String::from_utf8(audit.stdout).unwrap();
    for action in ["CREATED", "PAUSED", "RESUMED", "SECRET_ROTATED", "CHANGED", "DELETED"] {
        assert_eq!(audit.matches(&format!("WEBHOOK_{action}\"")).count(), 1, "{action}: {audit}");
    }
    assert!(!audit.contains("whsec_"));
    stack.end().await;
}
