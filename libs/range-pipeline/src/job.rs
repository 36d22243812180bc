//! What a service does with records: the seam between the pipeline and its rows.

use event_columns::Program;
use exactly_once::{Block, RangeStore};

use crate::fill_range::RefusedRecord;

/// Makes rows of records, and blocks of rows. Cheap to clone: clones share their memory.
pub trait Fill: Clone + Send + Sync + 'static {
    /// Rows of an open range.
    type Rows: Send;
    /// Rows of a closed range.
    type Block: Block + 'static;

    /// True where the store wants records that are refused as they were; else only their number counts.
    const KEEPS_REFUSED: bool;

    /// No rows, for a range of this partition.
    fn rows(&self, partition: i32) -> Self::Rows;

    /// Makes a row of a record, or leaves no trace. The same record becomes a row or is refused, and goes into the same partition of the
    /// store, whatever came before the range.
    ///
    /// # Errors
    /// Why it becomes none.
    fn append(
        rows: &mut Self::Rows,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), String>;

    /// How many records became rows.
    fn count(rows: &Self::Rows) -> usize;

    /// What the rows take, bytes, roughly; asked twice a record.
    fn size_bytes(rows: &Self::Rows) -> usize;

    /// What they take of the machine's memory, bytes.
    fn memory_bytes(rows: &Self::Rows) -> usize;

    /// A block of these rows, if there are any. `refused` are the range's other records, where they are kept.
    fn close(&self, rows: Option<Self::Rows>, refused: Vec<RefusedRecord>) -> Self::Block;

    /// Bytes of blocks that are not yet dropped.
    fn closed_bytes(&self) -> usize;
}

/// What becomes of records, and where it goes.
pub trait Job: Clone + Send + Sync + 'static {
    /// What becomes of them.
    type Fill: Fill;
    /// Where it goes; the store of one partition.
    type Store: RangeStore<Block = <Self::Fill as Fill>::Block, Error = Self::Failure> + Send + Sync + 'static;
    /// What the store says when it cannot.
    type Failure: std::error::Error + Send + Sync + 'static;

    /// What fills ranges.
    fn fill(&self) -> &Self::Fill;

    /// The store of a partition.
    fn store(&self, partition: i32) -> Self::Store;
}
