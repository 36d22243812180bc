//! What ends the service. Everything else is waited out.

use std::time::Duration;

use clickhouse_io::QueryError;
use clickhouse_io::promise::PromiseError;
use schema_registry::RegistryError;

use crate::store::StoreFailure;

/// Why the aggregator ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipeline cannot go on.
    #[error(transparent)]
    Pipeline(#[from] range_pipeline::Error<StoreFailure>),
    /// The table cannot keep the promise.
    #[error(transparent)]
    Promise(#[from] PromiseError),
    /// An insert could run while nobody waits for its token any more.
    #[error("clickhouse.timeout is {timeout:?}; for the aggregator it has to be below {timeout_max:?}")]
    TimeoutTooLong {
        /// Configured.
        timeout: Duration,
        /// What it has to be below.
        timeout_max: Duration,
    },
    /// The table forgets tokens while inserts under them may still arrive.
    #[error(
        "table {table} remembers tokens of inserts for {remembered:?}, and {needed:?} are needed: raise its setting \
         replicated_deduplication_window_seconds"
    )]
    TokensAreForgotten {
        /// Table.
        table: &'static str,
        /// For so long.
        remembered: Duration,
        /// So long would be right.
        needed: Duration,
    },
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// ClickHouse refuses what only an operator can mend.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
}
