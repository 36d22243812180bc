//! A schedule that makes its reports while exporters are killed: one report for each time that was due, with its own range, and mails.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::gone::{SLOW, SOON, wait_running};
use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::stack::{Session, Stack, WAIT_MAX, tenant};

const FAST_AGAIN: [&str; 2] = ["DROP VIEW connections", "RENAME TABLE connections_kept TO connections"];

/// Makes a report each minute, of the days before this one.
fn each_minute() -> Value {
    json!({ "name": "Each minute", "when": "* * * * *", "range": "last 9000 days", "zone": "Asia/Kathmandu" })
}

async fn wish(session: &Session<'_>, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = session.request(method, path).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// The schedule's reports, by when they were due.
async fn made(session: &Session<'_>) -> BTreeMap<String, Value> {
    let reports = session.get("/reports?limit=500").await;
    let reports = reports["reports"].as_array().unwrap();
    let by_due = |it: &Value| (it["requested_at"].as_str().unwrap().to_owned(), it.clone());
    let made: BTreeMap<_, _> = reports.iter().map(by_due).collect();
    assert_eq!(made.len(), reports.len(), "one for each time that was due: {reports:#?}");
    made
}

async fn wait_made(session: &Session<'_>, state: &str, count: usize) -> BTreeMap<String, Value> {
    let begin = Instant::now();
    loop {
        let made = made(session).await;
        if made.values().filter(|it| it["state"] == state).count() >= count {
            return made;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{count} reports are not {state}: {made:#?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn schedule_makes_one_report_for_each_time_that_was_due_though_the_exporter_is_killed() {
    let acme = &tenant("acme");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(5, 60, "v2");
    let expected = report(acme, "v2", &[], &lines);
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;
    for statement in SLOW {
        stack.execute(statement).await;
    }
    let (status, kept) = wish(&session, Method::POST, "/report-schedules", &each_minute()).await;
    assert_eq!(status, 201, "{kept}");
    let path = format!("/report-schedules/{}", kept["id"].as_str().unwrap());
    let due: Vec<_> = kept["next_runs"].as_array().unwrap().clone();

    // The first one is being planned when the exporter is killed: it was asked for, and is not made.
    wait_running(&stack, true, WAIT_MAX).await;
    let first = made(&session).await;
    assert_eq!(
        (first.len(), first.values().next().unwrap()["rows"].clone()),
        (1, 0.into()),
        "in mid-flight: {first:?}"
    );
    stack.exporter.kill_and_restart();
    let session = stack.sign_in(acme).await;
    wait_running(&stack, false, SOON).await;
    for statement in FAST_AGAIN {
        stack.execute(statement).await;
    }
    wait_made(&session, "completed", 1).await;
    // At the moment at which the next one is due nobody is there to ask for it; the one that starts then makes up for it.
    let second = due[1]["due"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let until = second.duration_since(jiff::Timestamp::now()).as_secs_f64() - 0.5;
    tokio::time::sleep(Duration::from_secs_f64(until.max(0.0))).await;
    stack.exporter.kill_and_restart();
    let session = stack.sign_in(acme).await;
    let reports = wait_made(&session, "completed", 2).await;
    let (status, paused) = wish(&session, Method::POST, &format!("{path}/pause"), &json!({})).await;
    assert_eq!((status, &paused["state"]), (200, &"paused".into()));
    assert_eq!(paused["last_run"]["state"], "completed");

    for (report, due) in reports.values().zip(&due) {
        let found = ["requested_at", "from", "to"].map(|field| report[field].clone());
        assert_eq!(found, ["due", "from", "to"].map(|field| due[field].clone()));
        let report = session.wait_completed(report["id"].as_str().unwrap()).await;
        assert_eq!((&report["notified"], &report["requested_by"]), (&1.into(), &"admin".into()));
        assert_same(&session.download(report["id"].as_str().unwrap()).await, &expected, "of a schedule");
    }
    println!("{} reports over {} starts of the exporter", reports.len(), stack.exporter.starts);

    // Made by hand, beside those that are due.
    let mut by_hand = each_minute();
    by_hand["when"] = Value::Null;
    let (status, replaced) = wish(&session, Method::PUT, &path, &by_hand).await;
    assert_eq!(status, 200, "{replaced}");
    let begin = Instant::now();
    while session.get(&path).await["when"] != Value::Null {
        assert!(begin.elapsed() < WAIT_MAX);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, made) = wish(&session, Method::POST, &format!("{path}/run"), &json!({})).await;
    assert_eq!(status, 201, "{made}");
    session.wait_completed(made["id"].as_str().unwrap()).await;
    assert_eq!(session.get(&path).await["last_run"]["id"], made["id"]);
    assert_eq!(wish(&session, Method::DELETE, &path, &json!({})).await.0, 204);
    stack.end().await;
}

/// Standard output, standard error and whether it went well.
fn flowledger(stack: &Stack, arguments: &[&str]) -> (String, String, bool) {
    let output = stack.command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

#[tokio::test]
async fn operator_keeps_schedules_at_a_terminal() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let stack = Stack::start(&[(acme, None), (globex, None)]).await;
    let schedule = |verb: &str, more: &[&str]| {
        flowledger(&stack, &[&["report", "schedule", verb, "--tenant", acme, "--by", "jo"][..], more].concat())
    };
    let new = ["--name", "Nightly", "--when", "daily at 02:30", "--range", "yesterday", "--zone", "Europe/Berlin"];
    let (id, beside, went_well) = schedule("new", &[&new[..], &["--owner", "admin"]].concat());
    assert!(went_well, "{beside}");
    let id = id.trim();
    for (more, said) in [
        (&["--owner", "nobody"][..], "--owner nobody is no account of "),
        (&["--owner", "admin", "--from", "2026-11-01T00:00"], "the range of a schedule's reports is --range"),
        (&["--owner", "admin", "--receiver", "no one"], "--receiver has what is no e-mail address"),
    ] {
        let (_, beside, went_well) = schedule("new", &[&new[..], more].concat());
        assert!(!went_well && beside.contains(said), "{beside}");
    }
    let (list, ..) = schedule("list", &[]);
    assert!(list.lines().count() == 2 && list.contains(id) && list.contains("daily at 02:30"), "{list}");
    let (shown, ..) = schedule("show", &[id]);
    assert!(
        shown.contains("changed_by") && shown.contains("jo") && shown.lines().last().unwrap().contains("Z"),
        "{shown}"
    );
    assert!(schedule("pause", &[id]).2);
    let state = || serde_json::from_str::<Value>(&schedule("show", &[id, "--json"]).0).unwrap()["state"].clone();
    assert_eq!(state(), "paused");
    assert!(schedule("resume", &[id]).2);
    assert_eq!(state(), "active");
    let (report, beside, went_well) = schedule("run", &[id, "--follow"]);
    assert!(went_well && beside.contains("completed"), "{beside}");
    let (shown, ..) = flowledger(&stack, &["report", "show", report.trim(), "--tenant", acme, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap()["requested_by"], "jo");
    let (_, beside, went_well) = flowledger(&stack, &["report", "schedule", "show", "--tenant", globex, id]);
    assert!(!went_well && beside.contains("has no schedule"), "{beside}");
    assert!(schedule("delete", &[id]).2);
    assert_eq!(schedule("list", &[]).0.lines().count(), 1);
    // Needs neither parts nor configuration.
    let times = ["--when", "daily at 02:30", "--range", "yesterday", "--zone", "Europe/Berlin"];
    let mut preview = Command::new(local_parts::flowledger_binary().unwrap());
    let told = preview.args(["report", "schedule", "preview"]).args(times).output().unwrap();
    assert_eq!(String::from_utf8(told.stdout).unwrap().lines().count(), 6);
    stack.end().await;
}
