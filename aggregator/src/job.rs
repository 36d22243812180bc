//! What the aggregator makes of records: counts by minute, and changes of connections.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use event_columns::Program;
use exactly_once::Block;
use prometheus_client::metrics::counter::Counter;
use range_pipeline::{Fill, Job, RefusedRecord};

use crate::copies::CopyWindow;
use crate::rows::RollupRows;
use crate::store::{RollupStore, StoreFailure};

/// What all partitions share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Windows of partitions that have no open range at the moment.
    windows: Mutex<HashMap<i32, CopyWindow>>,
    closed_bytes: AtomicUsize,
    copies: Counter,
}

impl Shared {
    pub(crate) fn new(copies: Counter) -> Arc<Self> {
        Arc::new(Self { copies, ..Self::default() })
    }

    /// A poisoned lock holds what it held: nothing here is left half done.
    fn windows(&self) -> MutexGuard<'_, HashMap<i32, CopyWindow>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts by minute.
#[derive(Clone, Debug)]
pub(crate) struct MinuteFill(pub(crate) Arc<Shared>);

/// The records of a closed range.
#[derive(Debug)]
pub(crate) struct RollupBlock {
    pub(crate) rows: Option<RollupRows>,
    held_bytes: usize,
    shared: Arc<Shared>,
}

impl Block for RollupBlock {
    fn rows(&self) -> usize {
        self.rows.as_ref().map_or(0, RollupRows::count)
    }

    fn offsets(&self) -> BTreeSet<i64> {
        self.rows.as_ref().map(RollupRows::offsets).unwrap_or_default()
    }
}

impl Drop for RollupBlock {
    fn drop(&mut self) {
        self.shared.closed_bytes.fetch_sub(self.held_bytes, Ordering::Relaxed);
    }
}

impl Fill for MinuteFill {
    type Rows = RollupRows;
    type Block = RollupBlock;

    /// Ingest keeps them.
    const KEEPS_REFUSED: bool = false;

    fn rows(&self, partition: i32) -> RollupRows {
        RollupRows::new(partition, self.0.windows().remove(&partition).unwrap_or_default())
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
        rows.size_bytes()
    }

    fn close(&self, mut rows: Option<RollupRows>, _: Vec<RefusedRecord>) -> RollupBlock {
        if let Some(rows) = &mut rows {
            self.0.copies.inc_by(rows.copies());
            self.0.windows().insert(rows.partition, std::mem::take(&mut rows.window));
        }
        let held_bytes = rows.as_ref().map_or(0, RollupRows::size_bytes);
        self.0.closed_bytes.fetch_add(held_bytes, Ordering::Relaxed);
        RollupBlock { rows, held_bytes, shared: Arc::clone(&self.0) }
    }

    fn closed_bytes(&self) -> usize {
        self.0.closed_bytes.load(Ordering::Relaxed)
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
