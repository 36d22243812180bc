//! Reads a whole topic from its beginning and goes on: for state that is the fold of a topic.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::admin;
use crate::config::{KafkaConfig, Logging};
use crate::error::{ConsumeError, KafkaError};
use crate::record::Record;

/// Records that wait for the caller.
const WAITING_MAX: usize = 1_000;

/// What a follower hands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// A record; those of one partition come in order.
    Record(Record),
    /// Once: everything that lay on the topic when the follower began has been delivered.
    CaughtUp,
}

/// A reader of all partitions of a topic, in no group. Partitions that are added later are not seen until it is made anew.
pub struct TopicFollower {
    arrivals: Receiver<Result<Followed, ConsumeError>>,
    stop: Arc<AtomicBool>,
}

impl TopicFollower {
    /// Begins at the beginning of every partition.
    ///
    /// # Errors
    /// When the topic is not there or the broker does not answer.
    pub async fn from_beginning(config: &KafkaConfig, topic: &str) -> Result<Self, KafkaError> {
        let partitions = admin::partition_count(config, topic).await?;
        let fixed = [
            ("group.id", "follower"),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
            ("queued.max.messages.kbytes", "16384"),
        ];
        let consumer: BaseConsumer<Logging> =
            config.client(&fixed).create_with_context(Logging).map_err(KafkaError::during("making a consumer"))?;
        let mut list = TopicPartitionList::new();
        for number in 0..partitions {
            list.add_partition_offset(topic, number, Offset::Beginning)
                .map_err(KafkaError::during("choosing partitions"))?;
        }
        consumer.assign(&list).map_err(KafkaError::during("assigning partitions"))?;
        let (sender, arrivals) = channel(WAITING_MAX);
        let stop = Arc::new(AtomicBool::new(false));
        let (topic, stopped) = (Arc::from(topic), Arc::clone(&stop));
        std::thread::Builder::new()
            .name("follower-poll".to_owned())
            .spawn(move || follow(&consumer, &topic, (0..partitions).collect(), &sender, &stopped))
            .map_err(|error| KafkaError::new("starting the poll thread", error))?;
        Ok(Self { arrivals, stop })
    }

    /// What came next. Cancel-safe.
    ///
    /// # Errors
    /// When the consumer cannot go on.
    pub async fn next(&mut self) -> Result<Followed, ConsumeError> {
        let ended = || Err(ConsumeError("its poll thread has ended".to_owned()));
        self.arrivals.recv().await.unwrap_or_else(ended)
    }
}

impl Drop for TopicFollower {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
    }
}

fn follow(
    consumer: &BaseConsumer<Logging>,
    topic: &Arc<str>,
    mut behind: HashSet<i32>,
    sender: &Sender<Result<Followed, ConsumeError>>,
    stop: &AtomicBool,
) {
    while !stop.load(Ordering::Acquire) {
        let arrival = match consumer.poll(Duration::from_millis(100)) {
            None => continue,
            Some(Ok(message)) => Ok(Followed::Record(Record::copied(&message, topic))),
            Some(Err(ClientError::PartitionEOF(number))) => {
                if !behind.remove(&number) || !behind.is_empty() {
                    continue;
                }
                Ok(Followed::CaughtUp)
            }
            Some(Err(error @ ClientError::MessageConsumptionFatal(_))) => Err(ConsumeError(error.to_string())),
            Some(Err(error)) => {
                tracing::debug!(%error, topic = %topic, "following goes on after an error");
                continue;
            }
        };
        // No group, so nobody is thrown out while the caller is slow.
        if sender.blocking_send(arrival).is_err() {
            return;
        }
    }
}
