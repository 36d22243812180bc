//! Ctrl-C in a terminal, which reaches every process of the group at once.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The children of a process, and theirs.
fn descendants(parent: u32) -> Vec<u32> {
    let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &parent.to_string()]).output().unwrap();
    let children: Vec<u32> =
        String::from_utf8(listed.stdout).unwrap().split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    children.into_iter().flat_map(|pid| std::iter::once(pid).chain(descendants(pid))).collect()
}

fn runs(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn ctrl_c_stops_the_demo_in_order_and_leaves_no_process() {
    let mut demo = Command::new(local_parts::flowledger_binary().unwrap())
        .args(["demo", "--console", "127.0.0.1:0"])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    // The last line of a start that went well.
    assert!(lines.any(|line| line.unwrap().contains("Ctrl-C stops everything")), "the demo has not started");
    let children = descendants(demo.id());
    assert!(children.len() >= 3, "engine, registry and broker: {children:?}");

    let group = format!("-{}", demo.id());
    assert!(Command::new("kill").args(["-s", "INT", "--", &group]).status().unwrap().success());
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    let status = demo.wait().unwrap();
    // Not "not stopped within": what was held was written while the broker and the engine still ran.
    assert!(status.success(), "{status}: {said:?}");
    assert!(said.iter().any(|line| line.contains("stopped")), "{said:?}");
    for child in children {
        assert!(!runs(child), "process {child} still runs");
    }
}
