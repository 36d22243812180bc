//! Columns that are filled row by row, and written as one block in the order of a table's key.

use crate::native::{NativeBlock, Plain, push_text};
use crate::texts::Texts;

/// A column of `LowCardinality(String)`.
#[derive(Debug, Default)]
pub(crate) struct TextColumn {
    pub(crate) texts: Texts,
    /// For each row the place of its text.
    pub(crate) rows: Vec<u32>,
}

impl TextColumn {
    pub(crate) fn push(&mut self, text: &[u8]) {
        // Most often that of the row before, or as empty as that.
        let same = self.rows.last().copied().filter(|place| self.texts.text(*place) == text);
        self.rows.push(same.unwrap_or_else(|| self.texts.place(text)));
    }

    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.rows.clear();
    }
}

/// A column of `LowCardinality(Nullable(String))`.
#[derive(Debug, Default)]
pub(crate) struct NullableTextColumn {
    texts: Texts,
    /// For each row the place of its text and one; 0 for none.
    pub(crate) rows: Vec<u32>,
}

impl NullableTextColumn {
    pub(crate) fn push(&mut self, text: Option<&[u8]>) {
        self.rows.push(text.map_or(0, |text| self.texts.place(text) + 1));
    }

    pub(crate) fn clear(&mut self) {
        self.texts.clear();
        self.rows.clear();
    }
}

/// A column of `Nullable(…)`.
#[derive(Debug, Default)]
pub(crate) struct NullableColumn<T> {
    absent: Vec<u8>,
    values: Vec<T>,
}

impl<T: Default> NullableColumn<T> {
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.absent.push(value.is_none().into());
        self.values.push(value.unwrap_or_default());
    }

    pub(crate) fn clear(&mut self) {
        self.absent.clear();
        self.values.clear();
    }
}

/// What is needed while a block is written: one serves any number of blocks, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    keys: Vec<u8>,
    places: Vec<u32>,
}

/// A block of the rows in `order`.
pub(crate) struct TableBlock<'a> {
    block: NativeBlock,
    order: &'a [u32],
    scratch: &'a mut Scratch,
}

impl<'a> TableBlock<'a> {
    /// No columns yet. `buffer` is overwritten.
    pub(crate) fn new(buffer: Vec<u8>, columns: usize, order: &'a [u32], scratch: &'a mut Scratch) -> Self {
        Self { block: NativeBlock::new(buffer, columns, order.len()), order, scratch }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.block.finish()
    }

    pub(crate) fn plain<T: Plain>(&mut self, name: &str, type_name: &str, values: &[T]) {
        self.block.column(name, type_name);
        self.block.plain(values, self.order);
    }

    pub(crate) fn nullable<T: Plain>(&mut self, name: &str, type_name: &str, column: &NullableColumn<T>) {
        self.plain(name, type_name, &column.absent);
        self.block.plain(&column.values, self.order);
    }

    pub(crate) fn text(&mut self, name: &str, column: &TextColumn) {
        self.block.column(name, "LowCardinality(String)");
        self.places(&column.rows);
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(column.texts.len(), column.texts.keys(), &self.scratch.places);
    }

    pub(crate) fn nullable_text(&mut self, name: &str, column: &NullableTextColumn) {
        self.block.column(name, "LowCardinality(Nullable(String))");
        self.places(&column.rows);
        self.scratch.keys.clear();
        push_text(&mut self.scratch.keys, b"");
        self.scratch.keys.extend_from_slice(column.texts.keys());
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(column.texts.len() + 1, &self.scratch.keys, &self.scratch.places);
    }

    /// The same text in every row.
    pub(crate) fn same_text(&mut self, name: &str, text: &[u8]) {
        self.block.column(name, "LowCardinality(String)");
        self.scratch.keys.clear();
        push_text(&mut self.scratch.keys, text);
        self.scratch.places.clear();
        self.scratch.places.resize(self.order.len(), 0);
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(1, &self.scratch.keys, &self.scratch.places);
    }

    /// The same value in every row.
    pub(crate) fn same<T: Plain>(&mut self, name: &str, type_name: &str, value: T) {
        self.block.column(name, type_name);
        self.block.repeated(value, self.order.len());
    }

    pub(crate) fn strings<'b>(&mut self, name: &str, text: impl Fn(usize) -> &'b [u8]) {
        self.block.column(name, "String");
        self.block.texts(self.order, text);
    }

    pub(crate) fn arrays<'b, T: Plain + 'b>(&mut self, name: &str, type_name: &str, of: impl Fn(usize) -> &'b [T]) {
        self.block.column(name, type_name);
        self.block.arrays(self.order, of);
    }

    /// Places of the rows in the block's order.
    fn places(&mut self, rows: &[u32]) {
        self.scratch.places.clear();
        self.scratch.places.extend(self.order.iter().map(|row| rows[*row as usize]));
    }
}
