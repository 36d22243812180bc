//! The way back: records that are handed to a producer many at a time, without a name to look up and a lock to take for each.

use std::ffi::CString;
use std::ptr::{self, NonNull};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka_sys as sys;

/// `RD_KAFKA_PARTITION_UA`, a macro: the client is to decide.
const PARTITION_BY_KEY: i32 = -1;

/// A topic as a producer's client knows it. The client decides the partition by the key, as its settings say.
pub(crate) struct OpenTopic<C: ProducerContext + 'static> {
    /// From `rd_kafka_topic_new`, destroyed once, by `Drop`, and before the client, which is a field of the same value.
    handle: NonNull<sys::rd_kafka_topic_t>,
    client: ThreadedProducer<C>,
}

// SAFETY: librdkafka counts and locks topics inside; every function that is called on one here may be called from any thread.
unsafe impl<C: ProducerContext + 'static> Send for OpenTopic<C> {}
// SAFETY: as above; calls on one topic may overlap.
unsafe impl<C: ProducerContext + 'static> Sync for OpenTopic<C> {}

/// A record that is handed over, and what the client's context is told when its fate is known.
#[derive(Clone, Copy)]
pub(crate) struct HandedRecord<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) opaque: usize,
}

impl<C: ProducerContext<DeliveryOpaque = usize> + 'static> OpenTopic<C> {
    /// Opens a topic; does not ask the broker.
    ///
    /// # Errors
    /// When the name holds a NUL, or the client refuses it.
    pub(crate) fn new(client: ThreadedProducer<C>, name: &str) -> Result<Self, &'static str> {
        let name = CString::new(name).map_err(|_| "a topic's name holds a NUL")?;
        // SAFETY: the client is alive; the name outlives the call; without settings of its own a topic has those of its client.
        let handle = unsafe { sys::rd_kafka_topic_new(client.client().native_ptr(), name.as_ptr(), ptr::null_mut()) };
        Ok(Self { handle: NonNull::new(handle).ok_or("the topic cannot be opened")?, client })
    }

    pub(crate) fn client(&self) -> &ThreadedProducer<C> {
        &self.client
    }

    /// Puts copies of records into the send queue, in this order. `on_refused` is told which were not taken, and why; of these no
    /// one else hears. After one that found the queue full none is taken.
    pub(crate) fn produce<'a>(
        &self,
        records: impl Iterator<Item = HandedRecord<'a>>,
        mut on_refused: impl FnMut(usize, RDKafkaErrorCode),
    ) {
        let mut messages: Vec<sys::rd_kafka_message_t> = records.map(|record| message_of(&record)).collect();
        let count = i32::try_from(messages.len()).unwrap_or(i32::MAX);
        // SAFETY: the topic is alive; `messages` holds `count` messages or more, whose keys and payloads are borrowed for `'a` and are
        // copied before the call returns; each opaque is a number, which is what the context of this client takes.
        unsafe {
            sys::rd_kafka_produce_batch(
                self.handle.as_ptr(),
                PARTITION_BY_KEY,
                sys::RD_KAFKA_MSG_F_COPY,
                messages.as_mut_ptr(),
                count,
            )
        };
        for (index, message) in messages.iter().enumerate() {
            if message.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                on_refused(index, message.err.into());
            }
        }
    }
}

fn message_of(record: &HandedRecord<'_>) -> sys::rd_kafka_message_t {
    sys::rd_kafka_message_t {
        err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
        rkt: ptr::null_mut(),
        partition: PARTITION_BY_KEY,
        payload: record.payload.as_ptr().cast_mut().cast(),
        len: record.payload.len(),
        key: record.key.as_ptr().cast_mut().cast(),
        key_len: record.key.len(),
        offset: 0,
        _private: ptr::without_provenance_mut(record.opaque),
    }
}

impl<C: ProducerContext + 'static> Drop for OpenTopic<C> {
    fn drop(&mut self) {
        // SAFETY: the handle came from `rd_kafka_topic_new` and is destroyed nowhere else; the client is still alive.
        unsafe { sys::rd_kafka_topic_destroy(self.handle.as_ptr()) }
    }
}
