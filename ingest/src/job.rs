//! What ingest makes of records: rows of its two tables.

use std::sync::Arc;

use event_columns::{EventColumns, Program};
use range_pipeline::{Fill, Job, RefusedRecord};

use crate::adapters::{ClickHouseStore, StoreFailure};
use crate::block::{Pool, RangeBlock};

/// Columns and blocks out of one pool.
#[derive(Clone)]
pub(crate) struct EventRows(pub(crate) Arc<Pool>);

impl Fill for EventRows {
    type Rows = EventColumns;
    type Block = RangeBlock;

    const KEEPS_REFUSED: bool = true;

    fn rows(&self, partition: i32) -> EventColumns {
        self.0.columns(partition)
    }

    #[inline]
    fn append(
        rows: &mut EventColumns,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), String> {
        rows.append(program, body, offset, kafka_time_micros).map_err(|refusal| refusal.to_string())
    }

    fn count(rows: &EventColumns) -> usize {
        rows.rows()
    }

    #[inline]
    fn size_bytes(rows: &EventColumns) -> usize {
        rows.size_bytes()
    }

    fn memory_bytes(rows: &EventColumns) -> usize {
        rows.memory_bytes()
    }

    fn close(&self, rows: Option<EventColumns>, refused: Vec<RefusedRecord>) -> RangeBlock {
        RangeBlock::new(rows, refused, &self.0)
    }

    fn closed_bytes(&self) -> usize {
        self.0.closed_bytes()
    }
}

/// Rows of events into the tables, by connections that all partitions share.
#[derive(Clone)]
pub(crate) struct IngestJob {
    pub(crate) rows: EventRows,
    /// For any partition: each has its own clone.
    pub(crate) store: ClickHouseStore,
}

impl Job for IngestJob {
    type Fill = EventRows;
    type Store = ClickHouseStore;
    type Failure = StoreFailure;

    fn fill(&self) -> &EventRows {
        &self.rows
    }

    fn store(&self, partition: i32) -> ClickHouseStore {
        ClickHouseStore { partition, ..self.store.clone() }
    }
}
