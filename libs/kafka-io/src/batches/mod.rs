//! A member of a consumer group that takes records many at a time, without copying them, and knows for each of them under which
//! assignment of its partition it was read.
//!
//! A control thread polls the group, so the member stays one however slow its caller is. The caller's own thread takes records from a
//! queue of librdkafka's. Back-pressure is simply not to take any: what the client holds is bounded. Nothing is committed by itself.
//!
//! Guarantees: no record of an epoch comes before its [`Arrived::Assigned`], none of a partition after its [`Arrived::Revoked`] or
//! [`Arrived::Lost`]; within an epoch the offsets of a partition rise, nothing comes twice and nothing is left out, but where the caller
//! sends it back; no commit of an epoch is sent once it has ended, nor for records of another topic than the one that was assigned.
//! Only committed records are seen.

mod arrived;
mod assignment;
mod batch_queue;
mod commit;
mod control;
mod error;
mod fetched;
mod options;
mod rebalance;
mod shared;
mod topic_life;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer;
use rdkafka::{Offset, TopicPartitionList};

pub use arrived::{Acknowledged, Arrived, AssignedPartition, Committed};
pub(crate) use batch_queue::open_topic::{HandedRecord, OpenTopic};
pub use commit::Committer;
pub use error::{CommitFailure, FetchError};
pub use fetched::{BatchRecord, Fetched, Item};
pub use options::{BatchOptions, Protocol};

use crate::batches::batch_queue::{BatchClient, TakenMessage};
use crate::batches::rebalance::Callbacks;
use crate::batches::shared::{Shared, WAIT_MAX};
use crate::batches::topic_life::TopicLife;
use crate::config::KafkaConfig;
use crate::error::KafkaError;

/// How long the client may take to begin at another offset.
const SEEK_MAX: Duration = Duration::from_secs(5);

/// A member of a group, owned by the thread that takes its records.
pub struct BatchConsumer {
    client: Arc<BatchClient<Callbacks>>,
    shared: Arc<Shared>,
    /// Room that is used again for each batch.
    taken: Vec<TakenMessage>,
    thread: Option<JoinHandle<()>>,
}

/// Ends a [`BatchConsumer::next`] that waits; cheap to clone, for any thread.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

impl Waker {
    /// The call that waits, or the next one that would, gives `None`.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// As the client does when it breaks.
    #[cfg(test)]
    pub(crate) fn break_client(&self) {
        self.0.fail(FetchError::MakeAnew("broken by a test".to_owned()));
    }
}

impl BatchConsumer {
    /// Joins the group in the background.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &KafkaConfig, options: &BatchOptions) -> Result<Self, KafkaError> {
        let during = KafkaError::during;
        let life = TopicLife::new(config, &options.topic).map_err(during("making a client"))?;
        let shared = Arc::new(Shared::new(&options.topic, life, options.revoke_wait, options.instance_id.is_some()));
        let context = Callbacks(Arc::clone(&shared));
        let client = BatchClient::new(&options.client(config), context, Arc::clone(&shared.queue));
        let client = Arc::new(client.map_err(during("making a consumer"))?);
        client.consumer().subscribe(&[&options.topic]).map_err(during("subscribing"))?;
        let (polled, polling) = (Arc::clone(&client), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name(format!("{}-control", options.group))
            .spawn(move || control::run(&polled, &polling))
            .map_err(|error| KafkaError::new("starting the control thread", error))?;
        Ok(Self { client, shared, taken: Vec::new(), thread: Some(thread) })
    }

    /// What came next, in the order in which it happened: a change, or up to `records_max` records that lie ready. Waits no longer than
    /// `wait`; `None` where nothing came. With `records_max` 0 only changes come: that is how a caller that has enough holds back.
    ///
    /// # Errors
    /// When nothing more will come of this consumer.
    pub fn next(&mut self, records_max: usize, wait: Duration) -> Result<Option<Arrived>, FetchError> {
        let deadline = Instant::now() + wait;
        loop {
            let mut state = self.shared.lock();
            if let Some(change) = state.changes.pop_front() {
                return Ok(Some(change));
            }
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if self.shared.is_woken.swap(false, Ordering::AcqRel) {
                return Ok(None);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if records_max == 0 || state.assignment.is_empty() {
                if left.is_zero() {
                    return Ok(None);
                }
                drop(self.shared.wait(state, left));
                continue;
            }
            self.client.take(&mut self.taken, records_max, Duration::ZERO);
            if self.taken.is_empty() && !left.is_zero() {
                // The first that comes ends the wait; a batch comes whole, so the rest of it lies ready then.
                self.client.take(&mut self.taken, 1, left.min(WAIT_MAX));
                if !self.taken.is_empty() {
                    self.client.take(&mut self.taken, records_max - 1, Duration::ZERO);
                }
            }
            let fetched = Fetched::admit(&mut self.taken, &mut state.assignment, &self.client);
            drop(state);
            if let Some((partition, offset)) = fetched.given_up().iter().find(|it| self.is_there(it.0, it.1)) {
                return Err(FetchError::MakeAnew(format!(
                    "the client has lost its place, {offset} of partition {partition}"
                )));
            }
            if !fetched.is_empty() {
                return Ok(Some(Arrived::Fetched(fetched)));
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    /// True where the broker has that offset, or does not say. After a rebalance the client goes on one too far behind the end of a partition
    /// until it is sent back ([`Callbacks`]); where the broker's refusal comes first, it is the client that is wrong.
    fn is_there(&self, partition: i32, offset: i64) -> bool {
        let asked = self.client.consumer().fetch_watermarks(&self.shared.topic, partition, SEEK_MAX);
        asked.map_or(true, |(first, end)| (first..=end).contains(&offset))
    }

    /// Sends a partition back to `offset`, and fetches it no more until [`Self::go_on`]. What was fetched of it already is the caller's to
    /// skip: records from `offset` on come again. Nothing happens where the partition is not of that epoch any more.
    ///
    /// # Errors
    /// When the client does not obey: the consumer has to be made anew.
    pub fn hold(&mut self, partition: i32, epoch: u64, offset: i64) -> Result<(), FetchError> {
        let mut state = self.shared.lock();
        if !state.assignment.hold(partition, epoch, offset) {
            return Ok(());
        }
        let list = self.list(partition);
        let paused = self.client.consumer().pause(&list);
        paused.map_err(|error| FetchError::MakeAnew(format!("partition {partition} cannot be held: {error}")))?;
        let sought = self.client.consumer().seek(&self.shared.topic, partition, Offset::Offset(offset), SEEK_MAX);
        sought.map_err(|error| FetchError::MakeAnew(format!("partition {partition} cannot go back: {error}")))
    }

    /// Fetches a held partition again, from the offset it was sent back to.
    ///
    /// # Errors
    /// When the client does not obey: the consumer has to be made anew.
    pub fn go_on(&mut self, partition: i32, epoch: u64) -> Result<(), FetchError> {
        let mut state = self.shared.lock();
        if !state.assignment.go_on(partition, epoch) {
            return Ok(());
        }
        let resumed = self.client.consumer().resume(&self.list(partition));
        resumed.map_err(|error| FetchError::MakeAnew(format!("partition {partition} cannot go on: {error}")))
    }

    fn list(&self, partition: i32) -> TopicPartitionList {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition(&self.shared.topic, partition);
        list
    }

    /// Commits for this member.
    #[must_use]
    pub fn committer(&self) -> Committer {
        Committer { client: Arc::clone(&self.client), shared: Arc::clone(&self.shared) }
    }

    /// Wakes the thread that waits in [`Self::next`].
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Lets the partitions go, after commits under way, and leaves the group; blocks meanwhile. A static member keeps its place until it
    /// is back or its session is over.
    pub fn close(mut self) {
        self.stop();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::warn!(topic = %self.shared.topic, "the control thread has panicked");
        }
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        // An unanswered revoke among them would hold up the thread.
        self.shared.change(|state| state.changes.clear());
    }
}

impl Drop for BatchConsumer {
    fn drop(&mut self) {
        self.stop();
    }
}
