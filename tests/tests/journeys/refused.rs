//! What only an operator can mend ends a service at its start, with words that say what.

use std::time::Duration;

use kafka_io::admin;
use schemas::topics::{AUDIT_EVENTS, Topic};
use tokio::process::Command;

use crate::parts::{Choice, Parts};
use crate::stack::unique;

/// Far longer than a start takes.
const START_MAX: Duration = Duration::from_secs(60);

#[tokio::test]
async fn console_does_not_wait_for_a_log_that_it_cannot_follow() {
    let folder = tempfile::tempdir().unwrap();
    let parts = Parts::start(folder.path(), &unique(), Choice::Own).await;
    // As somebody's own tool made it; what is there is left as it is by `flowledger migrate`.
    let made = Topic { partitions: 2, ..AUDIT_EVENTS };
    admin::ensure_topics(&parts.kafka_config(), &[made], 1).await.unwrap();
    let config = folder.path().join("flowledger.toml");
    let text =
        format!("[telemetry]\nlisten = \"127.0.0.1:0\"\n{}[console]\nlisten = \"127.0.0.1:0\"\n", parts.sections());
    std::fs::write(&config, text).unwrap();
    let run = async |command: &str| {
        let mut run = Command::new(local_parts::flowledger_binary().unwrap());
        run.arg(command).arg("--config").arg(&config).kill_on_drop(true);
        let output = tokio::time::timeout(START_MAX, run.output()).await.expect("it ends by itself").unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (went_well, said) = run("migrate").await;
    assert!(went_well, "{said}");
    let (went_well, said) = run("console").await;
    assert!(!went_well, "{said}");
    assert!(said.lines().last().unwrap().contains("audit-events has 2 partitions, and an audit log has one"), "{said}");
    parts.clean().await;
}
