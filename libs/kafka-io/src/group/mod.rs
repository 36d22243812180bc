//! A member of a consumer group for callers that live record by record: each is copied, and waits in a channel until it is asked for.
//!
//! Beneath it is a [`BatchConsumer`], with its guarantees; a thread takes from it and hands on. A client that breaks is made anew there:
//! its partitions are reported as lost, and come again under a new epoch.

mod forward;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::batches::{self, Acknowledged, BatchConsumer, BatchOptions, CommitFailure, Waker};
use crate::config::KafkaConfig;
use crate::error::{ConsumeError, KafkaError};
use crate::record::{Partition, Record};

/// What a member consumes, and how.
#[derive(Clone, Debug)]
pub struct GroupOptions {
    /// Group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Static membership: a process that comes back under the same name keeps its partitions.
    pub instance_id: Option<String>,
    /// Most records that wait for the caller.
    pub waiting_records_max: usize,
    /// Most bytes that wait for the caller; half of them in the client, as they came from the broker.
    pub waiting_bytes_max: usize,
    /// How long revoked partitions are held for the caller.
    pub revoke_wait: Duration,
    /// librdkafka's own settings for this consumer. What the guarantees rest on cannot be set here.
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

    fn batches(&self) -> BatchOptions {
        BatchOptions {
            instance_id: self.instance_id.clone(),
            prefetch_bytes_max: self.waiting_bytes_max / 2,
            revoke_wait: self.revoke_wait,
            properties: self.properties.clone(),
            ..BatchOptions::new(&self.group, &self.topic)
        }
    }
}

/// What a group consumer hands on, in the order in which it happened to each partition.
#[derive(Debug)]
pub enum Arrival {
    /// Partitions are ours from now on.
    Assigned {
        /// Names this assignment; later ones have higher numbers.
        epoch: u64,
        /// The partitions.
        partitions: Vec<Partition>,
    },
    /// Partitions go to somebody else as soon as `acknowledged` is dropped, or after the configured wait. What was written may
    /// still be committed before that.
    Revoked {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Drop it when the work on the partitions has ended.
        acknowledged: Acknowledged,
    },
    /// Partitions are gone: another member may have them already. Their commits are refused.
    Lost {
        /// The partitions.
        partitions: Vec<Partition>,
    },
    /// A record.
    Record(Record),
    /// Everything before `position` has been delivered, also what is no record.
    End {
        /// The partition.
        partition: Partition,
        /// Its assignment.
        epoch: u64,
        /// The next offset that has not been delivered.
        position: i64,
    },
}

/// What is handed on, or why nothing more will come.
type Handed = Result<Arrival, ConsumeError>;

/// What the thread shares with its caller's handles.
struct Shared {
    topic: Arc<str>,
    records_max: usize,
    bytes_max: usize,
    waiting_records: AtomicUsize,
    waiting_bytes: AtomicUsize,
    stop: AtomicBool,
    member: Mutex<Member>,
}

/// The client of now.
#[derive(Clone)]
struct Member {
    committer: batches::Committer,
    waker: Waker,
    /// The last epoch of the clients before it: its own are counted from there.
    epochs_before: u64,
}

impl Member {
    fn new(consumer: &BatchConsumer, epochs_before: u64) -> Self {
        Self { committer: consumer.committer(), waker: consumer.waker(), epochs_before }
    }
}

impl Shared {
    fn member(&self) -> MutexGuard<'_, Member> {
        self.member.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_longer_waits(&self, record: &Record) {
        let had_room = self.room() > 0;
        self.waiting_records.fetch_sub(1, Ordering::AcqRel);
        self.waiting_bytes.fetch_sub(record.size_bytes(), Ordering::AcqRel);
        if !had_room {
            self.member().waker.wake();
        }
    }

    /// How many records more may wait.
    fn room(&self) -> usize {
        if self.waiting_bytes.load(Ordering::Acquire) >= self.bytes_max {
            return 0;
        }
        self.records_max.saturating_sub(self.waiting_records.load(Ordering::Acquire))
    }

    fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.member().waker.wake();
    }
}

/// A member of a group. It stays one however slow its caller is, and what waits for the caller is bounded. Commits nothing by itself;
/// begins at the committed offsets, else at the beginning; sees committed records only.
pub struct GroupConsumer {
    shared: Arc<Shared>,
    arrivals: UnboundedReceiver<Handed>,
    /// What came before changes that were asked for; it counts as waiting.
    passed_over: VecDeque<Arrival>,
    thread: Option<JoinHandle<()>>,
}

impl GroupConsumer {
    /// Joins the group in the background.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &KafkaConfig, options: &GroupOptions) -> Result<Self, KafkaError> {
        let batches = options.batches();
        let consumer = BatchConsumer::new(config, &batches)?;
        let shared = Arc::new(Shared {
            topic: options.topic.as_str().into(),
            records_max: options.waiting_records_max.max(1),
            bytes_max: (options.waiting_bytes_max / 2).max(1),
            waiting_records: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            member: Mutex::new(Member::new(&consumer, 0)),
        });
        let (sender, arrivals) = unbounded_channel();
        let thread = forward::Thread::new(config.clone(), batches, Arc::clone(&shared), sender);
        let thread = std::thread::Builder::new()
            .name(format!("{}-records", options.group))
            .spawn(move || thread.run(consumer))
            .map_err(|error| KafkaError::new("starting the thread of records", error))?;
        Ok(Self { shared, arrivals, passed_over: VecDeque::new(), thread: Some(thread) })
    }

    /// What came next. Cancel-safe: nothing is lost when the future is dropped.
    ///
    /// # Errors
    /// When the consumer cannot go on.
    pub async fn next(&mut self) -> Result<Arrival, ConsumeError> {
        let arrival = match self.passed_over.pop_front() {
            Some(arrival) => arrival,
            None => self.receive().await?,
        };
        if let Arrival::Record(record) = &arrival {
            self.shared.no_longer_waits(record);
        }
        Ok(arrival)
    }

    /// What came next that is about partitions, for a caller that takes no records now: they stay, but for those of partitions that are
    /// gone. Cancel-safe.
    ///
    /// # Errors
    /// When the consumer cannot go on.
    pub async fn next_change(&mut self) -> Result<Arrival, ConsumeError> {
        loop {
            let arrival = self.receive().await?;
            match &arrival {
                Arrival::Record(_) | Arrival::End { .. } => self.passed_over.push_back(arrival),
                Arrival::Assigned { .. } => return Ok(arrival),
                Arrival::Revoked { partitions, .. } | Arrival::Lost { partitions } => {
                    let shared = &self.shared;
                    self.passed_over.retain(|it| match it {
                        Arrival::Record(record) if partitions.contains(&record.partition) => {
                            shared.no_longer_waits(record);
                            false
                        }
                        Arrival::End { partition, .. } => !partitions.contains(partition),
                        _ => true,
                    });
                    return Ok(arrival);
                }
            }
        }
    }

    async fn receive(&mut self) -> Result<Arrival, ConsumeError> {
        let ended = || ConsumeError("its thread has ended".to_owned());
        self.arrivals.recv().await.ok_or_else(ended)?
    }

    /// Commits for this member; may be used from other tasks while arrivals are awaited.
    #[must_use]
    pub fn committer(&self) -> Committer {
        Committer(Arc::clone(&self.shared))
    }

    /// Leaves the group, and waits until the thread has ended. Arrivals that wait are dropped.
    pub async fn close(mut self) {
        self.shared.stop();
        // An unanswered revoke among them would hold up the client.
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
        self.shared.stop();
    }
}

/// Commits offsets of a member; cheap to clone.
#[derive(Clone)]
pub struct Committer(Arc<Shared>);

impl Committer {
    /// Commits one partition: everything before `next_offset` is done with. A broker's outage is waited out by the client, within its
    /// own limits. Once begun it is finished, also where the future is dropped.
    ///
    /// # Errors
    /// When the partition does not belong to assignment `epoch` any more, no answer came, or it will never be committed.
    pub async fn commit(&self, partition: &Partition, epoch: u64, next_offset: i64) -> Result<(), CommitFailure> {
        let member = self.0.member().clone();
        match epoch.checked_sub(member.epochs_before) {
            Some(own @ 1..) => member.committer.commit(partition.number, own, next_offset, "").await,
            Some(0) | None => Err(CommitFailure::NotOurs(format!("the client of assignment {epoch} is gone"))),
        }
    }
}

#[cfg(test)]
mod tests;
