//! The connector with real Apache Kafka and a real registry: a broker that is killed in mid-run costs nothing.

#![allow(clippy::unwrap_used, reason = "a test file")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use address_lookup::examples;
use connector::adapters::positions::Fingerprint;
use connector::line::Content;
use connector::pipeline::{Fate, LineReader};
use connector::{Config, ConnectorMetrics, DeliveryMode, Error, LogVersion, Summary};
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
    counted(context, "published_events")
}

fn counted(context: &ServiceContext, counter: &str) -> u64 {
    let text = context.metrics.render();
    let line = text.lines().find(|line| line.starts_with(&format!("flowledger_connector_{counter}_total")));
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

/// Reads `a.log` of a folder once; positions lie apart for each delivery.
fn once(folder: &Path, delivery: DeliveryMode) -> Config {
    Config {
        tenant: "acme".parse().ok(),
        inputs: vec![folder.join("a.log").to_string_lossy().into_owned()],
        state_dir: folder.join(format!("{delivery:?}")),
        once: true,
        delivery,
        instance: Some("a".to_owned()),
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_without_location_is_published_with_its_place_in_either_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let line = |number: u32, client: &str, location: &str| {
        format!(
            r#"ANALYTICS {{"event_type":"denied_access","timestamp":5,"connection":{{"id":"c{number}","protocol":"tcp","client_ip":"{client}"}},"connector":{{"id":"1","name":""}},"remote_network":{{"id":"77","name":""}},"resource":{{"id":"3","address":""}},"user":{{"id":"4","email":""}}{location}}}"#
        )
    };
    let own = r#","location":{"geoip":{"country":"US"}}"#;
    let lines = [line(1, "192.0.2.4", ""), line(2, "192.0.2.4", own), line(3, "10.0.0.7", ""), line(4, "", "")];
    std::fs::write(dir.path().join("a.log"), lines.join("\n") + "\n").unwrap();
    std::fs::write(dir.path().join("places.mmdb"), examples::places()).unwrap();
    let broker = Kafka::start(&dir.path().join("kafka"), None, &Silent).await.unwrap();
    let registry = SchemaRegistry::start(&dir.path().join("registry"), None, &Silent).await.unwrap();
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers(), ..KafkaConfig::default() };
    let registry = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
    admin::ensure_topics(&kafka, topics::ALL, 1).await.unwrap();

    for delivery in [DeliveryMode::AtLeastOnce, DeliveryMode::ExactlyOnce] {
        let context = ServiceContext::new(CancellationToken::new());
        let config = Config { geoip_database: Some(dir.path().join("places.mmdb")), ..once(dir.path(), delivery) };
        let metrics = ConnectorMetrics::new(&context.metrics);
        connector::run(config, kafka.clone(), registry.clone(), metrics, context.clone()).await.unwrap();
        assert_eq!((counted(&context, "places_found"), counted(&context, "places_not_found")), (1, 1), "{delivery:?}");
    }
    let (registry, mut decoder) = (Registry::new(&registry).unwrap(), Decoder::new(&CONNECTION_EVENT).unwrap());
    let mut countries = BTreeMap::<String, Vec<Option<String>>>::new();
    for record in records(&kafka, topics::CONNECTION_EVENTS.name).await {
        let event = event_of(&mut decoder, &registry, record.payload.as_deref().unwrap()).await;
        countries.entry(event.connection_id).or_default().push(event.location.and_then(|it| it.country));
    }
    let twice = |country: Option<&str>| vec![country.map(str::to_owned); 2];
    let expected = [("c1", twice(Some("DE"))), ("c2", twice(Some("US"))), ("c3", twice(None)), ("c4", twice(None))];
    assert_eq!(countries, expected.map(|(id, country)| (id.to_owned(), country)).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_that_takes_small_batches_only_refuses_no_good_event() {
    const COUNT: u64 = 5000;
    let dir = tempfile::tempdir().unwrap();
    // Ids that do not compress; and one line that is too long for the topic by itself, among good ones.
    let line = |number: u64, text: &str| {
        let id = Fingerprint::of(&number.to_be_bytes()).sha256;
        format!(
            r#"ANALYTICS {{"event_type":"denied_access","timestamp":5,"connection":{{"id":"{id}","protocol":"tcp","error_message":"{text}"}},"connector":{{"id":"1","name":""}},"remote_network":{{"id":"77","name":""}},"resource":{{"id":"3","address":""}},"user":{{"id":"4","email":""}}}}"#
        ) + "\n"
    };
    let text: String = (0..3000).map(|number: u64| Fingerprint::of(&number.to_be_bytes()).sha256).collect();
    let lines = |numbers: std::ops::Range<u64>| numbers.map(|number| line(number, "")).collect::<String>();
    let log = lines(0..COUNT / 2) + &line(COUNT, &text) + &lines(COUNT / 2..COUNT);
    std::fs::write(dir.path().join("a.log"), log).unwrap();
    let broker = Kafka::start(&dir.path().join("kafka"), None, &Silent).await.unwrap();
    let registry = SchemaRegistry::start(&dir.path().join("registry"), None, &Silent).await.unwrap();
    let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers(), ..KafkaConfig::default() };
    let registry = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
    // All events have one key, so all lie in one partition and go in full batches.
    let mut small = topics::CONNECTION_EVENTS;
    small.settings = &[("max.message.bytes", "65536")];
    let others: Vec<_> = topics::ALL.iter().copied().filter(|topic| topic.name != small.name).collect();
    admin::ensure_topics(&kafka, &[&[small][..], &others[..]].concat(), 1).await.unwrap();
    let wanted = [topics::CONNECTION_LINES_DEAD_LETTER.name, topics::CONNECTION_EVENTS.name];
    assert_eq!(admin::batch_bytes_max(&kafka, &wanted).await, Ok(65_536));

    for delivery in [DeliveryMode::AtLeastOnce, DeliveryMode::ExactlyOnce] {
        let context = ServiceContext::new(CancellationToken::new());
        let metrics = ConnectorMetrics::new(&context.metrics);
        let config = once(dir.path(), delivery);
        let summary = connector::run(config, kafka.clone(), registry.clone(), metrics, context).await.unwrap();
        assert_eq!((summary.published, summary.unreadable), (COUNT, 1), "{delivery:?}");
    }
}

#[tokio::test]
async fn database_that_cannot_be_used_ends_the_connector_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("networks.mmdb"), examples::networks()).unwrap();
    for (file, said) in [("none.mmdb", "cannot be read"), ("networks.mmdb", "is of type \"GeoLite2-ASN\"")] {
        let context = ServiceContext::new(CancellationToken::new());
        let config = Config {
            tenant: "acme".parse().ok(),
            stdin: true,
            geoip_database: Some(dir.path().join(file)),
            ..Config::default()
        };
        let metrics = ConnectorMetrics::new(&context.metrics);
        let ended = connector::run(config, KafkaConfig::default(), RegistryConfig::default(), metrics, context).await;
        let Err(error @ Error::Places(_)) = ended else { panic!("{file}: {ended:?}") };
        let error = error.to_string();
        assert!(error.starts_with("connector.geoip_database: ") && error.contains(said), "{error}");
    }
}
