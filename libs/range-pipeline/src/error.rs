//! What ends a pipeline. Everything else is waited out or refused.

use exactly_once::{BadSource, WriteError};
use kafka_io::KafkaError;
use kafka_io::batches::FetchError;
use schema_registry::RegistryError;

use crate::made_anew::MadeAnew;

/// Why a pipeline ended.
#[derive(Debug, thiserror::Error)]
pub enum Error<F: std::error::Error + 'static> {
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The consumer cannot go on.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A range cannot be written.
    #[error("partition {partition}: {error}")]
    Write {
        /// Partition.
        partition: i32,
        /// What only an operator can mend.
        error: WriteError<F>,
    },
    /// The topic is another one than that which was assigned.
    #[error(transparent)]
    MadeAnew(#[from] MadeAnew),
    /// The source's name is too long for a token.
    #[error(transparent)]
    Source(#[from] BadSource),
    /// What is to be read next is not on the broker.
    #[error(
        "partition {partition}: offset {offset}, which is to be read next, is not on topic {topic}. Either Kafka has \
         deleted events before they were stored: set the offset of group {group} to the first one that is there, and raise the \
         topic's retention. Or the topic was made anew: set another {group}.source, and move the offset of group {group} to its \
         beginning (flowledger offsets back --to-beginning)"
    )]
    OffsetIsGone {
        /// Group, and the section of the config that it is set in.
        group: &'static str,
        /// Topic.
        topic: &'static str,
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
    },
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Work was not done when the deadline was over; it is read again at the next start.
    #[error("not everything that was held could be written in time; it is read again at the next start")]
    NotDrained,
}
