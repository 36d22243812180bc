//! Events, dead letters and positions to Kafka: Avro under the registry's schema ids, through the idempotent producer, or in
//! transactions.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use kafka_io::{BatchProducer, KafkaConfig, OutRecord, ProduceError, Receipt, TransactionError, TransactionalProducer};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::CONNECTOR_POSITION;
use schemas::topics::{CONNECTION_EVENTS, CONNECTOR_POSITIONS};

use super::position_record::ConnectorPosition;
use super::positions::SavedPosition;
use crate::error::{Error, WriteError};
use crate::record_writer::RecordWriter;
use crate::stages::encode_event::{EventEncoder, Looked};
use crate::stages::read_event::EventFields;

/// Name of the client on the broker.
const CLIENT_ID: &str = "flowledger-connector";

/// The producer and the encoders; cheap to clone.
#[derive(Clone)]
pub(crate) struct Publisher {
    records: BatchProducer,
    transactions: Option<Transactions>,
    events: EventEncoder,
}

/// What is needed to write positions with the events.
#[derive(Clone)]
struct Transactions {
    producer: TransactionalProducer,
    positions: Arc<Encoder<ConnectorPosition>>,
}

impl Publisher {
    /// Connects in the background.
    ///
    /// # Errors
    /// A setting that the client refuses.
    pub(crate) fn new(kafka: &KafkaConfig, events: EventEncoder) -> Result<Self, Error> {
        let broken = |error: kafka_io::KafkaError| WriteError::Broken(error.to_string());
        let records = BatchProducer::new(kafka, CLIENT_ID, CONNECTION_EVENTS.name).map_err(broken)?;
        Ok(Self { records, transactions: None, events })
    }

    /// Writes in transactions of `producer`.
    ///
    /// # Errors
    /// A schema that is broken.
    pub(crate) fn transactional(
        producer: TransactionalProducer,
        position: SchemaId,
        events: EventEncoder,
    ) -> Result<Self, Error> {
        let broken = |error: kafka_io::KafkaError| WriteError::Broken(error.to_string());
        let records = producer.records(CONNECTION_EVENTS.name).map_err(broken)?;
        let positions = Arc::new(Encoder::new(position, &CONNECTOR_POSITION)?);
        Ok(Self { records, transactions: Some(Transactions { producer, positions }), events })
    }

    fn in_transaction(&self) -> bool {
        self.transactions.is_some()
    }
}

impl RecordWriter for Publisher {
    type Acknowledgement = Written;

    fn encode(&mut self, event: &EventFields<'_>, out: &mut Vec<u8>) -> Looked {
        self.events.encode(event, out)
    }

    async fn write(
        &mut self,
        topic: &str,
        key: &[u8],
        payload: &[u8],
        headers: &[(&str, &[u8])],
    ) -> Result<Written, WriteError> {
        let in_transaction = self.in_transaction();
        if topic == CONNECTION_EVENTS.name && headers.is_empty() {
            if self.records.is_full() {
                self.hand_over().await?;
            }
            // Nothing is waited for from here on: a record that was collected has its place in delivery before anything is dropped.
            return Ok(Written { receipt: self.records.collect(key, payload), in_transaction });
        }
        match self.records.enqueue(OutRecord { topic, key, payload, headers }).await {
            Ok(receipt) => Ok(Written { receipt, in_transaction }),
            Err(error) => Err(WriteError::of(error, in_transaction)),
        }
    }

    async fn hand_over(&mut self) -> Result<(), WriteError> {
        let in_transaction = self.in_transaction();
        self.records.hand_over().await.map_err(|error| WriteError::of(error, in_transaction))
    }

    async fn write_position(&mut self, key: &str, position: Option<&SavedPosition>) -> Result<(), WriteError> {
        let Some(Transactions { positions, .. }) = &self.transactions else {
            return Err(WriteError::Broken("positions are written in transactions only".to_owned()));
        };
        let (topic, key) = (CONNECTOR_POSITIONS.name, key.as_bytes());
        let written = match position {
            None => self.records.enqueue_removal(topic, key).await,
            Some(position) => {
                let value = positions.encode(&ConnectorPosition::from(position));
                let payload = &value.map_err(|error| WriteError::Broken(error.to_string()))?;
                self.records.enqueue(OutRecord { topic, key, payload, headers: &[] }).await
            }
        };
        // Not waited for: a record that does not arrive fails the commit.
        written.map(drop).map_err(|error| WriteError::DoAgain(error.to_string()))
    }

    fn begin(&self) -> Result<(), WriteError> {
        match &self.transactions {
            None => Ok(()),
            Some(transactions) => transactions.producer.begin().map_err(WriteError::from),
        }
    }

    fn commit(&self) -> impl Future<Output = Result<(), WriteError>> + Send + 'static {
        let producer = self.transactions.as_ref().map(|transactions| transactions.producer.clone());
        async move {
            match producer {
                None => Ok(()),
                Some(producer) => producer.commit().await.map_err(WriteError::from),
            }
        }
    }
}

/// Ready when all replicas have the record.
pub(crate) struct Written {
    receipt: Receipt,
    in_transaction: bool,
}

impl Future for Written {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let in_transaction = self.in_transaction;
        let settled = Pin::new(&mut self.receipt).poll(context);
        settled.map(|settled| settled.map_err(|error| WriteError::of(error, in_transaction)))
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
