//! Rows of groups, held until they are in the order of the report, and names that rows want.

use super::run::RunWriter;
use crate::table::{Cell, push_cell_record};

/// What a row takes beside its bytes.
const ROW_BYTES: usize = size_of::<Place>();

/// Rows, each with what it is sorted by.
#[derive(Debug, Default)]
pub struct RowSorter {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    key: usize,
    record: usize,
    end: usize,
}

impl RowSorter {
    /// Holds a row. No two have the same key.
    pub fn push(&mut self, key: &[u8], cells: &[Cell<'_>]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let record = self.bytes.len();
        cells.iter().for_each(|cell| push_cell_record(&mut self.bytes, *cell));
        self.places.push(Place { key: begin, record, end: self.bytes.len() });
    }

    /// Holds a pair that is no row.
    pub(crate) fn push_pair(&mut self, key: &[&[u8]], value: &[u8]) {
        let begin = self.bytes.len();
        key.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        let record = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.places.push(Place { key: begin, record, end: self.bytes.len() });
    }

    /// True where nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What is held, bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.bytes.len() + self.places.len() * ROW_BYTES
    }

    /// Gives all rows in order, until `take` wants no more, and forgets them.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(&[u8], &[u8]) -> bool) {
        let bytes = &self.bytes;
        self.places.sort_unstable_by_key(|place| &bytes[place.key..place.record]);
        for Place { key, record, end } in &self.places {
            if !take(&bytes[*key..*record], &bytes[*record..*end]) {
                break;
            }
        }
        self.bytes.clear();
        self.places.clear();
    }

    /// All that is held as a run, and forgets it.
    pub fn take_run(&mut self) -> Vec<u8> {
        let (mut writer, mut run) = (RunWriter::default(), Vec::new());
        self.drain(|key, record| {
            writer.push(&mut run, key, record);
            true
        });
        run
    }
}
