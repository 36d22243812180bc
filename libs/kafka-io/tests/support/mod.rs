//! What the tests of batches share: a broker, topics, records, and a member that takes until it has seen enough.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use kafka_io::KafkaConfig;
use kafka_io::batches::{Arrived, BatchConsumer, BatchOptions, Item, Protocol};
use local_parts::{Kafka, Silent, given};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

/// Longest wait of a test for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The broker that is given, or one of our own.
pub(crate) struct Broker {
    pub(crate) config: KafkaConfig,
    _own: Option<(Kafka, tempfile::TempDir)>,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let config = |servers| KafkaConfig { bootstrap_servers: servers, ..KafkaConfig::default() };
        if let Some(servers) = given::kafka() {
            return Self { config: config(servers), _own: None };
        }
        let folder = tempfile::tempdir().unwrap();
        let kafka = Kafka::start(folder.path(), None, &Silent).await.unwrap();
        Self { config: config(kafka.bootstrap_servers()), _own: Some((kafka, folder)) }
    }

    /// One that runs.
    pub(crate) fn of(config: KafkaConfig) -> Self {
        Self { config, _own: None }
    }

    /// A name that no earlier run has used, where the broker is given.
    pub(crate) fn name(&self, name: &str) -> String {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        format!("{name}-{}", now.as_millis())
    }

    pub(crate) async fn topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let topic = settings.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let made = admin.create_topics(&[topic], &AdminOptions::new()).await.unwrap();
        made[0].as_ref().unwrap();
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", &self.config.bootstrap_servers);
        client
    }

    pub(crate) fn producer(&self) -> FutureProducer {
        self.client().set("linger.ms", "2").create().unwrap()
    }

    /// A producer whose transactions are begun already.
    pub(crate) fn transactional(&self, id: &str) -> FutureProducer {
        let producer: FutureProducer = self.client().set("transactional.id", id).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer
    }
}

/// Sends records numbered from `from` to a partition.
pub(crate) async fn send(producer: &FutureProducer, topic: &str, partition: i32, numbers: std::ops::Range<u64>) {
    let mut sent = Vec::new();
    for number in numbers {
        let value = number.to_string();
        let record: FutureRecord<'_, str, str> = FutureRecord::to(topic).partition(partition).key("k").payload(&value);
        sent.push(producer.send_result(record).map_err(|(error, _)| error).unwrap());
    }
    for delivery in sent {
        delivery.await.unwrap().unwrap();
    }
}

pub(crate) const BOTH: [Protocol; 2] = [Protocol::Classic, Protocol::Consumer];

pub(crate) fn options(group: &str, topic: &str, protocol: Protocol) -> BatchOptions {
    BatchOptions { protocol, ..BatchOptions::new(group, topic) }
}

/// What a member has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Epoch of each partition that is ours.
    pub(crate) epochs: BTreeMap<i32, u64>,
    /// What each partition began with.
    pub(crate) begun: BTreeMap<i32, (Option<(i64, String)>, i64)>,
    /// Offsets and values, in the order in which they came.
    pub(crate) records: BTreeMap<i32, Vec<(i64, String)>>,
    /// The newest end of each partition.
    pub(crate) ends: BTreeMap<i32, i64>,
    pub(crate) assignments: usize,
    pub(crate) revokes: usize,
    pub(crate) losses: usize,
    pub(crate) out_of_range: BTreeMap<i32, i64>,
}

impl Seen {
    pub(crate) fn count(&self) -> usize {
        self.records.values().map(Vec::len).sum()
    }

    /// Takes once; revokes are acknowledged at once.
    pub(crate) fn take(&mut self, consumer: &mut BatchConsumer) {
        match consumer.next(500, Duration::from_millis(100)).unwrap() {
            None => {}
            Some(Arrived::Assigned { epoch, partitions }) => {
                self.assignments += 1;
                for it in partitions {
                    self.epochs.insert(it.number, epoch);
                    let committed = it.committed.map(|committed| (committed.offset, committed.note));
                    self.begun.insert(it.number, (committed, it.start));
                }
            }
            Some(Arrived::Revoked { partitions, .. }) => {
                self.revokes += 1;
                self.forget(&partitions);
            }
            Some(Arrived::Lost { partitions }) => {
                self.losses += 1;
                self.forget(&partitions);
            }
            Some(Arrived::Fetched(fetched)) => {
                for item in fetched.items() {
                    match item {
                        Item::Record(record) => {
                            assert_eq!(self.epochs.get(&record.partition), Some(&record.epoch));
                            let value = String::from_utf8(record.payload.unwrap().to_vec()).unwrap();
                            self.records.entry(record.partition).or_default().push((record.offset, value));
                        }
                        Item::End { partition, epoch, position } => {
                            assert_eq!(self.epochs.get(&partition), Some(&epoch));
                            self.ends.insert(partition, position);
                        }
                        Item::OutOfRange { partition, offset, .. } => {
                            self.out_of_range.insert(partition, offset);
                        }
                        Item::Trouble { reason, .. } => println!("trouble: {reason}"),
                    }
                }
            }
        }
    }

    fn forget(&mut self, partitions: &[i32]) {
        for number in partitions {
            self.epochs.remove(number);
        }
    }

    /// Takes until it is enough.
    pub(crate) fn until(&mut self, consumer: &mut BatchConsumer, is_enough: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_enough(self) {
            assert!(begin.elapsed() < PATIENCE, "{self:?}");
            self.take(consumer);
        }
    }
}
