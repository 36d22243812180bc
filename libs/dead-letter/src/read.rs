//! Reads the topic from its beginning to where it ended when the reader began.

use kafka_io::{ConsumeError, Followed, KafkaConfig, KafkaError, TopicFollower};
use schemas::topics::CONNECTION_EVENTS_DEAD_LETTER;

use crate::filter::Filter;
use crate::fold::Letters;

/// How much is read and held at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Records of the topic.
    pub records: u64,
    /// Letters that match.
    pub letters: usize,
    /// Bytes of their values.
    pub value_bytes: usize,
}

/// Why letters could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The topic is not there, or the broker does not answer.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The reader cannot go on.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// The topic is longer than what may be read.
    #[error("the topic has more than {0} records: read more")]
    TooManyRecords(u64),
    /// More matches than what may be held.
    #[error("more than {0} match: narrow the filter")]
    TooMuch(String),
}

/// Reads everything that lies on the topic now, and holds the letters that may match. `progress` is told how many records were
/// read.
///
/// # Errors
/// When the topic cannot be read, or a limit is reached: then nothing is known.
pub async fn read(
    config: &KafkaConfig,
    filter: &Filter,
    with_values: bool,
    limits: ReadLimits,
    mut progress: impl FnMut(u64),
) -> Result<Letters, ReadError> {
    let mut follower = TopicFollower::from_beginning(config, CONNECTION_EVENTS_DEAD_LETTER.name).await?;
    let mut letters = Letters::default();
    loop {
        match follower.next().await? {
            Followed::CaughtUp => return Ok(letters),
            Followed::Record(_) if letters.records == limits.records => {
                return Err(ReadError::TooManyRecords(limits.records));
            }
            Followed::Record(record) => letters.take(&record, filter, with_values),
        }
        if letters.held() > limits.letters {
            return Err(ReadError::TooMuch(format!("{} letters", limits.letters)));
        }
        if letters.held_bytes > limits.value_bytes {
            return Err(ReadError::TooMuch(format!("{} MiB of letters", limits.value_bytes >> 20)));
        }
        progress(letters.records);
    }
}
