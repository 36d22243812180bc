//! The only module of this crate that calls librdkafka without the safe interface of `rdkafka`: a queue of our own to which the
//! fetch queues of partitions are forwarded, and messages that are taken from it many at a time, without copying; in [`open_topic`]
//! records that are handed over many at a time; and in [`topic_id`] which topic has a name.
//!
//! Order of life: messages, then the queue, then the client. It is kept by construction: messages own an `Arc` of the client, and the
//! client destroys the queue before itself.

#![expect(
    unsafe_code,
    reason = "batch consume, batch produce and ids of topics exist only in librdkafka's C interface"
)]

pub(crate) mod open_topic;
pub(crate) mod topic_id;

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka_sys as sys;

/// A queue of librdkafka's. Callbacks of the client share it; it is empty before the client is there and after it has ended.
#[derive(Default)]
pub(crate) struct QueueCell(RwLock<Option<Queue>>);

/// Created by `rd_kafka_queue_new`, destroyed once, by `Drop`.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: librdkafka's queues are locked inside; every function that this module calls on one may be called from any thread.
unsafe impl Send for Queue {}
// SAFETY: as above; calls on one queue may overlap.
unsafe impl Sync for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `rd_kafka_queue_new` or `rd_kafka_queue_get_partition` and is destroyed nowhere else.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

impl QueueCell {
    fn queue(&self) -> RwLockReadGuard<'_, Option<Queue>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leads what is fetched of one partition to this queue. Ends with the partition's assignment: librdkafka takes the forwarding
    /// back when a fetch is stopped, and does not lead the partition to the client's own queue from then on (`Q_F_FWD_APP`), so
    /// this is called before every assign.
    ///
    /// # Errors
    /// When the name holds a NUL or the client has ended.
    pub(crate) fn forward<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        topic: &str,
        number: i32,
    ) -> Result<(), &'static str> {
        let topic = CString::new(topic).map_err(|_| "a topic's name holds a NUL")?;
        let queue = self.queue();
        let Some(queue) = queue.as_ref() else { return Err("the client has ended") };
        let client = consumer.client().native_ptr();
        // SAFETY: the client lives as long as `consumer` is borrowed; the name is a C string that outlives the call.
        let partition = unsafe { sys::rd_kafka_queue_get_partition(client, topic.as_ptr(), number) };
        let partition = Queue(NonNull::new(partition).ok_or("the partition has no queue")?);
        // SAFETY: both queues are alive: one is owned here, the other is kept by the read lock.
        unsafe { sys::rd_kafka_queue_forward(partition.0.as_ptr(), queue.0.as_ptr()) }
        Ok(())
    }

    /// Ends a `take` that waits, or the next one that would.
    pub(crate) fn interrupt(&self) {
        if let Some(queue) = self.queue().as_ref() {
            // SAFETY: the queue is alive while the read lock is held.
            unsafe { sys::rd_kafka_queue_yield(queue.0.as_ptr()) }
        }
    }
}

/// A client with its queue.
pub(crate) struct BatchClient<C: ConsumerContext + 'static> {
    // The order of the fields is not relied on: see `Drop`.
    consumer: BaseConsumer<C>,
    queue: Arc<QueueCell>,
}

impl<C: ConsumerContext + 'static> BatchClient<C> {
    /// Makes the client, and the queue into `queue`.
    ///
    /// # Errors
    /// When a setting is refused.
    pub(crate) fn new(config: &ClientConfig, context: C, queue: Arc<QueueCell>) -> KafkaResult<Self> {
        let consumer = BaseConsumer::from_config_and_context(config, context)?;
        // SAFETY: the client has just been made and is alive.
        let made = unsafe { sys::rd_kafka_queue_new(consumer.client().native_ptr()) };
        *queue.0.write().unwrap_or_else(PoisonError::into_inner) = NonNull::new(made).map(Queue);
        Ok(Self { consumer, queue })
    }

    pub(crate) fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Adds up to `max` messages to `messages`; waits until there are `max`, at most `wait`. Never serves callbacks of the client.
    pub(crate) fn take(&self, messages: &mut Vec<TakenMessage>, max: usize, wait: Duration) {
        let queue = self.queue.queue();
        let Some(queue) = queue.as_ref() else { return };
        let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        messages.reserve(max);
        let room = messages.spare_capacity_mut().as_mut_ptr().cast::<*mut sys::rd_kafka_message_t>();
        // SAFETY: `TakenMessage` is a pointer that is not null, so the spare capacity, at least `max`, is room for `max` pointers;
        // the queue is alive while the read lock is held.
        let taken = unsafe { sys::rd_kafka_consume_batch_queue(queue.0.as_ptr(), wait_ms, room, max) };
        let taken = usize::try_from(taken).unwrap_or(0).min(max);
        // SAFETY: librdkafka has written `taken` valid pointers, each of them ours to destroy.
        unsafe { messages.set_len(messages.len() + taken) }
    }
}

impl<C: ConsumerContext + 'static> Drop for BatchClient<C> {
    fn drop(&mut self) {
        // Before the client: afterwards the queue would be a dangling pointer for whoever still shares the cell.
        self.queue.0.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A message taken from the queue, which is ours to destroy. Its client has to outlive it: whoever keeps it keeps an `Arc` of that.
#[repr(transparent)]
pub(crate) struct TakenMessage(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message belongs to nobody else once it is taken; librdkafka lets any thread read and destroy it.
unsafe impl Send for TakenMessage {}

impl Drop for TakenMessage {
    fn drop(&mut self) {
        // SAFETY: the message was taken from the queue and is destroyed nowhere else.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

impl TakenMessage {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the pointer is valid until `Drop`, and nothing writes to the fields that are read here.
        unsafe { self.0.as_ref() }
    }

    pub(crate) fn error(&self) -> RDKafkaErrorCode {
        self.raw().err.into()
    }

    pub(crate) fn partition(&self) -> i32 {
        self.raw().partition
    }

    /// Offset; of the end of a partition the next one that will be read; negative where an error has none.
    pub(crate) fn offset(&self) -> i64 {
        self.raw().offset
    }

    pub(crate) fn key(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: librdkafka's pair of pointer and length, valid until the message is destroyed.
        unsafe { slice(raw.key, raw.key_len) }
    }

    /// Value; of an error its text.
    pub(crate) fn payload(&self) -> Option<&[u8]> {
        let raw = self.raw();
        // SAFETY: librdkafka's pair of pointer and length, valid until the message is destroyed.
        unsafe { slice(raw.payload, raw.len) }
    }

    /// Unix milliseconds; -1 where the record has none.
    pub(crate) fn timestamp_ms(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive, and `kind` outlives the call.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) }
    }

    /// Headers in their order. librdkafka parses them into the message at the first call: that is why a message is not `Sync`.
    pub(crate) fn headers(&self) -> TakenHeaders<'_> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; what is written to `headers` belongs to it.
        let answer = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers) };
        let found = answer == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR;
        TakenHeaders { headers: NonNull::new(headers).filter(|_| found), index: 0, message: PhantomData }
    }
}

/// Headers of a message that is borrowed.
pub(crate) struct TakenHeaders<'a> {
    headers: Option<NonNull<sys::rd_kafka_headers_t>>,
    index: usize,
    message: PhantomData<&'a TakenMessage>,
}

impl<'a> Iterator for TakenHeaders<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let headers = self.headers?;
        let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
        // SAFETY: the headers live as long as their message, which is borrowed; the three places outlive the call.
        let answer = unsafe {
            sys::rd_kafka_header_get_all(headers.as_ptr(), self.index, &raw mut name, &raw mut value, &raw mut size)
        };
        if answer != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        self.index += 1;
        // SAFETY: librdkafka ends names with a NUL, and they live as long as the message.
        let name = unsafe { CStr::from_ptr(name) };
        // SAFETY: librdkafka's pair of pointer and length, valid until the message is destroyed.
        let value = unsafe { slice(value.cast_mut(), size) };
        Some((name.to_bytes(), value))
    }
}

/// `None` for a null pointer, which is how librdkafka says null.
///
/// # Safety
/// `start` is null or points to `length` bytes that live and are not written to for `'a`.
unsafe fn slice<'a>(start: *mut std::ffi::c_void, length: usize) -> Option<&'a [u8]> {
    let start = NonNull::new(start.cast::<u8>())?;
    // SAFETY: promised by the caller.
    Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), length) })
}
