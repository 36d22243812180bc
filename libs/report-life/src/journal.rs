//! Appends to the topics of reports.

use std::sync::Arc;

use kafka_io::{OutRecord, ProduceError, Producer};
use schema_registry::{EncodeError, Encoder, Registry, RegistryError, SchemaId};
use schemas::avro_schemas::{REPORT_EVENT, REPORT_REQUEST};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::topics;
use service_kit::CancellationToken;

/// Most characters of who asked, beside the request itself.
const ACTOR_MAX: usize = 1_000;

/// Why something was not appended.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Kafka refuses, or the producer cannot go on.
    #[error(transparent)]
    Produce(#[from] ProduceError),
    /// A bug of the writer.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// Writes requests and events; cheap to clone.
#[derive(Clone)]
pub struct Journal {
    producer: Producer,
    events: Arc<Encoder<ReportEvent>>,
    requests: Arc<Encoder<ReportRequest>>,
}

impl Journal {
    /// A journal; waits while the registry is away. `None`: told to stop first.
    pub async fn open(
        producer: Producer,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Option<Result<Self, JournalError>> {
        let event = match registry.ensure_patiently(&REPORT_EVENT, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let request = match registry.ensure_patiently(&REPORT_REQUEST, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        Some(Self::with_ids(producer, event, request))
    }

    /// A journal under schema ids that are known.
    ///
    /// # Errors
    /// When our own schemas cannot be parsed.
    pub fn with_ids(producer: Producer, event: SchemaId, request: SchemaId) -> Result<Self, JournalError> {
        let (events, requests) = (Encoder::new(event, &REPORT_EVENT)?, Encoder::new(request, &REPORT_REQUEST)?);
        Ok(Self { producer, events: Arc::new(events), requests: Arc::new(requests) })
    }

    /// Appends an event; returns when it is acknowledged.
    ///
    /// # Errors
    /// When it is refused. An outage of Kafka is waited out: put a deadline around where that must not be.
    pub async fn append(&self, event: &ReportEvent) -> Result<(), JournalError> {
        let (key, value) = (event.report_id.to_string(), self.events.encode(event)?);
        self.send(topics::REPORT_EVENTS.name, &key, &value).await
    }

    /// Puts a request to the exporters, and then notes that it was asked for. Dying in between is harmless: the exporter notes it
    /// when it finds no note.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn request(&self, request: &ReportRequest) -> Result<(), JournalError> {
        self.put(request).await?;
        self.append(&Self::requested(request)).await
    }

    /// The same for a report that is asked for again.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn request_again(&self, request: &ReportRequest) -> Result<(), JournalError> {
        self.put(request).await?;
        self.append(&Self::retried(request)).await
    }

    /// The event that a request leaves.
    #[must_use]
    pub fn requested(request: &ReportRequest) -> ReportEvent {
        ReportEvent {
            request: Some(request.clone()),
            ..ReportEvent::new(
                request.report_id,
                request.tenant.clone(),
                ReportEventType::Requested,
                request.requested_at,
            )
        }
    }

    /// The event that a request leaves when its report is asked for again.
    #[must_use]
    pub fn retried(request: &ReportRequest) -> ReportEvent {
        ReportEvent {
            event_type: ReportEventType::Retried,
            // A stranger's words, which stand in the request too: the event has to fit Kafka's limit.
            actor: Some(request.requested_by.chars().take(ACTOR_MAX).collect()),
            ..Self::requested(request)
        }
    }

    async fn put(&self, request: &ReportRequest) -> Result<(), JournalError> {
        let (key, value) = (request.report_id.to_string(), self.requests.encode(request)?);
        self.send(topics::REPORT_REQUESTS.name, &key, &value).await
    }

    async fn send(&self, topic: &str, key: &str, value: &[u8]) -> Result<(), JournalError> {
        let record = OutRecord { topic, key: key.as_bytes(), payload: value, headers: &[] };
        self.producer.send(record).await?;
        Ok(())
    }
}
