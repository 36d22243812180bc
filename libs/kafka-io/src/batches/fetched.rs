//! Records as they lie in librdkafka's memory.

use std::fmt;
use std::sync::Arc;

use rdkafka::error::RDKafkaErrorCode;

use crate::batches::assignment::Assignment;
use crate::batches::batch_queue::{BatchClient, TakenMessage};
use crate::batches::rebalance::Callbacks;

/// Records that were taken together. Owns them, and frees them when it is dropped; nothing of them is copied.
pub struct Fetched {
    // Before the client, so that they are dropped before it.
    messages: Vec<Admitted>,
    _client: Arc<BatchClient<Callbacks>>,
    records: usize,
    bytes: usize,
    given_up: Vec<(i32, i64)>,
}

/// A message that is handed on, and under which epoch.
struct Admitted {
    message: TakenMessage,
    epoch: u64,
    /// What an `OutOfRange` misses; else not used.
    missed: i64,
}

/// One thing among those that were fetched.
#[derive(Debug)]
pub enum Item<'a> {
    /// A record.
    Record(BatchRecord<'a>),
    /// Everything before `position` has been handed on, or is no record: markers and aborted records of transactions, gaps. Comes
    /// where the partition's end is reached, for each end once.
    End {
        /// The partition's number.
        partition: i32,
        /// Its assignment.
        epoch: u64,
        /// The next offset that will be read.
        position: i64,
    },
    /// The offset to read next is not on the broker: retention has passed it, or the topic is another one. Nothing more comes of this
    /// partition in this epoch.
    OutOfRange {
        /// The partition's number.
        partition: i32,
        /// Its assignment.
        epoch: u64,
        /// The offset that is not there.
        offset: i64,
    },
    /// A passing refusal; the client goes on by itself. For the log and a counter.
    Trouble {
        /// The partition's number.
        partition: i32,
        /// Its assignment.
        epoch: u64,
        /// What the client says.
        reason: String,
    },
}

/// A record, borrowed from its [`Fetched`].
#[derive(Clone, Copy)]
pub struct BatchRecord<'a> {
    /// The partition's number.
    pub partition: i32,
    /// Its assignment.
    pub epoch: u64,
    /// Offset.
    pub offset: i64,
    /// Kafka's time, Unix milliseconds: the broker's, where the topic says `LogAppendTime`. -1 where there is none.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub payload: Option<&'a [u8]>,
    message: &'a TakenMessage,
}

impl<'a> BatchRecord<'a> {
    /// Headers in their order, parsed at this call. A name that is no UTF-8 comes as an empty one.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        self.message.headers().map(|(name, value)| (std::str::from_utf8(name).unwrap_or_default(), value))
    }
}

impl fmt::Debug for BatchRecord<'_> {
    /// Without the bytes: they are customers' data.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("BatchRecord")
            .field("partition", &self.partition)
            .field("epoch", &self.epoch)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl Fetched {
    /// Keeps those of `taken` that `assignment` admits, and moves its positions.
    pub(super) fn admit(
        taken: &mut Vec<TakenMessage>,
        assignment: &mut Assignment,
        client: &Arc<BatchClient<Callbacks>>,
    ) -> Self {
        let mut messages = Vec::with_capacity(taken.len());
        let (mut records, mut bytes, mut given_up) = (0, 0, Vec::new());
        for message in taken.drain(..) {
            let number = message.partition();
            let mut missed = 0;
            let epoch = match message.error() {
                RDKafkaErrorCode::NoError => {
                    let epoch = assignment.record(number, message.offset());
                    if epoch.is_some() {
                        records += 1;
                        bytes += message.payload().map_or(0, <[u8]>::len) + message.key().map_or(0, <[u8]>::len);
                    }
                    epoch
                }
                RDKafkaErrorCode::PartitionEOF => assignment.end(number, message.offset()),
                RDKafkaErrorCode::AutoOffsetReset => assignment.give_up(number).map(|(epoch, offset)| {
                    missed = offset;
                    given_up.push((number, offset));
                    epoch
                }),
                _ => assignment.touch(number),
            };
            messages.extend(epoch.map(|epoch| Admitted { message, epoch, missed }));
        }
        Self { messages, _client: Arc::clone(client), records, bytes, given_up }
    }

    /// Partitions that librdkafka has given up, and the offsets that should have been read.
    pub(super) fn given_up(&self) -> &[(i32, i64)] {
        &self.given_up
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// How many of the items are records.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// All items; those of one partition in the order of their offsets.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.messages.iter().map(Admitted::item)
    }
}

impl Admitted {
    fn item(&self) -> Item<'_> {
        let (message, epoch, partition) = (&self.message, self.epoch, self.message.partition());
        match message.error() {
            RDKafkaErrorCode::NoError => Item::Record(BatchRecord {
                partition,
                epoch,
                offset: message.offset(),
                timestamp_ms: message.timestamp_ms(),
                key: message.key(),
                payload: message.payload(),
                message,
            }),
            RDKafkaErrorCode::PartitionEOF => Item::End { partition, epoch, position: message.offset() },
            RDKafkaErrorCode::AutoOffsetReset => Item::OutOfRange { partition, epoch, offset: self.missed },
            code => {
                let text = message.payload().map(String::from_utf8_lossy).unwrap_or_default();
                Item::Trouble { partition, epoch, reason: format!("{code}: {text}") }
            }
        }
    }
}

impl fmt::Debug for Fetched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fetched")
            .field("records", &self.records)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}
