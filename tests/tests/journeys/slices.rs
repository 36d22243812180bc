//! A report that several exporters make together: one of them is killed in mid-slice, and the file is the same, or all files are, also
//! where slices have counted groups; and one of each kind at another store.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::report_life::flowledger;
use crate::stack::{Service, Stack, WAIT_MAX, everything, tenant};

/// Who reads addresses waits ten milliseconds for each of two hundred blocks; rows are the same, and counting is as fast as ever.
pub(crate) const SLOWER: [&str; 2] = [
    "RENAME TABLE connections TO connections_kept",
    "CREATE VIEW connections AS SELECT * REPLACE (if(resource_id IN (
         SELECT number + 1000000000000 FROM numbers(13000000) WHERE sleep(0.01) = 1
     ), '', resource_address) AS resource_address) FROM connections_kept
     SETTINGS allow_suspicious_low_cardinality_types = 1",
];

/// What an exporter that was killed had goes to the other one when its session is over: not after 45 s, which is Kafka's default and was most
/// of what this took.
pub(crate) const SOON_GIVEN_UP: &str =
    "[kafka.properties]\n'session.timeout.ms' = '6000'\n'heartbeat.interval.ms' = '1000'\n";

const BEGUN: &str = "a slice is begun";
const DONE: &str = "a slice is done";

fn exporters(stack: &Stack) -> [&Service; 2] {
    [&stack.exporter, &stack.exporters[0]]
}

/// Slices of a report that an exporter has begun, and not done.
fn held(exporter: &Service, id: &str) -> usize {
    exporter.logged(&[id, BEGUN]) - exporter.logged(&[id, DONE])
}

/// Waits until some slices are done, some are not, and that exporter holds one; gives how many are done.
async fn wait_mid_flight(stack: &Stack, acme: &str, id: &str, of_owner: bool) -> (usize, i64) {
    let session = stack.sign_in(acme).await;
    let begin = Instant::now();
    loop {
        let shown: Value = session.get(&format!("/reports/{id}")).await;
        let (done, all) = (shown["slices"].as_i64().unwrap_or(0), shown["slices_expected"].as_i64().unwrap_or(0));
        assert!(shown["state"] != "completed" && begin.elapsed() < WAIT_MAX, "never in mid-flight: {shown}");
        let owner = exporters(stack).iter().position(|it| it.logged(&[id, "is cut into slices"]) > 0);
        if let Some(owner) = owner.filter(|_| done >= 2 && done + 2 < all) {
            let victim = if of_owner { owner } else { 1 - owner };
            if held(exporters(stack)[victim], id) > 0 {
                return (victim, done);
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn exporter_is_killed_in_mid_slice_and_the_file_is_the_same() {
    let acme = &tenant("acme");
    let mut stack = Stack::start_with_section(&[(acme, Some("v2"))], SOON_GIVEN_UP).await;
    stack.add_exporter();
    let lines = traffic(12, 10_000, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;

    let session = stack.sign_in(acme).await;
    let (mut of_table, mut of_groups) = (everything(), everything());
    of_table["format"] = json!("parquet");
    of_groups["kind"] = json!("summary");
    // Beside each other: nobody is killed yet.
    let [id, table, summary] =
        [session.ask(&everything()).await, session.ask(&of_table).await, session.ask(&of_groups).await];
    let calm = session.wait_completed(&id).await;
    let slices = calm["slices_expected"].as_i64().unwrap();
    assert!(slices >= 8, "{calm}");
    assert_same(&session.download(&id).await, &report(acme, "v2", &[], &lines), "by two exporters");
    let file = session.files(&id).await;
    let of_parts = session.wait_completed(&table).await["slices_expected"].as_i64().unwrap();
    let parts = session.files(&table).await;
    assert_eq!((file.len(), parts.len() as i64), (1, of_parts));
    assert!(of_parts >= 8, "{of_parts}");
    assert_folder_comes_to_a_terminal(&stack, acme, &table, &parts);
    let calm_groups = session.wait_completed(&summary).await;
    let of_counts = calm_groups["slices_expected"].as_i64().unwrap();
    assert!(of_counts >= 8, "{calm_groups}");
    assert_same(
        &session.download(&summary).await,
        &report(acme, "v2", &["--kind", "summary"], &lines),
        "by two exporters",
    );
    let groups = session.files(&summary).await;
    for statement in SLOWER {
        stack.execute(statement).await;
    }
    for (of_owner, asked, expected, slices, rows) in [
        (true, &everything(), &file, slices, &calm["rows"]),
        (false, &everything(), &file, slices, &calm["rows"]),
        (true, &of_table, &parts, of_parts, &calm["rows"]),
        (false, &of_table, &parts, of_parts, &calm["rows"]),
        (true, &of_groups, &groups, of_counts, &calm_groups["rows"]),
        (false, &of_groups, &groups, of_counts, &calm_groups["rows"]),
    ] {
        let begin = Instant::now();
        let id = stack.sign_in(acme).await.ask(asked).await;
        let (victim, done) = wait_mid_flight(&stack, acme, &id, of_owner).await;
        let files = expected.len();
        println!(
            "{files} files: {done} of {slices} slices are done; killed: exporter {victim}, has the report: {of_owner}"
        );
        match victim {
            0 => stack.exporter.kill_and_restart(),
            _ => stack.exporters[0].kill_and_restart(),
        }
        let session = stack.sign_in(acme).await;
        let completed = session.wait_completed(&id).await;
        assert_eq!((&completed["slices"], &completed["rows"]), (&slices.into(), rows));
        assert!(session.files(&id).await == *expected, "has the report: {of_owner}");
        // Each exporter has up to two lanes for one tenant: no more than what the dead one held is made again.
        let made: usize = exporters(&stack).iter().map(|it| it.logged(&[&id, DONE])).sum();
        let begun: usize = exporters(&stack).iter().map(|it| it.logged(&[&id, BEGUN])).sum();
        println!("{begun} slices were begun, and {made} done, for {slices}, in {:?}", begin.elapsed());
        assert!(made as i64 <= slices + 2, "{made} of {slices}");
        wait_nothing_left(&stack, acme, &id, files).await;
    }
    stack.exporter.assert_running();
    stack.exporters[0].assert_running();
    stack.end().await;
}

/// Slices are objects there, which are joined; a file of one exporter is a list of blocks. Both are downloaded through the console, by ranges
/// too, and what is deleted is gone.
#[tokio::test]
async fn reports_lie_at_azure() {
    let acme = &tenant("acme");
    let mut stack = Stack::start_on_azure(&[(acme, Some("v2"))]).await;
    stack.add_exporter();
    let lines = traffic(12, 4_000, "v2");
    stack.append(acme, &lines);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    let mut summary = everything();
    summary["kind"] = json!("summary");
    let (store, session) = (stack.parts.store(), stack.sign_in(acme).await);
    for (asked, arguments) in [(everything(), &[][..]), (summary, &["--kind", "summary"])] {
        let id = session.ask(&asked).await;
        let shown = session.wait_completed(&id).await;
        assert_same(&session.download(&id).await, &report(acme, "v2", arguments, &lines), "at Azure");
        if arguments.is_empty() {
            assert!(shown["slices_expected"].as_i64().unwrap() >= 3, "{shown}");
            let made = exporters(&stack).map(|it| it.logged(&[&id, DONE]));
            println!("slices by the two exporters: {made:?}");
        }
        let (whole, path) = (session.download_file(&id).await.1, format!("/reports/{id}/download"));
        let range = session.request(Method::GET, &path).header("range", "bytes=7-19").send().await.unwrap();
        assert_eq!((range.status().as_u16(), &range.bytes().await.unwrap()[..]), (206, &whole[7..20]));
        wait_nothing_left(&stack, acme, &id, 1).await;
        for file in store.list(&format!("reports/{acme}/{id}")).await.unwrap() {
            store.delete(&file).await.unwrap();
        }
        let gone = session.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(gone.status(), 404);
    }
    stack.exporter.assert_running();
    stack.exporters[0].assert_running();
    stack.end().await;
}

/// All files of a report are in one folder, which is held against the manifest as a whole.
fn assert_folder_comes_to_a_terminal(stack: &Stack, acme: &str, id: &str, files: &[Vec<u8>]) {
    let place = tempfile::tempdir().unwrap();
    let [folder, manifest] = ["report", "manifest.json"].map(|name| place.path().join(name));
    let (folder_text, manifest_text) = (folder.to_str().unwrap(), manifest.to_str().unwrap());
    let download = ["report", "download", id, "--tenant", acme, "--output", folder_text];
    let (_, beside, went_well) = flowledger(stack, &download);
    assert!(went_well, "{beside}");
    for (number, file) in files.iter().enumerate() {
        assert!(std::fs::read(folder.join(format!("part-{number:05}.parquet"))).unwrap() == *file, "{number}");
    }
    let (_, beside, went_well) = flowledger(stack, &download);
    assert!(!went_well && beside.contains("--force replaces it"), "{beside}");
    std::fs::write(&manifest, flowledger(stack, &["report", "manifest", id, "--tenant", acme]).0).unwrap();
    let verify = |file: &str| {
        let mut command = std::process::Command::new(local_parts::flowledger_binary().unwrap());
        let output = command.args(["report", "verify", file, manifest_text]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = verify(folder_text);
    assert_eq!((code, said.matches("as its manifest says").count()), (Some(0), files.len()), "{said}");
    let (code, said) = verify(folder.join("part-00001.parquet").to_str().unwrap());
    assert!(code == Some(0) && said.contains("part-00001.parquet: as its manifest says"), "{said}");
    // Its rows are counted: a manifest of one more is another report's.
    let right = std::fs::read_to_string(&manifest).unwrap();
    let rows = serde_json::from_str::<Value>(&right).unwrap()["rows"].as_u64().unwrap();
    assert!(rows > 0 && said.contains(&format!(" of {rows} rows")), "{said}");
    let wrong = right.replace(&format!("\"rows\": {rows}"), &format!("\"rows\": {}", rows + 1));
    std::fs::write(&manifest, wrong).unwrap();
    let (code, said) = verify(folder_text);
    let found = format!("all files together have {rows} rows instead of {}", rows + 1);
    assert!(code == Some(1) && said.contains(&found), "{said}");
    std::fs::write(&manifest, right).unwrap();
    // A file more, one in another's place, one that is missing.
    std::fs::write(folder.join("part-99999.parquet"), b"x").unwrap();
    assert!(verify(folder_text).1.contains("part-99999.parquet is none of the report's files"));
    std::fs::copy(folder.join("part-00000.parquet"), folder.join("part-00001.parquet")).unwrap();
    let (code, said) = verify(folder_text);
    assert!(code == Some(1) && said.contains("part-00001.parquet: it is another file"), "{said}");
    std::fs::remove_file(folder.join("part-00000.parquet")).unwrap();
    assert!(verify(folder_text).1.contains("part-00000.parquet cannot be read"));
}

/// In the store are the files, their manifest and nothing else: no slice and no upload.
async fn wait_nothing_left(stack: &Stack, acme: &str, id: &str, files_own: usize) {
    let (store, begin) = (stack.parts.store(), Instant::now());
    let folder = format!("reports/{acme}/{id}");
    loop {
        let files = store.list(&folder).await.unwrap();
        if files.len() == files_own + 1 {
            // It went on with the plan of the one that was killed: no other attempt was begun.
            assert!(files.iter().all(|file| file.starts_with(&format!("{folder}/1/"))), "{files:?}");
            for file in files.iter().filter(|key| !key.ends_with(".manifest.json")) {
                assert_eq!(store.open_uploads(file).await.unwrap(), 0);
            }
            return;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{files:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
