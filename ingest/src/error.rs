//! What ends the service. Everything else is waited out or dead-lettered.

use clickhouse_io::QueryError;
use kafka_io::KafkaError;
use range_pipeline::{MadeAnew, TokenError};
use schema_registry::{DecodeError, RegistryError};

use crate::adapters::StoreFailure;

/// Why ingest ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The pipeline cannot go on.
    #[error(transparent)]
    Pipeline(#[from] range_pipeline::Error<StoreFailure>),
    /// Tokens could be forgotten too early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Our own schema cannot be parsed.
    #[error("schema of connection events: {0}")]
    Schema(#[from] DecodeError),
    /// ClickHouse refuses what only an operator can mend.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
    /// What is stored of this source is another topic's.
    #[error(transparent)]
    MadeAnew(#[from] MadeAnew),
    /// None of the schema ids on the topic is one of the registry's connection events.
    #[error(
        "the schema registry does not fit what lies on topic connection-events: {reason}. It was lost or is another one: \
         restore its data"
    )]
    RegistryDoesNotFit {
        /// What is wrong with the ids.
        reason: String,
    },
}
