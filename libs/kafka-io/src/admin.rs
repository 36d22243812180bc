//! Questions and settings that concern whole topics and groups. Each has a deadline of its own.

mod back;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::Message;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use schemas::topics::{TIMESTAMP_TYPE, Topic};

pub use back::{BackTo, WayBack, move_back, ways_back};

use crate::config::{KafkaConfig, Logging};
use crate::error::{KafkaError, is_moving};
use crate::record::Record;

/// Deadline of a question.
const ASK_MAX: Duration = Duration::from_secs(10);
/// Partitions that samples are taken of: each costs some tenths of a second and megabytes of what lies there, and a topic may have many.
const SAMPLED_MAX: usize = 4;
/// Deadline of making topics.
const MAKE_MAX: Duration = Duration::from_secs(60);

/// A topic that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Name.
    pub name: &'static str,
    /// Partitions that it has; those of a topic that was there may differ from what was wanted.
    pub partitions: i32,
    /// True where it was made now.
    pub is_new: bool,
}

/// Makes the topics that are not there, with `LogAppendTime` and their own settings. Topics that are there are left as they are.
///
/// # Errors
/// When the broker does not answer, refuses, or an existing `connection-events` has a partition count that is no multiple of 16.
pub async fn ensure_topics(config: &KafkaConfig, topics: &[Topic], replication: i32) -> Result<Vec<Made>, KafkaError> {
    let during = KafkaError::during;
    let client = admin_client(config)?;
    let wanted: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| {
            let made = NewTopic::new(topic.name, topic.partitions, TopicReplication::Fixed(replication))
                .set(TIMESTAMP_TYPE.0, TIMESTAMP_TYPE.1);
            topic.settings.iter().fold(made, |made, (key, value)| made.set(key, value))
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(MAKE_MAX)).request_timeout(Some(MAKE_MAX));
    let results = client.create_topics(&wanted, &options).await.map_err(during("making topics"))?;
    let mut made = Vec::new();
    for (topic, result) in topics.iter().zip(results) {
        let is_new = match result {
            Ok(_) => true,
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => false,
            Err((_, code)) => return Err(KafkaError::new("making topics", format!("{}: {code}", topic.name))),
        };
        let partitions = if is_new { topic.partitions } else { partition_count(config, topic.name).await? };
        if topic.partitions % 16 == 0 && partitions % 16 != 0 {
            let problem = format!("{} has {partitions} partitions, which is no multiple of 16", topic.name);
            return Err(KafkaError::new("checking topics", problem));
        }
        made.push(Made { name: topic.name, partitions, is_new });
    }
    Ok(made)
}

/// Deletes a topic with all its records, and the offsets that groups have committed of it. No service does.
///
/// # Errors
/// When the broker does not answer, or refuses.
pub async fn delete_topic(config: &KafkaConfig, topic: &str) -> Result<(), KafkaError> {
    const ACTION: &str = "deleting a topic";
    let options = AdminOptions::new().operation_timeout(Some(MAKE_MAX)).request_timeout(Some(MAKE_MAX));
    let results = admin_client(config)?.delete_topics(&[topic], &options).await.map_err(KafkaError::during(ACTION))?;
    match results.into_iter().next() {
        Some(Err((name, code))) => Err(KafkaError::new(ACTION, format!("{name}: {code}"))),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn admin_client(config: &KafkaConfig) -> Result<AdminClient<Logging>, KafkaError> {
    config.client(&[]).create_with_context(Logging).map_err(KafkaError::during("making an admin client"))
}

/// How many partitions a topic has.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn partition_count(config: &KafkaConfig, topic: &str) -> Result<i32, KafkaError> {
    let topic = topic.to_owned();
    asked(config, &[], "looking up a topic", move |client| count(client, &topic)).await
}

/// The largest batch, in bytes as it is sent, that each of these topics takes.
///
/// # Errors
/// When a topic is not there or the broker does not answer.
pub async fn batch_bytes_max(config: &KafkaConfig, topics: &[&str]) -> Result<usize, KafkaError> {
    let action = "asking for the settings of topics";
    let client = admin_client(config)?;
    let wanted: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().operation_timeout(Some(ASK_MAX)).request_timeout(Some(ASK_MAX));
    let found = client.describe_configs(&wanted, &options).await.map_err(KafkaError::during(action))?;
    let mut least = usize::MAX;
    for topic in found {
        let topic = topic.map_err(|code| KafkaError::during(action)(rdkafka::error::KafkaError::AdminOp(code)))?;
        let value = topic.get("max.message.bytes").and_then(|entry| entry.value.as_deref()?.parse().ok());
        least = least.min(value.ok_or_else(|| KafkaError::new(action, "max.message.bytes is not among them"))?);
    }
    Ok(least)
}

/// For each partition the last stable offset: the next one that a `read_committed` consumer would read up to now.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn stable_ends(config: &KafkaConfig, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    watermarks(config, topic, "read_committed")
        .await
        .map(|all| all.into_iter().map(|(number, (_, end))| (number, end)).collect())
}

/// The first offset of one partition that is still there, and its last stable one; `None` where the topic does not have it.
///
/// # Errors
/// When the topic is not there, or who leads the partition does not answer.
pub async fn stable_bounds(
    config: &KafkaConfig,
    topic: &str,
    partition: i32,
) -> Result<Option<(i64, i64)>, KafkaError> {
    let topic = topic.to_owned();
    asked(config, &[("isolation.level", "read_committed")], "asking for offsets", move |client| {
        if partition >= count(client, &topic)? {
            return Ok(None);
        }
        patiently(|| client.fetch_watermarks(&topic, partition, ASK_MAX)).map(Some)
    })
    .await
}

/// For each partition the next offset that will be written: behind the last stable offset where a transaction is open.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn ends(config: &KafkaConfig, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let all = watermarks(config, topic, "read_uncommitted").await?;
    Ok(all.into_iter().map(|(number, (_, end))| (number, end)).collect())
}

/// For each partition the first offset that is still there.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn beginnings(config: &KafkaConfig, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    watermarks(config, topic, "read_committed")
        .await
        .map(|all| all.into_iter().map(|(number, (first, _))| (number, first)).collect())
}

async fn watermarks(
    config: &KafkaConfig,
    topic: &str,
    isolation: &str,
) -> Result<BTreeMap<i32, (i64, i64)>, KafkaError> {
    let topic = topic.to_owned();
    asked(config, &[("isolation.level", isolation)], "asking for offsets", move |client| {
        let numbers = 0..count(client, &topic)?;
        numbers.map(|n| Ok((n, patiently(|| client.fetch_watermarks(&topic, n, ASK_MAX))?))).collect()
    })
    .await
}

/// For each partition the offset before which a group is done with everything, or it is gone from the topic.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn done_until(config: &KafkaConfig, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>, KafkaError> {
    let mut done = beginnings(config, topic).await?;
    for (partition, position) in committed(config, group, topic).await? {
        let known = done.entry(partition).or_default();
        *known = position.unwrap_or(0).max(*known);
    }
    Ok(done)
}

/// For each partition the offset that a group has committed; `None` where it has committed none.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn committed(
    config: &KafkaConfig,
    group: &str,
    topic: &str,
) -> Result<BTreeMap<i32, Option<i64>>, KafkaError> {
    let topic = topic.to_owned();
    asked(config, &[("group.id", group)], "asking for committed offsets", move |client| {
        let mut list = TopicPartitionList::new();
        for number in 0..count(client, &topic)? {
            list.add_partition(&topic, number);
        }
        let answer = patiently(|| client.committed_offsets(list.clone(), ASK_MAX))?;
        let offset = |offset| if let Offset::Offset(offset) = offset { Some(offset) } else { None };
        Ok(answer.elements().iter().map(|it| (it.partition(), offset(it.offset()))).collect())
    })
    .await
}

/// The first and the last value that lie in some partitions, at most [`SAMPLED_MAX`]; fewer where a partition ends in what is no record.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn sample_values(config: &KafkaConfig, topic: &str) -> Result<Vec<Bytes>, KafkaError> {
    let topic = topic.to_owned();
    let fixed = [
        ("isolation.level", "read_committed"),
        ("enable.partition.eof", "true"),
        ("group.id", "sample"),
        // A partition's end is told at once, and not when a fetch has waited there for more.
        ("fetch.wait.max.ms", "10"),
    ];
    asked(config, &fixed, "reading samples", move |client| {
        let (mut samples, mut sampled) = (Vec::new(), 0);
        for number in 0..count(client, &topic)? {
            let (beginning, end) = patiently(|| client.fetch_watermarks(&topic, number, ASK_MAX))?;
            if sampled == SAMPLED_MAX {
                break;
            }
            sampled += usize::from(beginning < end);
            for offset in [beginning, end - 1].into_iter().filter(|offset| *offset >= beginning && beginning < end) {
                let mut list = TopicPartitionList::new();
                list.add_partition_offset(&topic, number, Offset::Offset(offset))?;
                client.assign(&list)?;
                if let Some(Ok(message)) = client.poll(ASK_MAX) {
                    samples.extend(message.payload().map(Bytes::copy_from_slice));
                }
            }
        }
        Ok(samples)
    })
    .await
}

/// The record at an offset. `None`: there is none any more.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn record_at(
    config: &KafkaConfig,
    topic: &str,
    partition: i32,
    offset: i64,
) -> Result<Option<Record>, KafkaError> {
    first_record_at(config, topic, partition, &[offset]).await
}

/// The record at the first of these offsets at which there is one. `None`: there is none any more at any of them.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn first_record_at(
    config: &KafkaConfig,
    topic: &str,
    partition: i32,
    offsets: &[i64],
) -> Result<Option<Record>, KafkaError> {
    let (topic, offsets): (Arc<str>, Vec<i64>) = (Arc::from(topic), offsets.to_vec());
    let fixed = [
        ("isolation.level", "read_committed"),
        ("enable.partition.eof", "true"),
        ("group.id", "record-at"),
        // One record is wanted, not what lies behind it.
        ("queued.max.messages.kbytes", "1024"),
        ("fetch.wait.max.ms", "10"),
    ];
    asked(config, &fixed, "reading one record", move |client| {
        for offset in offsets {
            let mut list = TopicPartitionList::new();
            list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
            client.assign(&list)?;
            match polled(client) {
                None => {
                    let code = RDKafkaErrorCode::OperationTimedOut;
                    return Err(rdkafka::error::KafkaError::MessageConsumption(code));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => {}
                Some(Err(error)) => return Err(error),
                // What was compacted away, and what is no record, is followed by one.
                Some(Ok(message)) if message.offset() == offset => return Ok(Some(Record::copied(&message, &topic))),
                Some(Ok(_)) => {}
            }
        }
        Ok(None)
    })
    .await
}

/// The next message or error. A poll gives nothing, too, where something came that is neither: of what was assigned before, for one.
fn polled<'a>(
    client: &'a BaseConsumer<Logging>,
) -> Option<Result<rdkafka::message::BorrowedMessage<'a>, rdkafka::error::KafkaError>> {
    let begin = Instant::now();
    loop {
        let left = ASK_MAX.checked_sub(begin.elapsed())?;
        if let Some(polled) = client.poll(left) {
            return Some(polled);
        }
    }
}

fn count(client: &BaseConsumer<Logging>, topic: &str) -> Result<i32, rdkafka::error::KafkaError> {
    let metadata = client.fetch_metadata(Some(topic), ASK_MAX)?;
    let found = metadata.topics().iter().find(|it| it.name() == topic);
    let unknown = RDKafkaErrorCode::UnknownTopicOrPartition;
    let code = found.map_or(Some(unknown), |it| it.error().map(RDKafkaErrorCode::from));
    match (code, found.map_or(0, |it| it.partitions().len())) {
        (None, partitions @ 1..) => Ok(i32::try_from(partitions).unwrap_or(i32::MAX)),
        (code, _) => Err(rdkafka::error::KafkaError::MetadataFetch(code.unwrap_or(unknown))),
    }
}

/// Asks again while a group's coordinator or a partition's leader starts or moves.
fn patiently<T>(
    mut question: impl FnMut() -> Result<T, rdkafka::error::KafkaError>,
) -> Result<T, rdkafka::error::KafkaError> {
    let begin = Instant::now();
    loop {
        match question() {
            Err(error) if error.rdkafka_error_code().is_some_and(is_moving) && begin.elapsed() < ASK_MAX => {
                std::thread::sleep(Duration::from_millis(100));
            }
            answer => return answer,
        }
    }
}

/// Asks in a thread that may block.
async fn asked<T: Send + 'static>(
    config: &KafkaConfig,
    fixed: &[(&str, &str)],
    action: &'static str,
    question: impl FnOnce(&BaseConsumer<Logging>) -> Result<T, rdkafka::error::KafkaError> + Send + 'static,
) -> Result<T, KafkaError> {
    let client: BaseConsumer<Logging> =
        config.client(fixed).create_with_context(Logging).map_err(KafkaError::during("making a client"))?;
    let asking = tokio::task::spawn_blocking(move || question(&client));
    asking.await.map_err(|error| KafkaError::new(action, error))?.map_err(KafkaError::during(action))
}
