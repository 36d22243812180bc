//! The thread that polls: it keeps the member alive whatever its caller does, hands records on within a bound, and asks for the
//! revoke of partitions to be acknowledged before they go.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Message, Offset, TopicPartitionList};
use tokio::sync::mpsc::UnboundedSender;

use crate::end_of_partition::{EndOfPartition, Step};
use crate::error::ConsumeError;
use crate::record::{Partition, Record};

/// How long a poll waits for something to come.
const POLL_WAIT: Duration = Duration::from_millis(100);
/// How often idle partitions are looked at.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long one question to the broker may hold up the loop.
const ASK_MAX: Duration = Duration::from_secs(1);

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

/// Held while the work on revoked partitions goes on; dropping it lets them go.
#[derive(Debug)]
pub struct Acknowledged(#[expect(dead_code, reason = "it acts when it is dropped")] mpsc::Sender<()>);

/// What is handed on, or why nothing more will come.
pub(crate) type Handed = Result<Arrival, ConsumeError>;

/// Shared by the loop, the callbacks that the client calls in it, and the caller's handle.
pub(crate) struct Shared {
    pub(crate) topic: Arc<str>,
    pub(crate) stop: AtomicBool,
    pub(crate) waiting_records: AtomicUsize,
    pub(crate) waiting_bytes: AtomicUsize,
    pub(crate) limits: Limits,
    epoch: AtomicU64,
    partitions: Mutex<Partitions>,
    sender: UnboundedSender<Handed>,
}

/// Bounds of what waits between the loop and its caller, and of the wait for an acknowledged revoke.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) revoke_wait: Duration,
}

#[derive(Default)]
struct Partitions {
    assigned: HashMap<i32, u64>,
    ends: HashMap<i32, EndOfPartition>,
    paused_by_caller: HashSet<i32>,
    held_back: bool,
}

impl Shared {
    pub(crate) fn new(topic: &str, limits: Limits, sender: UnboundedSender<Handed>) -> Self {
        Self {
            topic: topic.into(),
            stop: AtomicBool::new(false),
            waiting_records: AtomicUsize::new(0),
            waiting_bytes: AtomicUsize::new(0),
            limits,
            epoch: AtomicU64::new(0),
            partitions: Mutex::default(),
            sender,
        }
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn partition(&self, number: i32) -> Partition {
        Partition { topic: Arc::clone(&self.topic), number }
    }

    fn hand_on(&self, arrival: Handed) {
        // A caller that is gone wants nothing; the loop ends with its stop flag.
        let _ = self.sender.send(arrival);
    }

    fn is_full(&self) -> bool {
        self.waiting_records.load(Ordering::Acquire) >= self.limits.records
            || self.waiting_bytes.load(Ordering::Acquire) >= self.limits.bytes
    }

    /// Half empty: enough to begin again without pausing at every record.
    fn has_room(&self) -> bool {
        self.waiting_records.load(Ordering::Acquire) <= self.limits.records / 2
            && self.waiting_bytes.load(Ordering::Acquire) <= self.limits.bytes / 2
    }

    /// True while the partition belongs to the assignment `epoch`.
    pub(crate) fn owns(&self, number: i32, epoch: u64) -> bool {
        self.partitions().assigned.get(&number) == Some(&epoch)
    }

    /// Notes what the caller wants paused; true where the client has to be told now.
    pub(crate) fn note_pause(&self, numbers: &[i32], paused: bool) -> bool {
        let mut partitions = self.partitions();
        for number in numbers {
            if paused {
                partitions.paused_by_caller.insert(*number);
            } else {
                partitions.paused_by_caller.remove(number);
            }
        }
        !partitions.held_back
    }

    pub(crate) fn list(&self, numbers: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for number in numbers {
            list.add_partition(&self.topic, number);
        }
        list
    }
}

/// The client's callbacks; they run in the loop's own thread, inside `poll`.
pub(crate) struct Callbacks(pub(crate) Arc<Shared>);

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::config::log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ConsumerContext for Callbacks {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(list) = rebalance else { return };
        let numbers: Vec<i32> =
            list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect();
        if numbers.is_empty() {
            return;
        }
        let (sender, receiver) = mpsc::channel();
        let partitions = numbers.iter().map(|number| self.0.partition(*number)).collect();
        self.0.hand_on(Ok(Arrival::Revoked { partitions, acknowledged: Acknowledged(sender) }));
        // Disconnected: acknowledged. Timeout: they go all the same, and commits of theirs are refused from now on.
        if receiver.recv_timeout(self.0.limits.revoke_wait) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(topic = %self.0.topic, "revoked partitions were not let go in time");
        }
        let mut partitions = self.0.partitions();
        for number in &numbers {
            partitions.assigned.remove(number);
            partitions.ends.remove(number);
            partitions.paused_by_caller.remove(number);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let epoch = self.0.epoch.fetch_add(1, Ordering::AcqRel) + 1;
                let mut partitions = self.0.partitions();
                for element in list.elements() {
                    partitions.assigned.insert(element.partition(), epoch);
                    partitions.ends.insert(element.partition(), EndOfPartition::default());
                }
                drop(partitions);
                let partitions = list.elements().iter().map(|it| self.0.partition(it.partition())).collect();
                self.0.hand_on(Ok(Arrival::Assigned { epoch, partitions }));
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed"),
        }
    }
}

/// Polls until the stop flag is set, then leaves the group.
pub(crate) fn run(consumer: &BaseConsumer<Callbacks>, shared: &Arc<Shared>) {
    let mut probed = Instant::now();
    while !shared.stop.load(Ordering::Acquire) {
        match consumer.poll(POLL_WAIT) {
            None => {}
            Some(Ok(message)) => {
                let number = message.partition();
                let mut partitions = shared.partitions();
                let Some(epoch) = partitions.assigned.get(&number).copied() else { continue };
                partitions.ends.entry(number).or_default().delivered(message.offset());
                drop(partitions);
                let record = Record::copied(&message, &shared.topic, epoch);
                shared.waiting_records.fetch_add(1, Ordering::AcqRel);
                shared.waiting_bytes.fetch_add(record.size_bytes(), Ordering::AcqRel);
                shared.hand_on(Ok(Arrival::Record(record)));
            }
            Some(Err(ClientError::PartitionEOF(number))) => {
                let step = shared.partitions().ends.get_mut(&number).map(EndOfPartition::reached_end);
                act(consumer, shared, number, step.unwrap_or(Step::Wait));
            }
            Some(Err(error)) => {
                if let ClientError::MessageConsumptionFatal(_) = error {
                    shared.hand_on(Err(ConsumeError(error.to_string())));
                    break;
                }
                tracing::debug!(%error, topic = %shared.topic, "consuming goes on after an error");
            }
        }
        hold_back_or_go_on(consumer, shared);
        if probed.elapsed() >= PROBE_EVERY {
            probe(consumer, shared);
            probed = Instant::now();
        }
    }
    consumer.unsubscribe();
}

/// Pauses everything while the caller is behind, and resumes what the caller has not paused when there is room again.
fn hold_back_or_go_on(consumer: &BaseConsumer<Callbacks>, shared: &Shared) {
    let mut partitions = shared.partitions();
    let done = if !partitions.held_back && shared.is_full() {
        partitions.held_back = true;
        consumer.pause(&shared.list(partitions.assigned.keys().copied()))
    } else if partitions.held_back && shared.has_room() {
        partitions.held_back = false;
        let wanted = partitions.assigned.keys().filter(|number| !partitions.paused_by_caller.contains(number));
        consumer.resume(&shared.list(wanted.copied()))
    } else {
        Ok(())
    };
    if let Err(error) = done {
        tracing::warn!(%error, "pausing or resuming failed");
    }
}

/// Asks for the last stable offset of partitions that are at their end.
fn probe(consumer: &BaseConsumer<Callbacks>, shared: &Shared) {
    let idle: Vec<(i32, Option<i64>)> = {
        let partitions = shared.partitions();
        let idle = partitions.ends.iter().filter(|(_, end)| end.wants_stable_end());
        idle.map(|(number, end)| (*number, end.position())).collect()
    };
    for (number, position) in idle {
        let Ok((beginning, stable_end)) = consumer.fetch_watermarks(&shared.topic, number, ASK_MAX) else { return };
        let begins_at = match position {
            Some(position) => position,
            None => match committed(consumer, shared, number) {
                Ok(committed) => committed.unwrap_or(0).max(beginning),
                Err(_) => return,
            },
        };
        let step = shared.partitions().ends.get_mut(&number).map(|end| {
            end.begins_at(begins_at);
            end.stable_end(stable_end)
        });
        act(consumer, shared, number, step.unwrap_or(Step::Wait));
    }
}

fn committed(
    consumer: &BaseConsumer<Callbacks>,
    shared: &Shared,
    number: i32,
) -> Result<Option<i64>, rdkafka::error::KafkaError> {
    let answer = consumer.committed_offsets(shared.list([number]), ASK_MAX)?;
    Ok(answer.elements().iter().find_map(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

fn act(consumer: &BaseConsumer<Callbacks>, shared: &Shared, number: i32, step: Step) {
    match step {
        Step::Wait => {}
        Step::Report(position) => {
            let Some(epoch) = shared.partitions().assigned.get(&number).copied() else { return };
            shared.hand_on(Ok(Arrival::End { partition: shared.partition(number), epoch, position }));
        }
        Step::SeekTo(position) => {
            if let Err(error) = consumer.seek(&shared.topic, number, Offset::Offset(position), ASK_MAX) {
                tracing::debug!(%error, partition = number, "reading again from the position failed");
                if let Some(end) = shared.partitions().ends.get_mut(&number) {
                    end.seek_failed();
                }
            }
        }
    }
}
