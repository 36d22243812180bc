//! Publishing in bulk: records of one topic are collected and handed over many at a time, and what became of them is kept by number
//! instead of in a future each. As idempotent as [`crate::Producer`], and as patient.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer as _, ThreadedProducer};

use crate::batches::{HandedRecord, OpenTopic};
use crate::config::KafkaConfig;
use crate::error::{KafkaError, ProduceError};
use crate::producer::{IDEMPOTENT, OutRecord};
use crate::receipts::{Receipt, Receipts};

/// Records are handed over when so many, or so many bytes of them, are collected.
const RECORDS_MAX: usize = 512;
const BYTES_MAX: usize = 256 * 1024;
/// Between two tries while the send queue is full.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// Settings of the client that differ from [`crate::Producer`]'s: batches of hundreds, for which a record waits longer, cost the
/// client and the broker a fraction of small ones.
const BULK_SETTINGS: [(&str, &str); 3] =
    [("linger.ms", "50"), ("queue.buffering.max.kbytes", "131072"), ("queue.buffering.max.messages", "1000000")];

pub(crate) type BulkClient = ThreadedProducer<Receipts>;

/// A client for records in bulk, with `settings` beside those that all of them share.
pub(crate) fn bulk_client(config: &KafkaConfig, settings: &[(&str, &str)]) -> Result<BulkClient, KafkaError> {
    let client = config.client(&[settings, &BULK_SETTINGS].concat()).create_with_context(Receipts::default());
    client.map_err(KafkaError::during("making a producer"))
}

/// A producer of many records for one topic, and of a few for others. Each clone collects for itself; a record that is only collected
/// is lost with its clone.
pub struct BatchProducer {
    topic: Arc<OpenTopic<Receipts>>,
    collected: Collected,
}

/// Records on their way to the client.
#[derive(Default)]
struct Collected {
    /// Keys and payloads, one after the other.
    bytes: Vec<u8>,
    records: Vec<CollectedRecord>,
}

#[derive(Clone, Copy)]
struct CollectedRecord {
    start: usize,
    key_length: usize,
    end: usize,
    number: u64,
}

impl Clone for BatchProducer {
    fn clone(&self) -> Self {
        Self { topic: Arc::clone(&self.topic), collected: Collected::default() }
    }
}

impl Drop for BatchProducer {
    fn drop(&mut self) {
        // Their numbers would hold up those of every other clone.
        for record in &self.collected.records {
            self.receipts().settle(record.number, Err(ProduceError::Fatal("the record was never sent".to_owned())));
        }
    }
}

impl BatchProducer {
    /// A producer that is not in transactions; connects in the background.
    ///
    /// # Errors
    /// When a setting is refused.
    pub fn new(config: &KafkaConfig, client_id: &str, topic: &str) -> Result<Self, KafkaError> {
        let own = [("client.id", client_id), ("message.timeout.ms", "0")];
        Self::of(bulk_client(config, &[&IDEMPOTENT[..], &own].concat())?, topic)
    }

    pub(crate) fn of(client: BulkClient, topic: &str) -> Result<Self, KafkaError> {
        let topic = OpenTopic::new(client, topic).map_err(|reason| KafkaError::new("making a producer", reason))?;
        Ok(Self { topic: Arc::new(topic), collected: Collected::default() })
    }

    fn receipts(&self) -> &Receipts {
        self.topic.client().client().context()
    }

    /// Takes a record of the producer's topic. It is on its way only after [`Self::hand_over`].
    pub fn collect(&mut self, key: &[u8], payload: &[u8]) -> Receipt {
        let (number, receipt) = self.receipts().issue();
        let Collected { bytes, records } = &mut self.collected;
        let start = bytes.len();
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(payload);
        records.push(CollectedRecord { start, key_length: key.len(), end: bytes.len(), number });
        receipt
    }

    /// True when enough is collected to be handed over.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.collected.records.len() >= RECORDS_MAX || self.collected.bytes.len() >= BYTES_MAX
    }

    /// Puts what was collected into the send queue; waits while that is full. Nothing is lost or sent twice where the future is dropped
    /// and the call made again.
    ///
    /// # Errors
    /// When the producer cannot go on. A record that is refused says so by its receipt.
    pub async fn hand_over(&mut self) -> Result<(), ProduceError> {
        while !self.collected.records.is_empty() {
            self.hand_over_what_has_room()?;
            if !self.collected.records.is_empty() {
                tokio::time::sleep(FULL_PAUSE).await;
            }
        }
        Ok(())
    }

    fn hand_over_what_has_room(&mut self) -> Result<(), ProduceError> {
        let Collected { bytes, records } = &self.collected;
        let handed = records.iter().map(|record| {
            let (key, payload) = bytes[record.start..record.end].split_at(record.key_length);
            // A number of records: it fits wherever their bytes did.
            let opaque = usize::try_from(record.number).unwrap_or(usize::MAX);
            HandedRecord { key, payload, opaque }
        });
        let (mut rest, mut fatal) = (records.len(), None);
        let receipts = self.receipts();
        self.topic.produce(handed, |index, code| match code {
            RDKafkaErrorCode::QueueFull => rest = rest.min(index),
            code => match ProduceError::from_client(&ClientError::MessageProduction(code)) {
                error @ ProduceError::Refused(_) => receipts.settle(records[index].number, Err(error)),
                error @ ProduceError::Fatal(_) => fatal = Some(error),
            },
        });
        if let Some(error) = fatal {
            return Err(error);
        }
        self.collected.records.drain(..rest);
        if self.collected.records.is_empty() {
            self.collected.bytes.clear();
        }
        Ok(())
    }

    /// Puts one record of any topic into the send queue; waits while that is full. What was collected before goes first.
    ///
    /// # Errors
    /// When the record is refused, or the producer cannot go on.
    pub async fn enqueue(&mut self, record: OutRecord<'_>) -> Result<Receipt, ProduceError> {
        let mut out = BaseRecord::with_opaque_to(record.topic, 0).key(record.key).payload(record.payload);
        out.headers = record.owned_headers();
        self.enqueue_patiently(out).await
    }

    /// Puts a record without a value into the send queue: it takes its key out of a compacted topic.
    ///
    /// # Errors
    /// As [`Self::enqueue`].
    pub async fn enqueue_removal(&mut self, topic: &str, key: &[u8]) -> Result<Receipt, ProduceError> {
        self.enqueue_patiently(BaseRecord::<'_, [u8], [u8], usize>::with_opaque_to(topic, 0).key(key)).await
    }

    async fn enqueue_patiently(
        &mut self,
        mut waiting: BaseRecord<'_, [u8], [u8], usize>,
    ) -> Result<Receipt, ProduceError> {
        self.hand_over().await?;
        loop {
            // A number for each try: one that is not taken is settled at once.
            let (number, receipt) = self.receipts().issue();
            waiting.delivery_opaque = usize::try_from(number).unwrap_or(usize::MAX);
            let (error, back) = match self.topic.client().send(waiting) {
                Ok(()) => return Ok(receipt),
                Err(refused) => refused,
            };
            self.receipts().settle(number, Ok(()));
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(ProduceError::from_client(&error));
            }
            waiting = back;
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }
}
