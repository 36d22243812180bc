//! A member of a consumer group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::config::KafkaConfig;
use crate::error::{CommitError, ConsumeError, KafkaError};
use crate::poll_loop::{self, Arrival, Callbacks, Handed, Limits, Shared};
use crate::record::Partition;

/// What a member consumes, and how.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// Group.
    pub group: String,
    /// Topic; one, because the end of a partition is told without its topic.
    pub topic: String,
    /// Static membership: a process that comes back under the same name keeps its partitions.
    pub instance_id: Option<String>,
    /// Most records that wait for the caller.
    pub waiting_records_max: usize,
    /// Most bytes that wait for the caller.
    pub waiting_bytes_max: usize,
    /// How long revoked partitions are held for the caller.
    pub revoke_wait: Duration,
    /// librdkafka's own settings for this consumer.
    pub properties: BTreeMap<String, String>,
}

impl GroupOptions {
    /// Usual bounds: 10 000 records, 64 MiB, 10 s.
    #[must_use]
    pub fn new(group: &str, topic: &str) -> Self {
        Self {
            group: group.to_owned(),
            topic: topic.to_owned(),
            instance_id: None,
            waiting_records_max: 10_000,
            waiting_bytes_max: 64 << 20,
            revoke_wait: Duration::from_secs(10),
            properties: BTreeMap::new(),
        }
    }
}

/// A member of a group. It polls in a thread of its own, so it stays a member however slow its caller is, and what waits for the
/// caller is bounded. Commits nothing by itself; begins at the committed offsets, else at the beginning; sees committed records
/// only.
pub struct GroupConsumer {
    consumer: Arc<BaseConsumer<Callbacks>>,
    shared: Arc<Shared>,
    arrivals: UnboundedReceiver<Handed>,
    thread: Option<JoinHandle<()>>,
}

impl GroupConsumer {
    /// Joins the group in the background.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &KafkaConfig, options: &GroupOptions) -> Result<Self, KafkaError> {
        let queued_kbytes = (options.waiting_bytes_max / 1024).clamp(1024, 2_097_151).to_string();
        let mut fixed = vec![
            ("group.id", options.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("auto.offset.reset", "earliest"),
            ("isolation.level", "read_committed"),
            ("enable.partition.eof", "true"),
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("fetch.queue.backoff.ms", "5"),
            ("queued.max.messages.kbytes", &queued_kbytes),
        ];
        if let Some(instance) = &options.instance_id {
            fixed.push(("group.instance.id", instance));
        }
        let mut client = config.client(&[]);
        // Rides over a broker's restart; an operator may set it otherwise.
        client.set("session.timeout.ms", "45000");
        for (key, value) in &options.properties {
            client.set(key, value);
        }
        for (key, value) in fixed {
            client.set(key, value);
        }
        let (sender, arrivals) = unbounded_channel();
        let limits = Limits {
            records: options.waiting_records_max.max(1),
            bytes: options.waiting_bytes_max.max(1),
            revoke_wait: options.revoke_wait,
        };
        let shared = Arc::new(Shared::new(&options.topic, limits, sender));
        let consumer: BaseConsumer<Callbacks> = client
            .create_with_context(Callbacks(Arc::clone(&shared)))
            .map_err(KafkaError::during("making a consumer"))?;
        consumer.subscribe(&[&options.topic]).map_err(KafkaError::during("subscribing"))?;
        let consumer = Arc::new(consumer);
        let (polling, polled) = (Arc::clone(&consumer), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name(format!("{}-poll", options.group))
            .spawn(move || poll_loop::run(&polling, &polled))
            .map_err(|error| KafkaError::new("starting the poll thread", error))?;
        Ok(Self { consumer, shared, arrivals, thread: Some(thread) })
    }

    /// What came next. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When the consumer cannot go on.
    pub async fn next(&mut self) -> Result<Arrival, ConsumeError> {
        let ended = || ConsumeError("its poll thread has ended".to_owned());
        let arrival = self.arrivals.recv().await.ok_or_else(ended)??;
        if let Arrival::Record(record) = &arrival {
            self.shared.waiting_records.fetch_sub(1, Ordering::AcqRel);
            self.shared.waiting_bytes.fetch_sub(record.size_bytes(), Ordering::AcqRel);
        }
        Ok(arrival)
    }

    /// Fetches no more of these partitions. Records that were fetched already still come.
    pub fn pause(&self, partitions: &[Partition]) {
        self.tell(partitions, true);
    }

    /// Fetches these partitions again.
    pub fn resume(&self, partitions: &[Partition]) {
        self.tell(partitions, false);
    }

    fn tell(&self, partitions: &[Partition], pause: bool) {
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        if !self.shared.note_pause(&numbers, pause) && !pause {
            return;
        }
        let list = self.shared.list(numbers);
        let told = if pause { self.consumer.pause(&list) } else { self.consumer.resume(&list) };
        if let Err(error) = told {
            tracing::debug!(%error, "pausing or resuming partitions that are gone");
        }
    }

    /// Commits for this member; may be used from other tasks while arrivals are awaited.
    #[must_use]
    pub fn committer(&self) -> Committer {
        Committer { consumer: Arc::clone(&self.consumer), shared: Arc::clone(&self.shared) }
    }

    /// Leaves the group, and waits until the thread has ended. Arrivals that wait are dropped.
    pub async fn close(mut self) {
        self.shared.stop.store(true, Ordering::Release);
        // An unanswered revoke among them would hold up the thread.
        self.arrivals.close();
        while self.arrivals.try_recv().is_ok() {}
        if let Some(thread) = self.thread.take() {
            let ended = tokio::task::spawn_blocking(move || thread.join());
            if tokio::time::timeout(Duration::from_secs(15), ended).await.is_err() {
                tracing::warn!("the consumer did not leave its group in time");
            }
        }
    }
}

impl Drop for GroupConsumer {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
    }
}

/// Commits offsets of a member; cheap to clone.
#[derive(Clone)]
pub struct Committer {
    consumer: Arc<BaseConsumer<Callbacks>>,
    shared: Arc<Shared>,
}

impl Committer {
    /// Commits one partition: everything before `next_offset` is done with. Refused when the partition does not belong to
    /// assignment `epoch` any more. A broker's outage is waited out by the client, within its own limits.
    ///
    /// # Errors
    /// When the partition is not ours any more, or no answer came.
    pub async fn commit(&self, partition: &Partition, epoch: u64, next_offset: i64) -> Result<(), CommitError> {
        let (consumer, shared, number) = (Arc::clone(&self.consumer), Arc::clone(&self.shared), partition.number);
        let committing = tokio::task::spawn_blocking(move || {
            if !shared.owns(number, epoch) {
                return Err(CommitError::NotOurs(format!("assignment {epoch} has ended")));
            }
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&shared.topic, number, Offset::Offset(next_offset))
                .map_err(|error| CommitError::Retry(error.to_string()))?;
            consumer.commit(&list, CommitMode::Sync).map_err(|error| CommitError::from_client(&error))
        });
        committing.await.unwrap_or_else(|error| Err(CommitError::Retry(error.to_string())))
    }
}
