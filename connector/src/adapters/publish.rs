//! Events and dead letters to Kafka: Avro under the registry's schema id, through the idempotent producer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use kafka_io::{Acknowledgement, KafkaConfig, OutRecord, ProduceError, Producer};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;

use crate::deliver::RecordWriter;
use crate::error::{Error, WriteError};

/// Name of the client on the broker.
const CLIENT_ID: &str = "flowledger-connector";

/// The producer and the encoder.
pub(crate) struct Publisher {
    producer: Producer,
    encoder: Encoder<ConnectionEvent>,
}

impl Publisher {
    /// Connects in the background. `schema` is what the registry calls the schema of `connection-events`.
    ///
    /// # Errors
    /// A setting that the client refuses.
    pub(crate) fn new(kafka: &KafkaConfig, schema: SchemaId) -> Result<Self, Error> {
        let producer = Producer::new(kafka, CLIENT_ID).map_err(|error| WriteError::Broken(error.to_string()))?;
        Ok(Self { producer, encoder: Encoder::new(schema, &CONNECTION_EVENT)? })
    }
}

impl RecordWriter for Publisher {
    type Acknowledgement = Written;

    fn encode(&self, event: &ConnectionEvent) -> Result<Vec<u8>, WriteError> {
        self.encoder.encode(event).map_err(|error| WriteError::Refused(error.to_string()))
    }

    async fn write(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<Written, WriteError> {
        let record = OutRecord { topic, key, payload, headers };
        self.producer.enqueue(record).await.map(Written).map_err(WriteError::from)
    }
}

/// Ready when all replicas have the record.
pub(crate) struct Written(Acknowledgement);

impl Future for Written {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|delivered| delivered.map(drop).map_err(WriteError::from))
    }
}

impl From<ProduceError> for WriteError {
    fn from(error: ProduceError) -> Self {
        match error {
            ProduceError::Refused(reason) => Self::Refused(reason),
            ProduceError::Fatal(reason) => Self::Broken(reason),
        }
    }
}
