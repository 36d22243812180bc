//! The connector with real Apache Kafka and a real registry: a broker that is killed in mid-run costs nothing.

#![allow(clippy::unwrap_used, reason = "a test file")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use connector::line::Content;
use connector::pipeline::{Fate, LineReader};
use connector::{Config, ConnectorMetrics, LogVersion, Summary};
use kafka_io::{Followed, KafkaConfig, Record, TopicFollower, admin};
use local_parts::{Kafka, SchemaRegistry, Silent};
use schema_registry::{DecodeError, Decoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::topics::{self, headers};
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

/// Log lines of the oracle's generator, with lines that are no events among them.
fn traffic() -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracle/traffic.py");
    let output = Command::new("python3").arg(program).args(["--seed", "5", "--connections", "2000"]).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// What the stages make of the log: ids of events with how often they come, and reasons with how often they are given.
fn expected(log: &str) -> (BTreeMap<EventId, u64>, BTreeMap<String, u64>) {
    let reader = LineReader::new("acme".parse().unwrap(), LogVersion::V2);
    let (mut events, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    for line in log.split('\n') {
        if line.len() > 524_288 {
            *reasons.entry("longer than 524288 bytes".to_owned()).or_default() += 1;
            continue;
        }
        match reader.fate_of(&Content::Whole(line.to_owned().into())) {
            Fate::Event(event) => *events.entry(event.event_id).or_default() += 1,
            Fate::Unreadable(reason) => *reasons.entry(reason.to_string()).or_default() += 1,
            Fate::PassedOver => {}
        }
    }
    (events, reasons)
}

/// All records of a topic.
async fn records(kafka: &KafkaConfig, topic: &str) -> Vec<Record> {
    let mut follower = TopicFollower::from_beginning(kafka, topic).await.unwrap();
    let mut records = Vec::new();
    while let Followed::Record(record) = follower.next().await.unwrap() {
        records.push(record);
    }
    records
}

async fn event_of(decoder: &mut Decoder<ConnectionEvent>, registry: &Registry, value: &[u8]) -> ConnectionEvent {
    if let Err(DecodeError::UnknownSchema(id)) = decoder.decode(value) {
        decoder.learn(id, &registry.fetch(id).await.unwrap()).unwrap();
    }
    decoder.decode(value).unwrap()
}

fn published(context: &ServiceContext) -> u64 {
    let text = context.metrics.render();
    let line = text.lines().find(|line| line.starts_with("flowledger_connector_published_events_total"));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_that_is_killed_in_mid_run_costs_no_event_and_no_dead_letter() {
    let dir = tempfile::tempdir().unwrap();
    let log = traffic();
    std::fs::write(dir.path().join("a.log"), &log).unwrap();
    let mut broker = Kafka::start(&dir.path().join("kafka"), None, &Silent).await.unwrap();
    let registry = SchemaRegistry::start(&dir.path().join("registry"), None, &Silent).await.unwrap();
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers(), ..KafkaConfig::default() };
    let registry = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
    admin::ensure_topics(&kafka, topics::ALL, 1).await.unwrap();

    let context = ServiceContext::new(CancellationToken::new());
    let config = Config {
        tenant: "acme".parse().ok(),
        inputs: vec![dir.path().join("a.log").to_string_lossy().into_owned()],
        state_dir: dir.path().join("state"),
        once: true,
        in_flight_max: 10,
        position_headers: true,
        ..Config::default()
    };
    let metrics = ConnectorMetrics::new(&context.metrics);
    let run = connector::run(config, kafka.clone(), registry.clone(), metrics, context.clone());
    let running = tokio::spawn(run);
    while published(&context) < 300 {
        assert!(!running.is_finished(), "ended early: {:?}", running.await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    broker.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!running.is_finished(), "the fault came too late");
    broker.restart().await.unwrap();
    let summary: Summary = running.await.unwrap().unwrap();

    let (events, reasons) = expected(&log);
    assert_eq!((summary.published, summary.unreadable), (events.values().sum(), reasons.values().sum()));
    assert_eq!(summary.read, summary.published + summary.unreadable + summary.passed_over);
    let mut decoder = Decoder::new(&CONNECTION_EVENT).unwrap();
    let registry = Registry::new(&registry).unwrap();
    let mut ids = BTreeMap::new();
    for record in records(&kafka, topics::CONNECTION_EVENTS.name).await {
        let event = event_of(&mut decoder, &registry, record.payload.as_deref().unwrap()).await;
        assert_eq!(record.key.as_deref(), Some(event.key().as_bytes()));
        let partition = schemas::murmur2::partition(event.key().as_bytes(), 16);
        assert_eq!(u32::try_from(record.partition.number), Ok(partition), "where the Java client puts it");
        let offset: usize = std::str::from_utf8(record.header(headers::FILE_OFFSET).unwrap()).unwrap().parse().unwrap();
        assert!(log[offset..].split('\n').next().unwrap().contains(&event.connection_id));
        *ids.entry(event.event_id).or_default() += 1;
    }
    assert_eq!(ids, events, "and none twice: the producer is idempotent");
    let letters = records(&kafka, topics::CONNECTION_LINES_DEAD_LETTER.name).await;
    let mut found = BTreeMap::new();
    for letter in &letters {
        let reason = String::from_utf8(letter.header(headers::REASON).unwrap().to_vec()).unwrap();
        *found.entry(reason).or_default() += 1;
    }
    assert_eq!(found, reasons);
    let offsets: BTreeSet<_> = letters.iter().map(|letter| letter.header(headers::FILE_OFFSET)).collect();
    assert_eq!(offsets.len(), letters.len(), "each names its line");
}
