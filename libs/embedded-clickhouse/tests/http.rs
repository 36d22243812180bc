//! The HTTP interface as clients of a server know it. One engine for all, because a process can hold one only.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::time::Duration;

use embedded_clickhouse::{EngineConfig, EngineError, run};
use local_parts::{Part, Silent};
use reqwest::Client;
use tokio_util::sync::CancellationToken;

struct Engine {
    client: Client,
    url: String,
}

impl Engine {
    async fn ask(&self, query: &str, body: impl Into<reqwest::Body>) -> (u16, Option<String>, String) {
        let answer = self.client.post(format!("{}/?{query}", self.url)).body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        let code = answer.headers().get("x-clickhouse-exception-code").map(|it| it.to_str().unwrap().to_owned());
        (status, code, answer.text().await.unwrap())
    }

    async fn gives(&self, sql: &str) -> String {
        let (status, _, text) = self.ask("", sql.to_owned()).await;
        assert_eq!(status, 200, "{sql}: {text}");
        text
    }
}

async fn engine(data: &std::path::Path, stop: CancellationToken) -> Engine {
    service_kit::tls::install();
    let library = local_parts::ensure(Part::ClickHouseLibrary, &Silent).await.unwrap();
    let listen: SocketAddr = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let config = EngineConfig { library, data: data.to_owned(), listen };
    tokio::spawn(async move { run(config, stop).await.unwrap() });
    let engine = Engine { client: Client::builder().no_proxy().build().unwrap(), url: format!("http://{listen}") };
    for _ in 0..600 {
        if engine.client.get(format!("{}/ping", engine.url)).send().await.is_ok() {
            return engine;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the engine does not answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_answers_as_a_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path(), CancellationToken::new()).await;

    // Whoever waits for a statement does not wait for merges.
    let nice = "SELECT value FROM system.server_settings WHERE name = 'os_threads_nice_value_merge_mutate'";
    assert_eq!(engine.gives(nice).await, "15\n");

    // Parameters are bound, in the URL and in a form.
    assert_eq!(engine.ask("param_x=7", "SELECT {x:UInt8} + 1").await.2, "8\n");
    assert_eq!(engine.ask("param_x=%27%20OR%201", "SELECT length({x:String})").await.2, "6\n");
    let form = "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT {x:String}\r\n--b\r\n\
        Content-Disposition: form-data; name=\"param_x\"\r\n\r\nlong\r\n--b--\r\n";
    let request = engine.client.post(&engine.url).header("content-type", "multipart/form-data; boundary=b").body(form);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "long\n");

    // Errors have their code and status; a wrong database, a wrong setting, a wrong statement.
    for (query, sql, status, code) in [
        ("", "SELECT * FROM nowhere", 404, "60"),
        ("", "SELEKT 1", 400, "62"),
        ("database=nowhere", "SELECT 1", 404, "81"),
        ("no_such_setting=1", "SELECT 1", 404, "115"),
    ] {
        let (found, found_code, text) = engine.ask(query, sql).await;
        assert_eq!((found, found_code.as_deref()), (status, Some(code)), "{sql}: {text}");
    }

    // Inserts: one token is stored once; a packing that we do not know is refused.
    engine.gives("CREATE DATABASE t").await;
    engine
        .gives("CREATE TABLE t.x (a UInt32) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100")
        .await;
    for _ in 0..2 {
        let (status, _, text) =
            engine.ask("insert_deduplication_token=one", "INSERT INTO t.x FORMAT CSV\n1\n2\n").await;
        assert_eq!(status, 200, "{text}");
    }
    assert_eq!(engine.gives("SELECT count() FROM t.x").await, "2\n");
    let packed = engine.client.post(format!("{}/?query=INSERT+INTO+t.x+FORMAT+CSV", engine.url));
    let packed = packed.header("content-encoding", "gzip").body("1\n").send().await.unwrap();
    assert_eq!(packed.status(), 501);
    let (status, code, _) =
        engine.ask("decompress=1&query=INSERT+INTO+t.x+FORMAT+CSV", "not a block, but longer than its header").await;
    assert!(status >= 400 && code.is_some());
    assert_eq!(engine.gives("SELECT count() FROM t.x").await, "2\n");

    // An insert whose client goes away stores nothing.
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<&'static str, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    }));
    let inserting = engine.client.post(format!("{}/?query=INSERT+INTO+t.x+FORMAT+CSV", engine.url)).body(body).send();
    let inserting = tokio::spawn(inserting);
    sender.send(Ok("7\n")).await.unwrap();
    sender.send(Err(std::io::Error::other("gone"))).await.unwrap();
    assert!(inserting.await.unwrap().is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(engine.gives("SELECT count() FROM t.x").await, "2\n");

    // A result that fails in mid-stream says so and ends in broken framing.
    let failing =
        "SELECT throwIf(number = 3000000, 'boom'), number FROM numbers(10000000) SETTINGS max_block_size = 1000";
    let mut answer = engine.client.post(&engine.url).body(failing).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let tag = answer.headers()["x-clickhouse-exception-tag"].to_str().unwrap().to_owned();
    let mut end = Vec::new();
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(chunk)) => {
                end.extend_from_slice(&chunk);
                let from = end.len().saturating_sub(4_096);
                end.drain(..from);
            }
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let end = String::from_utf8_lossy(&end).into_owned();
    assert!(broken && end.contains("__exception__") && end.contains(&tag) && end.contains("boom"), "{end}");

    // Many at once, and a query whose client has gone is killed.
    let sums = (0..8).map(|_| engine.gives("SELECT sum(number) FROM numbers(1000000)"));
    for sum in futures_util::future::join_all(sums).await {
        assert_eq!(sum, "499999500000\n");
    }
    let long =
        engine.client.post(&engine.url).body("SELECT sleepEachRow(1) FROM numbers(600) SETTINGS max_block_size = 1");
    assert!(long.timeout(Duration::from_secs(2)).send().await.is_err());
    // While it runs, no other may have its id; it is found by it, and its end frees the id.
    let slow = engine
        .client
        .post(format!("{}/?query_id=twice", engine.url))
        .body("SELECT sleepEachRow(1) FROM numbers(2)")
        .send();
    let slow = tokio::spawn(slow);
    let found = "SELECT count() FROM system.processes WHERE startsWith(Settings['log_comment'], 'twice/')";
    while engine.gives(found).await == "0\n" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(engine.ask("query_id=twice", "SELECT 1").await.1.as_deref(), Some("216"));
    assert_eq!(slow.await.unwrap().unwrap().status().as_u16(), 200);
    assert_eq!(engine.ask("query_id=twice", "SELECT 1").await.2, "1\n");

    let mut running = String::new();
    for _ in 0..50 {
        running = engine.gives("SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(1)%' AND query NOT LIKE '%processes%'").await;
        if running == "0\n" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(running, "0\n");
}

#[tokio::test]
async fn address_that_others_can_reach_is_refused() {
    let config =
        EngineConfig { library: "libchdb.so".into(), data: "data".into(), listen: "0.0.0.0:8123".parse().unwrap() };
    assert!(matches!(run(config, CancellationToken::new()).await, Err(EngineError::NotLoopback(_))));
}
