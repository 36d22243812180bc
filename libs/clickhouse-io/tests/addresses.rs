//! What is an address and what a name: the engine decides as the contract does, in roll-ups and in questions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use std::collections::BTreeSet;

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{rollup, traffic};
use engine_of_test::engine;
use schemas::connection_event::{ConnectionEvent, EventType, asked_domain};
use schemas::examples::connection;
use traffic_query::FilterForm;

/// 2026-10-31T00:00:00Z.
const BEGIN_MS: u64 = 1_793_404_800_000;

const ADDRESSES: [&str; 11] = [
    "10.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "::",
    "::1",
    "2001:db8::7",
    "2001:0db8:0000::0007",
    "::ffff:10.0.0.1",
    "64:ff9b::192.0.2.33",
    "1:2:3:4:5:6:7:8",
    "",
];

const NAMES: [&str; 17] = [
    "wiki.corp.example",
    "münchen.example",
    "010.0.0.1",
    "010.20.030.5",
    "192.168.001.010",
    "10.0.0.00",
    "00.0.0.0",
    "0001.2.3.4",
    "::ffff:010.0.0.1",
    "::ffff:10.0.0.01",
    "010.example",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "192.0.2.1:443",
    "[::1]",
    "fe80::1%eth0",
];

#[tokio::test]
async fn text_is_an_address_to_the_engine_where_it_is_one_to_the_contract() {
    assert!(ADDRESSES.iter().all(|it| asked_domain(it).is_empty()) && NAMES.iter().all(|it| asked_domain(it) == *it));
    let engine = engine().await;
    let clickhouse = engine.database("addresses").await;
    let events: Vec<ConnectionEvent> = ADDRESSES
        .iter()
        .chain(&NAMES)
        .zip(1_u64..)
        .map(|(text, number)| ConnectionEvent {
            resource_address: (*text).to_owned(),
            resource_id: number.to_string().parse().unwrap(),
            resource_ip: None,
            ..connection(EventType::FailedToConnect, &format!("{number:x}-1"), BEGIN_MS + number)
        })
        .collect();
    let row = |(event, offset): (&ConnectionEvent, i64)| {
        ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 3, offset })
    };
    insert(&clickhouse, EventTable::Connections, events.iter().zip(0..).map(row).collect(), "all").await.unwrap();
    let hours = events.iter().map(|it| rollup::HourOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id));
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours.collect()).await.unwrap();

    let names: BTreeSet<&str> = NAMES.into_iter().collect();
    let sql =
        "SELECT resource_id, sum(failed_dns), sum(failed_other) FROM connections_by_hour FINAL GROUP BY resource_id";
    let counted = clickhouse.text(sql).await.unwrap();
    assert_eq!(counted.lines().count(), events.len());
    for line in counted.lines() {
        let (number, counts) = line.split_once('\t').unwrap();
        let text = events[number.parse::<usize>().unwrap() - 1].resource_address.as_str();
        assert_eq!(counts, if names.contains(text) { "1\t0" } else { "0\t1" }, "{text}");
    }
    for (status, expected) in [("DNS_ERROR", names), ("CONNECTION_FAILED", ADDRESSES.into_iter().collect())] {
        let mut form = FilterForm::default();
        form.add("statuses", status).unwrap();
        let page = traffic::recent(&clickhouse, &events[0].tenant, &form.build().unwrap(), None, 100).await.unwrap();
        let found: BTreeSet<&str> = page.connections.iter().map(|it| it.resource_address.as_str()).collect();
        assert_eq!(found, expected, "{status}");
    }
    engine.drop(&clickhouse).await;
}
