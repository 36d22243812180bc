//! Stored offsets are held against the topic also at an assignment: it may be made anew while a service runs, and what is stored of the
//! old one would be taken for its records.

use std::collections::BTreeMap;
use std::time::Duration;

use exactly_once::StoreError;
use kafka_io::{KafkaConfig, KafkaError, admin};

/// Rows of this source are stored whose offsets are not on the topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "partition {partition}: offset {stored} of source {source_name} is stored, but the topic ends at {end}. The topic was \
     made anew: set another ingest.source, and the same aggregator.source, so that old and new rows are told apart"
)]
pub struct AheadOfTopic {
    /// Partition.
    pub partition: i32,
    /// Configured source.
    pub source_name: String,
    /// Highest stored offset.
    pub stored: i64,
    /// Where the topic ends.
    pub end: i64,
}

/// Waits before Kafka is asked again: an answer may be that of a broker that is behind.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Gives the highest stored offset of a partition back where it lies on the topic. The end is asked for after it: rows and ends only grow, and
/// of the right topic a row that was there before lies below an end that is there now. It is believed to lie beyond when Kafka says so again
/// and again: a service ends for it.
///
/// # Errors
/// [`StoreError::Stop`] where it does not, and [`StoreError::Unsure`] where Kafka does not answer.
pub async fn on_topic<F>(
    kafka: &KafkaConfig,
    topic: &str,
    source: &str,
    partition: i32,
    stored: Option<i64>,
) -> Result<Option<i64>, StoreError<F>>
where
    F: From<KafkaError> + From<AheadOfTopic>,
{
    let Some(offset) = stored else { return Ok(None) };
    let stored_of = BTreeMap::from([(partition, offset)]);
    let mut again = AGAIN.into_iter();
    loop {
        // Of this partition alone: that another one has no leader holds nothing up.
        let end = admin::stable_end(kafka, topic, partition).await.map_err(|error| StoreError::Unsure(error.into()))?;
        let ends = end.map(|end| (partition, end)).into_iter().collect();
        match (below_ends(&stored_of, &ends, source), again.next()) {
            (Ok(()), _) => return Ok(stored),
            (Err(error), Some(wait)) => {
                tracing::warn!(%error, "asking Kafka again");
                tokio::time::sleep(wait).await;
            }
            (Err(error), None) => return Err(StoreError::Stop(error.into())),
        }
    }
}

/// Holds the highest stored offsets against ends that were asked for after them.
///
/// # Errors
/// Where one is not below its partition's end.
pub fn below_ends(stored: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>, source: &str) -> Result<(), AheadOfTopic> {
    for (&partition, &stored) in stored {
        let end = ends.get(&partition).copied().unwrap_or(0);
        if stored >= end {
            return Err(AheadOfTopic { partition, source_name: source.to_owned(), stored, end });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_that_another_member_stored_meanwhile_is_no_reason_to_stand_still() {
        // The end was 1000 when the rows were asked for.
        let stored = BTreeMap::from([(3, 1_000)]);
        assert!(below_ends(&stored, &[(3, 1_001), (4, 0)].into(), "main").is_ok());
        for end in [1_000, 7] {
            let refused = below_ends(&stored, &[(3, end)].into(), "main").unwrap_err();
            assert!(refused.to_string().contains("offset 1000 of source main is stored"), "{refused}");
        }
        assert!(below_ends(&stored, &BTreeMap::new(), "main").is_err(), "the new topic has fewer partitions");
    }
}
