//! Events, dead letters and positions to Kafka: Avro under the registry's schema ids, through the idempotent producer, or in
//! transactions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kafka_io::{
    Acknowledgement, KafkaConfig, OutRecord, ProduceError, Producer, TransactionError, TransactionalProducer,
};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::{CONNECTION_EVENT, CONNECTOR_POSITION};
use schemas::connection_event::ConnectionEvent;
use schemas::topics::CONNECTOR_POSITIONS;

use super::position_record::ConnectorPosition;
use super::positions::SavedPosition;
use crate::error::{Error, WriteError};
use crate::record_writer::RecordWriter;

/// Name of the client on the broker.
const CLIENT_ID: &str = "flowledger-connector";

/// What the registry calls the schemas of what is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SchemaIds {
    pub(crate) event: SchemaId,
    pub(crate) position: SchemaId,
}

/// The producer and the encoders; cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    outlet: Outlet,
    events: Arc<Encoder<ConnectionEvent>>,
    positions: Option<Arc<Encoder<ConnectorPosition>>>,
}

#[derive(Clone)]
enum Outlet {
    Idempotent(Producer),
    Transactional(TransactionalProducer),
}

impl Publisher {
    /// Connects in the background. `schema` is what the registry calls the schema of `connection-events`.
    ///
    /// # Errors
    /// A setting that the client refuses.
    pub(crate) fn new(kafka: &KafkaConfig, schema: SchemaId) -> Result<Self, Error> {
        let producer = Producer::new(kafka, CLIENT_ID).map_err(|error| WriteError::Broken(error.to_string()))?;
        let events = Arc::new(Encoder::new(schema, &CONNECTION_EVENT)?);
        Ok(Self { outlet: Outlet::Idempotent(producer), events, positions: None })
    }

    /// Writes in transactions of `producer`.
    ///
    /// # Errors
    /// A schema that is broken.
    pub(crate) fn transactional(producer: TransactionalProducer, schemas: SchemaIds) -> Result<Self, Error> {
        let events = Arc::new(Encoder::new(schemas.event, &CONNECTION_EVENT)?);
        let positions = Some(Arc::new(Encoder::new(schemas.position, &CONNECTOR_POSITION)?));
        Ok(Self { outlet: Outlet::Transactional(producer), events, positions })
    }
}

impl RecordWriter for Publisher {
    type Acknowledgement = Written;

    fn encode(&self, event: &ConnectionEvent) -> Result<Vec<u8>, WriteError> {
        self.events.encode(event).map_err(|error| WriteError::Refused(error.to_string()))
    }

    async fn write(
        &self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<Written, WriteError> {
        let record = OutRecord { topic, key, payload, headers };
        let (written, in_transaction) = match &self.outlet {
            Outlet::Idempotent(producer) => (producer.enqueue(record).await, false),
            Outlet::Transactional(producer) => (producer.enqueue(record).await, true),
        };
        match written {
            Ok(acknowledgement) => Ok(Written { acknowledgement, in_transaction }),
            Err(error) => Err(WriteError::of(error, in_transaction)),
        }
    }

    async fn write_position(&self, key: &str, position: Option<&SavedPosition>) -> Result<(), WriteError> {
        let (Outlet::Transactional(producer), Some(encoder)) = (&self.outlet, &self.positions) else {
            return Err(WriteError::Broken("positions are written in transactions only".to_owned()));
        };
        let (topic, key) = (CONNECTOR_POSITIONS.name, key.as_bytes());
        let written = match position {
            None => producer.enqueue_removal(topic, key).await,
            Some(position) => {
                let value = encoder.encode(&ConnectorPosition::from(position));
                let payload = &value.map_err(|error| WriteError::Broken(error.to_string()))?;
                producer.enqueue(OutRecord { topic, key, payload, headers: &[] }).await
            }
        };
        // Not waited for: a record that does not arrive fails the commit.
        written.map(drop).map_err(|error| WriteError::DoAgain(error.to_string()))
    }

    fn begin(&self) -> Result<(), WriteError> {
        match &self.outlet {
            Outlet::Idempotent(_) => Ok(()),
            Outlet::Transactional(producer) => producer.begin().map_err(WriteError::from),
        }
    }

    fn commit(&self) -> impl Future<Output = Result<(), WriteError>> + Send + 'static {
        let outlet = self.outlet.clone();
        async move {
            match outlet {
                Outlet::Idempotent(_) => Ok(()),
                Outlet::Transactional(producer) => producer.commit().await.map_err(WriteError::from),
            }
        }
    }
}

/// Ready when all replicas have the record.
pub(crate) struct Written {
    acknowledgement: Acknowledgement,
    in_transaction: bool,
}

impl Future for Written {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let in_transaction = self.in_transaction;
        let delivered = Pin::new(&mut self.acknowledgement).poll(context);
        delivered.map(|delivered| delivered.map(drop).map_err(|error| WriteError::of(error, in_transaction)))
    }
}

impl WriteError {
    /// In a transaction whatever fails is done again: what the matter is shows when it is aborted.
    fn of(error: ProduceError, in_transaction: bool) -> Self {
        match error {
            ProduceError::Refused(reason) => Self::Refused(reason),
            ProduceError::Fatal(reason) if in_transaction => Self::DoAgain(reason),
            ProduceError::Fatal(reason) => Self::Broken(reason),
        }
    }
}

impl From<TransactionError> for WriteError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::DoAgain(reason) => Self::DoAgain(reason),
            TransactionError::Fenced(reason) => Self::Fenced(reason),
            TransactionError::Fatal(reason) => Self::Broken(reason),
        }
    }
}
