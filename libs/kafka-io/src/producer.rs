//! Publishing: idempotent, acknowledged by all replicas, placed where Java clients place keys.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::DeliveryFuture;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::config::{KafkaConfig, Logging};
use crate::error::{KafkaError, ProduceError};

/// How every producer that is not in transactions publishes; what it sets beside these is its own.
pub(crate) const IDEMPOTENT: [(&str, &str); 4] =
    [("enable.idempotence", "true"), ("acks", "all"), COMPRESSION, PARTITIONER];
pub(crate) const COMPRESSION: (&str, &str) = ("compression.type", "lz4");
/// The one of Java's clients.
pub(crate) const PARTITIONER: (&str, &str) = ("partitioner", "murmur2_random");

/// How large a record is a matter of its topic. Here only what would never have room in the send queue is refused.
const RECORD_BYTES_MAX: &str = "64000000";

/// A record to publish.
#[derive(Clone, Copy, Debug)]
pub struct OutRecord<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Key; decides the partition.
    pub key: &'a [u8],
    /// Value.
    pub payload: &'a [u8],
    /// Headers in their order.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl OutRecord<'_> {
    /// As the client takes them; `None` where there are none.
    pub(crate) fn owned_headers(&self) -> Option<OwnedHeaders> {
        let headers = OwnedHeaders::new_with_capacity(self.headers.len());
        let add =
            |headers: OwnedHeaders, (key, value): &(&str, &[u8])| headers.insert(Header { key, value: Some(*value) });
        (!self.headers.is_empty()).then(|| self.headers.iter().fold(headers, add))
    }
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

/// A producer; cheap to clone. A broker that is away is waited for without end: whoever must not wait puts a deadline around
/// the call.
#[derive(Clone)]
pub struct Producer {
    client: FutureProducer<Logging>,
}

/// Resolves when all replicas have the record.
pub struct Acknowledgement(DeliveryFuture);

impl Producer {
    /// A producer; connects in the background.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &KafkaConfig, client_id: &str) -> Result<Self, KafkaError> {
        let own = [
            ("client.id", client_id),
            ("message.timeout.ms", "0"),
            ("linger.ms", "5"),
            ("queue.buffering.max.kbytes", "65536"),
            ("message.max.bytes", RECORD_BYTES_MAX),
        ];
        let client = config.client(&[&IDEMPOTENT[..], &own].concat()).create_with_context(Logging);
        Ok(Self { client: client.map_err(KafkaError::during("making a producer"))? })
    }

    /// Publishes and waits for the acknowledgement.
    ///
    /// # Errors
    /// When the record is refused, or the producer cannot go on.
    pub async fn send(&self, record: OutRecord<'_>) -> Result<Delivered, ProduceError> {
        self.enqueue(record).await?.await
    }

    /// Puts a record into the send queue; waits while that is full. Records of one partition are delivered in this order.
    ///
    /// # Errors
    /// When the record is refused, or the producer cannot go on.
    pub async fn enqueue(&self, record: OutRecord<'_>) -> Result<Acknowledgement, ProduceError> {
        let mut out = FutureRecord::to(record.topic).key(record.key).payload(record.payload);
        out.headers = record.owned_headers();
        self.enqueue_patiently(out).await
    }

    /// The same, to a partition of the caller's choice.
    ///
    /// # Errors
    /// When the record is refused, or the producer cannot go on.
    pub async fn enqueue_to(&self, partition: i32, record: OutRecord<'_>) -> Result<Acknowledgement, ProduceError> {
        let mut out = FutureRecord::to(record.topic).key(record.key).payload(record.payload).partition(partition);
        out.headers = record.owned_headers();
        self.enqueue_patiently(out).await
    }

    async fn enqueue_patiently(
        &self,
        mut waiting: FutureRecord<'_, [u8], [u8]>,
    ) -> Result<Acknowledgement, ProduceError> {
        loop {
            match self.client.send_result(waiting) {
                Ok(delivery) => return Ok(Acknowledgement(delivery)),
                Err((ClientError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    waiting = back;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err((error, _)) => return Err(ProduceError::from_client(&error)),
            }
        }
    }

    /// Waits until everything that was enqueued is acknowledged.
    ///
    /// # Errors
    /// When `timeout` is over first.
    pub async fn flush(&self, timeout: Duration) -> Result<(), ProduceError> {
        let client = self.client.clone();
        let flushed = tokio::task::spawn_blocking(move || client.flush(timeout)).await;
        match flushed {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ProduceError::Fatal(error.to_string())),
            Err(error) => Err(ProduceError::Fatal(error.to_string())),
        }
    }
}

impl Future for Acknowledgement {
    type Output = Result<Delivered, ProduceError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|delivered| match delivered {
            Ok(Ok(delivery)) => Ok(Delivered { partition: delivery.partition, offset: delivery.offset }),
            Ok(Err((error, _))) => Err(ProduceError::from_client(&error)),
            Err(_) => Err(ProduceError::Fatal("the producer was closed".to_owned())),
        })
    }
}
