//! Bytes that a server of ClickHouse answers with when a report is read; the first byte says for which kind of report.
#![no_main]

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use report_writer::{
    CsvOptions, CsvWriter, EventColumn, LineSorter, NdjsonWriter, SummaryWriter, TrafficWriter, UsersWriter, Writer,
};
use traffic_query::TableQuery;

/// The answer comes in pieces.
const PIECE_BYTES: usize = 97;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let options = CsvOptions { formula_guard: true, ..CsvOptions::default() };
    file_of(
        match kind {
            0 => Writer::of_lines(CsvWriter::new(options, EventColumn::ALL)),
            1 => Writer::of_lines(NdjsonWriter::default()),
            2 => Writer::of_groups(SummaryWriter::default(), options),
            3 => Writer::of_groups(UsersWriter::default(), options),
            4 => Writer::of_groups(traffic(), options),
            _ => Writer::of_event_table(EventColumn::ALL).expect("a table of all columns"),
        },
        bytes,
    );
});

/// Days of Users, with a measure of each kind.
fn traffic() -> TrafficWriter {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let measures = words(&["connections", "bytes", "users", "devices", "duration_p95_us"]);
    let table = TableQuery::of_words(Some("day"), &words(&["user", "status"]), &measures).expect("a table");
    TrafficWriter::new(table, TimeZone::UTC)
}

/// A file of the rows in order, each once.
fn file_of(mut writer: Writer, bytes: &[u8]) {
    let mut pieces = bytes.chunks(PIECE_BYTES).map(Bytes::copy_from_slice);
    let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
    let mut sorter = LineSorter::default();
    let read = writer.rows().columns();
    while let Ok(Some(block)) = reader.next_block() {
        let Ok(columns) = ConnectionColumns::of(&block, read) else { return };
        writer.rows().block(&columns);
        for row in 0..columns.rows {
            let Ok(line) = writer.rows().line(&columns, row) else { return };
            sorter.hold(&columns, row, line);
        }
    }
    let (held, mut given) = (sorter.len() as u64, 0);
    let mut is_refused = false;
    let drained = sorter.drain(|record| {
        given += 1;
        is_refused = writer.add(record, &mut |_: &[u8]| true).is_err();
        !is_refused
    });
    // Copies of one fact fall out.
    assert!(drained <= held && given == drained);
    if !is_refused {
        let groups = writer.end(&mut |_: &[u8]| true).expect("the end of what was taken");
        assert!(groups.unwrap_or_default() <= drained);
    }
}
