//! ClickHouse's HTTP interface in front of libchdb: the real engine without a server, for a look and for tests.
//!
//! Clients that speak HTTP work unchanged: queries with bound parameters, inserts in any format with a deduplication token, LZ4
//! blocks both ways, errors with their code, errors in mid-stream marked as a server marks them. Not here: users and roles, TLS,
//! native TCP, quotas, sessions, Replicated tables. Listens on loopback only, because SQL has `file()` and `url()`.
//!
//! The engine can be there once a process, and one process uses a folder at a time.

mod compression;
mod error;
mod ffi;
mod insert;
mod request;
mod response;
mod select;
mod server;
mod statement;

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

pub use error::EngineError;

/// Which engine, which data, which address.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// libchdb.so.
    pub library: PathBuf,
    /// Folder of the data; made when it is not there.
    pub data: PathBuf,
    /// Loopback only.
    pub listen: SocketAddr,
}

/// Serves until `stop` is cancelled; then queries that run have a few seconds to end.
///
/// # Errors
/// When the library cannot be loaded, the data cannot be opened, or the address cannot be listened on.
pub async fn run(config: EngineConfig, stop: CancellationToken) -> Result<(), EngineError> {
    server::run(config, stop).await
}
