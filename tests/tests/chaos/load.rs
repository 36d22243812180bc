//! Events that are produced without a pause: by a client of Kafka's, each noted when it is acknowledged, and as lines of a log that a
//! connector follows.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use kafka_io::{KafkaConfig, OutRecord, Producer};
use rand::SeedableRng;
use rand::rngs::StdRng;
use schema_registry::Encoder;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::topics::CONNECTION_EVENTS;
use tokio::task::JoinHandle;

use crate::traffic::{Change, Traffic, line};

/// Events of one burst, and the pause after it.
const BURST: usize = 60;
const PAUSE: Duration = Duration::from_millis(40);
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

/// All that was produced.
#[derive(Default)]
pub(crate) struct Published {
    /// Each, and how often.
    pub(crate) times: HashMap<Produced, usize>,
    opened: HashSet<String>,
    ended: HashSet<String>,
}

impl Published {
    fn add(&mut self, made: Produced, change: Change) {
        *self.times.entry(made).or_default() += 1;
        match change {
            Change::Opens(id) => drop(self.opened.insert(id)),
            Change::Ends(id) => drop(self.ended.insert(id)),
            Change::Nothing => {}
        }
    }

    /// Records, copies too.
    pub(crate) fn records(&self) -> usize {
        self.times.values().sum()
    }

    /// Those that become rows, copies too.
    pub(crate) fn events(&self) -> usize {
        let events = self.times.iter().filter(|(made, _)| matches!(made, Produced::Event(_)));
        events.map(|(_, times)| times).sum()
    }

    /// Ids of connections that were opened and never ended, in whatever order that was told.
    pub(crate) fn open(&self) -> HashSet<String> {
        self.opened.difference(&self.ended).cloned().collect()
    }
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
    published: JoinHandle<Published>,
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
            let (mut traffic, mut all) = (Traffic::new(encoder, seed), Published::default());
            while !own.is_stopped() {
                let mut acknowledged = Vec::with_capacity(BURST);
                for _ in 0..BURST {
                    let record = traffic.next_record();
                    let (topic, key) = (CONNECTION_EVENTS.name, record.key.as_bytes());
                    let out = OutRecord { topic, key, payload: &record.value, headers: &[] };
                    acknowledged.push((producer.enqueue(out).await.unwrap(), record.made, record.change));
                }
                for (acknowledgement, made, change) in acknowledged {
                    acknowledgement.await.unwrap();
                    let becomes_a_row = matches!(made, Produced::Event(_));
                    all.add(made, change);
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
    pub(crate) async fn end(self) -> Published {
        self.marks.stop.store(true, Ordering::Release);
        let mut all = self.published.await.unwrap();
        for made in self.logged.await.unwrap() {
            all.add(made, Change::Nothing);
        }
        all
    }
}
