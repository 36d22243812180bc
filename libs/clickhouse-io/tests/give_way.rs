//! Statements that give way to those of pages, on a server that knows the setting and on one that refuses it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use clickhouse_io::{ClickHouse, GivingWay};
use engine_of_test::{block, engine};
use local_parts::fault_proxy::Seen;
use local_parts::{Fault, FaultProxy};
use service_kit::CancellationToken;

const NICE: &str = "os_threads_nice_value_query";

async fn giving_way(clickhouse: &ClickHouse, nice: u8) -> ClickHouse {
    clickhouse.wait_ready_giving_way(nice, &CancellationToken::new()).await.unwrap().unwrap()
}

/// The nice value of the threads that answer.
async fn nice_of(clickhouse: &ClickHouse) -> String {
    let sql = format!("SELECT value FROM system.settings WHERE name = '{NICE}'");
    clickhouse.text(&sql).await.unwrap().trim().to_owned()
}

#[tokio::test]
async fn statements_have_the_nice_value_that_was_asked_for() {
    let engine = engine().await;
    let clickhouse = engine.database("give_way").await;
    for (nice, found) in [(7, "7"), (0, "0")] {
        assert_eq!(nice_of(&giving_way(&clickhouse, nice).await).await, found);
    }
    assert_eq!(nice_of(&clickhouse).await, "0", "the client that it was made of gives way, too");
    // Rows go in as before.
    block(&giving_way(&clickhouse, 7).await, 0..10).await;
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn setting_that_a_server_refuses_is_left_out() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let url = proxy.url();
    let clickhouse = engine.database_with("give_way_refused", |config| config.url = url).await;
    // An account whose profile forbids it, and a server that does not know it.
    for (code, name) in [(452, "SETTING_CONSTRAINT_VIOLATION"), (115, "UNKNOWN_SETTING")] {
        proxy.plan(move |seen: &Seen| {
            let body = format!("Code: {code}. DB::Exception: Setting {NICE} is not for you. ({name})\n");
            seen.target.contains(NICE).then_some(Fault::Answer { status: 403, code: Some(code), body })
        });
        assert_eq!(nice_of(&giving_way(&clickhouse, 7).await).await, "0");
    }
    assert_eq!(proxy.counts().of("answer"), 2, "each was asked for once");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn server_that_was_away_is_asked_about_the_setting_when_it_is_back() {
    let engine = engine().await;
    let proxy = FaultProxy::start(&engine.given.url).await.unwrap();
    let url = proxy.url();
    let clickhouse = engine.database_with("give_way_later", |config| config.url = url).await;
    let giving_way = GivingWay::new(clickhouse.clone(), 7);
    proxy.plan(|_: &Seen| Some(Fault::Answer { status: 503, code: None, body: "away".to_owned() }));
    assert!(giving_way.client().await.ping().await.is_err(), "it is away for everybody");
    proxy.plan(|_: &Seen| None);
    assert_eq!(nice_of(&giving_way.client().await).await, "7");
    assert_eq!(nice_of(&giving_way.clone().client().await).await, "7");
    assert_eq!(nice_of(&GivingWay::new(clickhouse.clone(), 0).client().await).await, "0");

    let refused = GivingWay::new(clickhouse.clone(), 7);
    proxy.plan(|seen: &Seen| {
        let body = format!("Code: 115. DB::Exception: Setting {NICE} is not known. (UNKNOWN_SETTING)\n");
        seen.target.contains(NICE).then_some(Fault::Answer { status: 404, code: Some(115), body })
    });
    let before = proxy.counts().of("answer");
    for _ in 0..3 {
        assert_eq!(nice_of(&refused.client().await).await, "0");
    }
    assert_eq!(proxy.counts().of("answer") - before, 1, "it was asked for once");
    engine.drop(&clickhouse).await;
}
