//! Events that are produced without a pause: by a client of Kafka's, each noted when it is acknowledged, and as lines of a log that a
//! connector follows.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use kafka_io::{KafkaConfig, OutRecord, Producer};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use schema_registry::Encoder;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::topics::CONNECTION_EVENTS;
use tokio::task::JoinHandle;

/// Events of one burst, and the pause after it.
const BURST: usize = 60;
const PAUSE: Duration = Duration::from_millis(40);
const REMOTE_NETWORKS: u64 = 40;
/// So far at most the load is ahead of what is stored: a long run shall not end with hours of catching up.
const AHEAD_MAX: u64 = 4_000;

/// What a record on the topic is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Produced {
    /// An event.
    Event(EventId),
    /// A value that no event can be made of.
    Poison(Vec<u8>),
}

/// How far load and store are, each as it was seen last.
#[derive(Clone, Default)]
pub(crate) struct Marks {
    stop: Arc<AtomicBool>,
    produced: Arc<AtomicU64>,
    stored: Arc<AtomicU64>,
}

impl Marks {
    /// So many rows are stored.
    pub(crate) fn saw_stored(&self, rows: u64) {
        self.stored.store(rows, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn produced(&self) -> u64 {
        self.produced.load(Ordering::Acquire)
    }

    /// The pause after a burst: longer where the load is far ahead.
    async fn pause(&self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if self.is_stopped() || self.produced() < self.stored.load(Ordering::Acquire) + AHEAD_MAX {
                return;
            }
        }
    }
}

pub(crate) struct Load {
    marks: Marks,
    published: JoinHandle<HashSet<Produced>>,
    logged: JoinHandle<HashSet<Produced>>,
}

impl Load {
    /// `log`: the file that the connector follows.
    pub(crate) fn begin(
        kafka: &KafkaConfig,
        encoder: Encoder<ConnectionEvent>,
        log: &Path,
        seed: u64,
        marks: &Marks,
    ) -> Self {
        let producer = Producer::new(kafka, "chaos").unwrap();
        let own = marks.clone();
        let published = tokio::spawn(async move {
            let mut pick = StdRng::seed_from_u64(seed);
            let mut all = HashSet::new();
            let mut number = 0_u64;
            while !own.is_stopped() {
                let mut acknowledged = Vec::with_capacity(BURST);
                for _ in 0..BURST {
                    number += 1;
                    let (key, value, made) = record(&mut pick, &encoder, number);
                    let out =
                        OutRecord { topic: CONNECTION_EVENTS.name, key: key.as_bytes(), payload: &value, headers: &[] };
                    acknowledged.push((producer.enqueue(out).await.unwrap(), made));
                }
                for (acknowledgement, made) in acknowledged {
                    acknowledgement.await.unwrap();
                    let becomes_a_row = matches!(made, Produced::Event(_));
                    assert!(all.insert(made));
                    own.produced.fetch_add(u64::from(becomes_a_row), Ordering::Release);
                }
                own.pause().await;
            }
            all
        });
        let own = marks.clone();
        let mut file = File::options().create(true).append(true).open(log).unwrap();
        let logged = tokio::spawn(async move {
            let mut pick = StdRng::seed_from_u64(seed ^ 1);
            let (mut all, mut number) = (HashSet::new(), 0_u64);
            while !own.is_stopped() {
                let mut lines = String::new();
                for _ in 0..BURST / 4 {
                    number += 1;
                    let (line, made) = line(&mut pick, number);
                    lines += &line;
                    assert!(all.insert(made));
                }
                file.write_all(lines.as_bytes()).unwrap();
                own.produced.fetch_add(BURST as u64 / 4, Ordering::Release);
                own.pause().await;
            }
            all
        });
        Self { marks: marks.clone(), published, logged }
    }

    /// How many events Kafka has acknowledged, or were written as lines; without those that are dead-lettered.
    pub(crate) fn produced(&self) -> u64 {
        self.marks.produced()
    }

    /// Stops, and gives what was produced.
    pub(crate) async fn end(self) -> HashSet<Produced> {
        self.marks.stop.store(true, Ordering::Release);
        let mut all = self.published.await.unwrap();
        all.extend(self.logged.await.unwrap());
        all
    }
}

fn record(pick: &mut StdRng, encoder: &Encoder<ConnectionEvent>, number: u64) -> (String, Vec<u8>, Produced) {
    let network = 64_000 + pick.random_range(0..REMOTE_NETWORKS) * 7;
    if pick.random_ratio(1, 150) {
        let mut value = vec![pick.random_range(0..2), 0, 0, 0, 1];
        value.extend(number.to_be_bytes());
        return (network.to_string(), value.clone(), Produced::Poison(value));
    }
    let now = u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    // Now and then a late one, of another month.
    let end_ms = if pick.random_ratio(1, 200) { now - 40 * 86_400_000 } else { now };
    let event_type = match pick.random_range(0..10) {
        0..4 => EventType::EstablishedConnection,
        4..8 => EventType::ClosedConnection,
        8 => EventType::FailedToConnect,
        _ => EventType::DeniedAccess,
    };
    let mut event = connection(event_type, &format!("{:x}-{number:x}", pick.random::<u64>()), end_ms);
    event.remote_network_id = network.to_string().parse().unwrap();
    let value = encoder.encode(&event).unwrap();
    (event.key(), value, Produced::Event(event.event_id))
}

/// A line of version 2 as a Connector prints it.
fn line(pick: &mut StdRng, number: u64) -> (String, Produced) {
    let network = 64_000 + pick.random_range(0..REMOTE_NETWORKS) * 7;
    let now = u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let connection_id = format!("{:016x}-{number}", pick.random::<u64>());
    let line = format!(
        r#"I ANALYTICS {{"event_type":"closed_connection","timestamp":{now},"connection":{{"id":"{connection_id}","protocol":"tcp","duration":12,"rx":3,"tx":4}},"connector":{{"id":"150099","name":"quiet-heron"}},"remote_network":{{"id":"{network}","name":"Lab"}},"resource":{{"id":"7","address":"wiki.corp.example"}},"user":{{"id":"9","email":"jane@acme.example"}}}}"#
    );
    let (tenant, connector_id) = ("acme".parse().unwrap(), "150099".parse().unwrap());
    let event_id = EventId::of_fact(&tenant, connector_id, &connection_id, EventType::ClosedConnection, now);
    (line + "\n", Produced::Event(event_id))
}
