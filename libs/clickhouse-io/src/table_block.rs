//! Columns that are filled row by row, and written as one block in the order of a table's key.

use bytes::Bytes;

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
        self.rows.push(self.texts.place(text));
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

/// Memory of a block that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct BlockMemory {
    buffer: Vec<u8>,
    keys: Vec<u8>,
    places: Vec<u32>,
}

impl BlockMemory {
    /// Takes a block's bytes back, where nobody else holds them any more.
    pub(crate) fn take_back(&mut self, body: Bytes) {
        if body.is_unique() {
            self.buffer = body.into();
        }
    }
}

/// A block of the rows in `order`.
pub(crate) struct TableBlock<'a> {
    block: NativeBlock,
    order: &'a [u32],
    memory: &'a mut BlockMemory,
}

impl<'a> TableBlock<'a> {
    pub(crate) fn new(memory: &'a mut BlockMemory, columns: usize, order: &'a [u32]) -> Self {
        let block = NativeBlock::new(std::mem::take(&mut memory.buffer), columns, order.len());
        Self { block, order, memory }
    }

    pub(crate) fn finish(self) -> Bytes {
        self.block.finish().into()
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
        self.block.low_cardinality(column.texts.len(), column.texts.keys(), &self.memory.places);
    }

    pub(crate) fn nullable_text(&mut self, name: &str, column: &NullableTextColumn) {
        self.block.column(name, "LowCardinality(Nullable(String))");
        self.places(&column.rows);
        self.memory.keys.clear();
        push_text(&mut self.memory.keys, b"");
        self.memory.keys.extend_from_slice(column.texts.keys());
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(column.texts.len() + 1, &self.memory.keys, &self.memory.places);
    }

    /// The same text in every row.
    pub(crate) fn same_text(&mut self, name: &str, text: &[u8]) {
        self.block.column(name, "LowCardinality(String)");
        self.memory.keys.clear();
        push_text(&mut self.memory.keys, text);
        self.memory.places.clear();
        self.memory.places.resize(self.order.len(), 0);
        self.block.low_cardinality_prefix();
        self.block.low_cardinality(1, &self.memory.keys, &self.memory.places);
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
        self.memory.places.clear();
        self.memory.places.extend(self.order.iter().map(|row| rows[*row as usize]));
    }
}
