//! One batch on its way out, with parts that fail.

use std::sync::Mutex;

use kafka_io::ProduceError;
use schemas::connection_event::EventType;
use schemas::examples::connection;
use schemas::times::Moment;

use super::*;
use crate::stages::accept_event::Decision;
use crate::stages::fill_batch::Reject;

/// Fails so many times before it works, and notes what was done, in order.
#[derive(Default)]
struct Fake {
    insert_failures: Mutex<Vec<QueryError>>,
    commit_failures: Mutex<Vec<CommitError>>,
    done: Mutex<Vec<String>>,
}

impl Fake {
    fn note(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }
}

struct FakeRows(Arc<Fake>);
struct FakeDeadLetters(Arc<Fake>);
struct FakeOffsets(Arc<Fake>);

impl RowWriter for FakeRows {
    async fn write(
        &self,
        table: EventTable,
        rows: Vec<clickhouse_io::rows::ConnectionRow>,
        token: &str,
    ) -> Result<(), QueryError> {
        if let Some(error) = self.0.insert_failures.lock().unwrap().pop() {
            return Err(error);
        }
        self.0.note(format!("{} {} {token}", table.name(), rows.len()));
        Ok(())
    }
}

impl DeadLetters for FakeDeadLetters {
    async fn put(&self, rejects: &[Reject]) -> Result<(), ProduceError> {
        self.0.note(format!("dead letters {}", rejects.len()));
        Ok(())
    }
}

impl OffsetCommitter for FakeOffsets {
    async fn commit(&self, _: &Partition, _: u64, position: i64) -> Result<(), CommitError> {
        if let Some(error) = self.0.commit_failures.lock().unwrap().pop() {
            return Err(error);
        }
        self.0.note(format!("commit {position}"));
        Ok(())
    }
}

fn write(fake: &Arc<Fake>) -> (Write<FakeRows, FakeDeadLetters, FakeOffsets>, IngestMetrics) {
    let ports = Ports {
        rows: FakeRows(Arc::clone(fake)),
        dead_letters: FakeDeadLetters(Arc::clone(fake)),
        offsets: FakeOffsets(Arc::clone(fake)),
    };
    let metrics = IngestMetrics::default();
    let write = Write {
        ports: Arc::new(ports),
        metrics: metrics.clone(),
        give_up: CancellationToken::new(),
        source: "main".to_owned(),
    };
    (write, metrics)
}

/// One event that is kept, and one that lies two days ahead of Kafka's time.
fn batch() -> Batch {
    let partition = Partition { topic: "connection-events".into(), number: 3 };
    let mut batcher = Batcher::new(partition.clone(), 1);
    for (offset, kafka_ms) in [(7, 1_000), (8, -200_000_000)] {
        let record = Record {
            partition: partition.clone(),
            epoch: 1,
            offset,
            timestamp: Moment::from_millis(kafka_ms),
            key: None,
            payload: None,
            headers: Vec::new(),
        };
        let decision = accept_event("main", &record, Ok(connection(EventType::DeniedAccess, "a", 1_000)));
        assert_eq!(matches!(decision, Decision::Keep(_)), offset == 7);
        batcher.add(record, decision, Instant::now());
    }
    batcher.close().unwrap()
}

const ALL_DONE: [&str; 3] = ["dead letters 1", "connections 1 main/connection-events/3/7-8", "commit 9"];

#[tokio::test(start_paused = true)]
async fn offset_moves_after_dead_letters_and_rows_are_durable() {
    let fake = Arc::new(Fake::default());
    let (write, metrics) = write(&fake);
    write.run(batch()).await.unwrap();
    assert_eq!(*fake.done.lock().unwrap(), ALL_DONE);
    assert_eq!(metrics.dead_lettered.get(), 1);
    assert_eq!(metrics.stored.get_or_create(&TableLabel { table: "connections" }).get(), 1);
    assert_eq!(metrics.commits.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn outage_is_waited_out_with_the_same_token() {
    let fake = Arc::new(Fake::default());
    *fake.insert_failures.lock().unwrap() = vec![QueryError::NoAnswer("reset".to_owned()); 5];
    *fake.commit_failures.lock().unwrap() = vec![CommitError::Retry("timed out".to_owned()); 3];
    let (write, metrics) = write(&fake);
    write.run(batch()).await.unwrap();
    assert_eq!(*fake.done.lock().unwrap(), ALL_DONE);
    assert_eq!(metrics.retries.get(), 8);
}

#[tokio::test(start_paused = true)]
async fn refusal_that_an_operator_has_to_mend_moves_no_offset() {
    let fake = Arc::new(Fake::default());
    *fake.insert_failures.lock().unwrap() = vec![QueryError::Refused { code: 60, reason: "no table".to_owned() }];
    let (write, metrics) = write(&fake);
    assert!(matches!(write.run(batch()).await, Err(Error::ClickHouse(_))));
    assert_eq!(*fake.done.lock().unwrap(), ["dead letters 1"]);
    assert_eq!(metrics.commits.get(), 0);
}

#[tokio::test(start_paused = true)]
async fn partition_that_has_gone_is_not_committed() {
    let fake = Arc::new(Fake::default());
    *fake.commit_failures.lock().unwrap() = vec![CommitError::NotOurs("fenced".to_owned())];
    let (write, metrics) = write(&fake);
    write.run(batch()).await.unwrap();
    assert_eq!(metrics.commits.get(), 0);
    assert_eq!(fake.done.lock().unwrap().len(), 2);
}
