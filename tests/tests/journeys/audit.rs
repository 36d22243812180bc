//! The audit log of two consoles, one of which is killed, and of an operator; and what is found when somebody changes it.

use std::time::{Duration, Instant};

use kafka_io::{Followed, OutRecord, Producer, Record, TopicFollower, admin};
use reqwest::{Client, Method, StatusCode};
use schemas::topics::{AUDIT_EVENTS, Topic};
use serde_json::{Value, json};

use crate::gone::SLOW;
use crate::oracle::audit;
use crate::report_life::{FAST_AGAIN, flowledger};
use crate::stack::{PASSWORD, Stack, WAIT_MAX, everything, tenant};

/// One console, as somebody who may be signed in.
pub(crate) struct Visitor {
    client: Client,
    url: String,
    cookie: String,
}

impl Visitor {
    pub(crate) async fn sign_in(url: &str, tenant: &str, password: &str) -> Result<Self, StatusCode> {
        let mut visitor =
            Self { client: Client::builder().no_proxy().build().unwrap(), url: url.to_owned(), cookie: String::new() };
        let credentials = json!({ "tenant": tenant, "account": "admin", "password": password });
        let answer = visitor.request(Method::POST, "/session").json(&credentials).send().await.unwrap();
        let cookie = answer.headers().get("set-cookie").map(|it| it.to_str().unwrap().to_owned());
        visitor.cookie = cookie.ok_or(answer.status())?.split(';').next().unwrap().to_owned();
        Ok(visitor)
    }

    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.url));
        request.header("Cookie", &self.cookie).header("X-Flowledger", "1").timeout(Duration::from_secs(60))
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.request(method, path).json(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Asks for a report; its id.
    async fn ask(&self) -> String {
        let (status, report) = self.send(Method::POST, "/reports", &everything()).await;
        assert_eq!(status, 201, "{report}");
        report["id"].as_str().unwrap().to_owned()
    }

    /// What was done, oldest first, once it is so much and ends so.
    pub(crate) async fn audited(&self, count: usize, ends: &[&str]) -> Vec<(String, String)> {
        let begin = Instant::now();
        loop {
            let (_, page) = self.send(Method::GET, "/audit?limit=500", &Value::Null).await;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let events = page["events"].as_array().unwrap();
            let newest = events.iter().take(ends.len()).rev().map(|it| it["action"].as_str().unwrap());
            if events.len() >= count && newest.eq(ends.iter().copied()) {
                return events.iter().rev().map(|it| (text(&it["action"]), text(&it["subject"]))).collect();
            }
            assert!(begin.elapsed() < WAIT_MAX, "{count} events: {page}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// All that lies on the log.
async fn records(stack: &Stack) -> Vec<Record> {
    let mut follower = TopicFollower::from_beginning(&stack.parts.kafka_config(), AUDIT_EVENTS.name).await.unwrap();
    let mut records = Vec::new();
    while let Followed::Record(record) = follower.next().await.unwrap() {
        records.push(record);
    }
    records
}

/// A topic of its own with these records.
async fn copy(stack: &Stack, records: &[Record]) -> &'static str {
    let (kafka, name): (_, &'static str) = (stack.parts.kafka_config(), tenant("audit-copy").leak());
    admin::ensure_topics(&kafka, &[Topic { name, partitions: 1, settings: &[] }], 1).await.unwrap();
    let producer = Producer::new(&kafka, "flowledger-test").unwrap();
    for record in records {
        let (key, payload) = (record.key.as_deref().unwrap(), record.payload.as_deref().unwrap());
        producer.send(OutRecord { topic: name, key, payload, headers: &[] }).await.unwrap();
    }
    name
}

fn holds(record: &Record, text: &str) -> bool {
    record.payload.as_deref().unwrap().windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test]
async fn what_accounts_do_is_on_a_log_that_nobody_changes_unseen() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let mut stack = Stack::start(&[(acme, None), (globex, None)]).await;
    let (one, (_second, other)) = (stack.console_url(), stack.start_second_console().await);

    // An admin's day, on one console and on the other.
    assert_eq!(Visitor::sign_in(&one, acme, "no horse battery").await.err(), Some(StatusCode::UNAUTHORIZED));
    assert!(Visitor::sign_in(&one, "nobody", "a secret typed there").await.is_err());
    let ann = Visitor::sign_in(&one, acme, PASSWORD).await.unwrap();
    for statement in SLOW {
        stack.execute(statement).await;
    }
    let cancelled = ann.ask().await;
    let begin = Instant::now();
    // The console sees what it asked for a moment later.
    while ann.send(Method::POST, &format!("/reports/{cancelled}/cancel"), &Value::Null).await.0 == 404 {
        assert!(begin.elapsed() < WAIT_MAX);
    }
    for statement in FAST_AGAIN {
        stack.execute(statement).await;
    }
    let report = ann.ask().await;
    stack.sign_in(acme).await.wait_completed(&report).await;
    for file in ["download", "manifest"] {
        assert_eq!(ann.send(Method::GET, &format!("/reports/{report}/{file}"), &Value::Null).await.0, 200);
    }
    let gus = Visitor::sign_in(&other, globex, PASSWORD).await.unwrap();
    for wish in ["cancel", "retry"] {
        assert_eq!(gus.send(Method::POST, &format!("/reports/{report}/{wish}"), &Value::Null).await.0, 404);
    }
    // Both at once, and one of them is killed meanwhile.
    let wish = async |visitor: &Visitor| {
        for _ in 0..15 {
            let _ = visitor.request(Method::POST, "/reports").json(&everything()).send().await;
        }
    };
    let console = &mut stack.console;
    tokio::join!(wish(&ann), wish(&gus), async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        console.kill_and_restart();
    });
    stack.wait_for_console().await;
    let ann = Visitor::sign_in(&one, acme, PASSWORD).await.unwrap();
    let asked =
        ["report", "new", "--from", "1970-01-01T00:00", "--to", "2100-01-01T00:00", "--tenant", acme, "--by", "jo"];
    let (by_jo, beside, went_well) = flowledger(&stack, &asked);
    assert!(went_well, "{beside}");
    let (manifest, beside, went_well) =
        flowledger(&stack, &["report", "manifest", &report, "--tenant", acme, "--by", "jo"]);
    assert!(went_well && manifest.contains("sha256"), "{beside}");
    assert_eq!(ann.send(Method::DELETE, "/session", &Value::Null).await.0, 204);

    // Each tenant sees what its own accounts did, on whatever console.
    let gus_did = gus.audited(16, &["report_requested"]).await;
    assert_eq!(gus_did.len(), 16, "{gus_did:?}");
    assert!(gus_did[1..].iter().all(|(action, _)| action == "report_requested"), "{gus_did:?}");
    let ann = Visitor::sign_in(&other, acme, PASSWORD).await.unwrap();
    let ends = ["signed_in", "report_requested", "report_downloaded", "signed_out", "signed_in"];
    let ann_did = ann.audited(13, &ends).await;
    let begun: Vec<_> = ann_did.iter().take(8).map(|(action, subject)| (action.as_str(), subject.as_str())).collect();
    let expected = [
        ("sign_in_refused", ""),
        ("signed_in", ""),
        ("report_requested", cancelled.as_str()),
        ("report_cancelled", &cancelled),
        ("report_requested", &report),
        ("signed_in", ""),
        ("report_downloaded", &report),
        ("report_downloaded", &report),
    ];
    assert_eq!(begun, expected);
    assert!(ann_did.contains(&("report_requested".to_owned(), by_jo.trim().to_owned())));
    let (list, beside, went_well) = flowledger(&stack, &["audit", "list", "--tenant", acme, "--actor", "jo"]);
    assert!(went_well, "{beside}");
    assert!(list.lines().count() == 3 && list.contains("command_line") && list.contains(by_jo.trim()), "{list}");

    // Nothing is wrong: by our own program, and by one that shares nothing with it.
    let verify = |more: &[&str]| flowledger(&stack, &[&["audit", "verify"][..], more].concat());
    let (chains, beside, went_well) = verify(&["--json"]);
    assert!(went_well && beside.contains("nothing is wrong"), "{chains}{beside}");
    let (export, ..) = flowledger(&stack, &["audit", "list", "--json", "--limit", "1000000"]);
    let events = export.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let files: Vec<Value> = events.filter(|it| it["subject"] == report && !it["details"]["file"].is_null()).collect();
    let is_manifest = |it: &Value| it["details"]["file"].as_str().unwrap().ends_with(".manifest.json");
    assert_eq!(files.iter().map(is_manifest).collect::<Vec<_>>(), [false, true, true], "{files:?}");
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!((&files[2]["account"], &files[2]["details"]["machine"]), (&json!("jo"), &json!(machine.trim())));
    let whole = records(&stack).await;
    assert_eq!(audit(export.as_bytes()), whole.len());
    for secret in [PASSWORD, "no horse", "a secret typed there", "nobody", "flowledger_session"] {
        assert!(!export.contains(secret), "{secret}");
    }
    let chains: Vec<Value> = chains.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let heads: Vec<&str> = chains.iter().filter_map(|it| it["head"].as_str()).collect();
    let noted: Vec<&str> = heads.iter().flat_map(|head| ["--head", *head]).collect();
    assert!(verify(&noted).2);
    assert_eq!(
        verify(&["--tenant", acme]).0.lines().count(),
        6,
        "two consoles, the killed one and the operator's two, and a title"
    );

    // A copy is as good; one that was changed is not, and it is said where.
    let same = copy(&stack, &whole).await;
    assert!(verify(&[&["--topic", same][..], &noted].concat()).2);
    let place = whole.iter().position(|it| holds(it, acme) && holds(it, &report)).unwrap();
    let mut changed = whole.clone();
    let mut bytes = changed[place].payload.as_deref().unwrap().to_vec();
    let at = bytes.windows(5).position(|part| part == b"admin").unwrap();
    bytes[at] ^= 1;
    changed[place].payload = Some(bytes.into());
    let (said, beside, went_well) = verify(&["--topic", copy(&stack, &changed).await]);
    assert!(!went_well && beside.contains("1 findings"), "{beside}");
    let finding = said.lines().last().unwrap();
    let expected = format!("offset {place}: event ");
    assert!(finding.starts_with(&expected) && finding.ends_with("its content is not what its hash says"), "{finding}");

    let mut without = whole.clone();
    without.remove(place);
    let (said, _, went_well) = verify(&["--topic", copy(&stack, &without).await]);
    assert!(!went_well && said.contains("of the chain are missing before it"), "{said}");
    let mut doubled = whole.clone();
    doubled.push(whole[place].clone());
    let (said, _, went_well) = verify(&["--topic", copy(&stack, &doubled).await]);
    assert!(!went_well && said.contains("it stands there twice, or late"), "{said}");
    // The very last one is missed by who noted it.
    let cut = copy(&stack, &whole[..whole.len() - 1]).await;
    assert!(verify(&["--topic", cut]).2);
    let (said, _, went_well) = verify(&[&["--topic", cut][..], &noted].concat());
    assert!(!went_well && said.contains("is named, and is not there"), "{said}");
    stack.end().await;
}
