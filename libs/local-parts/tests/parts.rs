//! Each part starts, survives a kill with its data, and is gone when its handle is dropped.
use std::path::Path;

use local_parts::{ClickHouseProcess, Kafka, MailServer, S3, SchemaRegistry, Silent};

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn kafka_comes_back_after_a_kill_and_goes_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let mut kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
    let (first, servers) = (kafka.pid(), kafka.bootstrap_servers());
    kafka.kill();
    assert!(!runs(first));
    kafka.restart().await.unwrap();
    assert_eq!(kafka.bootstrap_servers(), servers);
    let second = kafka.pid();
    drop(kafka);
    assert!(!runs(second));
}

#[tokio::test]
async fn registry_keeps_its_ids_through_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = SchemaRegistry::start(folder.path(), None, &Silent).await.unwrap();
    let client = reqwest::Client::new();
    let versions = format!("{}/subjects/kept-value/versions", registry.url());
    let body = r#"{"schema": "{\"type\": \"string\"}"}"#;
    let answer = client.post(&versions).header("content-type", "application/json").body(body).send().await.unwrap();
    let given = answer.text().await.unwrap();
    assert!(given.contains("\"id\""), "{given}");
    registry.kill();
    registry.restart().await.unwrap();
    let answer = client.post(&versions).header("content-type", "application/json").body(body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), given);
    let pid = registry.pid();
    drop(registry);
    assert!(!runs(pid));
}

#[tokio::test]
async fn store_refuses_who_has_no_key_and_goes_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let mut s3 = S3::start(folder.path(), None, &Silent).await.unwrap();
    s3.kill();
    s3.restart().await.unwrap();
    let answer = reqwest::get(format!("{}/{}/x", s3.endpoint(), s3.bucket())).await.unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let pid = s3.pid();
    drop(s3);
    assert!(!runs(pid));
}

#[tokio::test]
async fn mail_server_comes_back_after_a_kill_and_goes_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start(folder.path(), None, &Silent).await.unwrap();
    mail.kill();
    mail.restart().await.unwrap();
    assert!(mail.messages().unwrap().is_empty());
    let pid = mail.pid();
    drop(mail);
    assert!(!runs(pid));
}

#[tokio::test]
async fn engine_keeps_its_rows_through_a_kill_and_goes_with_its_handle() {
    let folder = tempfile::tempdir().unwrap();
    let binary = local_parts::flowledger_binary().unwrap();
    let mut engine = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let sql =
        async |url: String, sql: &'static str| client.post(url).body(sql).send().await.unwrap().text().await.unwrap();
    sql(engine.url(), "CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS fsync_after_insert = 1")
        .await;
    sql(engine.url(), "INSERT INTO kept VALUES (1), (2)").await;
    engine.kill();
    engine.restart().await.unwrap();
    assert_eq!(sql(engine.url(), "SELECT count() FROM kept").await, "2\n");
    let pid = engine.pid();
    drop(engine);
    assert!(!runs(pid));
}
