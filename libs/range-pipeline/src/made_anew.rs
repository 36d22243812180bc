//! The topic is another one than that of which rows are stored.

use std::collections::BTreeMap;

/// The offsets too: those of the old topic may have been committed after Kafka had deleted it with all that was.
const WHAT_TO_DO: &str = "set another ingest.source, and the same aggregator.source, so that old and new rows are told apart, and move the \
                          offsets of both groups to its beginning (flowledger offsets back --to-beginning)";

/// What is stored of a source is not of this topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MadeAnew {
    /// Offsets are stored that are not on the topic.
    #[error(
        "partition {partition}: offset {stored} of source {source_name} is stored, but the topic ends at {end}. The topic was \
         made anew: {WHAT_TO_DO}"
    )]
    Ahead {
        /// Partition.
        partition: i32,
        /// Configured source.
        source_name: String,
        /// Highest stored offset.
        stored: i64,
        /// Where the topic ends.
        end: i64,
    },
    /// An offset is stored, and another event lies there.
    #[error(
        "partition {partition}: offset {stored} of source {source_name} is stored, but on the topic it is another record. The topic \
         was made anew: {WHAT_TO_DO}"
    )]
    Other {
        /// Partition.
        partition: i32,
        /// Configured source.
        source_name: String,
        /// A stored offset.
        stored: i64,
    },
    /// It was, while it was read, and nothing of the new one is stored yet.
    #[error("topic {topic} has another id than when it was assigned. The topic was made anew: {WHAT_TO_DO}")]
    UnderUs {
        /// Its name, which both have.
        topic: String,
    },
}

/// Holds the highest stored offsets against ends that were asked for after them.
///
/// # Errors
/// Where one is not below its partition's end.
pub fn below_ends(stored: &BTreeMap<i32, i64>, ends: &BTreeMap<i32, i64>, source: &str) -> Result<(), MadeAnew> {
    for (&partition, &stored) in stored {
        let end = ends.get(&partition).copied().unwrap_or(0);
        if stored >= end {
            return Err(MadeAnew::Ahead { partition, source_name: source.to_owned(), stored, end });
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
