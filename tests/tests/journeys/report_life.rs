//! Reports that are cancelled in mid-flight, asked for again, and followed meanwhile.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::gone::{GONE_MAX, MEMORY_OF_RUNNING, SLOW, SOON, wait_running};
use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::stack::{Session, Stack, WAIT_MAX, everything, tenant};

/// The same as [`SLOW`] for who reads addresses: counting, which planning is, is as fast as ever.
const SLOW_ADDRESSES: [&str; 2] = [
    SLOW[0],
    "CREATE VIEW connections AS SELECT * REPLACE (if(resource_id IN (
         SELECT number + 1000000000000 FROM numbers(100000000000) WHERE sleep(0.01) = 1
     ), '', resource_address) AS resource_address) FROM connections_kept
     SETTINGS allow_suspicious_low_cardinality_types = 1",
];
pub(crate) const FAST_AGAIN: [&str; 2] = ["DROP VIEW connections", "RENAME TABLE connections_kept TO connections"];

/// What the stream tells of one report, until it is in this state.
async fn states_until(stream: &mut Response, id: &str, wanted: &str) -> Vec<String> {
    let (mut said, mut states) = (String::new(), Vec::new());
    let reading = async {
        loop {
            let piece = stream.chunk().await.unwrap().expect("the stream goes on");
            said.push_str(std::str::from_utf8(&piece).unwrap());
            while let Some((event, rest)) = said.split_once("\n\n") {
                // What is no event keeps the connection alive.
                let told = event
                    .strip_prefix("event: changed\ndata: ")
                    .map(|data| serde_json::from_str::<Value>(data).unwrap());
                said = rest.to_owned();
                let Some(told) = told.filter(|it| it["id"] == id) else { continue };
                let state = told["state"].as_str().unwrap().to_owned();
                let is_wished_away = told["cancel_requested"] == true;
                let state = if is_wished_away { format!("{state}, cancel requested") } else { state };
                if states.last() != Some(&state) {
                    states.push(state);
                }
                if told["state"] == wanted {
                    return;
                }
            }
        }
    };
    assert!(tokio::time::timeout(WAIT_MAX, reading).await.is_ok(), "{wanted} was not told: {states:?}");
    states
}

async fn wish(session: &Session<'_>, id: &str, wish: &str) -> (u16, Value) {
    let answer = session.request(Method::POST, &format!("/reports/{id}/{wish}")).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// What is shown of a report as soon as it is in this state; planning takes its time on a busy machine.
async fn wait_state(session: &Session<'_>, id: &str, wanted: &str) -> Value {
    let begin = Instant::now();
    loop {
        // Not found until the console has heard of it.
        let answer = session.request(Method::GET, &format!("/reports/{id}")).send().await.unwrap();
        let shown: Value = answer.json().await.unwrap();
        if shown["state"] == wanted {
            return shown;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{wanted} is waited for: {shown}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until uploads of a report's first attempt are there, or none is: those of its file, or of what its slices count.
async fn wait_uploads(stack: &Stack, acme: &str, id: &str, kind: &str, is_wanted: bool) {
    let (store, begin) = (stack.parts.store(), Instant::now());
    let name = format!("reports/{acme}/{id}/1/flowledger-{acme}-{kind}-19700101T000000Z-21000101T000000Z");
    let keys = (0..9).map(|slice| format!("{name}/groups/{slice:05}")).chain([format!("{name}.csv")]);
    let keys: Vec<String> = keys.collect();
    loop {
        let mut open = 0;
        for key in &keys {
            open += store.open_uploads(key).await.unwrap();
        }
        if (open > 0) == is_wanted {
            return;
        }
        assert!(begin.elapsed() < GONE_MAX, "{open} uploads of {name}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Waits until so many files of a report are in the store: what it was made of goes when it has ended.
async fn wait_files(stack: &Stack, acme: &str, id: &str, count: usize) {
    let (store, begin) = (stack.parts.store(), Instant::now());
    loop {
        let files = store.list(&format!("reports/{acme}/{id}")).await.unwrap();
        if files.len() == count {
            return;
        }
        assert!(begin.elapsed() < GONE_MAX, "{files:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// While it is planned; and while slices are read, of network events and of what is counted: by themselves the queries would run for hours.
#[tokio::test]
async fn report_is_cancelled_in_mid_flight_and_made_when_it_is_asked_for_again() {
    let acme = &tenant("acme");
    let mut stack = Stack::start(&[(acme, Some("v2"))]).await;
    let lines = traffic(5, 3_000, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let session = stack.sign_in(acme).await;
    let mut stream = session.request(Method::GET, "/reports/changes").timeout(4 * WAIT_MAX).send().await.unwrap();
    let mut summary = everything();
    summary["kind"] = json!("summary");
    for (slow, asked, kind, state) in [
        (SLOW, &everything(), "network-events", "requested"),
        (SLOW_ADDRESSES, &everything(), "network-events", "running"),
        (SLOW_ADDRESSES, &summary, "summary", "running"),
    ] {
        let arguments: &[&str] = if kind == "summary" { &["--kind", "summary"] } else { &[] };
        let expected = report(acme, "v2", arguments, &lines);
        for statement in slow {
            stack.execute(statement).await;
        }
        let id = session.ask(asked).await;
        let shown = wait_state(&session, &id, state).await;
        wait_running(&stack, true, SOON).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        wait_running(&stack, true, SOON).await;
        assert_eq!(session.get(&format!("/reports/{id}")).await["state"], state, "in mid-flight");
        if state == "running" {
            assert!(shown["slices"] == 0 && shown["slices_expected"].as_i64().unwrap() >= 2, "in mid-slice: {shown}");
            wait_uploads(&stack, acme, &id, kind, true).await;
        }
        assert_eq!(stack.sql(MEMORY_OF_RUNNING).await.as_deref(), Some("4294967296"), "exporter.statement_memory");
        let (status, answer) = wish(&session, &id, "retry").await;
        assert_eq!((status, &answer["error"]["code"]), (409, &"not_now".into()), "it is being made");

        let asked_at = Instant::now();
        let (status, answer) = wish(&session, &id, "cancel").await;
        assert_eq!((status, &answer["cancel_requested"]), (202, &true.into()));
        wait_running(&stack, false, GONE_MAX).await;
        let gone = asked_at.elapsed();
        let told = states_until(&mut stream, &id, "cancelled").await;
        println!("{kind} cancelled while {state}: no query runs after {gone:?}, told after {:?}", asked_at.elapsed());
        let wished = format!("{state}, cancel requested");
        assert_eq!(told[told.len() - 3..], [state, wished.as_str(), "cancelled"]);
        wait_uploads(&stack, acme, &id, kind, false).await;
        wait_files(&stack, acme, &id, 0).await;
        wait_running(&stack, false, SOON).await;
        let (status, answer) = wish(&session, &id, "cancel").await;
        let message = answer["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!((status, message.as_str()), (409, "the report is cancelled already: there is nothing to cancel"));

        for statement in FAST_AGAIN {
            stack.execute(statement).await;
        }
        assert_eq!(wish(&session, &id, "retry").await.0, 202);
        let told = states_until(&mut stream, &id, "completed").await;
        assert_eq!(told[0], "requested", "{told:?}");
        session.wait_completed(&id).await;
        assert_same(&session.download(&id).await, &expected, "asked for again");
        assert_eq!(wish(&session, &id, "cancel").await.0, 409);
        assert_eq!(wish(&session, &id, "retry").await.0, 409);
        // The file and its manifest.
        wait_files(&stack, acme, &id, 2).await;
    }
    // The files that it was cancelled for took nothing with them.
    stack.exporter.assert_running();
    stack.end().await;
}

/// Standard output, standard error and whether it went well.
pub(crate) fn flowledger(stack: &Stack, arguments: &[&str]) -> (String, String, bool) {
    let output = stack.command(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.success())
}

#[tokio::test]
async fn operator_asks_for_reports_at_a_terminal() {
    let (acme, globex) = (&tenant("acme"), &tenant("globex"));
    let mut stack = Stack::start(&[(acme, Some("v2")), (globex, None)]).await;
    let lines = traffic(6, 60, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let folder = tempfile::tempdir().unwrap();
    let ask = |more: &[&str]| {
        let range =
            ["report", "new", "--from", "1970-01-01T00:00", "--to", "2100-01-01T00:00", "--tenant", acme, "--by", "jo"];
        flowledger(&stack, &[&range[..], more].concat())
    };
    let (id, beside, went_well) = ask(&["--follow"]);
    assert!(went_well, "{beside}");
    assert!(beside.trim_end().lines().last().unwrap().starts_with("flowledger: completed, "), "{beside}");
    let id = id.trim();
    let file = folder.path().join("out.csv");
    let download = |more: &[&str]| {
        let into = ["report", "download", id, "--tenant", acme, "--output", file.to_str().unwrap()];
        flowledger(&stack, &[&into[..], more].concat())
    };
    let (_, beside, went_well) = download(&[]);
    assert!(went_well, "{beside}");
    assert_same(&std::fs::read_to_string(&file).unwrap(), &report(acme, "v2", &[], &lines), "by command line");
    let (_, beside, went_well) = download(&[]);
    assert!(!went_well && beside.contains("--force replaces it"), "{beside}");
    assert!(download(&["--force"]).2);

    let (manifest, ..) = flowledger(&stack, &["report", "manifest", id, "--tenant", acme]);
    let manifest_file = folder.path().join("out.manifest.json");
    std::fs::write(&manifest_file, manifest).unwrap();
    let verify = |file: &std::path::Path| {
        let paths = [file, manifest_file.as_path()].map(|it| it.to_str().unwrap());
        let output = std::process::Command::new(local_parts::flowledger_binary().unwrap())
            .args(["report", "verify", paths[0], paths[1]])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = verify(&file);
    assert!(code == Some(0) && said.contains("as its manifest says"), "{said}");
    let other = folder.path().join("other.csv");
    std::fs::write(&other, std::fs::read_to_string(&file).unwrap().replacen("64894", "64895", 1)).unwrap();
    let (code, said) = verify(&other);
    assert!(code == Some(1) && said.contains("it is another file"), "{said}");

    let (shown, ..) = flowledger(&stack, &["report", "show", id, "--tenant", acme, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let found = (&shown["state"], &shown["requested_by"], &shown["downloads"]);
    assert_eq!(found, (&"completed".into(), &"jo".into(), &2.into()));
    for (verb, said) in [("cancel", "nothing to cancel"), ("retry", "download it")] {
        let (_, beside, went_well) = flowledger(&stack, &["report", verb, id, "--tenant", acme]);
        assert!(!went_well && beside.contains(said), "{beside}");
    }
    let (list, ..) = flowledger(&stack, &["report", "list", "--tenant", acme]);
    assert!(list.lines().count() == 2 && list.contains(id) && list.contains("completed"), "{list}");
    let (_, beside, went_well) = flowledger(&stack, &["report", "show", id, "--tenant", globex]);
    assert!(!went_well && beside.contains("has no report"), "{beside}");
    assert_eq!(flowledger(&stack, &["report", "list", "--tenant", globex]).0.lines().count(), 1);
    let (_, beside, went_well) = ask(&["--zone", "Mars/Base"]);
    assert!(!went_well && beside.contains("--zone is not an IANA zone name"), "{beside}");

    // One that would take hours.
    for statement in SLOW {
        stack.execute(statement).await;
    }
    let (id, beside, went_well) = ask(&[]);
    assert!(went_well, "{beside}");
    let id = id.trim();
    assert!(flowledger(&stack, &["report", "cancel", id, "--tenant", acme]).2);
    let (shown, beside, went_well) = flowledger(&stack, &["report", "show", id, "--tenant", acme, "--follow"]);
    assert!(!went_well && beside.contains("the report is cancelled"), "{beside}");
    assert!(shown.contains("cancelled"), "{shown}");
    for statement in FAST_AGAIN {
        stack.execute(statement).await;
    }
    let (_, beside, went_well) = flowledger(&stack, &["report", "retry", id, "--tenant", acme, "--follow"]);
    assert!(went_well && beside.contains("completed"), "{beside}");
    stack.end().await;
}
