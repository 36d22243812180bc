//! What ends the service, and what ends a report.

use clickhouse_io::QueryError;
use kafka_io::batches::CommitFailure;
use kafka_io::{ConsumeError, KafkaError, ProduceError};
use report_life::{JournalError, OverLimit};
use report_store::StoreError;
use report_writer::FILES_MAX;
use schema_registry::{DecodeError, RegistryError};
use service_kit::tasks::GroupError;

use crate::render::GROUPS_BYTES_MAX;

/// Why the exporter ended.
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
    #[error(transparent)]
    Schema(#[from] DecodeError),
    /// Report events cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Dead letters cannot be written.
    #[error("dead letters cannot be written: {0}")]
    DeadLetters(#[from] ProduceError),
    /// The store is not configured.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Mail is not configured.
    #[error("mail: {0}")]
    Mail(String),
    /// Webhooks are not configured.
    #[error("webhooks: {0}")]
    Webhooks(String),
    /// A report's task panicked.
    #[error("{0}")]
    Lost(String),
    /// A task of the exporter ended.
    #[error(transparent)]
    Task(#[from] GroupError),
}

/// Why there is no file (yet).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FileError {
    /// Rows could not be read.
    #[error(transparent)]
    Rows(#[from] QueryError),
    /// The file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is counted does not fit memory.
    #[error("groups and their values take more than {GROUPS_BYTES_MAX} bytes")]
    TooManyValues,
    /// It would be split into too many.
    #[error("more than {FILES_MAX} files")]
    TooManyFiles,
    /// It was to go on behind rows that are not there as they were written.
    #[error("rows are not those that were written before")]
    OtherRows,
    /// More than its tenant may have.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    /// A slice, or all of them together, could not be made; in words for an admin.
    #[error("slices: {0}")]
    Slices(String),
    /// Another exporter has taken the report over.
    #[error("another exporter has taken the report over")]
    TakenOver,
    /// Nobody wants it any more.
    #[error("the report was cancelled")]
    Cancelled,
}

impl FileError {
    /// In words that help an admin; details are in the exporter's log.
    #[must_use]
    pub(crate) fn for_an_admin(&self) -> &str {
        match self {
            Self::Rows(_) | Self::OtherRows => {
                "the connections could not be read from the database; please ask for the report again later"
            }
            Self::Store(_) => {
                "the file could not be written to the object store; please ask for the report again later"
            }
            Self::TooManyValues => {
                "the connections have more groups, or more different values in them, than can be counted at once; please ask for \
                 a shorter range, for fewer Resources or Users, or, of traffic, for fewer dimensions and measures"
            }
            Self::TooManyFiles => {
                "it would be split into more than 1000 files; please ask for more rows or bytes in each, or for a shorter range"
            }
            Self::OverLimit(over) => &over.message,
            Self::Slices(reason) => reason,
            Self::TakenOver => "another exporter has taken the report over",
            Self::Cancelled => "the report was cancelled",
        }
    }
}
