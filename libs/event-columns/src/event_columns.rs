//! The rows of one range of one partition: from records to sorted blocks.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use clickhouse_io::write::EventTable;
use schemas::times::Moment;

use crate::block::Block;
use crate::block_writer::{BlockWriter, Sorted};
use crate::columns::{Bits, Columns};
use crate::encode::Origin;
use crate::program::Program;
use crate::refusal::Refusal;
use crate::slots::{ESTABLISHED, number, symbol, text};
use crate::stage::Stage;

/// The rows of one range of one partition of one source. Meant to be kept and used again for the next range.
///
/// Nothing is borrowed from a record beyond the call that brings it.
#[derive(Clone, Debug)]
pub struct EventColumns {
    source: String,
    partition: i32,
    stage: Stage,
    columns: Columns,
    /// What the columns hold, bytes.
    columns_bytes: usize,
}

impl EventColumns {
    /// No rows yet. `source` is the configured name of this life of the topic.
    #[must_use]
    pub fn new(source: &str, partition: i32) -> Self {
        let columns = Columns::new();
        Self { source: source.to_owned(), partition, stage: Stage::new(), columns_bytes: columns.size_bytes(), columns }
    }

    /// Takes one record: `body` is its Avro body, without the five bytes of the wire format, `kafka_time_micros` the broker's time of it.
    /// All or nothing: a refusal leaves no trace.
    ///
    /// # Errors
    /// When the body is not what its schema says, or breaks the contract.
    #[inline]
    pub fn append(
        &mut self,
        program: &Program,
        body: &[u8],
        offset: i64,
        kafka_time_micros: i64,
    ) -> Result<(), Refusal> {
        if self.stage.is_full() {
            self.flush();
        }
        self.stage.read(program, body, offset, kafka_time_micros)
    }

    /// Makes columns of what was read.
    fn flush(&mut self) {
        if self.stage.rows() > 0 {
            self.stage.close();
            self.columns.append(&self.stage);
            self.columns_bytes = self.columns.size_bytes();
        }
        self.stage.clear();
    }

    /// Rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.columns.rows() + self.stage.rows()
    }

    /// True without rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// The partition that the rows are of.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// What the rows take in memory, bytes, roughly. Cheap: may be asked after every record.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.columns_bytes + self.stage.bytes.len()
    }

    /// What is taken of the machine's memory, bytes: room that was grown for earlier rows stays taken, and new room is made by doubling.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.columns.memory_bytes() + self.stage.memory_bytes()
    }

    /// No rows, for the same partition; memory is kept.
    pub fn clear(&mut self) {
        self.stage.clear();
        self.columns.clear();
        self.columns_bytes = self.columns.size_bytes();
    }

    /// No rows, for another partition; memory is kept.
    pub fn clear_for(&mut self, partition: i32) {
        self.clear();
        self.partition = partition;
    }

    /// The rows in the order of the tables' key: the first half of [`Self::blocks`].
    pub fn sorted<'a>(&'a mut self, writer: &'a mut BlockWriter) -> Sorted<'a> {
        self.flush();
        writer.sort(&self.columns, Origin { source: &self.source, partition: self.partition })
    }

    /// The rows as blocks, sorted by the tables' key: those of `connections` before those of `connection_openings`, none for a table
    /// without rows. A table has more than one block only where its rows touch more than [`crate::TABLE_PARTITIONS_MAX`] of its
    /// partitions; then by months, ascending. `only`: of these offsets; `None`: of all. Which block a row goes into is decided by all
    /// rows, not by those of `only`.
    pub fn blocks(&mut self, only: Option<&BTreeSet<i64>>, writer: &mut BlockWriter) -> Vec<Block> {
        self.sorted(writer).blocks(only)
    }

    /// First and last end time of the rows; `None` without rows.
    #[must_use]
    pub fn end_times(&self) -> Option<RangeInclusive<Moment>> {
        let staged = self.stage.lanes.numbers(number::END_TIME, self.stage.rows());
        let times = || self.columns.end_time.iter().copied().chain(staged.iter().map(|time| time.cast_signed()));
        Some(Moment::from_micros(times().min()?)..=Moment::from_micros(times().max()?))
    }

    /// The tenants of the rows.
    #[must_use]
    pub fn tenants(&self) -> BTreeSet<String> {
        let dictionary = self.columns.text(text::TENANT);
        let staged = self.stage.lanes.texts(text::TENANT, self.stage.rows());
        let known = (0..).take(dictionary.len()).map(|place| dictionary.text(place));
        let tenants = known.chain(staged.iter().map(|span| span.of(&self.stage.bytes)));
        tenants.map(|tenant| String::from_utf8_lossy(tenant).into_owned()).collect()
    }

    /// Offsets of the rows of one table.
    #[must_use]
    pub fn offsets(&self, table: EventTable) -> BTreeSet<i64> {
        let (lanes, rows) = (&self.stage.lanes, self.stage.rows());
        let types = self.columns.bits.iter().map(|bits| Bits::event_type(*bits));
        let types = types.chain(lanes.symbols(symbol::EVENT_TYPE, rows).iter().copied());
        let offsets = self.columns.kafka_offset.iter().chain(&self.stage.offsets);
        let openings = table == EventTable::ConnectionOpenings;
        types.zip(offsets).filter(|(of, _)| (*of == ESTABLISHED) == openings).map(|(_, offset)| *offset).collect()
    }
}

#[cfg(test)]
mod tests;
