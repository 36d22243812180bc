//! Rows of a file that was made, counted as its readers would: packed or not, and whoever holds it.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use parquet::file::metadata::{ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use schemas::report_request::{Compression, ReportFormat};

/// Read at once, bytes.
const PIECE: usize = 1 << 16;

/// Rows of a file of lines, its header left out; `None` for a format that has no lines.
///
/// # Errors
/// When it cannot be read or unpacked.
pub fn count_rows(file: impl Read, format: ReportFormat, compression: Compression) -> io::Result<Option<u64>> {
    let headers = match format {
        ReportFormat::Csv => 1,
        ReportFormat::Ndjson => 0,
        ReportFormat::Parquet | ReportFormat::Unknown => return Ok(None),
    };
    let lines = match compression {
        Compression::Gzip => lines(MultiGzDecoder::new(file), format),
        Compression::Zstd => lines(zstd::stream::read::Decoder::new(file)?, format),
        Compression::None | Compression::Unknown => lines(file, format),
    };
    lines.map(|lines| Some(lines.saturating_sub(headers)))
}

/// Rows of a Parquet file, as its footer says: all together, and group by group.
///
/// # Errors
/// When it cannot be read, has no footer, or one that contradicts itself.
pub fn count_parquet_rows(file: &impl ChunkReader) -> io::Result<u64> {
    let footer = ParquetMetaDataReader::new().parse_and_finish(file).map_err(io::Error::other)?;
    let in_groups = footer.row_groups().iter().map(RowGroupMetaData::num_rows).map(i128::from).sum::<i128>();
    let rows = footer.file_metadata().num_rows();
    match u64::try_from(rows) {
        Ok(counted) if i128::from(rows) == in_groups => Ok(counted),
        _ => Err(io::Error::other(format!("its footer has {rows} rows, and {in_groups} in groups"))),
    }
}

/// Line ends, in CSV those outside of quotes.
fn lines(mut text: impl Read, format: ReportFormat) -> io::Result<u64> {
    let (mut piece, mut lines, mut is_quoted) = (vec![0; PIECE], 0, false);
    loop {
        let length = text.read(&mut piece)?;
        if length == 0 {
            return Ok(lines);
        }
        for byte in &piece[..length] {
            match byte {
                b'\n' if !is_quoted => lines += 1,
                // A quote that is doubled ends and begins again.
                b'"' if format == ReportFormat::Csv => is_quoted = !is_quoted,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use parquet::data_type::Int64Type;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;

    use super::*;
    use crate::{Packer, Packing};

    /// Groups of so many rows.
    fn parquet_file(groups: &[usize]) -> Bytes {
        let schema = parse_message_type("message rows { required int64 number; }").unwrap();
        let mut file = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::default()).unwrap();
        for rows in groups {
            let mut group = file.next_row_group().unwrap();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&vec![7; *rows], None, None).unwrap();
            column.close().unwrap();
            group.close().unwrap();
        }
        file.into_inner().unwrap().into()
    }

    #[test]
    fn rows_of_parquet_are_those_of_its_footer() {
        for (groups, rows) in [(&[][..], 0), (&[3], 3), (&[3, 4, 1], 8)] {
            assert_eq!(count_parquet_rows(&parquet_file(groups)).unwrap(), rows);
        }
        let whole = parquet_file(&[3]);
        for broken in [whole.slice(..whole.len() - 1), whole.slice(1..5), Bytes::new(), Bytes::from_static(CSV)] {
            assert!(count_parquet_rows(&broken).is_err());
        }
    }

    const CSV: &[u8] = b"a,b\n1,\"two\nlines, and \"\"quotes\"\"\"\n3,4\n";

    #[test]
    fn rows_are_counted_whatever_they_hold_and_however_they_are_packed() {
        let count = |file: &[u8], format, compression| count_rows(file, format, compression).unwrap();
        assert_eq!(count(CSV, ReportFormat::Csv, Compression::None), Some(2));
        assert_eq!(count(b"a,b\n", ReportFormat::Csv, Compression::None), Some(0));
        assert_eq!(count(b"{\"a\":\"\\\"\"}\n{}\n", ReportFormat::Ndjson, Compression::None), Some(2));
        assert_eq!(count(b"PAR1", ReportFormat::Parquet, Compression::None), None);
        for (packing, compression) in [(Packing::Gzip, Compression::Gzip), (Packing::Zstd, Compression::Zstd)] {
            let (mut packer, mut part, mut file) = (Packer::new(packing).unwrap(), Vec::new(), Vec::new());
            for piece in CSV.chunks(9) {
                packer.pack(piece, &mut part).unwrap();
                file.extend_from_slice(&part);
            }
            assert_eq!(count(&file, ReportFormat::Csv, compression), Some(2), "{packing:?}");
            file.truncate(file.len() - 3);
            assert!(count_rows(&file[..], ReportFormat::Csv, compression).is_err(), "{packing:?}");
        }
    }
}
