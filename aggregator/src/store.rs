//! The roll-up by minute, and the set of open connections, as one store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse_io::{ClickHouse, NextStep, QueryError, open, rollup, running};
use exactly_once::{RangeStore, Refused, Rows, StoreError};
use range_pipeline::RangeMetrics;
use tokio::sync::Semaphore;

use crate::job::RollupBlock;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreFailure {
    /// ClickHouse.
    #[error(transparent)]
    ClickHouse(#[from] QueryError),
    /// It took too long until an insert's turn came.
    #[error("an insert was not begun within {BEGIN_MAX:?}")]
    NotBegun,
}

/// So long after it was asked for, no insert of a range is begun any more: a process that was frozen in between must not send
/// anything under a token that nobody waits for.
pub(crate) const BEGIN_MAX: Duration = Duration::from_secs(60);

/// The tables for one partition of one source.
#[derive(Clone)]
pub(crate) struct RollupStore {
    pub(crate) clickhouse: ClickHouse,
    pub(crate) source: Arc<str>,
    pub(crate) partition: i32,
    /// Bounds the inserts of all partitions together.
    pub(crate) inserts: Arc<Semaphore>,
    pub(crate) metrics: RangeMetrics,
}

/// What the caller does next about an error of ClickHouse.
fn next(error: QueryError) -> StoreError<StoreFailure> {
    match error.next_step() {
        NextStep::Retry => StoreError::Unsure(error.into()),
        NextStep::Isolate => StoreError::Rows(error.into()),
        NextStep::Stop => StoreError::Stop(error.into()),
    }
}

impl RollupStore {
    fn refused(&self, error: QueryError) -> StoreError<StoreFailure> {
        self.metrics.count_refused_insert(error.refusal().map_or("no_answer", clickhouse_io::Refusal::name));
        next(error)
    }
}

impl RangeStore for RollupStore {
    type Block = RollupBlock;
    type Error = StoreFailure;

    /// Changes of connections first: the same again is harmless, and only counts are found again by their offsets.
    async fn insert(&self, block: &RollupBlock, rows: Rows<'_>, token: &str) -> Result<(), StoreError<StoreFailure>> {
        let asked = Instant::now();
        let Some(records) = &block.rows else { return Ok(()) };
        let only = match rows {
            Rows::All => None,
            Rows::Only(offsets) => Some(offsets),
        };
        // Never closed.
        let _turn = self.inserts.acquire().await;
        open::write(&self.clickhouse, &records.open(only)).await.map_err(|error| self.refused(error))?;
        let minutes = records.minutes(only, &self.source);
        if asked.elapsed() > BEGIN_MAX {
            return Err(StoreError::Unsure(StoreFailure::NotBegun));
        }
        rollup::insert_minutes(&self.clickhouse, &minutes, token).await.map_err(|error| self.refused(error))?;
        self.metrics.count_insert();
        Ok(())
    }

    async fn stored(&self, first: i64, last: i64) -> Result<BTreeSet<i64>, StoreError<StoreFailure>> {
        rollup::counted_offsets(&self.clickhouse, &self.source, self.partition, first, last).await.map_err(next)
    }

    async fn highest_stored(&self, from: i64) -> Result<Option<i64>, StoreError<StoreFailure>> {
        rollup::highest_counted(&self.clickhouse, &self.source, self.partition, from).await.map_err(next)
    }

    async fn is_running(&self, token: &str) -> Result<bool, StoreError<StoreFailure>> {
        running::is_running(&self.clickhouse, token).await.map_err(next)
    }

    /// Ingest has put them into the dead letter, or will.
    async fn refuse(&self, _: &RollupBlock, _: &[Refused]) -> Result<(), StoreError<StoreFailure>> {
        Ok(())
    }
}
