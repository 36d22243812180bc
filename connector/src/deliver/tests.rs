mod transactions;

use std::collections::BTreeMap;
use std::sync::Mutex;

use schemas::topics::headers;
use service_kit::metrics::Metrics;
use tokio::sync::oneshot;

use super::*;
use crate::adapters::positions::{Fingerprint, PositionStore};
use crate::keep::Ledger;
use crate::line::Content;
use crate::metrics::ConnectorMetrics;
use crate::stages::encode_event::Looked;
use crate::stages::read_event::EventFields;

const GOOD: &str = r#"ANALYTICS {"event_type":"denied_access","timestamp":5,"connection":{"id":"c","protocol":"tcp"},"connector":{"id":"1","name":""},"remote_network":{"id":"77","name":""},"resource":{"id":"3","address":""},"user":{"id":"4","email":""}}"#;
const BAD: &str = "ANALYTICS nothing";

/// A record as it was written, and the way to answer for it.
struct Written {
    topic: String,
    key: String,
    payload: Vec<u8>,
    headers: HashMap<String, String>,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<(), WriteError>>;

/// Kafka that answers when the test says so.
#[derive(Clone, Default)]
struct FakeKafka {
    written: Arc<Mutex<VecDeque<Written>>>,
    /// What happened to transactions.
    transactions: Arc<Mutex<Vec<String>>>,
    commits: Arc<Mutex<VecDeque<Answer>>>,
}

impl FakeKafka {
    fn take(&self) -> Option<Written> {
        self.written.lock().unwrap().pop_front()
    }
}

struct FakeAcknowledgement(oneshot::Receiver<Result<(), WriteError>>);

impl Future for FakeAcknowledgement {
    type Output = Result<(), WriteError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(context).map(|answer| answer.expect("an answer"))
    }
}

impl RecordWriter for FakeKafka {
    type Acknowledgement = FakeAcknowledgement;

    fn encode(&mut self, event: &EventFields<'_>, out: &mut Vec<u8>) -> Looked {
        out.extend_from_slice(event.connection_id.as_bytes());
        Looked::Not
    }

    async fn write(
        &mut self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<FakeAcknowledgement, WriteError> {
        let (answer, receiver) = oneshot::channel();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
        let (topic, key, payload) = (topic.to_owned(), text(key), payload.to_vec());
        self.written.lock().unwrap().push_back(Written { topic, key, payload, headers, answer });
        Ok(FakeAcknowledgement(receiver))
    }

    async fn hand_over(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    async fn write_position(&mut self, key: &str, position: Option<&SavedPosition>) -> Result<(), WriteError> {
        self.note(format!("{key} at {:?}", position.map(|it| it.reached.offset)));
        Ok(())
    }

    fn begin(&self) -> Result<(), WriteError> {
        self.note("begin".to_owned());
        Ok(())
    }

    fn commit(&self) -> impl Future<Output = Result<(), WriteError>> + Send + 'static {
        let (answer, receiver) = oneshot::channel();
        self.commits.lock().unwrap().push_back(answer);
        self.note("commit".to_owned());
        FakeAcknowledgement(receiver)
    }
}

impl FakeKafka {
    fn note(&self, what: String) {
        self.transactions.lock().unwrap().push(what);
    }

    fn noted(&self) -> Vec<String> {
        std::mem::take(&mut *self.transactions.lock().unwrap())
    }

    fn answer_commit(&self, answer: Result<(), WriteError>) {
        self.commits.lock().unwrap().pop_front().unwrap().send(answer).unwrap();
    }
}

struct Bench {
    kafka: FakeKafka,
    delivery: Delivery<FakeKafka>,
    state: tempfile::TempDir,
    registry: Metrics,
}

fn bench(change: impl FnOnce(&mut Config)) -> Bench {
    bench_with(change, Carried::default(), |store| Keeper::Folder(Arc::new(store)))
}

/// One that keeps positions in transactions, and whose topic says only that it has begun.
fn transactional(carried: &Carried) -> Bench {
    let mut ledger = Ledger::new("c", BTreeMap::new());
    ledger.keep(&[]);
    bench_with(|_| {}, carried.clone(), |_| Keeper::Transaction(ledger))
}

fn bench_with(
    change: impl FnOnce(&mut Config),
    carried: Carried,
    keeper: impl FnOnce(PositionStore) -> Keeper,
) -> Bench {
    let state = tempfile::tempdir().unwrap();
    let mut config = Config { tenant: "acme".parse().ok(), ..Config::default() };
    change(&mut config);
    let tenant: Tenant = "acme".parse().unwrap();
    let registry = Metrics::new();
    let metrics = ConnectorMetrics::new(&registry).of(&tenant);
    let (store, _) = PositionStore::open(state.path()).unwrap();
    let kafka = FakeKafka::default();
    let mut delivery = Delivery::new(&config, tenant, kafka.clone(), keeper(store), carried, metrics);
    delivery.knows_positions = true;
    Bench { delivery, kafka, state, registry }
}

fn opened(number: u64) -> FromSource {
    let mark = FileMark { path: format!("{number}.log"), device: 1, inode: number, fingerprint: Fingerprint::of(b"") };
    FromSource::Opened {
        source: SourceId(number),
        name: mark.path.clone().into(),
        mark: Some(mark),
        reached: Reached::default(),
        file: None,
    }
}

/// Lines of ten bytes each, whatever they hold.
fn read(number: u64, first: u64, lines: &[&str]) -> FromSource {
    let line = |(index, text): (usize, &&str)| Line {
        content: Content::Whole((*text).to_owned().into()),
        start: first + 10 * index as u64,
        end: first + 10 * (index as u64 + 1),
        next: first + 10 * (index as u64 + 1),
    };
    let lines: Vec<Line> = lines.iter().enumerate().map(line).collect();
    FromSource::Read { source: SourceId(number), bytes: 10 * lines.len() as u64, lines, fingerprint: None }
}

/// Lines of a container that end behind the beginning of one of its other stream are done, and only that is read again.
#[tokio::test]
async fn nothing_is_behind_whose_line_is_done_though_it_is_read_again() {
    let mut bench = bench(|_| {});
    let file = tempfile::tempfile().unwrap();
    file.set_len(50).unwrap();
    let file = Some(Arc::new(file));
    let FromSource::Opened { source, name, mark, reached, .. } = opened(1) else { unreachable!() };
    bench.take(FromSource::Opened { source, name, mark, reached, file: file.clone() }).await;
    assert_eq!(bench.delivery.behind().bytes(), 50);
    let passed_over = Line { content: Content::Whole("noise".to_owned().into()), start: 10, end: 50, next: 0 };
    bench.take(FromSource::Read { source, bytes: 50, lines: vec![passed_over], fingerprint: None }).await;
    bench.settle().await;
    assert_eq!(bench.delivery.behind().bytes(), 0);
    let FromSource::Opened { source, name, mark, .. } = opened(2) else { unreachable!() };
    let reached = Reached { offset: 0, done: 50 };
    bench.take(FromSource::Opened { source, name, mark, reached, file }).await;
    assert_eq!(bench.delivery.behind().bytes(), 0);
}

impl Bench {
    async fn take(&mut self, message: FromSource) {
        self.delivery.take(message).await.unwrap();
    }

    /// Settles what is answered already.
    async fn settle(&mut self) {
        while !self.delivery.pending.is_empty() {
            let settled = tokio::time::timeout(Duration::from_millis(20), self.delivery.settle_front()).await;
            match settled {
                Ok(settled) => settled.unwrap(),
                Err(_) => return,
            }
        }
    }

    async fn kept(&mut self) -> Vec<(String, u64)> {
        self.delivery.is_changed = true;
        self.delivery.save().await.unwrap();
        let text = std::fs::read(self.state.path().join("positions.json")).unwrap();
        let saved: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let position =
            |file: &serde_json::Value| (file["path"].as_str().unwrap().to_owned(), file["offset"].as_u64().unwrap());
        saved["files"].as_array().unwrap().iter().map(position).collect()
    }
}

#[tokio::test]
async fn position_moves_only_behind_acknowledgements_and_in_order() {
    let mut bench = bench(|_| {});
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &["noise", GOOD, "noise", GOOD, "noise"])).await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 10)]);
    let (first, second) = (bench.kafka.take().unwrap(), bench.kafka.take().unwrap());
    second.answer.send(Ok(())).unwrap();
    bench.settle().await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 10)], "the first event is still on its way");
    assert_eq!((first.topic.as_str(), first.key.as_str()), ("connection-events", "77"));
    assert!(first.headers.is_empty());
    first.answer.send(Ok(())).unwrap();
    bench.settle().await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 50)]);
    let summary = Summary { read: 5, published: 2, passed_over: 3, bytes: 50, sources: 1, ..Summary::default() };
    assert_eq!(bench.delivery.summary(), summary);
}

#[tokio::test]
async fn unreadable_line_is_a_dead_letter_with_everything_that_is_known() {
    let mut bench = bench(|_| {});
    bench.take(opened(1)).await;
    bench.take(read(1, 30, &[BAD])).await;
    let letter = bench.kafka.take().unwrap();
    assert_eq!((letter.topic.as_str(), letter.key.as_str()), ("connection-lines-dead-letter", "1.log"));
    assert_eq!(letter.payload, BAD.as_bytes());
    for (name, value) in [
        (headers::REASON, "not JSON"),
        (headers::FILE, "1.log"),
        (headers::FILE_OFFSET, "30"),
        (headers::TENANT, "acme"),
        (headers::LOG_VERSION, "v2"),
        (headers::LINE_LENGTH, "17"),
    ] {
        assert_eq!(letter.headers[name], value, "{name}");
    }
    assert_eq!(letter.headers[headers::LINE_SHA256].len(), 64);
    assert_eq!(bench.delivery.summary().unreadable, 0, "not before it is acknowledged");
    letter.answer.send(Ok(())).unwrap();
    bench.settle().await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 40)]);
    assert_eq!(bench.delivery.summary().unreadable, 1);
    let text = bench.registry.render();
    assert!(text.contains("flowledger_connector_unreadable_lines_total{tenant=\"acme\"} 1"), "{text}");
    assert!(text.contains("flowledger_connector_in_flight_records{tenant=\"acme\"} 0"), "{text}");
}

#[tokio::test]
async fn refused_event_is_a_dead_letter_and_a_refused_dead_letter_shrinks() {
    let mut bench = bench(|config| config.position_headers = true);
    let long = format!("{} {}", "x".repeat(100_000), GOOD);
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &[&long])).await;
    let event = bench.kafka.take().unwrap();
    assert_eq!((event.headers[headers::FILE].as_str(), event.headers[headers::FILE_OFFSET].as_str()), ("1.log", "0"));
    event.answer.send(Err(WriteError::Refused("too large".to_owned()))).unwrap();
    bench.settle().await;
    let letter = bench.kafka.take().unwrap();
    assert_eq!((letter.headers[headers::REASON].as_str(), letter.payload.len()), ("too large", long.len()));
    letter.answer.send(Err(WriteError::Refused("too large too".to_owned()))).unwrap();
    bench.settle().await;
    let letter = bench.kafka.take().unwrap();
    assert_eq!((letter.headers[headers::REASON].as_str(), letter.payload.len()), ("too large", 65_536));
    assert_eq!(letter.headers[headers::LINE_LENGTH], long.len().to_string());
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 0)]);
    letter.answer.send(Ok(())).unwrap();
    bench.settle().await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 10)]);
    assert_eq!((bench.delivery.summary().published, bench.delivery.summary().unreadable), (0, 1));
}

#[tokio::test]
async fn broken_producer_ends_the_connector_and_the_position_stays() {
    let mut bench = bench(|_| {});
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &[GOOD])).await;
    bench.kafka.take().unwrap().answer.send(Err(WriteError::Broken("fenced".to_owned()))).unwrap();
    assert!(matches!(bench.delivery.settle_front().await, Err(Error::Kafka(WriteError::Broken(_)))));
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 0)]);
}

#[tokio::test]
async fn position_of_a_closed_source_goes_when_its_lines_are_acknowledged() {
    let mut bench = bench(|_| {});
    bench.take(opened(1)).await;
    bench.take(read(1, 0, &[GOOD, "noise"])).await;
    bench.take(FromSource::Closed { source: SourceId(1) }).await;
    bench.take(opened(2)).await;
    assert_eq!(bench.kept().await.len(), 2);
    bench.kafka.take().unwrap().answer.send(Ok(())).unwrap();
    bench.settle().await;
    assert_eq!(bench.kept().await, [("2.log".to_owned(), 0)]);
}

#[tokio::test]
async fn positions_of_the_last_run_stay_until_all_files_were_looked_at() {
    let mut bench = bench(|_| {});
    bench.delivery.knows_positions = false;
    bench.take(opened(1)).await;
    bench.delivery.save().await.unwrap();
    assert!(!bench.state.path().join("positions.json").exists());
    bench.take(FromSource::LookedAround).await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 0)]);
}

#[tokio::test]
async fn position_whose_file_may_come_yet_is_kept_beside_the_others_until_it_comes() {
    let mut bench = bench(|_| {});
    bench.delivery.knows_positions = false;
    let mark = FileMark { path: "9.log".into(), device: 1, inode: 9, fingerprint: Fingerprint::of(b"x") };
    bench.take(opened(1)).await;
    bench.take(FromSource::StillKept(vec![SavedPosition { mark, reached: Reached::at(70) }])).await;
    bench.take(FromSource::LookedAround).await;
    assert_eq!(bench.kept().await, [("9.log".to_owned(), 70), ("1.log".to_owned(), 0)]);
    bench.take(opened(9)).await;
    bench.take(FromSource::StillKept(Vec::new())).await;
    assert_eq!(bench.kept().await, [("1.log".to_owned(), 0), ("9.log".to_owned(), 0)]);
}

#[tokio::test]
async fn reading_waits_while_enough_is_in_flight() {
    let mut bench = bench(|config| config.in_flight_max = 2);
    bench.take(opened(1)).await;
    {
        let full = bench.delivery.take(read(1, 0, &[GOOD, GOOD, GOOD]));
        assert!(tokio::time::timeout(Duration::from_millis(20), full).await.is_err());
    }
    assert_eq!(bench.kafka.written.lock().unwrap().len(), 2);
    assert!(!bench.delivery.has_room());
}
