use std::collections::BTreeSet;
use std::future::Ready;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use service_kit::metrics::Metrics;

use super::*;
use crate::adapters::positions::PositionStore;
use crate::error::WriteError;
use crate::stages::encode_event::Looked;
use crate::stages::read_event::EventFields;

/// Kafka that acknowledges at once, until it has as many records as it takes; then it is away.
#[derive(Clone)]
struct FakeKafka {
    taken: Arc<Mutex<BTreeSet<String>>>,
    room: Arc<AtomicUsize>,
}

impl FakeKafka {
    fn with_room(room: usize) -> Self {
        Self { taken: Arc::default(), room: Arc::new(AtomicUsize::new(room)) }
    }
}

impl RecordWriter for FakeKafka {
    type Acknowledgement = Ready<Result<(), WriteError>>;

    fn encode(&mut self, event: &EventFields<'_>, out: &mut Vec<u8>) -> Looked {
        out.extend_from_slice(event.connection_id.as_bytes());
        Looked::Not
    }

    async fn write(
        &mut self,
        _topic: &str,
        _key: &[u8],
        payload: &[u8],
        _headers: &[(&str, &[u8])],
    ) -> Result<Self::Acknowledgement, WriteError> {
        let has_room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(1)).is_ok();
        if !has_room {
            std::future::pending::<()>().await;
        }
        self.taken.lock().unwrap().insert(String::from_utf8_lossy(payload).into_owned());
        Ok(std::future::ready(Ok(())))
    }

    async fn hand_over(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    async fn write_position(&mut self, _: &str, _: Option<&SavedPosition>) -> Result<(), WriteError> {
        panic!("positions are kept in the state folder")
    }

    fn begin(&self) -> Result<(), WriteError> {
        panic!("there are no transactions")
    }

    fn commit(&self) -> impl Future<Output = Result<(), WriteError>> + Send + 'static {
        std::future::ready(Err(WriteError::Broken("there are no transactions".to_owned())))
    }
}

/// A run whose positions are kept in the state folder.
async fn run_at_least_once(
    config: Config,
    kafka: FakeKafka,
    metrics: &ConnectorMetrics,
    context: ServiceContext,
) -> Result<Summary, Error> {
    let (store, kept) = PositionStore::open(&config.state_dir)?;
    let begin = Begin { kept, keeper: Keeper::Folder(Arc::new(store)), carried: Carried::default() };
    run_with(config, kafka, begin, metrics, context).await
}

fn line(number: usize) -> String {
    format!(
        "ANALYTICS {{\"event_type\":\"denied_access\",\"timestamp\":5,\"connection\":{{\"id\":\"c{number}\",\"protocol\":\"tcp\"}},\
         \"connector\":{{\"id\":\"1\",\"name\":\"\"}},\"remote_network\":{{\"id\":\"77\",\"name\":\"\"}},\
         \"resource\":{{\"id\":\"3\",\"address\":\"\"}},\"user\":{{\"id\":\"4\",\"email\":\"\"}}}}\n"
    )
}

fn config(dir: &std::path::Path) -> Config {
    Config {
        tenant: "acme".parse().ok(),
        inputs: vec![dir.join("*.log").to_string_lossy().into_owned()],
        state_dir: dir.join("state"),
        poll_interval: Duration::from_millis(10),
        drain_max: Duration::from_millis(100),
        ..Config::default()
    }
}

fn write_log(dir: &std::path::Path, numbers: std::ops::Range<usize>) {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("a.log")).unwrap();
    file.write_all(numbers.map(|number| line(number) + "noise\n").collect::<String>().as_bytes()).unwrap();
}

fn context() -> ServiceContext {
    ServiceContext::new(CancellationToken::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn run_once_publishes_everything_and_the_next_one_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 0..1000);
    let metrics = ConnectorMetrics::new(&Metrics::new());
    let kafka = FakeKafka::with_room(usize::MAX);
    let config = Config { once: true, ..config(dir.path()) };
    let summary = run_at_least_once(config.clone(), kafka.clone(), &metrics, context()).await.unwrap();
    assert_eq!((summary.read, summary.published, summary.passed_over, summary.unreadable), (2000, 1000, 1000, 0));
    assert_eq!(kafka.taken.lock().unwrap().len(), 1000);
    let again = run_at_least_once(config, kafka, &metrics, context()).await.unwrap();
    assert_eq!((again.read, again.sources), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_was_killed_goes_on_where_acknowledgements_ended() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 0..1000);
    let metrics = ConnectorMetrics::new(&Metrics::new());
    let first = FakeKafka::with_room(400);
    let config = config(dir.path());
    let killed = run_at_least_once(config.clone(), first.clone(), &metrics, context());
    assert!(tokio::time::timeout(Duration::from_millis(1500), killed).await.is_err(), "Kafka went away in mid-run");
    assert_eq!(first.taken.lock().unwrap().len(), 400);
    write_log(dir.path(), 1000..1100);

    let second = FakeKafka::with_room(usize::MAX);
    let summary =
        run_at_least_once(Config { once: true, ..config }, second.clone(), &metrics, context()).await.unwrap();
    let all: BTreeSet<String> = first.taken.lock().unwrap().union(&second.taken.lock().unwrap()).cloned().collect();
    assert_eq!(all.len(), 1100, "nothing is lost");
    assert!(summary.published >= 700, "{summary:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connector_that_is_told_to_stop_ends_and_keeps_its_position() {
    let dir = tempfile::tempdir().unwrap();
    write_log(dir.path(), 0..100);
    let metrics = ConnectorMetrics::new(&Metrics::new());
    let kafka = FakeKafka::with_room(usize::MAX);
    let context = context();
    let stop = context.stop.clone();
    let running = tokio::spawn({
        let (config, kafka) = (config(dir.path()), kafka.clone());
        let metrics = metrics.clone();
        async move { run_at_least_once(config, kafka, &metrics, context).await }
    });
    while kafka.taken.lock().unwrap().len() < 100 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    let summary = running.await.unwrap().unwrap();
    assert_eq!(summary.published, 100);
    let again =
        run_at_least_once(Config { once: true, ..config(dir.path()) }, kafka, &metrics, self::context()).await.unwrap();
    assert!(again.read <= 2, "what was read is not read again: {again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_kafka_does_not_take_is_told_as_behind_while_files_grow() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, context) = (Metrics::new(), context());
    let metrics = ConnectorMetrics::new(&registry);
    let stop = context.stop.clone();
    let config = config(dir.path());
    let running =
        tokio::spawn(async move { run_at_least_once(config, FakeKafka::with_room(0), &metrics, context).await });
    let told = |bytes: u64| format!("flowledger_connector_behind_bytes{{tenant=\"acme\"}} {bytes}\n");
    for numbers in [0..100, 100..150] {
        write_log(dir.path(), numbers);
        let bytes = std::fs::metadata(dir.path().join("a.log")).unwrap().len();
        let until_told = async {
            while !registry.render().contains(&told(bytes)) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let is_told = tokio::time::timeout(Duration::from_secs(20), until_told).await.is_ok();
        assert!(is_told, "not {bytes}: {}", registry.render());
    }
    stop.cancel();
    running.await.unwrap().unwrap();
    assert!(registry.render().contains(&told(0)), "{}", registry.render());
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_missing_ends_a_run_once() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.txt").to_string_lossy().into_owned();
    let config = Config { once: true, inputs: vec![missing], ..config(dir.path()) };
    let metrics = ConnectorMetrics::new(&Metrics::new());
    let outcome = run_at_least_once(config, FakeKafka::with_room(0), &metrics, context()).await;
    assert!(matches!(outcome, Err(Error::Input { .. })), "{outcome:?}");
}
