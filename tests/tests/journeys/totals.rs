//! A report is held against the roll-ups before it is completed: one that lacks rows that were counted is not, until somebody has said that they are
//! gone; a roll-up that is behind holds up nothing.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::report_life::flowledger;
use crate::stack::{Session, Stack, WAIT_MAX, everything, tenant};

async fn number(stack: &Stack, sql: &str) -> u64 {
    stack.sql(sql).await.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Waits until the roll-up by hour has all that is stored of hours that are over.
pub(crate) async fn wait_rolled_up(stack: &Stack, acme: &str, stored: u64) {
    let rolled_up = format!(
        "SELECT sum(succeeded + failed_dns + failed_other + denied) FROM connections_by_hour FINAL WHERE tenant = '{acme}'"
    );
    let begin = Instant::now();
    while number(stack, &rolled_up).await != stored {
        assert!(begin.elapsed() < WAIT_MAX, "{} of {stored} are counted", number(stack, &rolled_up).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// The same, and until it is left alone from then on, as it is once hours have been over for a while.
async fn wait_at_rest(stack: &Stack, acme: &str, stored: u64) {
    wait_rolled_up(stack, acme, stored).await;
    let newest = format!("SELECT max(version) FROM connections_by_hour WHERE tenant = '{acme}'");
    let begin = Instant::now();
    // Hours are counted again as long as something may be in flight; without rows by minute, which are kept for a month, nobody looks.
    stack.execute("TRUNCATE TABLE connections_by_minute SYNC").await;
    let mut last = number(stack, &newest).await;
    loop {
        tokio::time::sleep(Duration::from_secs(3)).await;
        let version = number(stack, &newest).await;
        if version == last {
            return;
        }
        assert!(begin.elapsed() < WAIT_MAX, "hours are counted again and again");
        last = version;
    }
}

async fn wait_failed(session: &Session<'_>, id: &str) -> Value {
    let begin = Instant::now();
    loop {
        // What was asked for just now may not have come round yet.
        let answer = session.request(Method::GET, &format!("/reports/{id}")).send().await.unwrap();
        let shown: Value = answer.json().await.unwrap();
        assert_ne!(shown["state"], "completed", "{shown}");
        if shown["state"] == "failed" {
            return shown;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{shown}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Asks for a report of this kind, and gives what its manifest says of the totals.
async fn totals(session: &Session<'_>, kind: &str) -> (String, Value, Value) {
    let mut asked = everything();
    asked["kind"] = json!(kind);
    asked["denied"] = json!(kind == "events");
    let id = session.ask(&asked).await;
    let shown = session.wait_completed(&id).await;
    let manifest = session.get(&format!("/reports/{id}/manifest")).await;
    (id, shown, manifest["totals"].clone())
}

#[tokio::test]
async fn report_that_lacks_rows_that_were_counted_is_not_completed() {
    let acme = &tenant("acme");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(31, 3_000, "v2");
    stack.append(acme, &lines);
    let stored = stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    wait_at_rest(&stack, acme, stored).await;
    let session = stack.sign_in(acme).await;

    let (id, shown, said) = totals(&session, "events").await;
    assert_eq!((&said["source"], &said["agree"]), (&json!("rollup"), &json!(true)), "{said}");
    assert_eq!((&said["events"], &said["expected_least"]), (&shown["rows"], &shown["rows"]), "{said}");
    assert!(said["hours"].as_u64().unwrap() > 1, "{said}");
    assert_same(&session.download(&id).await, &report(acme, "v2", &["--denied"], &lines), "planned by the roll-up");
    let folder = tempfile::tempdir().unwrap();
    let [file, manifest] = ["report", "manifest.json"].map(|name| folder.path().join(name));
    std::fs::write(&file, session.download_file(&id).await.1).unwrap();
    std::fs::write(&manifest, flowledger(&stack, &["report", "manifest", &id, "--tenant", acme]).0).unwrap();
    let paths = [&file, &manifest].map(|path| path.to_str().unwrap());
    let mut verify = std::process::Command::new(local_parts::flowledger_binary().unwrap());
    let verified = verify.args(["report", "verify", paths[0], paths[1]]).output().unwrap();
    let text = String::from_utf8(verified.stdout).unwrap() + &String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && text.contains("as the roll-ups say of"), "{text}");
    let (_, shown, said) = totals(&session, "summary").await;
    assert_eq!(said["agree"], true, "{said}");
    assert!(said["events"].as_u64() > shown["rows"].as_u64(), "events that went into groups: {said}");

    // A roll-up that has nothing of an hour: the rows are there, and the report is right.
    let set_to_nothing = format!(
        "INSERT INTO connections_by_hour SELECT * REPLACE (
             toUInt64(0) AS succeeded, toUInt64(0) AS failed_dns, toUInt64(0) AS failed_other, toUInt64(0) AS denied,
             version + 1 AS version)
         FROM connections_by_hour FINAL WHERE tenant = '{acme}'
             AND hour = (SELECT toStartOfHour(min(end_time)) FROM connections WHERE tenant = '{acme}')"
    );
    stack.execute(&set_to_nothing).await;
    let (id, shown, said) = totals(&session, "events").await;
    assert_eq!((&said["agree"], &said["events"]), (&json!(false), &shown["rows"]), "{said}");
    assert!(said["expected_most"].as_u64() < shown["rows"].as_u64(), "{said}");
    assert_same(&session.download(&id).await, &report(acme, "v2", &["--denied"], &lines), "the roll-up was behind");

    // Rows that were counted are gone.
    let gone = format!(
        "DELETE FROM connections WHERE tenant = '{acme}' AND end_time IN (SELECT max(end_time) FROM connections WHERE tenant = '{acme}')"
    );
    stack.execute(&gone).await;
    let mut asked = everything();
    asked["denied"] = json!(true);
    let id = session.ask(&asked).await;
    let failed = wait_failed(&session, &id).await;
    let reason = failed["reason"].as_str().unwrap();
    assert!(reason.contains("some may be missing from the database"), "{failed}");
    assert_eq!(stack.exporter.logged(&[&id, "totals differ"]), 2, "it was made once more");
    let begin = Instant::now();
    while !stack.parts.store().list(&format!("reports/{acme}/{id}")).await.unwrap().is_empty() {
        assert!(begin.elapsed() < WAIT_MAX, "something is left of it");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    // Who counts anew says that what is there is all there is.
    let range = ["--from", "2026-10-01T00:00:00Z", "--to", "2026-12-01T00:00:00Z"];
    let rebuild = [&["aggregate", "rebuild", "--tenant", acme.as_str()][..], &range].concat();
    let (_, error, went_well) = flowledger(&stack, &rebuild);
    assert!(went_well, "{error}");
    let (_, shown, said) = totals(&session, "events").await;
    assert_eq!((&said["agree"], &said["events"]), (&json!(true), &shown["rows"]), "{said}");
    stack.exporter.assert_running();
    stack.end().await;
}
