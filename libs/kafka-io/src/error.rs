//! What can go wrong, grouped by what the caller does next.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};

/// A client cannot be made, or a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kafka: {action}: {reason}")]
pub struct KafkaError {
    action: &'static str,
    reason: String,
}

impl KafkaError {
    pub(crate) fn new(action: &'static str, reason: impl std::fmt::Display) -> Self {
        Self { action, reason: format!("{reason}") }
    }

    pub(crate) fn during(action: &'static str) -> impl FnOnce(ClientError) -> Self {
        move |error| Self::new(action, error)
    }
}

/// A record was not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProduceError {
    /// The broker will never take this record: too large, or malformed. Others go on.
    #[error("Kafka refuses the record: {0}")]
    Refused(String),
    /// The producer cannot go on; the process has to start again.
    #[error("the producer cannot go on: {0}")]
    Fatal(String),
}

impl ProduceError {
    pub(crate) fn from_client(error: &ClientError) -> Self {
        match error.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::InvalidRecord,
            ) => Self::Refused(error.to_string()),
            _ => Self::Fatal(error.to_string()),
        }
    }
}

/// A consumer cannot go on; the process has to start again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the consumer cannot go on: {0}")]
pub struct ConsumeError(pub(crate) String);
