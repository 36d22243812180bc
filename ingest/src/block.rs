//! The rows of a range on their way into the store, and the memory that ranges share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use clickhouse_io::write::EventTable;
use event_columns::{BlockWriter, EventColumns, Months};
use exactly_once::Block;
use range_pipeline::RefusedRecord;

/// Most columns that are kept for the next range: what the largest range needed stays theirs, used or not.
const SPARE_COLUMNS_MAX: usize = 2;
/// Most buffers of blocks that are kept.
const SPARE_BUFFERS_MAX: usize = 2;

/// A poisoned lock holds what it held: nothing here is left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Memory that goes from range to range, and how much of it is in use.
#[derive(Debug)]
pub(crate) struct Pool {
    source: String,
    columns: Mutex<Vec<EventColumns>>,
    buffers: Mutex<Vec<Vec<u8>>>,
    /// As many as blocks were ever made at once.
    writers: Mutex<Vec<BlockWriter>>,
    closed_bytes: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(source: &str) -> Arc<Self> {
        let source = source.to_owned();
        Arc::new(Self {
            source,
            columns: Mutex::default(),
            buffers: Mutex::default(),
            writers: Mutex::default(),
            closed_bytes: AtomicUsize::new(0),
        })
    }

    /// Empty columns for a range of this partition.
    pub(crate) fn columns(&self, partition: i32) -> EventColumns {
        match lock(&self.columns).pop() {
            Some(mut columns) => {
                columns.clear_for(partition);
                columns
            }
            None => EventColumns::new(&self.source, partition),
        }
    }

    /// Bytes of ranges that are closed and not yet done, their blocks included.
    pub(crate) fn closed_bytes(&self) -> usize {
        self.closed_bytes.load(Ordering::Relaxed)
    }
}

/// One insert of a range, encoded.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) table: EventTable,
    /// Which rows of the table it holds, where it does not hold all; part of its token.
    pub(crate) months: Option<Months>,
    pub(crate) body: Bytes,
}

/// The rows of a closed range. They are encoded when they are inserted, once, however often that is tried.
#[derive(Debug)]
pub(crate) struct RangeBlock {
    rows: usize,
    columns: Mutex<Option<EventColumns>>,
    encoded: Mutex<Option<Arc<[Encoded]>>>,
    pub(crate) refused: Vec<RefusedRecord>,
    held_bytes: usize,
    pool: Arc<Pool>,
}

impl RangeBlock {
    /// A block of these rows, if there are any, and refusals.
    pub(crate) fn new(columns: Option<EventColumns>, refused: Vec<RefusedRecord>, pool: &Arc<Pool>) -> Self {
        let refused_bytes: usize = refused.iter().map(RefusedRecord::size_bytes).sum();
        let held_bytes = columns.as_ref().map_or(0, EventColumns::memory_bytes) + refused_bytes;
        pool.closed_bytes.fetch_add(held_bytes, Ordering::Relaxed);
        Self {
            rows: columns.as_ref().map_or(0, EventColumns::rows),
            columns: Mutex::new(columns),
            encoded: Mutex::default(),
            refused,
            held_bytes,
            pool: Arc::clone(pool),
        }
    }

    /// Its inserts: all rows, or those of these offsets. A row is in the insert of the same table and months either way.
    pub(crate) fn inserts(&self, only: Option<&BTreeSet<i64>>) -> Arc<[Encoded]> {
        if only.is_some() {
            return self.encode(only);
        }
        let mut encoded = lock(&self.encoded);
        Arc::clone(encoded.get_or_insert_with(|| self.encode(None)))
    }

    fn encode(&self, only: Option<&BTreeSet<i64>>) -> Arc<[Encoded]> {
        let mut columns = lock(&self.columns);
        let Some(columns) = columns.as_mut() else { return Arc::default() };
        let mut writer = lock(&self.pool.writers).pop().unwrap_or_default();
        lock(&self.pool.buffers).drain(..).for_each(|buffer| writer.give_back(buffer));
        let blocks = columns.blocks(only, &mut writer);
        lock(&self.pool.writers).push(writer);
        let encoded = |block: event_columns::Block| Encoded {
            table: block.table,
            months: block.months,
            body: Bytes::from_owner(Lent::new(block.bytes, &self.pool)),
        };
        blocks.into_iter().map(encoded).collect()
    }
}

impl Block for RangeBlock {
    fn rows(&self) -> usize {
        self.rows
    }

    fn offsets(&self) -> BTreeSet<i64> {
        let mut columns = lock(&self.columns);
        let Some(columns) = columns.as_mut() else { return BTreeSet::new() };
        let mut offsets = columns.offsets(EventTable::Connections);
        offsets.extend(columns.offsets(EventTable::ConnectionOpenings));
        offsets
    }
}

impl Drop for RangeBlock {
    fn drop(&mut self) {
        self.pool.closed_bytes.fetch_sub(self.held_bytes, Ordering::Relaxed);
        let columns = lock(&self.columns).take();
        let mut spare = lock(&self.pool.columns);
        if spare.len() < SPARE_COLUMNS_MAX {
            spare.extend(columns);
        }
    }
}

/// A buffer that goes back into the pool when its last reader is done.
struct Lent {
    buffer: Vec<u8>,
    pool: Arc<Pool>,
}

impl Lent {
    fn new(buffer: Vec<u8>, pool: &Arc<Pool>) -> Self {
        pool.closed_bytes.fetch_add(buffer.len(), Ordering::Relaxed);
        Self { buffer, pool: Arc::clone(pool) }
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.pool.closed_bytes.fetch_sub(self.buffer.len(), Ordering::Relaxed);
        let mut spare = lock(&self.pool.buffers);
        if spare.len() < SPARE_BUFFERS_MAX {
            spare.push(std::mem::take(&mut self.buffer));
        }
    }
}

#[cfg(test)]
mod tests;
