//! The topic as it lies there, from its beginning on.

use bytes::Bytes;
use kafka_io::{ConsumeError, Followed, KafkaConfig, KafkaError, TopicFollower, admin};
use schema_registry::{DecodeError, Decoder, Registry, RegistryError};
use schemas::audit_event::AuditEvent;
use schemas::avro_schemas::AUDIT_EVENT;
use service_kit::CancellationToken;

/// Why the log cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The consumer cannot go on.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Our own schema cannot be parsed.
    #[error(transparent)]
    Schema(#[from] DecodeError),
    /// Its order is part of what is checked.
    #[error("topic {0} has {1} partitions, and an audit log has one")]
    Partitions(String, i32),
}

impl ReadError {
    /// True where the same may work later.
    #[must_use]
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            // The topic may not be made yet.
            Self::Kafka(_) => true,
            Self::Consume(_) | Self::Registry(_) | Self::Schema(_) | Self::Partitions(..) => false,
        }
    }
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Where it lay.
    pub offset: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// What it says, or why that cannot be read.
    pub event: Result<AuditEvent, String>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// A record.
    Taken(Box<Taken>),
    /// Once: all that lay there at the beginning was given.
    CaughtUp,
}

/// Reads all that lies on a topic now.
///
/// # Errors
/// When it cannot be read.
pub async fn read_all(
    kafka: &KafkaConfig,
    registry: &Registry,
    topic: &str,
    mut each: impl FnMut(Taken),
) -> Result<(), ReadError> {
    let (mut reader, never) = (AuditReader::open(kafka, registry, topic).await?, CancellationToken::new());
    while let Some(read) = reader.next(&never).await {
        match read? {
            Read::Taken(taken) => each(*taken),
            Read::CaughtUp => break,
        }
    }
    Ok(())
}

/// Reads the topic, and goes on.
pub(crate) struct AuditReader {
    follower: TopicFollower,
    decoder: Decoder<AuditEvent>,
    registry: Registry,
}

impl AuditReader {
    /// At the beginning of this topic.
    ///
    /// # Errors
    /// When it is not there, or is not of one partition.
    pub(crate) async fn open(kafka: &KafkaConfig, registry: &Registry, topic: &str) -> Result<Self, ReadError> {
        match admin::partition_count(kafka, topic).await? {
            1 => {}
            more => return Err(ReadError::Partitions(topic.to_owned(), more)),
        }
        let follower = TopicFollower::from_beginning(kafka, topic).await?;
        Ok(Self { follower, decoder: Decoder::new(&AUDIT_EVENT)?, registry: registry.clone() })
    }

    /// What comes next; waits for it. `None`: told to stop first.
    pub(crate) async fn next(&mut self, stop: &CancellationToken) -> Option<Result<Read, ReadError>> {
        let record = match stop.run_until_cancelled(self.follower.next()).await? {
            Ok(Followed::Record(record)) => record,
            Ok(Followed::CaughtUp) => return Some(Ok(Read::CaughtUp)),
            Err(error) => return Some(Err(error.into())),
        };
        let value = record.payload.unwrap_or_default();
        match self.decoder.decode_with(&self.registry, &value, stop).await? {
            Ok(decoded) => {
                let event = decoded.map_err(|error| error.to_string());
                Some(Ok(Read::Taken(Box::new(Taken { offset: record.offset, key: record.key, event }))))
            }
            Err(error) => Some(Err(error.into())),
        }
    }
}
