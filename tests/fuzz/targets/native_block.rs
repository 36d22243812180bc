//! Bytes that a server of ClickHouse answers with when a report is read.
#![no_main]

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use libfuzzer_sys::fuzz_target;
use report_writer::{CsvOptions, CsvWriter, LineSorter};

/// The answer comes in pieces.
const PIECE_BYTES: usize = 97;

fuzz_target!(|bytes: &[u8]| {
    let mut pieces = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice);
    let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
    let (mut writer, mut sorter) = (CsvWriter::new(CsvOptions { formula_guard: true }), LineSorter::default());
    while let Ok(Some(block)) = reader.next_block() {
        let Ok(columns) = ConnectionColumns::of(&block) else { return };
        let mut lines = writer.block(&columns);
        for row in 0..columns.rows {
            let Ok(line) = lines.line(row) else { return };
            sorter.hold(&columns, row, line);
        }
    }
    let (held, mut ends) = (sorter.len() as u64, 0);
    let drained = sorter.drain(|line| {
        ends += u64::from(line.ends_with(b"\n"));
        true
    });
    // Copies of one fact fall out.
    assert!(drained <= held && ends == drained);
});
