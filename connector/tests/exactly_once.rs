//! Exactly once from file to topic, with real Apache Kafka: connectors that are killed or frozen in the middle of a transaction, and a broker
//! that is restarted there.

#![allow(clippy::unwrap_used, reason = "a test file")]

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use connector::{Config, ConnectorMetrics, DeliveryMode, StartAt, Summary};
use kafka_io::{Followed, KafkaConfig, TopicFollower, admin, newest_by_key};
use local_parts::{Kafka, SchemaRegistry, Silent};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::topics::{self, CONNECTION_EVENTS, CONNECTION_LINES_DEAD_LETTER, CONNECTOR_POSITIONS, headers};
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

const PATIENCE: Duration = Duration::from_secs(90);
const TRANSACTION_MAX: Duration = Duration::from_secs(10);

/// One event line, and one that cannot be read.
fn lines(number: usize) -> String {
    format!(
        "ANALYTICS {{\"event_type\":\"denied_access\",\"timestamp\":5,\"connection\":{{\"id\":\"c{number}\",\"protocol\":\"tcp\"}},\
         \"connector\":{{\"id\":\"1\",\"name\":\"\"}},\"remote_network\":{{\"id\":\"{}\",\"name\":\"\"}},\
         \"resource\":{{\"id\":\"3\",\"address\":\"\"}},\"user\":{{\"id\":\"4\",\"email\":\"\"}}}}\nANALYTICS bad {number}\n",
        number % 50 + 1
    )
}

struct World {
    dir: tempfile::TempDir,
    broker: Kafka,
    _registry: SchemaRegistry,
    kafka: KafkaConfig,
    registry: RegistryConfig,
}

impl World {
    /// Kills the broker, has it back when an open transaction is over, and waits until all lines that were written meanwhile are published; gives
    /// how many. `runs` fails where the connector has ended.
    async fn kill_broker(&mut self, program: Program, mut runs: impl FnMut()) -> usize {
        self.broker.kill();
        tokio::time::sleep(TRANSACTION_MAX + Duration::from_secs(15)).await;
        self.broker.restart().await.unwrap();
        let count = program.stop();
        let begin = Instant::now();
        while self.seen().await.0.len() < count {
            assert!(begin.elapsed() < PATIENCE, "{:?} of {count}", self.seen().await.0.len());
            runs();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        count
    }

    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let broker = Kafka::start(&dir.path().join("kafka"), None, &Silent).await.unwrap();
        let registry = SchemaRegistry::start(&dir.path().join("registry"), None, &Silent).await.unwrap();
        let kafka = KafkaConfig { bootstrap_servers: broker.bootstrap_servers(), ..KafkaConfig::default() };
        let config = RegistryConfig { url: registry.url(), ..RegistryConfig::default() };
        admin::ensure_topics(&kafka, topics::ALL, 1).await.unwrap();
        std::fs::create_dir(dir.path().join("logs")).unwrap();
        Self { dir, broker, _registry: registry, kafka, registry: config }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("logs/a.log")
    }

    fn pattern(&self) -> String {
        self.log().to_string_lossy().into_owned() + "*"
    }

    /// Starts a connector as a process.
    fn spawn(&self, state: &str) -> Process {
        let tests = std::env::current_exe().unwrap();
        let program = tests.parent().unwrap().parent().unwrap().join("examples/run_connector");
        let mut command = Command::new(program);
        command.arg(&self.kafka.bootstrap_servers).arg(&self.registry.url).arg("one");
        command.arg(self.dir.path().join(state)).arg(self.pattern()).arg(TRANSACTION_MAX.as_secs().to_string());
        Process(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    /// Of a connector that runs here, until everything is read.
    fn config(&self, state: &str) -> Config {
        Config {
            tenant: "acme".parse().ok(),
            inputs: vec![self.pattern()],
            state_dir: self.dir.path().join(state),
            delivery: DeliveryMode::ExactlyOnce,
            instance: Some("one".to_owned()),
            once: true,
            ..Config::default()
        }
    }

    /// Runs a connector here.
    async fn run(&self, config: Config, context: ServiceContext) -> Summary {
        let metrics = ConnectorMetrics::new(&context.metrics);
        connector::run(config, self.kafka.clone(), self.registry.clone(), metrics, context).await.unwrap()
    }

    async fn run_once(&self, state: &str) -> Summary {
        self.run(self.config(state), ServiceContext::new(CancellationToken::new())).await
    }

    /// Keys of the positions that are committed.
    async fn kept(&self) -> Vec<String> {
        let newest = newest_by_key(&self.kafka, CONNECTOR_POSITIONS.name, PATIENCE).await.unwrap();
        newest.keys().map(|key| String::from_utf8(key.to_vec()).unwrap()).collect()
    }

    async fn until_kept(&self, wanted: impl Fn(&[String]) -> bool) {
        let begin = Instant::now();
        loop {
            let kept = self.kept().await;
            if wanted(&kept) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "{kept:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// True while a transaction with events is open.
    async fn is_open(&self) -> bool {
        let topic = CONNECTION_EVENTS.name;
        // In this order: what is committed between the two is not taken for open.
        let ends = admin::ends(&self.kafka, topic).await.unwrap();
        let stable = admin::stable_ends(&self.kafka, topic).await.unwrap();
        ends.iter().any(|(partition, end)| stable.get(partition) < Some(end))
    }

    async fn until_open(&self, child: &mut Process) {
        let begin = Instant::now();
        while !self.is_open().await {
            child.assert_runs();
            assert!(begin.elapsed() < PATIENCE, "no transaction was seen");
        }
    }

    /// How often each connection and each unreadable line is seen by a reader of committed records.
    async fn seen(&self) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
        let registry = Registry::new(&self.registry).unwrap();
        let mut decoder: Decoder<ConnectionEvent> = Decoder::new(&CONNECTION_EVENT).unwrap();
        let (mut events, mut letters) = (BTreeMap::new(), BTreeMap::new());
        let stop = CancellationToken::new();
        let mut follower = TopicFollower::from_beginning(&self.kafka, CONNECTION_EVENTS.name).await.unwrap();
        while let Followed::Record(record) = follower.next().await.unwrap() {
            let value = record.payload.unwrap();
            let event = decoder.decode_with(&registry, &value, &stop).await.unwrap().unwrap().unwrap();
            *events.entry(event.connection_id).or_default() += 1;
        }
        let topic = CONNECTION_LINES_DEAD_LETTER.name;
        let mut follower = TopicFollower::from_beginning(&self.kafka, topic).await.unwrap();
        while let Followed::Record(record) = follower.next().await.unwrap() {
            assert_eq!(record.header(headers::REASON).map(|it| &it[..]), Some(&b"not JSON"[..]));
            let line = String::from_utf8(record.payload.unwrap().to_vec()).unwrap();
            *letters.entry(line).or_default() += 1;
        }
        (events, letters)
    }

    async fn assert_each_once(&self, count: usize) {
        let (events, letters) = self.seen().await;
        let wanted: BTreeMap<String, usize> = (0..count).map(|number| (format!("c{number}"), 1)).collect();
        assert!(events == wanted, "{} events, not once: {:?}", events.len(), odd(&events));
        let wanted: BTreeMap<String, usize> = (0..count).map(|number| (format!("ANALYTICS bad {number}"), 1)).collect();
        assert!(letters == wanted, "{} dead letters, not once: {:?}", letters.len(), odd(&letters));
    }
}

/// A process that does not outlive its test.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it has said when it has ended.
    fn last_words(&mut self) -> String {
        let mut said = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    fn assert_runs(&mut self) {
        if let Some(status) = self.0.try_wait().unwrap() {
            panic!("it ended, {status}: {}", self.last_words());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that logs all the time, and rotates its log.
struct Program {
    done: Arc<AtomicBool>,
    writing: Option<JoinHandle<usize>>,
}

impl Program {
    fn start(log: PathBuf) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let is_done = Arc::clone(&done);
        let writing = std::thread::spawn(move || {
            let mut number = 0;
            while !is_done.load(Ordering::Acquire) {
                append(&log, number..number + 50);
                number += 50;
                if number % 5_000 == 0 {
                    let old = log.with_extension(format!("log.{number}"));
                    std::fs::rename(&log, old).unwrap();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            number
        });
        Self { done, writing: Some(writing) }
    }

    /// Ends it; how many lines of each kind it has written.
    fn stop(mut self) -> usize {
        self.done.store(true, Ordering::Release);
        self.writing.take().unwrap().join().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
    }
}

fn odd(found: &BTreeMap<String, usize>) -> Vec<(&String, &usize)> {
    found.iter().filter(|(_, times)| **times != 1).take(5).collect()
}

fn append(log: &Path, numbers: std::ops::Range<usize>) {
    let mut file = OpenOptions::new().create(true).append(true).open(log).unwrap();
    file.write_all(numbers.map(lines).collect::<String>().as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_is_killed_in_mid_transaction_again_and_again_publishes_each_line_once() {
    let world = World::new().await;
    let program = Program::start(world.log());
    let (begin, mut in_mid_transaction) = (Instant::now(), 0);
    for round in 0.. {
        let mut child = world.spawn("state");
        world.until_open(&mut child).await;
        tokio::time::sleep(Duration::from_millis(37 * (round % 10))).await;
        child.kill();
        in_mid_transaction += usize::from(world.is_open().await);
        if in_mid_transaction == 5 {
            break;
        }
        assert!(begin.elapsed() < 2 * PATIENCE, "{in_mid_transaction} kills in {round} rounds");
    }
    let count = program.stop();
    world.run_once("state").await;
    world.assert_each_once(count).await;
    assert_eq!(world.run_once("state").await.read, 0, "everything is done");
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_connector_that_wakes_up_beside_its_successor_is_fenced_and_says_so() {
    let world = World::new().await;
    let program = Program::start(world.log());
    let mut zombie = world.spawn("state");
    loop {
        world.until_open(&mut zombie).await;
        zombie.signal("-STOP");
        if world.is_open().await {
            break;
        }
        zombie.signal("-CONT");
    }
    let count = program.stop();
    // Another machine's state folder: the lock of ours would keep it out.
    world.run_once("state-of-the-successor").await;
    world.assert_each_once(count).await;
    zombie.signal("-CONT");
    let said = zombie.last_words();
    assert!(said.contains("failed: another connector has begun under the same connector.instance"), "{said}");
    world.assert_each_once(count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broker_that_is_killed_in_mid_transaction_costs_no_line_and_repeats_none() {
    let mut world = World::new().await;
    let program = Program::start(world.log());
    let mut child = world.spawn("state");
    world.until_open(&mut child).await;
    let count = world.kill_broker(program, || child.assert_runs()).await;
    child.kill();
    world.run_once("state").await;
    world.assert_each_once(count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_begins_at_the_end_loses_nothing_when_its_first_transaction_after_all_files_were_over_fails() {
    let mut world = World::new().await;
    let context = ServiceContext::new(CancellationToken::new());
    let config = Config {
        once: false,
        start_at: StartAt::End,
        rotated_wait: Duration::from_millis(200),
        // Long enough that the broker is killed while the first one is open.
        transaction_interval: Duration::from_secs(4),
        transaction_max: TRANSACTION_MAX,
        ..world.config("state")
    };
    let metrics = ConnectorMetrics::new(&context.metrics);
    let running = connector::run(config, world.kafka.clone(), world.registry.clone(), metrics, context.clone());
    let running = tokio::spawn(running);
    // It begins without a file, has one, and has none any more.
    world.until_kept(|keys| keys == ["one/begun"]).await;
    let first = world.log().with_extension("log.first");
    std::fs::write(&first, "noise\n").unwrap();
    world.until_kept(|keys| keys.len() == 2).await;
    std::fs::remove_file(&first).unwrap();
    world.until_kept(|keys| keys == ["one/begun"]).await;

    let program = Program::start(world.log());
    let begin = Instant::now();
    while !world.is_open().await {
        assert!(begin.elapsed() < PATIENCE && !running.is_finished(), "no transaction was seen");
    }
    let count = world.kill_broker(program, || assert!(!running.is_finished(), "it ended")).await;
    let text = context.metrics.render();
    let aborted = text.lines().find(|line| line.starts_with("flowledger_connector_aborted_transactions_total{"));
    assert!(aborted.is_some_and(|line| !line.ends_with(" 0")), "the fault came too late: {text}");
    context.stop.cancel();
    running.await.unwrap().unwrap();
    world.assert_each_once(count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_was_stopped_in_order_goes_on_at_least_once_where_it_was() {
    let world = World::new().await;
    append(&world.log(), 0..100);
    let context = ServiceContext::new(CancellationToken::new());
    let metrics = ConnectorMetrics::new(&context.metrics);
    let config = Config { once: false, ..world.config("state") };
    let running = connector::run(config, world.kafka.clone(), world.registry.clone(), metrics, context.clone());
    let running = tokio::spawn(running);
    let begin = Instant::now();
    while world.seen().await.0.len() < 100 {
        assert!(begin.elapsed() < PATIENCE && !running.is_finished(), "nothing is published");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    context.stop.cancel();
    assert_eq!(running.await.unwrap().unwrap().published, 100);

    append(&world.log(), 100..110);
    let config = Config { delivery: DeliveryMode::AtLeastOnce, instance: None, ..world.config("state") };
    let summary = world.run(config, ServiceContext::new(CancellationToken::new())).await;
    assert_eq!((summary.published, summary.unreadable), (10, 10));
    world.assert_each_once(110).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn file_system_that_is_mounted_anew_repeats_no_line_and_leaves_no_position_behind() {
    let world = World::new().await;
    append(&world.log(), 0..10);
    let config = Config { delivery: DeliveryMode::AtLeastOnce, instance: None, ..world.config("state") };
    world.run(config, ServiceContext::new(CancellationToken::new())).await;
    // As if its device had had another number, and that of a file that another volume has now.
    let path = world.dir.path().join("state/positions.json");
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let files = state["files"].as_array_mut().unwrap();
    assert_eq!(files.len(), 1);
    let device = files[0]["device"].as_u64().unwrap();
    files[0]["device"] = (device + 1).into();
    let mut other = files[0].clone();
    (other["inode"], other["offset"], other["done"]) = (1.into(), 1_000_000.into(), 1_000_000.into());
    files.push(other);
    std::fs::write(&path, state.to_string()).unwrap();

    // Rotated while nobody ran. The positions are taken over to the topic.
    std::fs::rename(world.log(), world.log().with_extension("log.1")).unwrap();
    append(&world.log(), 10..20);
    world.run_once("state").await;
    world.assert_each_once(20).await;
    let kept = world.kept().await;
    let is_of_now = |key: &String| key == "one/begun" || key.starts_with(&format!("one/{device}-"));
    assert!(kept.len() == 3 && kept.iter().all(is_of_now), "device {device}: {kept:?}");
    assert_eq!(world.run_once("state").await.read, 0, "everything is done");
    world.assert_each_once(20).await;
}
