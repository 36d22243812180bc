//! A job for unit tests: a row is the offset of its record, and a store that takes everything.

use std::collections::BTreeSet;
use std::convert::Infallible;

use event_columns::Program;
use exactly_once::{Block, RangeStore, Refused, Rows, StoreError};

use crate::fill_range::RefusedRecord;
use crate::job::{Fill, Job};

#[derive(Clone, Debug)]
pub(crate) struct Offsets;

#[derive(Debug)]
pub(crate) struct OffsetBlock(BTreeSet<i64>);

impl Block for OffsetBlock {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn offsets(&self) -> BTreeSet<i64> {
        self.0.clone()
    }
}

impl Fill for Offsets {
    type Rows = BTreeSet<i64>;
    type Block = OffsetBlock;

    const KEEPS_REFUSED: bool = false;

    fn rows(&self, _: i32) -> BTreeSet<i64> {
        BTreeSet::new()
    }

    fn append(rows: &mut BTreeSet<i64>, _: &Program, _: &[u8], offset: i64, _: i64) -> Result<(), String> {
        rows.insert(offset);
        Ok(())
    }

    fn count(rows: &BTreeSet<i64>) -> usize {
        rows.len()
    }

    fn size_bytes(rows: &BTreeSet<i64>) -> usize {
        8 * rows.len()
    }

    fn memory_bytes(rows: &BTreeSet<i64>) -> usize {
        8 * rows.len()
    }

    fn close(&self, rows: Option<BTreeSet<i64>>, _: Vec<RefusedRecord>) -> OffsetBlock {
        OffsetBlock(rows.unwrap_or_default())
    }

    fn closed_bytes(&self) -> usize {
        0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TestJob(Offsets);

impl Job for TestJob {
    type Fill = Offsets;
    type Store = Self;
    type Failure = Infallible;

    fn fill(&self) -> &Offsets {
        &self.0
    }

    fn store(&self, _: i32) -> Self {
        self.clone()
    }
}

impl RangeStore for TestJob {
    type Block = OffsetBlock;
    type Error = Infallible;

    async fn insert(&self, _: &OffsetBlock, _: Rows<'_>, _: &str) -> Result<(), StoreError<Infallible>> {
        Ok(())
    }

    async fn stored(&self, _: i64, _: i64) -> Result<BTreeSet<i64>, StoreError<Infallible>> {
        Ok(BTreeSet::new())
    }

    async fn highest_stored(&self, _: i64) -> Result<Option<i64>, StoreError<Infallible>> {
        Ok(None)
    }

    async fn is_running(&self, _: &str) -> Result<bool, StoreError<Infallible>> {
        Ok(false)
    }

    async fn refuse(&self, _: &OffsetBlock, _: &[Refused]) -> Result<(), StoreError<Infallible>> {
        Ok(())
    }
}
