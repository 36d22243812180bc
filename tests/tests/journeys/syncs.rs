//! A bucket sync while exporters are killed and its bucket is away: every event is in exactly one object, late ones in the next.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use futures_util::TryStreamExt;
use reqwest::Method;
use serde_json::{Value, json};

use crate::filters::{self, is_relayed, kept};
use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::report_life::flowledger;
use crate::stack::{Service, Session, Stack, WAIT_MAX, tenant};

/// Who reads addresses waits ten milliseconds for each of many blocks; rows are the same.
const SLOWER: [&str; 2] = [
    "RENAME TABLE connections TO connections_kept",
    "CREATE VIEW connections AS SELECT * REPLACE (if(resource_id IN (
         SELECT number + 1000000000000 FROM numbers(65000000) WHERE sleep(0.01) = 1
     ), '', resource_address) AS resource_address) FROM connections_kept
     SETTINGS allow_suspicious_low_cardinality_types = 1",
];
const FAST_AGAIN: [&str; 2] = ["DROP VIEW connections", "RENAME TABLE connections_kept TO connections"];

const BEGUN: &str = "an object of a bucket sync is begun";
const STORED: &str = "an object of a bucket sync is stored";

async fn wish(session: &Session<'_>, method: Method, path: &str, body: &Value) -> Value {
    let answer = session.request(method, path).json(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap_or_default()
}

/// Waits until the sync is as is wanted.
async fn until(stack: &Stack, acme: &str, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let (session, begin) = (stack.sign_in(acme).await, Instant::now());
    loop {
        let sync = session.get(path).await;
        if wanted(&sync) {
            return sync;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{sync:#}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until an interval is done that ended after all that is stored now; what ingest says is a moment old.
pub(crate) async fn wait_done(stack: &Stack, acme: &str, path: &str) -> Value {
    let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    until(stack, acme, path, |it| it["reached"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap() > end).await
}

/// The objects below a folder by their keys, unpacked.
async fn objects(stack: &Stack, folder: &str) -> BTreeMap<String, String> {
    let (lake, mut found) = (stack.parts.lake(), BTreeMap::new());
    for key in lake.list(folder).await.unwrap() {
        let packed: Vec<_> = lake.read(&key, None).await.unwrap().try_collect().await.unwrap();
        let mut text = String::new();
        MultiGzDecoder::new(&packed.concat()[..]).read_to_string(&mut text).unwrap();
        found.insert(key, text);
    }
    found
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// The exporter that makes an object now, and has not stored it.
fn busy(stack: &Stack) -> Option<usize> {
    let all: [&Service; 2] = [&stack.exporter, &stack.exporters[0]];
    all.iter().position(|it| it.logged(&[BEGUN]) > it.logged(&[STORED]))
}

#[tokio::test]
async fn every_event_is_in_one_object_though_exporters_are_killed_and_the_bucket_is_away() {
    let acme = &tenant("acme");
    let mut stack = Stack::start_with_own_parts(&[(acme, Some("v2"))]).await;
    stack.add_exporter();
    let parts: Vec<_> = [21, 22, 23, 24].map(|seed| traffic(seed, 300, "v2")).into();
    let count = |lines: &[u8]| connections_of(acme, "v2", lines);
    let envelopes = |lines: &[u8]| report(acme, "v2", &["--format", "ndjson"], lines);
    let mut stored = count(&parts[0]);
    stack.append(acme, &parts[0]);
    stack.wait_stored(acme, stored).await;

    // What was there before is no part of it.
    let session = stack.sign_in(acme).await;
    let lake = json!({ "name": "To our lake", "destination": "lake", "interval_seconds": 10 });
    let made = wish(&session, Method::POST, "/syncs", &lake).await;
    let (path, folder) =
        (format!("/syncs/{}", made["id"].as_str().unwrap()), format!("{acme}/{}", made["id"].as_str().unwrap()));
    wait_done(&stack, acme, &path).await;
    assert!(objects(&stack, &folder).await.is_empty(), "none where there is nothing");

    // The exporter that makes the first object is killed in the midst of it: the other one makes the same.
    wish(&stack.sign_in(acme).await, Method::POST, &format!("{path}/pause"), &json!({})).await;
    until(&stack, acme, &path, |it| it["state"] == "paused").await;
    stack.append(acme, &parts[1]);
    stored += count(&parts[1]);
    stack.wait_stored(acme, stored).await;
    for statement in SLOWER {
        stack.execute(statement).await;
    }
    wish(&stack.sign_in(acme).await, Method::POST, &format!("{path}/resume"), &json!({})).await;
    let begin = Instant::now();
    let victim = loop {
        if let Some(victim) = busy(&stack) {
            break victim;
        }
        assert!(begin.elapsed() < WAIT_MAX, "no object is begun");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(objects(&stack, &folder).await.is_empty(), "in mid-flight");
    if victim == 0 {
        stack.exporter.kill_and_restart();
    } else {
        stack.exporters[0].kill_and_restart();
    }
    for statement in FAST_AGAIN {
        stack.execute(statement).await;
    }
    let first = until(&stack, acme, &path, |it| !it["last_object"].is_null()).await;
    wait_done(&stack, acme, &path).await;
    println!("first object after the kill: {}", first["last_object"]);
    let so_far = objects(&stack, &format!("{folder}/live")).await;
    let text = so_far.values().cloned().collect::<String>();
    assert_eq!(sorted(&text), sorted(&envelopes(&parts[1])));

    // Late ones, of the hours of those before, and a copy of each of those: the next object has what is new.
    stack.append(acme, &parts[1]);
    stack.append(acme, &parts[2]);
    stored += count(&parts[2]);
    stack.wait_stored(acme, stored).await;
    wait_done(&stack, acme, &path).await;
    let later = objects(&stack, &format!("{folder}/live")).await;
    assert!(so_far.iter().all(|(key, text)| later.get(key) == Some(text)), "no object changes");
    let new: String =
        later.iter().filter(|(key, _)| !so_far.contains_key(*key)).map(|(_, text)| text.as_str()).collect();
    assert_eq!(sorted(&new), sorted(&envelopes(&parts[2])));

    // Nothing but copies: there is no object of them.
    let rows = async |stack: &Stack| {
        let counted = stack.sql(&format!("SELECT count() FROM connections WHERE tenant = '{acme}'")).await;
        counted.and_then(|text| text.parse::<u64>().ok()).unwrap_or_default()
    };
    let before = rows(&stack).await;
    stack.append(acme, &parts[2]);
    let begin = Instant::now();
    while rows(&stack).await < before + count(&parts[2]) {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    wait_done(&stack, acme, &path).await;
    assert_eq!(objects(&stack, &format!("{folder}/live")).await, later, "an object of copies, or without rows");
    let would_be_empty = "an object of a bucket sync would have no rows: there is none";
    let none: usize = [&stack.exporter, &stack.exporters[0]].iter().map(|it| it.logged(&[would_be_empty])).sum();
    assert!(none > 0, "the copies came to no plan");

    // The bucket is away: it fails, and says so; both exporters die meanwhile; it is well again.
    stack.parts.s3().kill();
    stack.append(acme, &parts[3]);
    stored += count(&parts[3]);
    stack.wait_stored(acme, stored).await;
    let failing = until(&stack, acme, &path, |it| it["state"] == "failing").await;
    assert_eq!(failing["reason"], "the object could not be written to its bucket");
    let mails = |subject: &str| {
        let all = stack.parts.mails().unwrap();
        all.iter().filter(|it| it.text.contains(subject)).count()
    };
    let begin = Instant::now();
    while mails("Your bucket sync fails: To our lake") == 0 {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stack.exporter.kill_and_restart();
    stack.exporters[0].kill_and_restart();
    stack.parts.s3().restart().await.unwrap();
    until(&stack, acme, &path, |it| it["state"] == "active").await;
    wait_done(&stack, acme, &path).await;
    let begin = Instant::now();
    let mails = |subject: &str| {
        let all = stack.parts.mails().unwrap();
        all.iter().filter(|it| it.text.contains(subject)).count()
    };
    while mails("Your bucket sync is well again: To our lake") == 0 {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let live = objects(&stack, &format!("{folder}/live")).await;
    let text = live.values().cloned().collect::<String>();
    let all = envelopes(&parts[1..].concat());
    assert_eq!(sorted(&text), sorted(&all), "every event is in one object");
    assert!(live.values().all(|text| !text.is_empty()));
    println!("{} objects, {} events", live.len(), text.lines().count());

    // The past, beside it: what a report of it would hold, in its order.
    let session = stack.sign_in(acme).await;
    wish(&session, Method::POST, &format!("{path}/backfill"), &crate::stack::everything()).await;
    until(&stack, acme, &path, |it| it["backfills"][0]["state"] == "done").await;
    let past = objects(&stack, &format!("{folder}/backfill")).await;
    assert_same(&past.values().cloned().collect::<String>(), &envelopes(&parts[0]), "the past");
    assert_eq!(objects(&stack, &format!("{folder}/live")).await, live);

    // Paused it writes nothing; deleted it is gone, and its objects stay.
    assert_eq!(wish(&session, Method::POST, &format!("{path}/pause"), &json!({})).await["state"], "paused");
    wish(&session, Method::DELETE, &path, &json!({})).await;
    assert_eq!(objects(&stack, &format!("{folder}/live")).await.len(), live.len());
    stack.end().await;
}

#[tokio::test]
async fn operator_keeps_syncs_at_a_terminal() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let mut stack = Stack::start(&[(acme, Some("v2")), (globex, None)]).await;
    let sync = |verb: &str, more: &[&str]| {
        flowledger(&stack, &[&["sync", verb, "--tenant", acme, "--by", "jo"][..], more].concat())
    };
    let new = ["--name", "To our lake", "--destination", "lake", "--interval", "10"];
    for (more, said) in [
        (&["--destination", "sea"][..], "destination "),
        (&["--interval", "1"], "interval_seconds "),
        (&["--receiver", "no one"], "receivers "),
        (&["--from", "2026-11-01T00:00"], "a sync begins with what comes now"),
    ] {
        let wrong: Vec<_> =
            new.chunks(2).filter(|it| it[0] != more[0]).flatten().copied().chain(more.to_vec()).collect();
        let (_, beside, went_well) = sync("new", &wrong);
        assert!(!went_well && beside.contains(said), "{beside}");
    }
    let (id, beside, went_well) = sync("new", &new);
    assert!(went_well, "{beside}");
    let id = id.trim();
    let shown = |verb: &str, more: &[&str]| -> Value {
        let (said, beside, went_well) = sync(verb, &[more, &["--json"]].concat());
        assert!(went_well, "{beside}");
        serde_json::from_str(&said).unwrap()
    };
    let listed = shown("list", &[]);
    assert_eq!((listed["id"].as_str(), &listed["state"]), (Some(id), &"active".into()));
    assert!(sync("list", &[]).0.contains("To our lake"));
    let (said, beside, went_well) = flowledger(&stack, &["sync", "show", "--tenant", globex, id]);
    assert!(!went_well && said.is_empty() && beside.contains("has no sync"), "{beside}");

    let change = ["--name", "To the lake", "--receiver", "jo@acme.example"];
    for (verb, more, field, value) in [
        ("pause", &[][..], "state", json!("paused")),
        ("resume", &[], "state", json!("active")),
        ("change", &change, "name", json!("To the lake")),
    ] {
        let (_, beside, went_well) = sync(verb, &[&[id], more].concat());
        assert!(went_well, "{beside}");
        assert_eq!(shown("show", &[id])[field], value, "{verb}");
    }
    assert_eq!(shown("show", &[id])["interval_seconds"], 10, "as before");

    let narrow = ["--name", "Relayed", "--destination", "lake", "--interval", "10", "--tunnel-paths", "relay"];
    let (narrow, beside, went_well) = sync("new", &[&narrow[..], &["--domain", "corp"]].concat());
    assert!(went_well, "{beside}");
    let narrow = narrow.trim();
    assert_eq!(shown("show", &[narrow])["domain"], "corp");

    // What they write, by the exporter.
    let lines = traffic(25, 60, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    wait_done(&stack, acme, &format!("/syncs/{id}")).await;
    let text = objects(&stack, &format!("{acme}/{id}/live")).await.into_values().collect::<String>();
    assert_eq!(sorted(&text), sorted(&report(acme, "v2", &["--format", "ndjson"], &lines)));
    wait_done(&stack, acme, &format!("/syncs/{narrow}")).await;
    let some = objects(&stack, &format!("{acme}/{narrow}/live")).await.into_values().collect::<String>();
    let lines = kept(&lines, |event| is_relayed(event) && filters::text(event, "/resource/address").contains("corp"));
    assert_eq!(sorted(&some), sorted(&report(acme, "v2", &["--format", "ndjson"], &lines)));
    assert!((1..text.lines().count()).contains(&some.lines().count()), "some of them");
    let sync = |verb: &str, more: &[&str]| {
        flowledger(&stack, &[&["sync", verb, "--tenant", acme, "--by", "jo"][..], more].concat())
    };
    // A day that begins at half past: the hours that hold it.
    let range = ["--from", "2020-01-01T00:00", "--to", "2020-01-02T00:00", "--zone", "Asia/Kolkata"];
    let (said, beside, went_well) = sync("backfill", &[&[id][..], &range].concat());
    assert!(went_well && said.is_empty(), "{beside}");
    let taken = "flowledger: it brings 2019-12-31T18:00:00Z to 2020-01-01T19:00:00Z, whole hours of UTC\n";
    assert!(beside.contains(taken), "{beside}");
    until(&stack, acme, &format!("/syncs/{id}"), |it| it["backfills"][0]["state"] == "done").await;
    let shown: Value = serde_json::from_str(&sync("show", &[id, "--json"]).0).unwrap();
    let past = &shown["backfills"][0];
    assert_eq!((&past["hours"], &past["from"]), (&json!(25), &json!("2019-12-31T18:00:00Z")));
    // What would hold nothing, and what is done, in words.
    let later = ["--from", "2099-01-01T00:00:00Z", "--to", "2099-01-02T00:00:00Z"];
    for (verb, more, said) in [
        ("backfill", &later[..], "from is after the sync was made"),
        ("cancel-backfill", &["--number", "1"], "number is that of no past range"),
    ] {
        let (_, beside, went_well) = sync(verb, &[&[id][..], more].concat());
        assert!(!went_well && beside.contains(said), "{beside}");
    }
    assert!(sync("delete", &[id]).2 && sync("delete", &[narrow]).2);
    assert!(!sync("show", &[id]).2 && sync("list", &["--json"]).0.is_empty());
    assert!(!objects(&stack, &format!("{acme}/{id}/live")).await.is_empty(), "its objects stay");
    stack.end().await;
}
