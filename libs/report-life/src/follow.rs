//! Reads a topic whose fold, or whose last values, are somebody's state.

use kafka_io::{ConsumeError, Followed, KafkaConfig, KafkaError, TopicFollower};
use schema_registry::{Decoder, Registry, RegistryError};
use schemas::avro_schemas::Subject;
use serde::de::DeserializeOwned;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

/// Why a topic is not followed any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
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
    Schema(#[from] schema_registry::DecodeError),
}

/// Tells of every value from the beginning on, and once, with `None`, that everything that lay there at the start was told. Values that
/// cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow_topic<T: DeserializeOwned>(
    kafka: &KafkaConfig,
    registry: &Registry,
    subject: &'static Subject,
    stop: &CancellationToken,
    mut told: impl FnMut(Option<T>),
) -> Result<(), FollowError> {
    let mut decoder = Decoder::<T>::new(subject)?;
    let topic = subject.topic.name;
    let begun = until_stopped(stop, Backoff::default(), || async {
        match TopicFollower::from_beginning(kafka, topic).await {
            Ok(follower) => Attempt::Done(follower),
            Err(error) => {
                tracing::warn!(%error, topic, "waiting for Kafka");
                Attempt::Again(error)
            }
        }
    })
    .await;
    let Some(begun) = begun else { return Ok(()) };
    let mut follower = begun?;
    loop {
        let Some(followed) = stop.run_until_cancelled(follower.next()).await else { return Ok(()) };
        let record = match followed? {
            Followed::CaughtUp => {
                told(None);
                continue;
            }
            Followed::Record(record) => record,
        };
        let value = record.payload.unwrap_or_default();
        match decoder.decode_with(registry, &value, stop).await {
            None => return Ok(()),
            Some(decoded) => match decoded? {
                Ok(value) => told(Some(value)),
                Err(error) => {
                    tracing::warn!(%error, partition = %record.partition, offset = record.offset, "a value is skipped");
                }
            },
        }
    }
}
