//! Writes events of syncs.

use std::sync::Arc;

use kafka_io::{OutRecord, Producer};
use report_life::JournalError;
use schema_registry::{Encoder, Registry};
use schemas::avro_schemas::BUCKET_SYNC_EVENT;
use schemas::bucket_sync_event::BucketSyncEvent;
use service_kit::CancellationToken;

/// Cheap to clone.
#[derive(Clone)]
pub struct SyncJournal {
    producer: Producer,
    events: Arc<Encoder<BucketSyncEvent>>,
}

impl SyncJournal {
    /// A journal; waits while the registry is away. `None`: told to stop first.
    pub async fn open(
        producer: Producer,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Option<Result<Self, JournalError>> {
        let id = match registry.ensure_patiently(&BUCKET_SYNC_EVENT, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let encoder = Encoder::new(id, &BUCKET_SYNC_EVENT);
        Some(encoder.map(|it| Self { producer, events: Arc::new(it) }).map_err(Into::into))
    }

    /// Appends an event; returns when it is acknowledged.
    ///
    /// # Errors
    /// When it is refused. An outage of Kafka is waited out: put a deadline around where that must not be.
    pub async fn append(&self, event: &BucketSyncEvent) -> Result<(), JournalError> {
        let (key, value) = (event.sync_id.to_string(), self.events.encode(event)?);
        let topic = BUCKET_SYNC_EVENT.topic.name;
        self.producer.send(OutRecord { topic, key: key.as_bytes(), payload: &value, headers: &[] }).await?;
        Ok(())
    }
}
