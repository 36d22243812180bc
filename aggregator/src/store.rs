//! The roll-up by minute, and the set of open connections, as one store.

use std::collections::BTreeSet;
use std::sync::Arc;

use clickhouse_io::{ClickHouse, QueryError, open, rollup, running};
use exactly_once::{BeginGate, NotBegun, RangeStore, Refused, Rows, StoreError};
use kafka_io::KafkaError;
use range_pipeline::{MadeAnew, RangeMetrics, TopicCheck, next_step};

use crate::block::RollupBlock;

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
}

/// The tables for one partition of one source.
#[derive(Clone)]
pub(crate) struct RollupStore {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) source: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) topic: TopicCheck,
    /// Bounds the inserts of all partitions together.
    pub(crate) inserts: BeginGate,
    pub(crate) metrics: RangeMetrics,
}

impl RollupStore {
    fn refused(&self, error: QueryError) -> StoreError<StoreFailure> {
        self.metrics.count_refused_insert(&error);
        next_step(error)
    }
}

impl RangeStore for RollupStore {
    type Block = RollupBlock;
    type Error = StoreFailure;

    /// Changes of connections first: the same again is harmless, and only counts are found again by their offsets.
    async fn insert(&self, block: &RollupBlock, rows: Rows<'_>, token: &str) -> Result<(), StoreError<StoreFailure>> {
        let Some(records) = &block.rows else { return Ok(()) };
        let only = match rows {
            Rows::All => None,
            Rows::Only(offsets) => Some(offsets),
        };
        let turn = self.inserts.turn().await;
        let body = block.pool.encode(|tables, buffer| tables.open(records, only, buffer));
        let written = open::write(&self.clickhouse, body.clone()).await;
        block.pool.give_back(body);
        written.map_err(|error| self.refused(error))?;
        let body = block.pool.encode(|tables, buffer| tables.minutes(records, only, &self.source, buffer));
        turn.check().map_err(|late| StoreError::Unsure(late.into()))?;
        let inserted = rollup::insert_minutes(&self.clickhouse, body.clone(), token).await;
        block.pool.give_back(body);
        inserted.map_err(|error| self.refused(error))?;
        self.metrics.count_insert();
        Ok(())
    }

    async fn stored(&self, first: i64, last: i64) -> Result<BTreeSet<i64>, StoreError<StoreFailure>> {
        rollup::counted_offsets(&self.clickhouse, &self.source, self.partition, first, last).await.map_err(next_step)
    }

    async fn highest_stored(&self, from: i64) -> Result<Option<i64>, StoreError<StoreFailure>> {
        let looked_from = TopicCheck::looks_from(from);
        let highest = rollup::highest_counted(&self.clickhouse, &self.source, self.partition, looked_from).await;
        self.topic.check(self.partition, from, highest.map_err(next_step)?).await
    }

    async fn is_running(&self, token: &str) -> Result<bool, StoreError<StoreFailure>> {
        running::is_running(&self.clickhouse, token).await.map_err(next_step)
    }

    /// What breaks the contract is ingest's to dead-letter. A row that only these tables do not take is said: nobody else knows of it.
    async fn refuse(&self, block: &RollupBlock, refused: &[Refused]) -> Result<(), StoreError<StoreFailure>> {
        let is_row = |refused: &&Refused| block.rows.as_ref().is_some_and(|rows| rows.has(refused.offset));
        for Refused { offset, reason } in refused.iter().filter(is_row) {
            let partition = self.partition;
            tracing::error!(
                partition,
                offset,
                reason,
                "an event is in no roll-up by minute: ClickHouse does not take it"
            );
        }
        Ok(())
    }
}
