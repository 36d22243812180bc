//! `flowledger demo --input`: a log file through the whole path, on the command line.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use flate2::read::MultiGzDecoder;
use local_parts::{Part, Silent};

use crate::oracle::{assert_same, sample, tests_folder};

fn demo(arguments: &[&str]) -> Output {
    let binary = local_parts::flowledger_binary().unwrap();
    Command::new(binary).arg("demo").args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs a sample with the arguments of its README and compares what comes out.
fn assert_sample(version: &str, expected: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (report, rejects) = (folder.path().join("out.csv"), folder.path().join("out.rejects"));
    let (input, expected) = (sample(&format!("traffic-{version}.log")), sample(expected));
    let mut all = vec!["--input", input.to_str().unwrap(), "--report", report.to_str().unwrap()];
    all.extend(["--rejects", rejects.to_str().unwrap(), "--log-version", version]);
    all.extend(arguments);
    let output = demo(&all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let (ours, expected) = (unpacked(&std::fs::read(report).unwrap()), std::fs::read_to_string(expected).unwrap());
    assert_same(&ours, &expected, version);
    // Only the number has to be the same, and that each line has its reason.
    let (rejects, expected) =
        (std::fs::read(rejects).unwrap(), std::fs::read(sample(&format!("traffic-{version}.rejects"))).unwrap());
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&rejects), lines(&expected));
    // In the file's order: each is found behind the one before it.
    let log = std::fs::read(input).unwrap();
    let mut rest = log.split(|byte| *byte == b'\n');
    for reject in rejects.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let tab = reject.iter().position(|byte| *byte == b'\t').unwrap();
        let (reason, line) = (&reject[..tab], &reject[tab + 1..]);
        assert!(
            !reason.is_empty() && rest.any(|it| it.trim_ascii_end() == line.trim_ascii_end()),
            "{}",
            String::from_utf8_lossy(reject)
        );
    }
}

/// The text of a report, by the bytes that it begins with.
fn unpacked(file: &[u8]) -> String {
    let mut text = Vec::new();
    match file {
        [0x1f, 0x8b, ..] => drop(MultiGzDecoder::new(file).read_to_end(&mut text).unwrap()),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => text = zstd::stream::decode_all(file).unwrap(),
        _ => text.extend_from_slice(file),
    }
    String::from_utf8(text).unwrap()
}

const HALF_HOUR: [&str; 11] = [
    "--from",
    "2026-11-01T00:00:00Z",
    "--to",
    "2026-11-01T00:30:00Z",
    "--network",
    "64895",
    "--network",
    "70002",
    "--network",
    "70017",
    "--denied",
];

#[test]
fn sample_of_version_2_gives_its_report() {
    assert_sample("v2", "traffic-v2.all.csv", &[]);
}

#[test]
fn sample_of_version_3_gives_its_report() {
    assert_sample("v3", "traffic-v3.all.csv", &[]);
}

#[test]
fn half_hour_of_three_networks_with_denied_attempts_gives_its_report() {
    assert_sample("v2", "traffic-v2.half-hour-three-networks-denied.csv", &HALF_HOUR);
    assert_sample("v3", "traffic-v3.half-hour-three-networks-denied.csv", &HALF_HOUR);
}

#[test]
fn samples_give_their_summary() {
    assert_sample("v2", "traffic-v2.summary.csv", &["--kind", "summary"]);
    assert_sample("v3", "traffic-v3.summary.csv", &["--kind", "summary", "--compression", "gzip"]);
}

#[test]
fn samples_give_their_user_activity() {
    assert_sample("v2", "traffic-v2.users.csv", &["--kind", "users", "--compression", "zstd"]);
    assert_sample("v3", "traffic-v3.users.csv", &["--kind", "users"]);
}

#[test]
fn samples_give_their_envelopes() {
    assert_sample("v2", "traffic-v2.denied.ndjson", &["--format", "ndjson", "--denied"]);
    assert_sample("v3", "traffic-v3.denied.ndjson", &["--format", "ndjson", "--denied", "--compression", "gzip"]);
}

/// Makes a report of a sample with these arguments.
fn made(version: &str, name: &str, arguments: &[&str]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (report, input) = (folder.path().join(name), sample(&format!("traffic-{version}.log")));
    let mut all = vec!["--input", input.to_str().unwrap(), "--report", report.to_str().unwrap()];
    all.extend(["--log-version", version]);
    all.extend(arguments);
    let output = demo(&all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (folder, report)
}

#[tokio::test]
async fn samples_give_the_same_values_as_parquet() {
    let packages = local_parts::ensure(Part::DataTools, &Silent).await.unwrap();
    for (version, expected, arguments) in [
        ("v2", "traffic-v2.all.csv", &[][..]),
        ("v3", "traffic-v3.half-hour-three-networks-denied.csv", &HALF_HOUR),
        ("v2", "traffic-v2.summary.csv", &["--kind", "summary", "--compression", "zstd"]),
        ("v3", "traffic-v3.users.csv", &["--kind", "users"]),
    ] {
        let (_folder, report) = made(version, "out.parquet", &[&["--format", "parquet"], arguments].concat());
        let read = Command::new("python3")
            .arg("-B")
            .arg(tests_folder().join("readers/same_values.py"))
            .args([&sample(expected), &report])
            .env("PYTHONPATH", &packages)
            .output()
            .unwrap();
        assert!(read.status.success(), "{expected}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn spreadsheets_are_given_the_mark_and_no_formulas() {
    let (_folder, report) = made("v2", "out.csv", &["--byte-order-mark", "--formula-guard"]);
    let (ours, expected) =
        (std::fs::read_to_string(report).unwrap(), std::fs::read_to_string(sample("traffic-v2.all.csv")).unwrap());
    assert!(expected.contains(",=SUM(A1),") && !ours.contains(",=SUM(A1),"));
    assert_same(&ours.strip_prefix('\u{feff}').unwrap().replace(",'=", ",="), &expected, "guarded");
}

#[test]
fn input_without_an_event_gives_the_header_alone() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("out.csv");
    // Standard input is empty.
    let output = demo(&["--input", "-", "--report", report.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ours = std::fs::read_to_string(report).unwrap();
    assert!(ours.starts_with("start_time,") && ours.lines().count() == 1, "{ours}");
}

#[test]
fn input_that_is_not_there_is_named() {
    let output = demo(&["--input", "no-such-file.log", "--report", "out.csv"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-file.log"));
}
