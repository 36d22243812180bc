//! Rows in memory, and statements that read them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::report::ColumnSet;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::ResourceId;
use schemas::times::Moment;

use super::World;
use crate::adapters::RowsBeingRead;

impl World {
    /// End times of the rows of a second, as far as they lie in `[from, to)`, microseconds; each in the middle of a millisecond.
    pub(super) fn ends(&self, from: i64, to: i64) -> Vec<i64> {
        let (rows, second) = (i64::try_from(self.rows().min(999)).unwrap(), from - from.rem_euclid(1_000_000));
        let apart = if rows == 2 { 100_000 } else { 1_000 };
        let all = (1..=rows).map(|number| second + number * apart + 500).chain(self.late.lock().unwrap().clone());
        all.filter(|end| (from..to).contains(end)).collect()
    }
}

/// A statement that runs until this is dropped.
pub(super) struct Reading(Arc<World>);

impl Reading {
    pub(super) fn begin(world: &Arc<World>) -> Self {
        world.reading.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(world))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.reading.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer that is there already.
pub(crate) struct FakeRows(Option<Bytes>);

impl FakeRows {
    pub(super) fn of(rows: &[ConnectionRow], columns: ColumnSet) -> Self {
        Self(Some(native_block(rows, columns).into()))
    }
}

impl RowsBeingRead for FakeRows {
    async fn next(&mut self) -> Result<Option<Bytes>, QueryError> {
        Ok(self.0.take())
    }
}

/// A row, of one of four Resources; those of one millisecond are copies.
pub(crate) fn row(end_us: i64) -> ConnectionRow {
    let end_ms = u64::try_from(end_us / 1_000).unwrap();
    let end = Moment::from_micros(end_us);
    let event = connection(EventType::ClosedConnection, &format!("c-{end_ms}"), end_ms);
    let resource_id = ResourceId::new(end_ms / 100 % 4).unwrap();
    let event = ConnectionEvent { start_time: end, end_time: end, resource_id, ..event };
    ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset: end_us })
}
