//! What ends the service. Everything else is waited out or dead-lettered.

use clickhouse_io::QueryError;
use clickhouse_io::promise::PromiseError;
use kafka_io::KafkaError;
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
    /// The tables cannot keep the promise.
    #[error(transparent)]
    Promise(#[from] PromiseError),
    /// An insert could run while nobody waits for its token any more.
    #[error("clickhouse.timeout is {timeout:?}; for ingest it has to be below {timeout_max:?}")]
    TimeoutTooLong {
        /// Configured.
        timeout: std::time::Duration,
        /// What it has to be below.
        timeout_max: std::time::Duration,
    },
    /// A table forgets tokens while inserts under them may still arrive.
    #[error(
        "table {table} remembers tokens of inserts for {remembered:?}, and {needed:?} are needed: raise its setting \
         replicated_deduplication_window_seconds"
    )]
    TokensAreForgotten {
        /// Table.
        table: &'static str,
        /// For so long.
        remembered: std::time::Duration,
        /// So long would be right.
        needed: std::time::Duration,
    },
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Our own schema cannot be parsed.
    #[error("schema of connection events: {0}")]
    Schema(#[from] DecodeError),
    /// ClickHouse refuses what only an operator can mend.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
    /// Rows of this source are stored whose offsets are not on the topic.
    #[error(
        "partition {partition}: offset {stored} of source {source_name} is stored, but the topic ends at {end}. The topic was \
         made anew: set another ingest.source, so that old and new rows are told apart"
    )]
    StoredAheadOfTopic {
        /// Partition.
        partition: i32,
        /// Configured source.
        source_name: String,
        /// Highest stored offset.
        stored: i64,
        /// Where the topic ends.
        end: i64,
    },
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
