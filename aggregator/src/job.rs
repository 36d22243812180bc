//! What the aggregator makes of records: counts by minute, and changes of connections.

use std::sync::Arc;

use event_columns::Program;
use range_pipeline::{Fill, Job, RefusedRecord};

use crate::block::{Pool, RollupBlock};
use crate::rows::RollupRows;
use crate::store::{RollupStore, StoreFailure};

/// Counts by minute.
#[derive(Clone, Debug)]
pub(crate) struct MinuteFill(pub(crate) Arc<Pool>);

impl Fill for MinuteFill {
    type Rows = RollupRows;
    type Block = RollupBlock;

    /// Ingest keeps them.
    const KEEPS_REFUSED: bool = false;

    fn rows(&self, partition: i32) -> RollupRows {
        self.0.rows(partition)
    }

    fn append(
        rows: &mut RollupRows,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), String> {
        rows.append(program, body, offset, kafka_time_micros)
    }

    fn count(rows: &RollupRows) -> usize {
        rows.count()
    }

    fn size_bytes(rows: &RollupRows) -> usize {
        rows.size_bytes()
    }

    fn memory_bytes(rows: &RollupRows) -> usize {
        rows.memory_bytes()
    }

    fn close(&self, rows: Option<RollupRows>, _: Vec<RefusedRecord>) -> RollupBlock {
        RollupBlock::new(rows, &self.0)
    }

    fn closed_bytes(&self) -> usize {
        self.0.closed_bytes()
    }
}

/// Counts into their tables, by connections that all partitions share.
#[derive(Clone)]
pub(crate) struct AggregatorJob {
    pub(crate) fill: MinuteFill,
    /// For any partition: each has its own clone.
    pub(crate) store: RollupStore,
}

impl Job for AggregatorJob {
    type Fill = MinuteFill;
    type Store = RollupStore;
    type Failure = StoreFailure;

    fn fill(&self) -> &MinuteFill {
        &self.fill
    }

    fn store(&self, partition: i32) -> RollupStore {
        RollupStore { partition, ..self.store.clone() }
    }
}
