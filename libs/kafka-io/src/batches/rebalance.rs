//! What happens when partitions come and go. Runs in the control thread, inside its poll.
//!
//! Coming: what the group has committed is read, fetch queues are forwarded, gates are opened, and only then the partitions are assigned,
//! with the offset to begin at. Going: nothing of them is handed on any more, the caller finishes, gates are closed, commits under
//! way are waited for, and only then they are let go.

use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::batches::batch_queue::topic_id::TopicId;
use crate::batches::shared::{Shared, State};
use crate::batches::{Acknowledged, Arrived, AssignedPartition, Committed, FetchError};

/// How long one question to the coordinator waits for its answer.
const ASK_MAX: Duration = Duration::from_secs(5);
/// How long the answer is asked for again: a coordinator that moves is back by then, and a member that does not poll is still one.
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);
/// How long the client may take to begin at another offset.
const SEEK_MAX: Duration = Duration::from_secs(5);

/// The client's callbacks.
pub(crate) struct Callbacks(pub(super) Arc<Shared>);

impl ClientContext for Callbacks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::config::log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl ConsumerContext for Callbacks {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = match kind {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.0.assign(consumer, list),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => self.0.let_go(consumer, list),
            _ => Err(format!("rebalance failed: {kind:?}")),
        };
        if let Err(reason) = done {
            tracing::warn!(topic = %self.0.topic, "{reason}");
            self.0.fail(FetchError::MakeAnew(reason));
        }
    }
}

impl Shared {
    fn list(&self, numbers: impl IntoIterator<Item = i32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for number in numbers {
            list.add_partition(&self.topic, number);
        }
        list
    }

    fn assign(&self, consumer: &BaseConsumer<Callbacks>, list: &TopicPartitionList) -> Result<(), String> {
        let (topic, partitions) =
            if list.count() == 0 { (None, Vec::new()) } else { self.read_committed(consumer, list)? };
        let mut starts = TopicPartitionList::new();
        for it in &partitions {
            starts
                .add_partition_offset(&self.topic, it.number, Offset::Offset(it.start))
                .map_err(|error| format!("partition {} cannot begin at {}: {error}", it.number, it.start))?;
        }
        let numbers: Vec<i32> = partitions.iter().map(|it| it.number).collect();
        self.change(|state| {
            for number in &numbers {
                self.queue.forward(consumer, &self.topic, *number)?;
            }
            let epoch = state.assignment.add(partitions.iter().map(|it| (it.number, it.start)));
            if !numbers.is_empty() {
                self.life.begin(epoch, topic);
            }
            self.gate.open(&numbers, epoch);
            self.send_kept_back(consumer, state, &numbers)?;
            consumer.incremental_assign(&starts).map_err(|error| format!("assigning failed: {error}"))?;
            if !partitions.is_empty() {
                state.changes.push_back(Arrived::Assigned { epoch, partitions });
            }
            Ok(())
        })
    }

    fn let_go(&self, consumer: &BaseConsumer<Callbacks>, list: &TopicPartitionList) -> Result<(), String> {
        let numbers = numbers(list);
        // Another member may have them already; nothing is waited for that it would not wait for either.
        let is_lost = consumer.assignment_lost();
        let (sender, receiver) = mpsc::channel();
        let held = self.change(|state| {
            let held = state.assignment.remove(&numbers);
            if !is_lost && !self.is_stopping() && !numbers.is_empty() {
                let acknowledged = Acknowledged(sender);
                state.changes.push_back(Arrived::Revoked { partitions: numbers.clone(), acknowledged });
            }
            held
        });
        // Disconnected: acknowledged, or nobody was asked. Timeout: they go all the same.
        if receiver.recv_timeout(self.revoke_wait) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!(topic = %self.topic, "revoked partitions were not let go in time");
        }
        self.gate.close(&numbers);
        self.gate.wait_until_idle(&numbers);
        self.change(|state| {
            if is_lost && !numbers.is_empty() {
                state.changes.push_back(Arrived::Lost { partitions: numbers.clone() });
            }
            // The pause would outlive the assignment.
            let resumed = consumer.resume(&self.list(held));
            resumed.map_err(|error| format!("resuming held partitions failed: {error}"))?;
            self.send_kept_back(consumer, state, &[])?;
            consumer.incremental_unassign(list).map_err(|error| format!("letting partitions go failed: {error}"))
        })
    }

    /// The client has paused every partition for the rebalance, and goes on at a position of its own, which is one too far after the end
    /// of a partition was taken in a batch: librdkafka takes the end's message for a record (seen in 2.12.1,
    /// `rd_kafka_q_serve_rkmessages`). So each goes back to where it has really been handed on to, while it is paused still: once it goes on
    /// the broker may refuse the offset behind the end before it has been sent back, and librdkafka then gives the partition up.
    fn send_kept_back(&self, consumer: &BaseConsumer<Callbacks>, state: &State, new: &[i32]) -> Result<(), String> {
        for (number, position) in state.assignment.positions() {
            if new.contains(&number) {
                continue;
            }
            consumer
                .seek(&self.topic, number, Offset::Offset(position), SEEK_MAX)
                .map_err(|error| format!("partition {number} cannot go on at {position}: {error}"))?;
        }
        Ok(())
    }

    /// Which topic it is, and what the group has committed of it, asked for until it is known; where nothing is committed the first offset that
    /// is there. The topic is asked for first: of one that is made anew meanwhile nothing is committed then.
    fn read_committed(
        &self,
        consumer: &BaseConsumer<Callbacks>,
        list: &TopicPartitionList,
    ) -> Result<(Option<TopicId>, Vec<AssignedPartition>), String> {
        let begin = Instant::now();
        loop {
            let asked = self.life.ask().and_then(|topic| Ok((topic, self.try_read_committed(consumer, list)?)));
            match asked {
                Ok(assigned) => return Ok(assigned),
                Err(error) if self.is_stopping() || begin.elapsed() > ASK_AGAIN_MAX => {
                    return Err(format!("committed offsets cannot be read: {error}"));
                }
                Err(error) => {
                    tracing::debug!(%error, topic = %self.topic, "reading committed offsets again");
                    std::thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }

    fn try_read_committed(
        &self,
        consumer: &BaseConsumer<Callbacks>,
        list: &TopicPartitionList,
    ) -> KafkaResult<Vec<AssignedPartition>> {
        let answer = consumer.committed_offsets(self.list(numbers(list)), ASK_MAX)?;
        let mut partitions = Vec::with_capacity(answer.count());
        for element in answer.elements() {
            element.error()?;
            let committed = match element.offset() {
                Offset::Offset(offset) => Some(Committed { offset, note: element.metadata().to_owned() }),
                _ => None,
            };
            let start = committed.as_ref().map_or(-1, |it| it.offset);
            partitions.push(AssignedPartition { number: element.partition(), committed, start });
        }
        let mut firsts = TopicPartitionList::new();
        for it in partitions.iter().filter(|it| it.committed.is_none()) {
            firsts.add_partition_offset(&self.topic, it.number, Offset::Beginning)?;
        }
        if firsts.count() == 0 {
            return Ok(partitions);
        }
        let firsts = consumer.offsets_for_times(firsts, ASK_MAX)?;
        for it in partitions.iter_mut().filter(|it| it.committed.is_none()) {
            let Some(first) = firsts.find_partition(&self.topic, it.number) else { continue };
            first.error()?;
            it.start = if let Offset::Offset(offset) = first.offset() { offset } else { 0 };
        }
        Ok(partitions)
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}
