//! The cells of one column of one row group, until they are written.

use bytes::Bytes;
use parquet::data_type::{
    ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type,
};
use parquet::file::writer::SerializedColumnWriter;

use super::{Cell, CellType, TableColumn, TableError};

/// Values that are made at a time; a multiple of those that the writer looks at together (`write_batch_size`), so that pages end where they would.
const BATCH_ROWS: usize = 1 << 12;

/// What is there of a column, without gaps.
#[derive(Debug)]
enum Values {
    Short(Vec<i32>),
    Long(Vec<i64>),
    Sums(Vec<u128>),
    /// Bytes of all texts, and where each ends.
    Texts(Vec<u8>, Vec<u32>),
}

#[derive(Debug)]
pub(super) struct Builder {
    column: TableColumn,
    values: Values,
    /// For each row 1, or 0 where the cell is absent; empty where none may be.
    levels: Vec<i16>,
}

impl Builder {
    pub(super) fn new(column: TableColumn) -> Self {
        let values = match column.cell_type {
            CellType::Port | CellType::Percent => Values::Short(Vec::new()),
            CellType::Number | CellType::Time => Values::Long(Vec::new()),
            CellType::Sum => Values::Sums(Vec::new()),
            CellType::Text | CellType::OwnText => Values::Texts(Vec::new(), Vec::new()),
        };
        Self { column, values, levels: Vec::new() }
    }

    /// Adds the cell of one more row, and gives the bytes that were added.
    #[inline]
    pub(super) fn push(&mut self, cell: Cell<'_>) -> Result<usize, TableError> {
        let odd = || TableError::of_parquet(&format_args!("{} holds what its type cannot", self.column.name));
        if self.column.is_optional {
            self.levels.push(i16::from(cell != Cell::Absent));
        }
        match (&mut self.values, cell) {
            (_, Cell::Absent) if self.column.is_optional => return Ok(size_of::<i16>()),
            (Values::Short(values), Cell::Number(number) | Cell::Percent(number)) => {
                values.push(i32::try_from(number).map_err(|_| odd())?);
            }
            (Values::Long(values), Cell::Number(number) | Cell::Time(number)) => {
                values.push(i64::try_from(number).map_err(|_| odd())?);
            }
            (Values::Sums(sums), Cell::Sum(sum)) => sums.push(sum),
            (Values::Texts(bytes, ends), Cell::Text(text)) => {
                bytes.extend_from_slice(text);
                ends.push(u32::try_from(bytes.len()).map_err(|_| odd())?);
                return Ok(size_of::<u32>() + text.len());
            }
            _ => return Err(odd()),
        }
        Ok(size_of::<u64>())
    }

    /// Makes room for so many rows, but for what texts have in them.
    pub(super) fn reserve(&mut self, rows: usize) {
        fn room<T>(values: &mut Vec<T>, rows: usize) {
            values.reserve_exact(rows.saturating_sub(values.len()));
        }
        if self.column.is_optional {
            room(&mut self.levels, rows);
        }
        match &mut self.values {
            Values::Short(values) => room(values, rows),
            Values::Long(values) => room(values, rows),
            Values::Sums(sums) => room(sums, rows),
            Values::Texts(_, ends) => room(ends, rows),
        }
    }

    /// Writes the column, and is empty again; what it holds texts in is kept for the next row group.
    pub(super) fn write(&mut self, mut writer: SerializedColumnWriter<'_>) -> Result<(), TableError> {
        let (levels, mut written) = (&self.levels, None);
        match &mut self.values {
            Values::Short(values) => {
                batch::<Int32Type>(&mut writer, values, levels)?;
                values.clear();
            }
            Values::Long(values) => {
                batch::<Int64Type>(&mut writer, values, levels)?;
                values.clear();
            }
            Values::Sums(sums) => {
                let values = sums.drain(..).map(|sum| FixedLenByteArray::from(sum.to_be_bytes().to_vec()));
                batches::<FixedLenByteArrayType>(&mut writer, values, levels)?;
            }
            Values::Texts(bytes, ends) => {
                let shared = Bytes::from(std::mem::take(bytes));
                let begins = std::iter::once(0).chain(ends.iter().map(|end| *end as usize));
                let spans = begins.zip(ends.iter().map(|end| *end as usize));
                let values = spans.map(|(begin, end)| ByteArray::from(shared.slice(begin..end)));
                batches::<ByteArrayType>(&mut writer, values, levels)?;
                ends.clear();
                written = Some(shared);
            }
        }
        self.levels.clear();
        writer.close()?;
        if let (Values::Texts(bytes, _), Some(shared)) = (&mut self.values, written) {
            // No dictionary points into them any more.
            *bytes = Vec::from(shared);
            bytes.clear();
        }
        Ok(())
    }
}

/// Writes values that are made for it some at a time: all of them would take more than the cells.
fn batches<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    mut values: impl Iterator<Item = T::T>,
    levels: &[i16],
) -> Result<(), TableError> {
    let mut some = Vec::with_capacity(BATCH_ROWS);
    for levels in levels.chunks(BATCH_ROWS) {
        let there = levels.iter().filter(|level| **level == 1).count();
        some.extend(values.by_ref().take(there));
        batch::<T>(writer, &some, levels)?;
        some.clear();
    }
    // All of a column without levels.
    loop {
        some.extend(values.by_ref().take(BATCH_ROWS));
        if some.is_empty() {
            return Ok(());
        }
        batch::<T>(writer, &some, &[])?;
        some.clear();
    }
}

fn batch<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
    levels: &[i16],
) -> Result<(), TableError> {
    let levels = (!levels.is_empty()).then_some(levels);
    writer.typed::<T>().write_batch(values, levels, None)?;
    Ok(())
}
