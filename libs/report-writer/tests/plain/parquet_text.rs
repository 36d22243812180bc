//! A Parquet file as the lines that its CSV has, read by the library's reader.

use bytes::Bytes;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use schemas::times::Moment;

use crate::plain::{append_time, quoted};

/// The rows as CSV, without a header.
pub(crate) fn read(file: &[u8]) -> String {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(file)).unwrap();
    let mut text = String::new();
    for row in reader.get_row_iter(None).unwrap() {
        let cells: Vec<String> = row.unwrap().get_column_iter().map(|(_, field)| quoted(&cell(field))).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

fn cell(field: &Field) -> String {
    match field {
        Field::Null => String::new(),
        Field::Str(text) => {
            assert!(!text.is_empty(), "what is empty is absent");
            text.clone()
        }
        Field::Int(number) => number.to_string(),
        Field::Long(number) => number.to_string(),
        Field::TimestampMicros(micros) => {
            let mut time = Vec::new();
            append_time(&mut time, Moment::from_micros(*micros));
            String::from_utf8(time).unwrap()
        }
        Field::Decimal(decimal) => {
            let digits = decimal
                .data()
                .iter()
                .fold(decimal.data()[0].cast_signed() as i128 >> 7, |it, byte| it << 8 | i128::from(*byte));
            match decimal.scale() {
                2 => format!("{}.{:02}", digits / 100, digits % 100),
                _ => digits.to_string(),
            }
        }
        other => panic!("no report has {other:?}"),
    }
}
