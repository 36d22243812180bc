//! Rows of a file that was made, counted as its readers would: packed or not, and whoever holds it.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
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
    use super::*;
    use crate::{Packer, Packing};

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
