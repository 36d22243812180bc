//! The records of a range on their way into the store, and the memory that ranges share.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use clickhouse_io::open::OpenColumns;
use clickhouse_io::rollup::MinuteColumns;
use exactly_once::Block;
use prometheus_client::metrics::counter::Counter;

use crate::copies::CopyWindow;
use crate::rows::{Counting, RollupRows};

/// Most records' memory that is kept for the next range: what the largest range needed stays its own, used or not.
const SPARE_ROWS_MAX: usize = 8;
/// Memory of a range beyond this, bytes, is given back: a range of few records that got it would count as a large one.
const SPARE_BYTES_MAX: usize = 16 << 20;
/// Most buffers of blocks that are kept.
const SPARE_BUFFERS_MAX: usize = 4;

/// A poisoned lock holds what it held: nothing here is left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What goes from range to range.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Windows of partitions that have no open range at the moment.
    windows: Mutex<HashMap<i32, CopyWindow>>,
    rows: Mutex<Vec<RollupRows>>,
    /// As many as blocks were ever made at once.
    tables: Mutex<Vec<Tables>>,
    buffers: Mutex<Vec<Vec<u8>>>,
    closed_bytes: AtomicUsize,
    copies: Counter,
}

/// Columns of the tables: what is needed while blocks are made, and not before.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    open: OpenColumns,
    minutes: MinuteColumns,
    counting: Counting,
}

impl Pool {
    pub(crate) fn new(copies: Counter) -> Arc<Self> {
        Arc::new(Self { copies, ..Self::default() })
    }

    /// No records, for a range of this partition.
    pub(crate) fn rows(&self, partition: i32) -> RollupRows {
        let window = lock(&self.windows).remove(&partition).unwrap_or_default();
        let mut rows = lock(&self.rows).pop().unwrap_or_default();
        rows.clear_for(partition, window);
        rows
    }

    /// Bytes of ranges that are closed and not yet done.
    pub(crate) fn closed_bytes(&self) -> usize {
        self.closed_bytes.load(Ordering::Relaxed)
    }

    /// Makes a block. To be given back when it is inserted.
    pub(crate) fn encode(&self, make: impl FnOnce(&mut Tables, Vec<u8>) -> Vec<u8>) -> Bytes {
        let mut tables = lock(&self.tables).pop().unwrap_or_default();
        let buffer = lock(&self.buffers).pop().unwrap_or_default();
        let block = make(&mut tables, buffer);
        lock(&self.tables).push(tables);
        block.into()
    }

    /// Takes the memory of a block back, where nobody else still holds it.
    pub(crate) fn give_back(&self, block: Bytes) {
        let mut spare = lock(&self.buffers);
        if block.is_unique() && spare.len() < SPARE_BUFFERS_MAX {
            spare.push(block.into());
        }
    }
}

impl Tables {
    /// What records change in the set of open connections, as a block; of all, or of those of these offsets.
    pub(crate) fn open(&mut self, records: &RollupRows, only: Option<&BTreeSet<i64>>, buffer: Vec<u8>) -> Vec<u8> {
        self.open.clear();
        records.changes(only).for_each(|change| self.open.push(&change));
        self.open.encode(buffer)
    }

    /// Their counts by minute, in the same way.
    pub(crate) fn minutes(
        &mut self,
        records: &RollupRows,
        only: Option<&BTreeSet<i64>>,
        source: &str,
        buffer: Vec<u8>,
    ) -> Vec<u8> {
        let Self { minutes, counting, .. } = self;
        minutes.clear();
        records.each_group(only, counting, |key, counts, offsets| minutes.push(key, counts, offsets));
        minutes.encode(source, records.partition, buffer)
    }
}

/// The records of a closed range.
#[derive(Debug)]
pub(crate) struct RollupBlock {
    pub(crate) rows: Option<RollupRows>,
    held_bytes: usize,
    pub(crate) pool: Arc<Pool>,
}

impl RollupBlock {
    pub(crate) fn new(mut rows: Option<RollupRows>, pool: &Arc<Pool>) -> Self {
        if let Some(rows) = &mut rows {
            pool.copies.inc_by(rows.copies());
            lock(&pool.windows).insert(rows.partition, std::mem::take(&mut rows.window));
        }
        let held_bytes = rows.as_ref().map_or(0, RollupRows::memory_bytes);
        pool.closed_bytes.fetch_add(held_bytes, Ordering::Relaxed);
        Self { rows, held_bytes, pool: Arc::clone(pool) }
    }
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
        self.pool.closed_bytes.fetch_sub(self.held_bytes, Ordering::Relaxed);
        let mut spare = lock(&self.pool.rows);
        if spare.len() < SPARE_ROWS_MAX && self.held_bytes <= SPARE_BYTES_MAX {
            spare.extend(self.rows.take());
        }
    }
}
