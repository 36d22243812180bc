//! The id that a cluster gives a topic when it is made (KIP-516): by it one that was made anew is told from the one before.

use std::ffi::CString;
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka_sys as sys;

use super::Queue;

/// Longer than a request may take, milliseconds: the client says by itself that it took too long.
const MARGIN_MS: i32 = 1_000;

/// Names one life of a topic: no other topic of a cluster ever has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TopicId {
    high: i64,
    low: i64,
}

/// Which topics are asked for.
struct Wanted(NonNull<sys::rd_kafka_TopicCollection_t>);

impl Drop for Wanted {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `rd_kafka_TopicCollection_of_topic_names` and is destroyed nowhere else.
        unsafe { sys::rd_kafka_TopicCollection_destroy(self.0.as_ptr()) }
    }
}

/// How it is asked.
struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `rd_kafka_AdminOptions_new` and is destroyed nowhere else.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

/// What was answered.
struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: the event was taken from the queue and is destroyed nowhere else.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// Asks this broker for the id of a topic. `None`: the cluster gives none (before Kafka 2.8).
///
/// # Errors
/// When the topic is not there, or no answer comes within `wait`.
pub(crate) fn topic_id<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    topic: &str,
    broker: i32,
    wait: Duration,
) -> KafkaResult<Option<TopicId>> {
    let failed = KafkaError::AdminOp;
    let name = CString::new(topic).map_err(|_| failed(RDKafkaErrorCode::InvalidTopic))?;
    let wait_ms = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX - MARGIN_MS);
    let native = client.client().native_ptr();
    let mut names = [name.as_ptr()];
    // SAFETY: `names` holds one C string, which outlives the call; it is copied.
    let wanted = unsafe { sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()) };
    let wanted = Wanted(NonNull::new(wanted).ok_or(failed(RDKafkaErrorCode::Fail))?);
    let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
    // SAFETY: the client lives as long as it is borrowed.
    let options = unsafe { sys::rd_kafka_AdminOptions_new(native, operation) };
    let options = Options(NonNull::new(options).ok_or(failed(RDKafkaErrorCode::Fail))?);
    // SAFETY: the options are alive; of an error no text is wanted, and a size of 0 says so.
    let set =
        unsafe { sys::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), wait_ms, ptr::null_mut(), 0) };
    accepted(set)?;
    // SAFETY: as above.
    let set = unsafe { sys::rd_kafka_AdminOptions_set_broker(options.0.as_ptr(), broker, ptr::null_mut(), 0) };
    accepted(set)?;
    // SAFETY: the client lives as long as it is borrowed, and the queue ends with this call.
    let queue = unsafe { sys::rd_kafka_queue_new(native) };
    let queue = Queue(NonNull::new(queue).ok_or(failed(RDKafkaErrorCode::Fail))?);
    // SAFETY: all four are alive; topics and options are copied, and the client counts who has the queue.
    unsafe { sys::rd_kafka_DescribeTopics(native, wanted.0.as_ptr(), options.0.as_ptr(), queue.0.as_ptr()) }
    // SAFETY: the queue is alive.
    let event = unsafe { sys::rd_kafka_queue_poll(queue.0.as_ptr(), wait_ms.saturating_add(MARGIN_MS)) };
    let answer = Answer(NonNull::new(event).ok_or(failed(RDKafkaErrorCode::OperationTimedOut))?);
    // SAFETY: the event is alive.
    accepted(unsafe { sys::rd_kafka_event_error(answer.0.as_ptr()) })?;
    id_of(&answer)
}

/// The id of the one topic that an answer tells of.
fn id_of(answer: &Answer) -> KafkaResult<Option<TopicId>> {
    let unreadable = || KafkaError::AdminOp(RDKafkaErrorCode::BadMessage);
    // SAFETY: the event is alive; of one of another type nothing comes.
    let result = unsafe { sys::rd_kafka_event_DescribeTopics_result(answer.0.as_ptr()) };
    if result.is_null() {
        return Err(unreadable());
    }
    let mut count = 0;
    // SAFETY: the result is the event's, which is alive, and `count` outlives the call.
    let topics = unsafe { sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count) };
    if topics.is_null() || count != 1 {
        return Err(unreadable());
    }
    // SAFETY: there is one, and it lives as long as the event.
    let described = unsafe { *topics };
    // SAFETY: as above; the error is the description's own.
    let error = unsafe { sys::rd_kafka_TopicDescription_error(described) };
    // SAFETY: of no error, a null pointer, the code is that there is none.
    accepted(unsafe { sys::rd_kafka_error_code(error) })?;
    // SAFETY: as above; the id is the description's own.
    let id = NonNull::new(unsafe { sys::rd_kafka_TopicDescription_topic_id(described) }.cast_mut());
    let Some(id) = id else { return Ok(None) };
    // SAFETY: the id lives as long as the event.
    let high = unsafe { sys::rd_kafka_Uuid_most_significant_bits(id.as_ptr()) };
    // SAFETY: as above.
    let low = unsafe { sys::rd_kafka_Uuid_least_significant_bits(id.as_ptr()) };
    Ok(Some(TopicId { high, low }).filter(|id| (id.high, id.low) != (0, 0)))
}

fn accepted(code: sys::rd_kafka_resp_err_t) -> KafkaResult<()> {
    match code {
        sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => Ok(()),
        code => Err(KafkaError::AdminOp(code.into())),
    }
}
