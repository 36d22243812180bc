//! A table as one Parquet file: rows are held until a row group is full, which is encoded at once and handed on.
//!
//! Row groups end by what is in the rows, so the same rows give the same bytes. What grows with the file is its footer alone.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnPath, Type, TypePtr};

use super::builder::Builder;
use super::{Cell, CellType, TableColumn, TableError, TableFacts, record};
use crate::{ENCODER_VERSION, TakeFiles};

/// Rows of a group: enough that texts which come again stand in dictionaries, few enough that they are held without pain.
const GROUP_ROWS_MAX: usize = 1 << 16;
/// With so many there is room for a whole group: what grows by doubling leaves holes behind, which nothing else of a group fits.
const ROWS_SMALL: usize = 1 << 12;
/// Bytes of a group before it is encoded; reached first only where texts are long.
const GROUP_BYTES_MAX: usize = 64 << 20;
/// zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// One file on its way.
pub(crate) struct ParquetFile {
    file: SerializedFileWriter<Vec<u8>>,
    schema: TypePtr,
    properties: WriterPropertiesPtr,
    builders: Vec<Builder>,
    rows: usize,
    size_bytes: usize,
}

impl ParquetFile {
    pub(crate) fn new(columns: &[TableColumn], facts: TableFacts) -> Result<Self, TableError> {
        let (schema, properties) = (schema(columns)?, properties(columns, facts)?);
        let file = SerializedFileWriter::new(Vec::new(), Arc::clone(&schema), Arc::clone(&properties))?;
        let builders = columns.iter().copied().map(Builder::new).collect();
        Ok(Self { file, schema, properties, builders, rows: 0, size_bytes: 0 })
    }

    /// Another file of the same columns, behind one that was ended and taken.
    pub(crate) fn begin_again(&mut self) -> Result<(), TableError> {
        self.file = SerializedFileWriter::new(Vec::new(), Arc::clone(&self.schema), Arc::clone(&self.properties))?;
        Ok(())
    }

    /// Adds a row. True when a row group has ended with it: there are bytes to take.
    pub(crate) fn row(&mut self, cells: &[Cell<'_>]) -> Result<bool, TableError> {
        for (builder, cell) in self.builders.iter_mut().zip(cells) {
            self.size_bytes += builder.push(*cell)?;
        }
        self.row_ends()
    }

    /// The same of a row that is written as a record.
    ///
    /// # Panics
    /// When it is no record of these columns.
    #[inline]
    pub(crate) fn record(&mut self, mut record: &[u8]) -> Result<bool, TableError> {
        for builder in &mut self.builders {
            self.size_bytes += builder.push(record::take(&mut record))?;
        }
        self.row_ends()
    }

    fn row_ends(&mut self) -> Result<bool, TableError> {
        self.rows += 1;
        if self.rows == ROWS_SMALL {
            self.builders.iter_mut().for_each(|builder| builder.reserve(GROUP_ROWS_MAX));
        }
        let is_full = self.rows == GROUP_ROWS_MAX || self.size_bytes >= GROUP_BYTES_MAX;
        if is_full {
            self.end_group()?;
        }
        Ok(is_full)
    }

    fn end_group(&mut self) -> Result<(), TableError> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for builder in &mut self.builders {
            let column = group.next_column()?.ok_or_else(|| TableError::of_parquet(&"a column too few"))?;
            builder.write(column)?;
        }
        group.close()?;
        (self.rows, self.size_bytes) = (0, 0);
        Ok(())
    }

    /// The rest of the bytes, with the footer. Nothing may be added then, but to the one that is begun again.
    pub(crate) fn end(&mut self) -> Result<Vec<u8>, TableError> {
        self.end_group()?;
        self.file.finish()?;
        Ok(std::mem::take(self.written()?))
    }

    /// Gives the bytes that have come about since they were given last; false as [`TakeFiles`] says.
    pub(crate) fn give(&mut self, files: &mut impl TakeFiles) -> Result<bool, TableError> {
        let written = self.written()?;
        let wants_more = files.bytes(written);
        // The next row group has room in it.
        written.clear();
        Ok(wants_more)
    }

    fn written(&mut self) -> Result<&mut Vec<u8>, TableError> {
        self.file.flush().map_err(|error| TableError::of_parquet(&error))?;
        Ok(self.file.inner_mut())
    }
}

fn schema(columns: &[TableColumn]) -> Result<TypePtr, TableError> {
    let fields: Result<Vec<TypePtr>, TableError> = columns.iter().map(|column| field(column).map(Arc::new)).collect();
    Ok(Arc::new(Type::group_type_builder("rows").with_fields(fields?).build()?))
}

fn field(column: &TableColumn) -> Result<Type, TableError> {
    let (physical, logical) = match column.cell_type {
        CellType::Text | CellType::OwnText => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        CellType::Number => (Physical::INT64, None),
        CellType::Port => (Physical::INT32, None),
        CellType::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        CellType::Sum => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(0, 38))),
        CellType::Percent => (Physical::INT32, Some(LogicalType::decimal(2, 5))),
    };
    let (length, scale, precision) = match column.cell_type {
        CellType::Sum => (16, 0, 38),
        CellType::Percent => (-1, 2, 5),
        _ => (-1, -1, -1),
    };
    let repetition = if column.is_optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(column.name, physical).with_repetition(repetition);
    Ok(builder.with_logical_type(logical).with_length(length).with_scale(scale).with_precision(precision).build()?)
}

fn properties(columns: &[TableColumn], facts: TableFacts) -> Result<WriterPropertiesPtr, TableError> {
    let said = facts.said.into_iter().map(|(name, value)| KeyValue::new(format!("flowledger.{name}"), value));
    let mut sorted_by = Vec::new();
    for by in facts.sorted_by {
        let place = columns.iter().position(|column| column.name == by.name);
        let column_idx = place.and_then(|place| i32::try_from(place).ok());
        let column_idx = column_idx.ok_or_else(|| TableError::of_parquet(&format_args!("{} is no column", by.name)))?;
        sorted_by.push(SortingColumn { column_idx, descending: by.is_descending, nulls_first: false });
    }
    let mut properties = WriterProperties::builder()
        // In the form that readers take apart; one that they cannot read makes some pass over statistics.
        .set_created_by(format!("flowledger report encoder version {ENCODER_VERSION}"))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(said.collect()))
        .set_sorting_columns((!sorted_by.is_empty()).then_some(sorted_by));
    for column in columns {
        let path = ColumnPath::from(column.name);
        properties = match column.cell_type {
            // Moments follow each other: what lies between them is small.
            CellType::Time => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            CellType::OwnText | CellType::Sum => properties.set_column_dictionary_enabled(path, false),
            CellType::Text | CellType::Number | CellType::Port | CellType::Percent => properties,
        };
    }
    Ok(Arc::new(properties.build()))
}
