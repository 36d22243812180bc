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
/// So much is given at a time, bytes, as lines are: who fills parts fills them little beyond what they are to have.
const GIVEN_BYTES: usize = 1 << 16;
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

    /// Gives the rest of the bytes, with the footer; false as [`TakeFiles`] says. Nothing may be added then, but to the one that is begun again.
    pub(crate) fn end(&mut self, files: &mut impl TakeFiles) -> Result<bool, TableError> {
        self.end_group()?;
        self.file.finish()?;
        self.give(files)
    }

    /// Gives the bytes that have come about since they were given last; false as [`TakeFiles`] says.
    pub(crate) fn give(&mut self, files: &mut impl TakeFiles) -> Result<bool, TableError> {
        self.file.flush().map_err(|error| TableError::of_parquet(&error))?;
        let written = self.file.inner_mut();
        let wants_more = written.chunks(GIVEN_BYTES).all(|some| files.bytes(some));
        // The next row group has room in it.
        written.clear();
        Ok(wants_more)
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::data_type::{ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type};
    use parquet::file::metadata::RowGroupMetaData;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    const COLUMNS: [TableColumn; 4] = [
        TableColumn::required("number", CellType::Number),
        TableColumn::optional("text", CellType::Text),
        TableColumn::required("own", CellType::OwnText),
        TableColumn::optional("sum", CellType::Sum),
    ];

    /// Pieces of files as they were given.
    #[derive(Default)]
    struct Given(Vec<Vec<u8>>);

    impl TakeFiles for Given {
        fn bytes(&mut self, bytes: &[u8]) -> bool {
            self.0.push(bytes.to_vec());
            true
        }

        fn file_ends(&mut self, _: u64) -> bool {
            true
        }
    }

    fn text(row: usize) -> Option<String> {
        // Runs of absent cells that are longer than what is made at a time, and texts that come again.
        (row % 10_000 < 5_000 && !row.is_multiple_of(3)).then(|| format!("text {}", row % 700))
    }

    fn own(row: usize) -> String {
        // No packing makes these small.
        format!("{:032x}", (row as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).repeat(2)
    }

    fn sum(row: usize) -> Option<u128> {
        (!row.is_multiple_of(7)).then_some(row as u128 * 1_000_003)
    }

    fn made(rows: usize) -> Given {
        let (mut file, mut given) = (ParquetFile::new(&COLUMNS, TableFacts::default()).unwrap(), Given::default());
        for row in 0..rows {
            let (text, own) = (text(row), own(row));
            let cells = [
                Cell::Number(row as u64 % 999),
                text.as_ref().map_or(Cell::Absent, |text| Cell::Text(text.as_bytes())),
                Cell::Text(own.as_bytes()),
                sum(row).map_or(Cell::Absent, Cell::Sum),
            ];
            if file.row(&cells).unwrap() {
                assert!(file.give(&mut given).unwrap());
            }
        }
        assert!(file.end(&mut given).unwrap());
        given
    }

    /// The same by the library alone, each column of a row group in one call.
    fn made_at_once(rows: usize) -> Vec<u8> {
        let (schema, properties) = (schema(&COLUMNS).unwrap(), properties(&COLUMNS, TableFacts::default()).unwrap());
        let mut file = SerializedFileWriter::new(Vec::new(), schema, properties).unwrap();
        let all: Vec<usize> = (0..rows).collect();
        for rows in all.chunks(GROUP_ROWS_MAX) {
            let mut group = file.next_row_group().unwrap();
            let levels = |is_there: &dyn Fn(usize) -> bool| rows.iter().map(|row| i16::from(is_there(*row))).collect();
            let mut column = group.next_column().unwrap().unwrap();
            let numbers: Vec<i64> = rows.iter().map(|row| *row as i64 % 999).collect();
            column.typed::<Int64Type>().write_batch(&numbers, None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let texts: Vec<_> =
                rows.iter().filter_map(|row| text(*row)).map(|it| ByteArray::from(it.into_bytes())).collect();
            let there: Vec<i16> = levels(&|row| text(row).is_some());
            column.typed::<ByteArrayType>().write_batch(&texts, Some(&there), None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let own: Vec<_> = rows.iter().map(|row| ByteArray::from(own(*row).into_bytes())).collect();
            column.typed::<ByteArrayType>().write_batch(&own, None, None).unwrap();
            column.close().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            let bytes = |sum: u128| FixedLenByteArray::from(sum.to_be_bytes().to_vec());
            let sums: Vec<_> = rows.iter().filter_map(|row| sum(*row)).map(bytes).collect();
            let there: Vec<i16> = levels(&|row| sum(row).is_some());
            column.typed::<FixedLenByteArrayType>().write_batch(&sums, Some(&there), None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        file.into_inner().unwrap()
    }

    #[test]
    fn values_that_are_made_some_at_a_time_give_the_bytes_of_all_at_once() {
        for rows in [0, 1, ROWS_SMALL, ROWS_SMALL + 1, GROUP_ROWS_MAX, GROUP_ROWS_MAX + 30_011] {
            assert!(made(rows).0.concat() == made_at_once(rows), "{rows}");
        }
    }

    #[test]
    fn row_groups_end_by_rows_and_by_bytes_and_are_given_in_small_pieces() {
        let given = made(GROUP_ROWS_MAX + 1);
        assert!(given.0.iter().all(|piece| (1..=GIVEN_BYTES).contains(&piece.len())));
        let read = |file: Vec<u8>| SerializedFileReader::new(Bytes::from(file)).unwrap();
        let groups = |file: Vec<u8>| {
            read(file).metadata().row_groups().iter().map(RowGroupMetaData::num_rows).collect::<Vec<_>>()
        };
        assert_eq!(groups(given.0.concat()), [1 << 16, 1]);
        let (mut file, mut given) =
            (ParquetFile::new(&COLUMNS[2..3], TableFacts::default()).unwrap(), Given::default());
        let long = vec![b'x'; GROUP_BYTES_MAX / 2];
        for _ in 0..3 {
            if file.row(&[Cell::Text(&long)]).unwrap() {
                assert!(file.give(&mut given).unwrap());
            }
        }
        file.end(&mut given).unwrap();
        assert_eq!(groups(given.0.concat()), [2, 1]);
    }
}
