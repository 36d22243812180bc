//! Both tables as one store, with the dead letter beside them.

use std::collections::BTreeSet;
use std::sync::Arc;

use clickhouse_io::stored::{Stretch, Within};
use clickhouse_io::write::{insert_native, query_id};
use clickhouse_io::{ClickHouse, QueryError, running, stored};
use dead_letter::Letter;
use exactly_once::{BeginGate, NotBegun, RangeStore, Refused, Rows, StoreError};
use kafka_io::{KafkaConfig, KafkaError, ProduceError, Producer, admin};
use range_pipeline::{MadeAnew, RangeMetrics, RefusedRecord, TopicCheck, next_step};
use schemas::topics::CONNECTION_EVENTS;

use crate::block::RangeBlock;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// ClickHouse.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
    /// It took too long until an insert's turn came.
    #[error(transparent)]
    NotBegun(#[from] NotBegun),
    /// Kafka does not say where the topic begins and ends.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// What is stored of this source is another topic's.
    #[error(transparent)]
    MadeAnew(#[from] MadeAnew),
    /// The dead-letter topic cannot be written.
    #[error("dead letters cannot be written: {0}")]
    DeadLetters(#[from] ProduceError),
    /// A row that ClickHouse refuses could not be read again from Kafka for its dead letter.
    #[error(
        "offset {offset} of partition {partition} is refused, and cannot be read again for its dead letter: {reason}"
    )]
    Unread {
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// Why.
        reason: String,
    },
}

/// The tables `connections` and `connection_openings` for one partition of one source.
#[derive(Clone)]
pub(crate) struct ClickHouseStore {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) kafka: KafkaConfig,
    pub(crate) dead_letters: Producer,
    pub(crate) source: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) topic: TopicCheck,
    /// Bounds the inserts of all partitions together.
    pub(crate) inserts: BeginGate,
    pub(crate) metrics: RangeMetrics,
}

impl RangeStore for ClickHouseStore {
    type Block = RangeBlock;
    type Error = StoreFailure;

    /// One after the other: a refusal for what the rows hold is said when nothing of the range runs any more.
    async fn insert(&self, block: &RangeBlock, rows: Rows<'_>, token: &str) -> Result<(), StoreError<StoreFailure>> {
        let turn = self.inserts.turn().await;
        let only = match rows {
            Rows::All => None,
            Rows::Only(offsets) => Some(offsets),
        };
        for insert in block.inserts(only).iter() {
            let token = match &insert.months {
                None => token.to_owned(),
                Some(months) => format!("{token}/{months}"),
            };
            turn.check().map_err(|late| StoreError::Unsure(late.into()))?;
            let id = query_id(&token, insert.table);
            let done = insert_native(&self.clickhouse, insert.table, insert.body.clone(), &token, &id).await;
            if let Err(error) = done {
                self.metrics.count_refused_insert(&error);
                return Err(next_step(error));
            }
            self.metrics.count_insert();
        }
        Ok(())
    }

    async fn stored(&self, first: i64, last: i64) -> Result<BTreeSet<i64>, StoreError<StoreFailure>> {
        let stretch = Stretch { source: &self.source, partition: self.partition, offsets: first..=last };
        let found = stored::offsets(&self.clickhouse, &stretch, &Within::default()).await;
        let found = found.map_err(next_step)?;
        Ok(found.runs().iter().flat_map(|(first, last)| *first..=*last).collect())
    }

    async fn highest_stored(&self, from: i64) -> Result<Option<i64>, StoreError<StoreFailure>> {
        let looked_from = TopicCheck::looks_from(from);
        let highest = stored::highest_offset(&self.clickhouse, &self.source, self.partition, looked_from).await;
        let highest = highest.map_err(next_step)?;
        self.topic.count_without_rows(self.partition, from, highest).await?;
        self.topic.check(self.partition, from, highest).await
    }

    async fn is_running(&self, token: &str) -> Result<bool, StoreError<StoreFailure>> {
        running::is_running(&self.clickhouse, token).await.map_err(next_step)
    }

    async fn refuse(&self, block: &RangeBlock, refused: &[Refused]) -> Result<(), StoreError<StoreFailure>> {
        let mut records = Vec::with_capacity(refused.len());
        for one in refused {
            let record = match block.refused.binary_search_by_key(&one.offset, |record| record.offset) {
                Ok(at) => block.refused[at].clone(),
                Err(_) => self.read_again(one.offset).await?,
            };
            records.push((record, one.reason.as_str()));
        }
        let headers: Vec<Vec<(&str, &[u8])>> = records
            .iter()
            .map(|(record, _)| record.headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect())
            .collect();
        let letters: Vec<Letter<'_>> = records
            .iter()
            .zip(&headers)
            .map(|((record, reason), headers)| Letter {
                reason,
                source_name: &self.source,
                topic: CONNECTION_EVENTS.name,
                partition: self.partition,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key.as_deref(),
                payload: &record.payload,
                headers,
            })
            .collect();
        // Not for a record's size: of one that is too large the beginning is put.
        dead_letter::put(&self.dead_letters, &letters).await.map_err(|error| StoreError::Stop(error.into()))
    }
}

impl ClickHouseStore {
    /// A row that the store refuses: its record is in memory no more.
    async fn read_again(&self, offset: i64) -> Result<RefusedRecord, StoreError<StoreFailure>> {
        let unread = |reason: String| StoreFailure::Unread { partition: self.partition, offset, reason };
        let asked: Result<_, KafkaError> =
            admin::record_at(&self.kafka, CONNECTION_EVENTS.name, self.partition, offset).await;
        let record = asked.map_err(|error| StoreError::Unsure(unread(error.to_string())))?;
        let record = record.ok_or_else(|| StoreError::Stop(unread("it has gone".to_owned())))?;
        Ok(RefusedRecord {
            offset,
            timestamp_ms: record.timestamp.as_millis(),
            key: record.key.map(|key| key.to_vec()),
            payload: record.payload.map(|payload| payload.to_vec()).unwrap_or_default(),
            headers: record.headers.into_iter().map(|(name, value)| (name, value.to_vec())).collect(),
        })
    }
}
