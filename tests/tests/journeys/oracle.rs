//! The independent second implementation of the report, and its made-up traffic.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn python(script: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("python3")
        .arg("-B")
        .arg(tests_folder().join(script))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{script} {arguments:?}");
    output.stdout
}

/// Log lines of a seed.
pub(crate) fn traffic(seed: u32, connections: u32, version: &str) -> Vec<u8> {
    let (seed, connections) = (seed.to_string(), connections.to_string());
    python("oracle/traffic.py", &["--seed", &seed, "--connections", &connections, "--log-version", version], &[])
}

/// The report of these lines.
pub(crate) fn report(tenant: &str, version: &str, arguments: &[&str], lines: &[u8]) -> String {
    let mut all = vec!["--tenant", tenant, "--log-version", version];
    all.extend(arguments);
    String::from_utf8(python("oracle/report.py", &all, lines)).unwrap()
}

/// Connections of these lines: what ended, failed or was denied.
pub(crate) fn connections_of(tenant: &str, version: &str, lines: &[u8]) -> u64 {
    // One JSON object a line: names in a CSV may hold line ends.
    report(tenant, version, &["--denied", "--format", "ndjson"], lines).lines().count() as u64
}

/// How many events an export of the audit log has; nothing is wrong with them.
pub(crate) fn audit(export: &[u8]) -> usize {
    String::from_utf8(python("audit/check_export.py", &[], export)).unwrap().trim().parse().unwrap()
}

/// How many of these lines are refused.
pub(crate) fn reject_count(tenant: &str, version: &str, lines: &[u8]) -> usize {
    rejects(tenant, version, lines).bytes().filter(|byte| *byte == b'\n').count()
}

/// Those of these lines that are not refused.
pub(crate) fn readable(tenant: &str, version: &str, lines: &[u8]) -> Vec<u8> {
    let rejects = rejects(tenant, version, lines);
    let refused: HashSet<&str> = rejects.lines().filter_map(|it| Some(it.split_once('\t')?.1)).collect();
    let is_refused = |line: &[u8]| refused.contains(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
    lines.split_inclusive(|byte| *byte == b'\n').filter(|line| !is_refused(line)).flatten().copied().collect()
}

/// A line for each that is refused: the reason, and behind a tab the line.
fn rejects(tenant: &str, version: &str, lines: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    python("oracle/report.py", &["--tenant", tenant, "--log-version", version, "--rejects", &path], lines);
    std::fs::read_to_string(&path).unwrap()
}

pub(crate) fn sample(name: &str) -> PathBuf {
    tests_folder().join("samples").join(name)
}

/// Says where two reports part instead of printing both.
pub(crate) fn assert_same(ours: &str, expected: &str, what: &str) {
    if ours == expected {
        return;
    }
    let parting = ours.lines().zip(expected.lines()).enumerate().find(|(_, (left, right))| left != right);
    panic!(
        "{what}: {} lines instead of {}; first difference {parting:?}",
        ours.lines().count(),
        expected.lines().count()
    );
}
