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

/// What a record on the topic is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Produced {
    /// An event.
    Event(EventId),
    /// A value that no event can be made of.
    Poison(Vec<u8>),
}

pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    produced: Arc<AtomicU64>,
    published: JoinHandle<HashSet<Produced>>,
    logged: JoinHandle<HashSet<Produced>>,
}

impl Load {
    /// `log`: the file that the connector follows.
    pub(crate) fn begin(kafka: &KafkaConfig, encoder: Encoder<ConnectionEvent>, log: &Path, seed: u64) -> Self {
        let (stop, produced) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let producer = Producer::new(kafka, "chaos").unwrap();
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&produced));
        let published = tokio::spawn(async move {
            let mut pick = StdRng::seed_from_u64(seed);
            let mut all = HashSet::new();
            let mut number = 0_u64;
            while !stopped.load(Ordering::Acquire) {
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
                    assert!(all.insert(made));
                    count.fetch_add(1, Ordering::Release);
                }
                tokio::time::sleep(PAUSE).await;
            }
            all
        });
        let (stopped, count) = (Arc::clone(&stop), Arc::clone(&produced));
        let mut file = File::options().create(true).append(true).open(log).unwrap();
        let logged = tokio::spawn(async move {
            let mut pick = StdRng::seed_from_u64(seed ^ 1);
            let (mut all, mut number) = (HashSet::new(), 0_u64);
            while !stopped.load(Ordering::Acquire) {
                let mut lines = String::new();
                for _ in 0..BURST / 4 {
                    number += 1;
                    let (line, made) = line(&mut pick, number);
                    lines += &line;
                    assert!(all.insert(made));
                }
                file.write_all(lines.as_bytes()).unwrap();
                count.fetch_add(BURST as u64 / 4, Ordering::Release);
                tokio::time::sleep(PAUSE).await;
            }
            all
        });
        Self { stop, produced, published, logged }
    }

    /// How many records Kafka has acknowledged, and lines were written.
    pub(crate) fn produced(&self) -> u64 {
        self.produced.load(Ordering::Acquire)
    }

    /// Stops, and gives what was produced.
    pub(crate) async fn end(self) -> HashSet<Produced> {
        self.stop.store(true, Ordering::Release);
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
