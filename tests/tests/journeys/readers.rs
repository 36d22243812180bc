//! What data people open files with reads every format as the docs say, and the oracle's values in it.

use std::path::Path;
use std::process::Command;

use futures_util::TryStreamExt;
use local_parts::{Part, Silent};
use serde_json::{Value, json};

use crate::oracle::{report, tests_folder, traffic};
use crate::report_life::flowledger;
use crate::stack::{Stack, everything, tenant};
use crate::syncs::wait_done;

/// Names of files, and what they are asked for with.
const FILES: [(&str, &str, &str, &str); 13] = [
    ("events.csv", "events", "csv", "none"),
    ("events.csv.gz", "events", "csv", "gzip"),
    ("events.csv.zst", "events", "csv", "zstd"),
    ("events.ndjson", "events", "ndjson", "none"),
    ("events.ndjson.gz", "events", "ndjson", "gzip"),
    ("events.ndjson.zst", "events", "ndjson", "zstd"),
    ("events.parquet", "events", "parquet", "none"),
    ("summary.csv", "summary", "csv", "none"),
    ("summary.parquet", "summary", "parquet", "zstd"),
    ("users.csv", "users", "csv", "none"),
    ("users.parquet", "users", "parquet", "none"),
    ("traffic.csv", "traffic", "csv", "none"),
    ("traffic.parquet", "traffic", "parquet", "none"),
];

/// Which table of traffic: a column of each type.
fn table() -> Value {
    let by = ["remote_network", "port", "client_address"];
    json!({ "bucket": "hour", "by": by, "measures": ["connections", "bytes", "users", "duration_p95_us"] })
}

fn asked(kind: &str, format: &str, compression: &str) -> Value {
    let mut asked = everything();
    let more = json!({ "kind": kind, "format": format, "compression": compression });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    if kind == "traffic" {
        asked["table"] = table();
    }
    asked
}

/// As `flowledger report download` does.
fn save_all(folder: &Path, files: Vec<Vec<u8>>) {
    std::fs::create_dir(folder).unwrap();
    for (number, bytes) in files.into_iter().enumerate() {
        std::fs::write(folder.join(format!("part-{number:05}.parquet")), bytes).unwrap();
    }
}

#[tokio::test]
async fn data_tools_read_every_format() {
    let packages = local_parts::ensure(Part::DataTools, &Silent).await.unwrap();
    let name = tenant("readers");
    let mut stack = Stack::start(&[(&name, Some("v2"))]).await;
    stack.add_exporter();
    // What a bucket sync writes meanwhile is read by the same tools.
    let new = ["sync", "new", "--tenant", &name, "--name", "Lake", "--destination", "lake", "--format", "parquet"];
    let (sync, beside, went_well) = flowledger(&stack, &[&new[..], &["--interval", "10"]].concat());
    assert!(went_well, "{beside}");
    // Several MB, so that what is packed has several members or frames.
    let lines = traffic(23, 9_000, "v2");
    stack.append(&name, &lines);
    let all = report(&name, "v2", &["--format", "ndjson", "--denied"], &lines);
    stack.wait_stored(&name, all.lines().count() as u64).await;

    let session = stack.sign_in(&name).await;
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    for (file, kind, format, compression) in FILES {
        reports.push((file, session.ask(&asked(kind, format, compression)).await));
    }
    for (file, id) in &reports {
        let told = session.wait_completed(id).await;
        let ending = file.split_once('.').unwrap().1;
        assert!(told["file_name"].as_str().unwrap().ends_with(&format!("Z.{ending}")), "{told}");
        if *file == "events.parquet" {
            let files = session.files(id).await;
            assert!(files.len() > 4 && told["slices"] == files.len(), "{told}");
            save_all(&folder.path().join(file), files);
            continue;
        }
        let (content_type, bytes) = session.download_file(id).await;
        assert_eq!(content_type == "application/vnd.apache.parquet", ending == "parquet", "{content_type}");
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    let live = format!("{name}/{}/live", sync.trim());
    wait_done(&stack, &name, &format!("/syncs/{}", sync.trim())).await;
    let lake = stack.parts.lake();
    for key in lake.list(&live).await.unwrap() {
        let object = folder.path().join("synced").join(key.split_once("/live/").unwrap().1);
        std::fs::create_dir_all(object.parent().unwrap()).unwrap();
        let pieces: Vec<_> = lake.read(&key, None).await.unwrap().try_collect().await.unwrap();
        std::fs::write(object, pieces.concat()).unwrap();
    }
    // What the tools are held against is the oracle's; of traffic the CSV, which has a journey of its own.
    for (kind, arguments) in [("events", &[][..]), ("summary", &["--kind", "summary"]), ("users", &["--kind", "users"])]
    {
        std::fs::write(folder.path().join(format!("{kind}.csv")), report(&name, "v2", arguments, &lines)).unwrap();
    }
    let read = Command::new("python3")
        .args(["-B", tests_folder().join("readers/read_reports.py").to_str().unwrap()])
        .arg(folder.path())
        .env("PYTHONPATH", packages)
        .envs(stack.parts.clickhouse_environment())
        .output()
        .unwrap();
    let (said, failed) = (String::from_utf8_lossy(&read.stdout), String::from_utf8_lossy(&read.stderr));
    assert!(read.status.success(), "{said}{failed}");
    println!("{said}");
    stack.end().await;
}
