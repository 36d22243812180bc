//! A report in files of so many rows: together they are the oracle's, each is whole, and an exporter that is killed in mid-series changes
//! no byte, and leaves what was whole to the next one.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::oracle::{assert_same, connections_of, report, traffic};
use crate::report_life::flowledger;
use crate::slices::{SLOWER, SOON_GIVEN_UP};
use crate::stack::{Stack, WAIT_MAX, everything, tenant};
use crate::traffic_tables::cells;

const ROWS: usize = 1_000;

fn asked(format: &str, compression: &str, split: &Value) -> Value {
    let mut asked = everything();
    let more = json!({ "format": format, "compression": compression, "split": split });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    asked
}

fn unpacked(file: &[u8], compression: &str) -> String {
    let mut text = Vec::new();
    match compression {
        "gzip" => drop(flate2::read::MultiGzDecoder::new(file).read_to_end(&mut text).unwrap()),
        "zstd" => text = zstd::stream::decode_all(file).unwrap(),
        _ => text = file.to_vec(),
    }
    String::from_utf8(text).unwrap()
}

/// Each file begins with the header; their rows together.
fn rows_of<'a>(texts: &'a [String], header: &str) -> Vec<&'a str> {
    texts.iter().map(|text| text.strip_prefix(header).unwrap()).collect()
}

#[tokio::test]
async fn split_report_is_the_oracles_in_whole_files_whoever_is_killed() {
    let (acme, third) = (&tenant("split"), &tenant("third"));
    let mut stack = Stack::start_with_section(&[(acme, Some("v2")), (third, Some("v3"))], SOON_GIVEN_UP).await;
    let lines = traffic(31, 6_000, "v2");
    stack.append(acme, &lines);
    let of_third = traffic(32, 2_500, "v3");
    stack.append(third, &of_third);
    stack.wait_stored(acme, connections_of(acme, "v2", &lines)).await;
    stack.wait_stored(third, connections_of(third, "v3", &of_third)).await;
    assert_v3_and_groups_are_the_oracles(&stack, third, &of_third).await;
    let session = stack.sign_in(acme).await;
    let (csv, ndjson) = (report(acme, "v2", &[], &lines), report(acme, "v2", &["--format", "ndjson"], &lines));
    let header = csv.split_inclusive('\n').next().unwrap();

    // Each event is a line of NDJSON; in CSV names have line breaks.
    let rows = ndjson.lines().count();
    let id = session.ask(&asked("ndjson", "zstd", &json!({ "rows": ROWS }))).await;
    let told = session.wait_completed(&id).await;
    let texts: Vec<String> = session.files(&id).await.iter().map(|file| unpacked(file, "zstd")).collect();
    assert_same(&texts.concat(), &ndjson, "NDJSON in files");
    let counts: Vec<usize> = texts.iter().map(|text| text.lines().count()).collect();
    let (last, full) = counts.split_last().unwrap();
    assert!(full.len() >= 3 && full.iter().all(|count| *count == ROWS) && *last <= ROWS, "{counts:?}");
    assert_eq!((&told["rows"], &told["split"]), (&rows.into(), &json!({ "rows": ROWS })));

    let id = session.ask(&asked("csv", "none", &json!({ "bytes": 1_000_000, "rows": 2 * ROWS }))).await;
    session.wait_completed(&id).await;
    let texts: Vec<String> = session.files(&id).await.iter().map(|file| unpacked(file, "none")).collect();
    assert!(texts.len() > 1 && texts.iter().all(|text| text.len() <= 1_000_000));
    assert_same(&rows_of(&texts, header).concat(), csv.strip_prefix(header).unwrap(), "CSV in files by size");

    let id = session.ask(&asked("csv", "none", &json!({ "preset": "spreadsheet" }))).await;
    let told = session.wait_completed(&id).await;
    assert_eq!((&told["files"], &told["split"]), (&json!(1), &json!({ "rows": (1 << 20) - 1 })));
    assert_same(&session.download(&id).await, &csv, "of one file without a number");

    let of_csv = asked("csv", "gzip", &json!({ "rows": ROWS }));
    let id = session.ask(&of_csv).await;
    session.wait_completed(&id).await;
    let files = session.files(&id).await;
    let texts: Vec<String> = files.iter().map(|file| unpacked(file, "gzip")).collect();
    assert_same(&rows_of(&texts, header).concat(), csv.strip_prefix(header).unwrap(), "CSV in files");
    assert_eq!(files.len(), counts.len());
    assert_folder_is_verified(&stack, acme, &id, &files);

    for statement in SLOWER {
        stack.execute(statement).await;
    }
    let id = session.ask(&of_csv).await;
    let there = wait_mid_series(&stack, acme, &id).await;
    println!("{there} of {} files are there; the exporter is killed", files.len());
    stack.exporter.kill_and_restart();
    let session = stack.sign_in(acme).await;
    session.wait_completed(&id).await;
    assert!(session.files(&id).await == files, "other bytes than undisturbed");
    let kept = (1..files.len()).find(|kept| stack.exporter.logged(&[&id, &format!("{kept} files are kept")]) > 0);
    println!("{} of {} files were kept", kept.unwrap_or(0), files.len());
    assert!(kept.is_some(), "it was begun anew");
    wait_nothing_left(&stack, acme, &id, files.len()).await;
    stack.exporter.assert_running();
    stack.end().await;
}

/// Lines of another version, and groups, which are counted in slices and merged by who writes the files.
async fn assert_v3_and_groups_are_the_oracles(stack: &Stack, third: &str, lines: &[u8]) {
    let (session, split) = (stack.sign_in(third).await, json!({ "rows": ROWS }));
    let mut summary = asked("csv", "zstd", &split);
    summary["kind"] = json!("summary");
    let questions = [
        (asked("csv", "none", &split), "none", &[][..]),
        (asked("ndjson", "gzip", &split), "gzip", &["--format", "ndjson"]),
        (summary, "zstd", &["--kind", "summary"]),
    ];
    let mut ids = Vec::new();
    for (asked, ..) in &questions {
        ids.push(session.ask(asked).await);
    }
    for (id, (_, compression, arguments)) in ids.iter().zip(questions) {
        let told = session.wait_completed(id).await;
        let texts: Vec<String> = session.files(id).await.iter().map(|file| unpacked(file, compression)).collect();
        let (expected, is_csv) = (report(third, "v3", arguments, lines), !arguments.contains(&"ndjson"));
        let header = if is_csv { expected.split_inclusive('\n').next().unwrap() } else { "" };
        let rows = rows_of(&texts, header);
        assert_same(&rows.concat(), expected.strip_prefix(header).unwrap(), &format!("v3 in files {arguments:?}"));
        let counts: Vec<usize> =
            rows.iter().map(|rows| if is_csv { cells(rows).len() } else { rows.lines().count() }).collect();
        let (last, full) = counts.split_last().unwrap();
        // A Summary has a row a Resource, which are few.
        let is_of_events = !arguments.contains(&"summary");
        assert!(
            full.is_empty() != is_of_events && full.iter().all(|count| *count == ROWS) && *last <= ROWS,
            "{counts:?}"
        );
        assert_eq!(told["rows"], counts.iter().sum::<usize>(), "{arguments:?}");
    }
}

/// Waits until some files are in the store, and not all.
async fn wait_mid_series(stack: &Stack, acme: &str, id: &str) -> usize {
    let (store, begin, session) = (stack.parts.store(), Instant::now(), stack.sign_in(acme).await);
    loop {
        let there = store.list(&format!("reports/{acme}/{id}")).await.unwrap().len();
        let shown: Value = session.get(&format!("/reports/{id}")).await;
        assert!(shown["state"] != "completed" && begin.elapsed() < WAIT_MAX, "never in mid-series: {shown}");
        if there >= 2 {
            return there;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn assert_folder_is_verified(stack: &Stack, acme: &str, id: &str, files: &[Vec<u8>]) {
    let place = tempfile::tempdir().unwrap();
    let [folder, manifest] = ["report", "manifest.json"].map(|name| place.path().join(name));
    let texts = [folder.to_str().unwrap(), manifest.to_str().unwrap()];
    let download = ["report", "download", id, "--tenant", acme, "--output", texts[0]];
    let (_, beside, went_well) = flowledger(stack, &download);
    assert!(went_well, "{beside}");
    for (number, file) in files.iter().enumerate() {
        assert!(std::fs::read(folder.join(format!("part-{number:05}.csv.gz"))).unwrap() == *file, "{number}");
    }
    let told = flowledger(stack, &["report", "manifest", id, "--tenant", acme]).0;
    let verify = |manifest_text: &str| {
        std::fs::write(&manifest, manifest_text).unwrap();
        let mut command = std::process::Command::new(local_parts::flowledger_binary().unwrap());
        let output = command.args(["report", "verify", texts[0], texts[1]]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = verify(&told);
    assert_eq!((code, said.matches(&format!(", {ROWS} rows")).count()), (Some(0), files.len() - 1), "{said}");
    let (code, said) = verify(&told.replacen("\"rows\": 1000\n", "\"rows\": 999\n", 1));
    assert!(code == Some(1) && said.contains("it has 1000 rows instead of 999"), "{said}");
}

/// In the store are the files, their manifest and nothing else: no upload of the one that was killed, and no other attempt was begun.
async fn wait_nothing_left(stack: &Stack, acme: &str, id: &str, files: usize) {
    let (store, begin) = (stack.parts.store(), Instant::now());
    let folder = format!("reports/{acme}/{id}");
    loop {
        let found = store.list(&folder).await.unwrap();
        if found.len() == files + 1 {
            assert!(found.iter().all(|file| file.starts_with(&format!("{folder}/1/"))), "{found:?}");
            for file in found.iter().filter(|key| !key.ends_with(".manifest.json")) {
                assert_eq!(store.open_uploads(file).await.unwrap(), 0, "{file}");
            }
            return;
        }
        assert!(begin.elapsed() < WAIT_MAX, "{found:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
