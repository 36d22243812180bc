//! What delivery wants of Kafka.

use std::future::Future;

use crate::adapters::positions::SavedPosition;
use crate::error::WriteError;

/// Writes records to Kafka. The real one is [`crate::adapters::publish::Publisher`].
pub(crate) trait RecordWriter: Send + Sync {
    /// Ready when Kafka has acknowledged or refused the record.
    type Acknowledgement: Future<Output = Result<(), WriteError>> + Send + Unpin;

    /// Bytes of an event as they go to Kafka.
    ///
    /// # Errors
    /// [`WriteError::Refused`]: the event cannot be encoded.
    fn encode(&self, event: &schemas::connection_event::ConnectionEvent) -> Result<Vec<u8>, WriteError>;

    /// Hands a record over, and waits while there is no room for it.
    fn write(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> impl Future<Output = Result<Self::Acknowledgement, WriteError>> + Send;

    /// Hands over where reading goes on in a file, under its key; `None`: the file is over.
    fn write_position(
        &self,
        key: &str,
        position: Option<&SavedPosition>,
    ) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Begins a transaction. Never called where positions are kept in the state folder.
    ///
    /// # Errors
    /// When none can be begun.
    fn begin(&self) -> Result<(), WriteError>;

    /// Commits what was written since; ready when it is visible. Goes on where it is dropped.
    fn commit(&self) -> impl Future<Output = Result<(), WriteError>> + Send + 'static;
}
