//! Bytes that a server of ClickHouse answers with when a report is read; the first byte says for which kind of report.
#![no_main]

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use libfuzzer_sys::fuzz_target;
use report_writer::{
    CsvOptions, CsvWriter, EventColumn, GroupWriter, LineSorter, LineWriter, NdjsonWriter, SummaryWriter, UsersWriter,
};

/// The answer comes in pieces.
const PIECE_BYTES: usize = 97;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let options = CsvOptions { formula_guard: true };
    match kind {
        0 => lines_of(&mut CsvWriter::new(options, EventColumn::ALL), bytes, |_| {}),
        1 => lines_of(&mut NdjsonWriter::default(), bytes, |_| {}),
        2 => groups_of(&mut SummaryWriter::new(options), bytes),
        _ => groups_of(&mut UsersWriter::new(options), bytes),
    }
});

/// Lines in order, each once.
fn lines_of(writer: &mut dyn LineWriter, bytes: &[u8], mut take: impl FnMut(&[u8])) {
    let mut pieces = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice);
    let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
    let mut sorter = LineSorter::default();
    while let Ok(Some(block)) = reader.next_block() {
        let Ok(columns) = ConnectionColumns::of(&block, writer.columns()) else { return };
        writer.block(&columns);
        for row in 0..columns.rows {
            let Ok(line) = writer.line(&columns, row) else { return };
            sorter.hold(&columns, row, line);
        }
    }
    let (held, mut given) = (sorter.len() as u64, 0);
    let drained = sorter.drain(|line| {
        given += 1;
        take(line);
        true
    });
    // Copies of one fact fall out.
    assert!(drained <= held && given == drained);
}

/// Groups of what the same writer has made of rows.
fn groups_of<W: GroupWriter>(groups: &mut W, bytes: &[u8]) {
    let mut records = Vec::new();
    lines_of(groups, bytes, |record| records.push(record.to_vec()));
    for record in &records {
        groups.add(record);
    }
    let (added, mut given) = (records.len(), 0);
    groups.lines(&mut |line| {
        given += usize::from(line.ends_with(b"\n"));
        true
    });
    assert!(given <= added);
}
