//! What delivery wants of Kafka.

use std::future::Future;

use crate::adapters::positions::SavedPosition;
use crate::error::WriteError;
use crate::stages::encode_event::Looked;
use crate::stages::read_event::EventFields;

/// Writes records to Kafka. The real one is [`crate::adapters::publish::Publisher`].
pub(crate) trait RecordWriter: Send + Sync {
    /// Ready when Kafka has acknowledged or refused the record.
    type Acknowledgement: Future<Output = Result<(), WriteError>> + Send + Unpin;

    /// Appends the bytes of an event as they go to Kafka.
    fn encode(&mut self, event: &EventFields<'_>, out: &mut Vec<u8>) -> Looked;

    /// Takes a record, and waits while there is no room for it. It may be held back until [`Self::hand_over`].
    fn write(
        &mut self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> impl Future<Output = Result<Self::Acknowledgement, WriteError>> + Send;

    /// Sends what was held back. Nothing is lost or sent twice where the future is dropped and the call made again.
    fn hand_over(&mut self) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Hands over where reading goes on in a file, under its key; `None`: the file is over.
    fn write_position(
        &mut self,
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
