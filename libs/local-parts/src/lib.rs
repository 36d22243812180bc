//! Real parts without Docker: Apache Kafka, a schema registry, the ClickHouse engine, an S3 server, Azure's emulator, a mail server and a receiver of
//! webhooks as child processes of the demo and of the tests.
//!
//! Parts are pinned by version and SHA-256, fetched by their ordinary package clients (Maven, npm, pip) and kept in the user's
//! cache folder. A child dies with its parent and when its handle is dropped. Everything listens on loopback. Nothing here is
//! for production.

mod azure;
pub mod cache;
mod checksum;
mod child;
mod data_tools;
mod engine;
pub mod fault_proxy;
pub mod given;
mod google;
mod http;
mod kafka;
mod mail;
mod ports;
mod progress;
mod registry;
mod s3;
mod tools;
mod webhook_receiver;

use std::path::PathBuf;

pub use azure::Azure;
pub use engine::{ClickHouseProcess, SmallDisk};
pub use fault_proxy::{Fault, FaultProxy};
pub use google::GoogleStorage;
pub use kafka::Kafka;
pub use mail::{Mail, MailServer};
pub use progress::{Progress, Silent};
pub use registry::SchemaRegistry;
pub use s3::S3;
pub use webhook_receiver::WebhookReceiver;

/// A part that has to be fetched before it can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Apache Kafka, a folder of jars.
    Kafka,
    /// Apicurio Registry, a folder with its runner.
    Registry,
    /// libchdb.so.
    ClickHouseLibrary,
    /// s3proxy, one jar.
    S3Proxy,
    /// Azurite, a folder of npm's packages.
    Azurite,
    /// aiosmtpd, a Python environment.
    MailServer,
    /// pandas, polars, DuckDB and pyarrow: a folder of Python's packages.
    DataTools,
    /// Standard Webhooks' own library, a folder of Python's packages.
    WebhookReceiver,
}

/// Why a part cannot be had or does not run.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Programs that are needed are not on this machine.
    #[error("missing on this machine: {missing}. On Debian: apt-get install {packages}")]
    MissingTools {
        /// Their names.
        missing: String,
        /// Debian's packages that have them.
        packages: String,
    },
    /// A package client failed.
    #[error("{action} failed: {reason}")]
    Fetch {
        /// What was tried.
        action: String,
        /// The end of what it said.
        reason: String,
    },
    /// A file is not the one that is pinned.
    #[error("{file} is not the file that is pinned: SHA-256 {found} instead of {expected}")]
    Corrupted {
        /// Name of the file.
        file: String,
        /// Pinned.
        expected: String,
        /// Found.
        found: String,
    },
    /// A child did not answer in time, or ended.
    #[error("{part} does not run: {reason}; its log is {log}")]
    NotRunning {
        /// The part.
        part: &'static str,
        /// What was waited for.
        reason: String,
        /// Where to look.
        log: PathBuf,
    },
    /// The system refused something.
    #[error("{action}: {source}")]
    System {
        /// What was tried.
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl PartError {
    fn system(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}

/// Fetches a part if it is not in the cache yet, and gives its file or folder.
///
/// # Errors
/// When a program that is needed is missing, a download fails, or a file is not the pinned one.
pub async fn ensure(part: Part, progress: &dyn Progress) -> Result<PathBuf, PartError> {
    match part {
        Part::Kafka => kafka::ensure(progress).await,
        Part::Registry => registry::ensure(progress).await,
        Part::ClickHouseLibrary => engine::ensure(progress).await,
        Part::S3Proxy => s3::ensure(progress).await,
        Part::Azurite => azure::ensure(progress).await,
        Part::MailServer => mail::ensure(progress).await,
        Part::DataTools => data_tools::ensure(progress).await,
        Part::WebhookReceiver => webhook_receiver::ensure(progress).await,
    }
}

/// The `flowledger` binary that was built beside the running test or bench binary.
///
/// # Errors
/// When it is not there: it has to be built first.
pub fn flowledger_binary() -> Result<PathBuf, PartError> {
    let own = std::env::current_exe().map_err(PartError::system("this binary cannot be found"))?;
    // target/debug/deps/test-1234 or target/debug/bench.
    let places = own.ancestors().skip(1).take(2).map(|folder| folder.join("flowledger"));
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| PartError::System {
        action: "flowledger is not built: cargo build -p flowledger".to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    })
}
