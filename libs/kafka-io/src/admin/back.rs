//! A group's offsets are moved back, and never on: what lies between would be read by nobody.

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use super::{ASK_MAX, asked, beginnings, committed, count, patiently};
use crate::config::KafkaConfig;
use crate::error::KafkaError;

/// Where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackTo {
    /// The first record that is there.
    Beginning,
    /// The first record of that Kafka time or later, Unix milliseconds.
    TimeMs(i64),
}

/// One partition of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayBack {
    /// Number, from 0.
    pub partition: i32,
    /// What is committed; `None`: nothing, and whoever reads next begins at the beginning.
    pub committed: Option<i64>,
    /// What is to be committed; `None`: it stays as it is.
    pub to: Option<i64>,
}

/// Where each partition of a group would go. Those that are before, or there, stay; one that is at the beginning and is sent there loses what was noted of
/// it.
///
/// # Errors
/// When the topic is not there or the broker does not answer.
pub async fn ways_back(config: &KafkaConfig, group: &str, topic: &str, to: BackTo) -> Result<Vec<WayBack>, KafkaError> {
    let first = match to {
        BackTo::Beginning => beginnings(config, topic).await?,
        BackTo::TimeMs(time_ms) => first_since(config, topic, time_ms).await?.into_iter().collect(),
    };
    let committed = committed(config, group, topic).await?;
    let ways = committed.into_iter().map(|(partition, committed)| {
        let is_back = |first: i64| {
            committed.is_some_and(|committed| first < committed || to == BackTo::Beginning && first == committed)
        };
        let to = first.get(&partition).copied().filter(|first| is_back(*first));
        WayBack { partition, committed, to }
    });
    Ok(ways.collect())
}

/// Where the first record of that time or later lies, in each partition that has one.
async fn first_since(config: &KafkaConfig, topic: &str, time_ms: i64) -> Result<Vec<(i32, i64)>, KafkaError> {
    let topic = topic.to_owned();
    asked(config, &[], "asking for offsets of a time", move |client| {
        let mut times = TopicPartitionList::new();
        for number in 0..count(client, &topic)? {
            times.add_partition_offset(&topic, number, Offset::Offset(time_ms.max(0)))?;
        }
        let found = patiently(|| client.offsets_for_times(times.clone(), ASK_MAX))?;
        let mut first = Vec::new();
        for element in found.elements() {
            element.error()?;
            if let Offset::Offset(offset) = element.offset() {
                first.push((element.partition(), offset));
            }
        }
        Ok(first)
    })
    .await
}

/// Commits what [`ways_back`] has found, without a note. False where the group has members: Kafka takes it from nobody else then, and nothing, or
/// nothing more, is moved.
///
/// # Errors
/// When the broker refuses or does not answer.
pub async fn move_back(config: &KafkaConfig, group: &str, topic: &str, ways: &[WayBack]) -> Result<bool, KafkaError> {
    let topic = topic.to_owned();
    let moves: Vec<(i32, i64)> = ways.iter().filter_map(|way| Some((way.partition, way.to?))).collect();
    asked(config, &[("group.id", group)], "moving offsets back", move |client| {
        for (partition, offset) in moves {
            // One at a time: of several in one request some could be committed, and the others refused.
            let mut list = TopicPartitionList::with_capacity(1);
            list.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
            match patiently(|| client.commit(&list, CommitMode::Sync)) {
                Ok(()) => {}
                Err(error) if has_members(&error) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    })
    .await
}

/// What a coordinator says to who is no member while there are some.
fn has_members(error: &ClientError) -> bool {
    use RDKafkaErrorCode::{IllegalGeneration, RebalanceInProgress, StaleMemberEpoch, UnknownMemberId};
    matches!(
        error.rdkafka_error_code(),
        Some(UnknownMemberId | IllegalGeneration | RebalanceInProgress | StaleMemberEpoch)
    )
}
