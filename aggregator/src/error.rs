//! What ends the service. Everything else is waited out.

use clickhouse_io::QueryError;
use range_pipeline::TokenError;
use schema_registry::RegistryError;

use crate::store::StoreFailure;

/// Why the aggregator ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The pipeline cannot go on.
    #[error(transparent)]
    Pipeline(#[from] range_pipeline::Error<StoreFailure>),
    /// Tokens could be forgotten too early.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// ClickHouse refuses what only an operator can mend.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
}
