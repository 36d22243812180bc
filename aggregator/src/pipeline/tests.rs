//! Events as they come, with parts that fail: what is written and committed, and in which order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use clickhouse_io::open::OpenConnectionRow;
use clickhouse_io::rollup::HourOfNetwork;
use kafka_io::KafkaError;
use schema_registry::{Encoder, RegistryConfig, SchemaId, WriterSchema};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::EventType;
use schemas::examples::connection;
use schemas::times::Moment;

use super::*;

const HOUR_MS: u64 = 3_600_000;
const NOW_MS: u64 = 1_793_487_600_000;

/// Fails so many times before it works, and notes what was done, in order.
#[derive(Default)]
struct Fake {
    faults: Mutex<Vec<QueryError>>,
    commit_faults: Mutex<Vec<CommitFailure>>,
    /// Ingest's position of partition 0, one a question; the last one stays.
    stored: Mutex<Vec<i64>>,
    hours: Mutex<BTreeSet<HourOfNetwork>>,
    done: Mutex<Vec<String>>,
}

impl Fake {
    fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    fn does(&self, what: String) -> Result<(), QueryError> {
        match self.faults.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => {
                self.done.lock().unwrap().push(what);
                Ok(())
            }
        }
    }
}

impl Outside for Arc<Fake> {
    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut stored = self.stored.lock().unwrap();
        let position = if stored.len() > 1 { stored.remove(0) } else { stored.first().copied().unwrap_or(i64::MAX) };
        self.done.lock().unwrap().push(format!("stored {position}"));
        Ok([(0, position)].into())
    }

    async fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> Result<(), QueryError> {
        self.does(format!("hours {}", hours.len()))?;
        self.hours.lock().unwrap().extend(hours.iter().cloned());
        Ok(())
    }

    async fn write_open(&self, entries: &[OpenConnectionRow]) -> Result<(), QueryError> {
        self.does(format!("open {}", entries.len()))
    }

    async fn end_silent(&self, _: Duration) -> Result<(), QueryError> {
        self.does("silent".to_owned())
    }

    async fn forget_ended(&self, _: Duration) -> Result<(), QueryError> {
        self.does("ended".to_owned())
    }

    async fn commit(&self, _: &Partition, epoch: u64, position: i64) -> Result<(), CommitFailure> {
        match self.commit_faults.lock().unwrap().pop() {
            Some(error) => Err(error),
            None => {
                self.done.lock().unwrap().push(format!("commit {epoch}/{position}"));
                Ok(())
            }
        }
    }
}

fn pipeline(fake: &Arc<Fake>, config: Config) -> Pipeline<Arc<Fake>> {
    let mut decoder = Decoder::new(&CONNECTION_EVENT).unwrap();
    decoder.learn(SchemaId::new(7), &WriterSchema(CONNECTION_EVENT.schema.to_owned())).unwrap();
    let registry = Registry::new(&RegistryConfig::default()).unwrap();
    Pipeline::new(config, Arc::clone(fake), decoder, registry, AggregatorMetrics::default(), CancellationToken::new())
}

fn partition() -> Partition {
    Partition { topic: CONNECTION_EVENTS.name.into(), number: 0 }
}

fn record(offset: i64, payload: Vec<u8>) -> Arrival {
    let timestamp = Moment::from_millis(i64::try_from(NOW_MS + HOUR_MS).unwrap());
    let (key, payload, headers) = (None, Some(payload.into()), Vec::new());
    Arrival::Record(Record { partition: partition(), epoch: 3, offset, timestamp, key, payload, headers })
}

fn arrival(offset: i64, event_type: EventType, end_ms: u64) -> Arrival {
    let encoder = Encoder::new(SchemaId::new(7), &CONNECTION_EVENT).unwrap();
    record(offset, encoder.encode(&connection(event_type, "c-1", end_ms)).unwrap())
}

async fn write(pipeline: &mut Pipeline<Arc<Fake>>) -> Result<(), Error> {
    let changes = std::mem::take(&mut pipeline.changes);
    pipeline.write(changes).await
}

#[tokio::test(start_paused = true)]
async fn hours_are_counted_when_ingest_has_stored_them_and_offsets_move_last() {
    let fake = Arc::new(Fake { stored: Mutex::new(vec![0, 4, 8]), ..Fake::default() });
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(arrival(5, EventType::EstablishedConnection, NOW_MS)).await.unwrap();
    pipeline.arrived(arrival(6, EventType::ClosedConnection, NOW_MS)).await.unwrap();
    pipeline.arrived(arrival(7, EventType::ClosedConnection, NOW_MS - HOUR_MS)).await.unwrap();
    write(&mut pipeline).await.unwrap();
    assert_eq!(fake.done(), ["stored 0", "stored 4", "stored 8", "hours 2", "open 3", "commit 3/8"]);
}

#[tokio::test(start_paused = true)]
async fn outages_are_waited_out_and_lose_nothing() {
    let away = || QueryError::NoAnswer("connection refused".to_owned());
    let memory = QueryError::Refused { code: 241, reason: "memory limit".to_owned() };
    let fake = Arc::new(Fake {
        faults: Mutex::new(vec![away(), memory, away()]),
        commit_faults: Mutex::new(vec![CommitFailure::Retry("timeout".to_owned())]),
        ..Fake::default()
    });
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(arrival(5, EventType::DeniedAccess, NOW_MS)).await.unwrap();
    write(&mut pipeline).await.unwrap();
    assert_eq!(fake.done()[1..], ["hours 1", "open 0", "commit 3/6"]);
    assert_eq!(pipeline.metrics.retries.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn refusal_that_only_an_operator_can_mend_ends_the_service_without_a_commit() {
    let refused = QueryError::Refused { code: 60, reason: "no such table".to_owned() };
    let fake = Arc::new(Fake { faults: Mutex::new(vec![refused]), ..Fake::default() });
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(arrival(5, EventType::ClosedConnection, NOW_MS)).await.unwrap();
    assert!(write(&mut pipeline).await.is_err());
    assert_eq!(fake.done(), [format!("stored {}", i64::MAX)]);
}

#[tokio::test(start_paused = true)]
async fn partition_that_went_away_is_counted_but_not_committed() {
    let fake = Arc::new(Fake::default());
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(arrival(5, EventType::ClosedConnection, NOW_MS)).await.unwrap();
    pipeline.changes.let_go(0);
    write(&mut pipeline).await.unwrap();
    assert_eq!(fake.done()[1..], ["hours 1", "open 1"]);
    // A commit that comes too late is the next owner's business.
    fake.commit_faults.lock().unwrap().push(CommitFailure::NotOurs("fenced".to_owned()));
    pipeline.arrived(arrival(6, EventType::ClosedConnection, NOW_MS)).await.unwrap();
    write(&mut pipeline).await.unwrap();
    assert!(!fake.done().iter().any(|it| it.starts_with("commit")));
}

#[tokio::test(start_paused = true)]
async fn commit_that_will_never_be_taken_ends_the_service() {
    let fake = Arc::new(Fake::default());
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(arrival(5, EventType::ClosedConnection, NOW_MS)).await.unwrap();
    fake.commit_faults.lock().unwrap().push(CommitFailure::Stop("not authorized".to_owned()));
    assert!(matches!(write(&mut pipeline).await, Err(Error::Commit(CommitFailure::Stop(_)))));
    assert!(!fake.done().iter().any(|it| it.starts_with("commit")));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_counted_is_passed_over_and_its_offset_moves() {
    let fake = Arc::new(Fake::default());
    let mut pipeline = pipeline(&fake, Config::default());
    pipeline.arrived(record(5, b"no wire format".to_vec())).await.unwrap();
    pipeline.arrived(arrival(6, EventType::Unknown, NOW_MS)).await.unwrap();
    // More than a day ahead of Kafka's time.
    pipeline.arrived(arrival(7, EventType::ClosedConnection, NOW_MS + 30 * HOUR_MS)).await.unwrap();
    // Markers of transactions behind the last record.
    pipeline.arrived(Arrival::End { partition: partition(), epoch: 3, position: 9 }).await.unwrap();
    assert_eq!((pipeline.metrics.received.get(), pipeline.metrics.passed_over.get()), (3, 3));
    write(&mut pipeline).await.unwrap();
    assert_eq!(fake.done()[1..], ["hours 0", "open 0", "commit 3/9"]);
}

#[tokio::test(start_paused = true)]
async fn events_and_bytes_that_wait_are_bounded() {
    let fake = Arc::new(Fake::default());
    let by_number = Config { events_max: 3, ..Config::default() };
    let by_size = Config { changes_bytes_max: 1 << 20, ..Config::default() };
    for (config, expected) in [(by_number, 3..4), (by_size, 500..5_000)] {
        let mut pipeline = pipeline(&fake, config);
        let mut taken = 0;
        while !pipeline.is_full() && taken < 10_000 {
            pipeline.arrived(arrival(taken, EventType::ClosedConnection, NOW_MS)).await.unwrap();
            taken += 1;
        }
        assert!(expected.contains(&taken), "{taken}");
        write(&mut pipeline).await.unwrap();
        assert!(!pipeline.is_full() && pipeline.changes.is_empty());
    }
}

/// What a crash makes Kafka deliver again, in whatever pieces, is counted again; the hours are the same.
#[tokio::test(start_paused = true)]
async fn events_that_come_again_change_no_hour_more() {
    let fake = Arc::new(Fake::default());
    let arrivals = |from: i64| {
        (from..40).map(|offset| {
            let hours = u64::try_from(offset % 7).unwrap();
            arrival(offset, EventType::ClosedConnection, NOW_MS - hours * HOUR_MS)
        })
    };
    let mut all = pipeline(&fake, Config::default());
    for arrival in arrivals(0) {
        all.arrived(arrival).await.unwrap();
    }
    write(&mut all).await.unwrap();
    let expected = std::mem::take(&mut *fake.hours.lock().unwrap());
    assert_eq!(expected.len(), 7);
    for (begin, piece) in [(0, 5), (3, 9), (3, 40)] {
        let mut again = pipeline(&fake, Config::default());
        for arrival in arrivals(begin).take(piece) {
            again.arrived(arrival).await.unwrap();
        }
        write(&mut again).await.unwrap();
    }
    assert_eq!(*fake.hours.lock().unwrap(), expected);
}
