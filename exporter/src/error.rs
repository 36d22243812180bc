//! What ends the service, and what ends a report.

use clickhouse_io::QueryError;
use kafka_io::batches::CommitFailure;
use kafka_io::{ConsumeError, KafkaError, ProduceError};
use report_life::{Failure, JournalError, ReportLimit};
use report_store::StoreError;
use report_writer::FILES_MAX;
use schema_registry::{DecodeError, RegistryError};
use service_kit::tasks::GroupError;

use crate::reason::{Reason, TOO_MANY_FILES};
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
    /// It has not as many connections as there should be; what was counted is in words for the log.
    #[error("totals differ: {0}")]
    Totals(String),
    /// More than its tenant may have.
    #[error(transparent)]
    OverLimit(#[from] ReportLimit),
    /// A slice, or all of them together, could not be made; in words for an admin.
    #[error("slices: {}", .0.reason)]
    Slices(Failure),
    /// Another exporter has taken the report over.
    #[error("another exporter has taken the report over")]
    TakenOver,
    /// Nobody wants it any more.
    #[error("the report was cancelled")]
    Cancelled,
}

impl FileError {
    /// What helps an admin; details are in the exporter's log.
    #[must_use]
    pub(crate) fn for_an_admin(&self) -> Failure {
        let reason = match self {
            Self::Rows(_) | Self::OtherRows => Reason::Database,
            Self::Store(_) => Reason::Store,
            Self::TooManyValues => Reason::TooManyValues,
            Self::TooManyFiles => TOO_MANY_FILES,
            Self::Totals(_) => Reason::Totals,
            Self::OverLimit(limit) => Reason::Limit(*limit),
            Self::Slices(failure) => return failure.clone(),
            Self::TakenOver => Reason::TakenOver,
            Self::Cancelled => Reason::Cancelled,
        };
        reason.into()
    }
}
