//! What is stored of a partition, held against its topic at each assignment. The topic may have been made anew, also while a service runs:
//! what is stored of the old one would be taken for its records. Or rows are not there any more that were stored before the committed
//! offset.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use clickhouse_io::stored::{self, Stretch};
use clickhouse_io::{ClickHouse, QueryError};
use exactly_once::StoreError;
use kafka_io::{KafkaConfig, KafkaError, admin};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::clickhouse_store::next_step;
use crate::made_anew::{MadeAnew, below_ends};
use crate::metrics::RangeMetrics;

/// Waits before Kafka is asked again: an answer may be that of a broker that is behind.
const AGAIN: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];
/// So many offsets before the committed one are looked at.
const LOOKED_BACK: i64 = 10_000;
/// So many of them may have no row: dead letters, markers of transactions, what was compacted away.
const WITHOUT_ROWS_MAX: i64 = 1_000;
/// Rows of which some are held against their records.
const COMPARED_OF: u32 = 64;
/// So long a record that cannot be read is asked for. After that it is not compared: the same broker will give what is to be stored.
const READ_MAX: Duration = Duration::from_secs(60);
const READ_PAUSE: Duration = Duration::from_secs(1);
/// Partitions that are checked at once: each takes a client of its own.
const AT_ONCE: usize = 4;

/// Holds partitions of one source against their topic; one for all of a process, and cheap to clone.
#[derive(Clone)]
pub struct TopicCheck {
    clickhouse: ClickHouse,
    kafka: KafkaConfig,
    topic: &'static str,
    source: Arc<str>,
    metrics: RangeMetrics,
    turns: Arc<Semaphore>,
}

impl TopicCheck {
    /// For rows of `source`, as configured, that ingest has made of this topic.
    #[must_use]
    pub fn new(
        clickhouse: &ClickHouse,
        kafka: &KafkaConfig,
        topic: &'static str,
        source: &str,
        metrics: &RangeMetrics,
    ) -> Self {
        Self {
            clickhouse: clickhouse.clone(),
            kafka: kafka.clone(),
            topic,
            source: source.into(),
            metrics: metrics.clone(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// From where [`Self::check`] wants to know the highest stored offset.
    #[must_use]
    pub fn looks_from(committed: i64) -> i64 {
        committed.saturating_sub(LOOKED_BACK).max(0)
    }

    /// Gives the highest stored offset of a partition back where it is not below the committed one. `highest` is that which is not below
    /// [`Self::looks_from`].
    ///
    /// # Errors
    /// [`StoreError::Stop`] where it is another topic's: its offset lies beyond the end, or another event lies there.
    /// [`StoreError::Unsure`] where Kafka or ClickHouse does not answer.
    pub async fn check<F>(
        &self,
        partition: i32,
        committed: i64,
        highest: Option<i64>,
    ) -> Result<Option<i64>, StoreError<F>>
    where
        F: From<KafkaError> + From<QueryError> + From<MadeAnew>,
    {
        let Some(highest) = highest else { return Ok(None) };
        let is_ahead = highest >= committed;
        if is_ahead {
            self.hold_against_end(partition, highest).await?;
        }
        self.hold_against_records(partition, highest).await?;
        Ok(Some(highest).filter(|_| is_ahead))
    }

    /// The end is asked for after the rows: both only grow, and of the right topic a row that was there before lies below an end that is there
    /// now. It is believed to lie beyond when Kafka says so again and again: a service ends for it.
    async fn hold_against_end<F>(&self, partition: i32, highest: i64) -> Result<(), StoreError<F>>
    where
        F: From<KafkaError> + From<MadeAnew>,
    {
        let mut again = AGAIN.into_iter();
        loop {
            let ends = self.bounds(partition).await?.map(|bounds| (partition, bounds.1));
            match (below_ends(&[(partition, highest)].into(), &ends.into_iter().collect(), &self.source), again.next())
            {
                (Ok(()), _) => return Ok(()),
                (Err(error), Some(wait)) => {
                    tracing::warn!(%error, "asking Kafka again");
                    sleep(wait).await;
                }
                (Err(error), None) => return Err(StoreError::Stop(error.into())),
            }
        }
    }

    /// Of this partition alone: that another one has no leader holds nothing up.
    async fn bounds<F: From<KafkaError>>(&self, partition: i32) -> Result<Option<(i64, i64)>, StoreError<F>> {
        // Never closed. For the question alone, and not while it is waited: another partition may have its leader.
        let _turn = self.turns.acquire().await.ok();
        let bounds = admin::stable_bounds(&self.kafka, self.topic, partition).await;
        bounds.map_err(|error| StoreError::Unsure(error.into()))
    }

    /// A topic that was made anew may be longer than the old one was: then its records say so. One row whose record can be read is enough.
    /// None can be where Kafka has deleted them all, and then no record lies where one is stored.
    async fn hold_against_records<F>(&self, partition: i32, highest: i64) -> Result<(), StoreError<F>>
    where
        F: From<QueryError> + From<MadeAnew>,
    {
        let offsets: RangeInclusive<i64> = Self::looks_from(highest)..=highest;
        let stretch = Stretch { source: &self.source, partition, offsets };
        let rows = stored::newest(&self.clickhouse, &stretch, COMPARED_OF).await.map_err(next_step)?;
        let rows = spread(&rows);
        let offsets: Vec<i64> = rows.iter().map(|row| row.offset).collect();
        if offsets.is_empty() {
            return Ok(());
        }
        let mut begin = None;
        let record = loop {
            let turn = self.turns.acquire().await.ok();
            let begin = *begin.get_or_insert_with(Instant::now);
            let read = admin::first_record_at(&self.kafka, self.topic, partition, &offsets).await;
            drop(turn);
            match read {
                Ok(record) => break record,
                Err(error) if begin.elapsed() < READ_MAX => {
                    tracing::warn!(partition, %error, "a stored record is asked for again");
                    sleep(READ_PAUSE).await;
                }
                Err(error) => {
                    tracing::error!(partition, %error, "stored rows are not held against their records: none can be read");
                    return Ok(());
                }
            }
        };
        let Some(record) = record else {
            tracing::info!(partition, highest, "no record of the newest rows is on Kafka any more");
            return Ok(());
        };
        let payload = record.payload.as_deref().unwrap_or_default();
        match rows.iter().find(|row| row.offset == record.offset) {
            Some(row) if !holds_id(payload, &row.id_tail) => {
                let (source_name, stored) = (self.source.to_string(), row.offset);
                Err(StoreError::Stop(MadeAnew::Other { partition, source_name, stored }.into()))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// How many offsets right before the committed one have no row. It is said and nothing more: dead letters explain it as well. Of the raw rows, which
    /// nobody takes away.
    ///
    /// # Errors
    /// [`StoreError::Unsure`] where Kafka does not answer.
    pub async fn count_without_rows<F>(
        &self,
        partition: i32,
        committed: i64,
        highest: Option<i64>,
    ) -> Result<(), StoreError<F>>
    where
        F: From<KafkaError>,
    {
        let from = highest.map_or_else(|| Self::looks_from(committed), |highest| highest + 1);
        let mut without_rows = committed.saturating_sub(from).max(0);
        if without_rows > WITHOUT_ROWS_MAX {
            // Nothing is asked of what Kafka has deleted: the rows of a partition that was quiet for long may have gone too.
            let beginning = self.bounds(partition).await?.map_or(0, |bounds| bounds.0);
            without_rows = committed.saturating_sub(from.max(beginning)).max(0);
        }
        self.metrics.set_offsets_without_rows(partition, without_rows);
        if without_rows > WITHOUT_ROWS_MAX {
            tracing::error!(
                partition,
                committed,
                without_rows,
                source = &*self.source,
                "no row is stored of so many offsets before the committed one: where ClickHouse was restored from a backup, \
                 move the group's offsets back (docs/operations.md, Restoring a backup)"
            );
        }
        Ok(())
    }
}

/// The first, second, fourth, eighth and so on. Where transactions are short the newest rows lie at every other offset, and a new topic has
/// markers there: these do not keep step with them.
fn spread<T: Copy>(rows: &[T]) -> Vec<T> {
    let nth = rows.iter().zip(1_usize..);
    nth.filter(|(_, number)| number.is_power_of_two()).map(|(row, _)| *row).collect()
}

/// True where a record holds the end of an event id. Whatever schema it was written by, an id of fixed length stands in it as it is: no registry
/// is needed, and ten bytes of a hash are in no other record.
fn holds_id(payload: &[u8], id_tail: &[u8]) -> bool {
    payload.windows(id_tail.len()).any(|part| part == id_tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_known_by_the_id_in_it_wherever_it_stands() {
        let id = [7, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for before in [0, 11, 40] {
            let payload = [&vec![7; before][..], &id, &[7; 3]].concat();
            assert!(holds_id(&payload, &id), "{payload:?}");
        }
        assert!(!holds_id(&[7; 60], &id));
        assert!(!holds_id(&id[..9], &id));
        assert!(!holds_id(&[], &id));
    }

    #[test]
    fn rows_that_are_compared_do_not_keep_step_with_short_transactions() {
        // The newest first, each followed by a marker.
        let offsets: Vec<i64> = (0..64).map(|nth| 1_000 - 2 * nth).collect();
        assert_eq!(spread(&offsets), [1_000, 998, 994, 986, 970, 938, 874]);
        assert!(spread::<i64>(&[]).is_empty());
    }

    #[test]
    fn looked_at_is_what_lies_right_before_the_committed_offset() {
        assert_eq!(TopicCheck::looks_from(1_000_000), 990_000);
        assert_eq!(TopicCheck::looks_from(7), 0);
    }
}
