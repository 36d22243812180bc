//! `flowledger demo --keep`: what lies in the folder is gone on with, or refused in plain words.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use kafka_io::{KafkaConfig, admin};
use local_parts::{ClickHouseProcess, Kafka, SchemaRegistry, Silent};
use schemas::topics::CONNECTION_EVENTS;
use serde_json::json;

use crate::oracle::{assert_same, report, traffic};

/// Nothing new comes in: the report shows what lay in the folder.
fn demo(folder: &Path, output: &Path) -> Output {
    let mut command = Command::new(local_parts::flowledger_binary().unwrap());
    command.args(["demo", "--input", "-", "--keep"]).arg(folder).arg("--report").arg(output);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Runs parts in the folder of a demo and publishes a log, which nobody reads before the parts end.
async fn leave_unread_events(folder: &Path, lines: &[u8]) {
    let binary = local_parts::flowledger_binary().unwrap();
    let places = ["kafka", "registry", "clickhouse"].map(|name| folder.join(name));
    let (kafka, registry, clickhouse) = tokio::try_join!(
        Kafka::start(&places[0], None, &Silent),
        SchemaRegistry::start(&places[1], None, &Silent),
        ClickHouseProcess::start(&binary, &places[2], None, &Silent),
    )
    .unwrap();
    std::fs::write(folder.join("left.log"), lines).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&binary)
            .args(arguments)
            .env("FLOWLEDGER__KAFKA__BOOTSTRAP_SERVERS", kafka.bootstrap_servers())
            .env("FLOWLEDGER__REGISTRY__URL", registry.url())
            .env("FLOWLEDGER__CLICKHOUSE__URL", clickhouse.url())
            .env("FLOWLEDGER__TELEMETRY__LISTEN", "127.0.0.1:0")
            .env("FLOWLEDGER__CONNECTOR__TENANT", "acme")
            .env("FLOWLEDGER__CONNECTOR__INPUTS", folder.join("left.log"))
            .env("FLOWLEDGER__CONNECTOR__STATE_DIR", folder.join("positions"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run(&["migrate"]);
    run(&["connector", "--once"]);
    let config = KafkaConfig { bootstrap_servers: kafka.bootstrap_servers(), ..KafkaConfig::default() };
    let ends = admin::stable_ends(&config, CONNECTION_EVENTS.name).await.unwrap();
    assert!(ends.values().sum::<i64>() > 100, "{ends:?}");
    let read = admin::committed(&config, ingest::GROUP, CONNECTION_EVENTS.name).await.unwrap();
    assert!(read.values().all(Option::is_none), "somebody has read: {read:?}");
}

#[tokio::test]
async fn restart_with_unread_events_stores_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let lines = traffic(11, 200, "v2");
    leave_unread_events(folder.path(), &lines).await;
    let output = folder.path().join("out.csv");
    // The second run finds everything read, and changes nothing.
    for run in ["first", "second"] {
        let ended = demo(folder.path(), &output);
        assert!(ended.status.success(), "{run}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_same(&std::fs::read_to_string(&output).unwrap(), &report("acme", "v2", &[], &lines), run);
    }
}

#[tokio::test]
async fn registry_that_gives_other_ids_is_refused() {
    service_kit::tls::install();
    let folder = tempfile::tempdir().unwrap();
    leave_unread_events(folder.path(), &traffic(12, 60, "v2")).await;
    let place = folder.path().join("registry");
    std::fs::remove_dir_all(&place).unwrap();
    let another = SchemaRegistry::start(&place, None, &Silent).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    // The ids that lie on Kafka are other schemas' now.
    for (subject, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let schema = json!({ "schema": format!(r#"{{"type":"fixed","size":{},"name":"{name}"}}"#, subject + 1) });
        let url = format!("{}/subjects/{name}/versions", another.url());
        let answer = client.post(url).json(&schema).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
    drop(another);
    let ended = demo(folder.path(), &folder.path().join("out.csv"));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("registry does not fit what lies on topic connection-events"), "{said}");
    assert!(!folder.path().join("out.csv").exists());
}

#[tokio::test]
async fn topic_that_was_made_anew_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    leave_unread_events(folder.path(), &traffic(13, 60, "v2")).await;
    let output = folder.path().join("out.csv");
    assert!(demo(folder.path(), &output).status.success());
    std::fs::remove_file(&output).unwrap();
    std::fs::remove_dir_all(folder.path().join("kafka")).unwrap();
    let ended = demo(folder.path(), &output);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("The topic was made anew"), "{said}");
    assert!(!output.exists());
}

/// It is as long as the old one in each partition, and longer in some: only its records say that it is another one.
#[tokio::test]
async fn topic_that_was_made_anew_and_is_longer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let old = traffic(13, 60, "v2");
    leave_unread_events(folder.path(), &old).await;
    let output = folder.path().join("out.csv");
    assert!(demo(folder.path(), &output).status.success());
    std::fs::remove_file(&output).unwrap();
    for place in ["kafka", "positions"] {
        std::fs::remove_dir_all(folder.path().join(place)).unwrap();
    }
    leave_unread_events(folder.path(), &[traffic(14, 300, "v2"), old].concat()).await;
    let ended = demo(folder.path(), &output);
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("on the topic it is another record. The topic was made anew"), "{said}");
    assert!(!output.exists());
}
