//! Bytes that are no answer of a server: cut, changed, invented. Each gives an error or rows, and never a panic or memory without end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use proptest::prelude::*;
use report_writer::{CsvOptions, CsvWriter, EventColumn, LineWriter, NdjsonWriter};
use schemas::connection_event::{EventType, Relay};
use schemas::examples::connection;

fn rows(count: i64) -> impl Iterator<Item = ConnectionRow> {
    (0..count).map(|offset| {
        let mut event = connection(EventType::ClosedConnection, &format!("c-{offset}"), 1_793_491_200_000);
        event.relays =
            vec![Relay { name: "relay".to_owned(), ip: None, port: 7 }; usize::try_from(offset % 3).unwrap()];
        ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset })
    })
}

fn block(count: i64) -> Vec<u8> {
    native_block(&rows(count).collect::<Vec<_>>(), writer().columns())
}

/// A writer of every column.
fn writer() -> CsvWriter {
    CsvWriter::new(CsvOptions { formula_guard: true, ..CsvOptions::default() }, EventColumn::ALL)
}

/// Rows that were written, or why there are none; what was read of the bytes is never more than they are.
fn read(bytes: &[u8]) -> Result<usize, QueryError> {
    read_by(&mut writer(), bytes)
}

fn read_by(writer: &mut dyn LineWriter, bytes: &[u8]) -> Result<usize, QueryError> {
    let mut pieces = bytes.chunks(997).map(Bytes::copy_from_slice);
    let (mut reader, mut rows) = (BlockReader::new(|| Ok(pieces.next()), Vec::new()), 0);
    while let Some(block) = reader.next_block()? {
        let columns = ConnectionColumns::of(&block, writer.columns())?;
        writer.block(&columns);
        for row in 0..columns.rows {
            writer.line(&columns, row).map_err(|odd| QueryError::Mismatch(odd.to_string()))?;
        }
        rows += columns.rows;
    }
    drop(pieces);
    Ok(rows)
}

#[test]
fn every_cut_is_noticed() {
    let answer = [block(3), block(5)].concat();
    assert_eq!(read(&answer), Ok(8));
    let first = block(3).len();
    for end in (1..answer.len()).filter(|end| *end != first) {
        assert!(matches!(read(&answer[..end]), Err(QueryError::NoAnswer(_))), "cut at {end}");
    }
}

#[test]
fn page_of_a_proxy_and_a_trailer_are_no_blocks() {
    for text in [
        "<html><body>502 Bad Gateway</body></html>",
        "\r\n__exception__\r\nabcdefghijklmnop\r\nCode: 241. DB::Exception: Memory limit exceeded.\n70 abcdefghijklmnop\r\n__exception__\r\n",
    ] {
        assert!(read(text.as_bytes()).is_err());
        assert!(read(&[&block(2)[..], text.as_bytes()].concat()).is_err());
    }
}

#[test]
fn length_without_its_bytes_reserves_nothing() {
    // One column of 2^35 - 1 rows; a text of as many bytes.
    let many = [0xff, 0xff, 0xff, 0xff, 0x7f];
    let rows = [&[1][..], &many, b"\x08end_time\x06UInt64"].concat();
    let text = [&[1, 1][..], &many].concat();
    let columns = [&many[..], &[1]].concat();
    for bytes in [rows, text, columns] {
        assert!(matches!(read(&bytes), Err(QueryError::NoAnswer(_))));
    }
}

#[test]
fn block_of_other_columns_does_not_fit() {
    let other = b"\x01\x01\x05other\x05UInt8\x07";
    assert!(matches!(read(other), Err(QueryError::Mismatch(_))));
}

proptest! {
    #[test]
    fn changed_bytes_give_an_error_or_rows(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let rows: Vec<_> = rows(20).collect();
        for writer in [&mut writer() as &mut dyn LineWriter, &mut NdjsonWriter::default()] {
            let mut answer = native_block(&rows, writer.columns());
            for (place, byte) in &changes {
                let place = place.index(answer.len());
                answer[place] = *byte;
            }
            let _ = read_by(writer, &answer);
        }
    }

    #[test]
    fn invented_bytes_give_an_error_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&bytes);
    }
}
