//! A record as it lay on Kafka.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Headers};
use schemas::times::Moment;

use crate::batches::BatchRecord;

/// One partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition {
    /// Topic.
    pub topic: Arc<str>,
    /// Number, from 0.
    pub number: i32,
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]", self.topic, self.number)
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it lay.
    pub partition: Partition,
    /// Which assignment of the partition it was read under; 0 outside groups.
    pub epoch: u64,
    /// Offset.
    pub offset: i64,
    /// Kafka's time: the broker's, where the topic says `LogAppendTime`.
    pub timestamp: Moment,
    /// Key.
    pub key: Option<Bytes>,
    /// Value.
    pub payload: Option<Bytes>,
    /// Headers in their order; one without a value is empty.
    pub headers: Vec<(String, Bytes)>,
}

impl Record {
    /// A copy of a message that belongs to no group.
    pub(crate) fn copied(message: &BorrowedMessage<'_>, topic: &Arc<str>) -> Self {
        let headers = message.headers().map(|headers| {
            let one = |header: rdkafka::message::Header<'_, &[u8]>| {
                (header.key.to_owned(), header.value.map(Bytes::copy_from_slice).unwrap_or_default())
            };
            headers.iter().map(one).collect()
        });
        Self {
            partition: Partition { topic: Arc::clone(topic), number: message.partition() },
            epoch: 0,
            offset: message.offset(),
            timestamp: Moment::from_millis(message.timestamp().to_millis().unwrap_or(0)),
            key: message.key().map(Bytes::copy_from_slice),
            payload: message.payload().map(Bytes::copy_from_slice),
            headers: headers.unwrap_or_default(),
        }
    }

    /// A copy of one that lies in the client's memory.
    pub(crate) fn taken(record: &BatchRecord<'_>, topic: &Arc<str>, epoch: u64) -> Self {
        let header = |(name, value): (&str, Option<&[u8]>)| {
            (name.to_owned(), value.map(Bytes::copy_from_slice).unwrap_or_default())
        };
        Self {
            partition: Partition { topic: Arc::clone(topic), number: record.partition },
            epoch,
            offset: record.offset,
            timestamp: Moment::from_millis(record.timestamp_ms.max(0)),
            key: record.key.map(Bytes::copy_from_slice),
            payload: record.payload.map(Bytes::copy_from_slice),
            headers: record.headers().map(header).collect(),
        }
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// What it takes in memory, bytes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let length = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        length(&self.key) + length(&self.payload) + headers + 128
    }
}
