//! What ends the service. Everything else is waited out.

use clickhouse_io::QueryError;
use kafka_io::batches::CommitFailure;
use kafka_io::{ConsumeError, KafkaError};
use schema_registry::{DecodeError, RegistryError};

/// Why the aggregator ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The consumer cannot go on.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// An offset will never be committed.
    #[error(transparent)]
    Commit(#[from] CommitFailure),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Our own schema cannot be parsed.
    #[error("schema of connection events: {0}")]
    Schema(#[from] DecodeError),
    /// ClickHouse refuses what only an operator can mend.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
}
