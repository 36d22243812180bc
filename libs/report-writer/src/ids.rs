//! Ids that a row has in pieces.

use clickhouse_io::connection_id::PackedId;
use clickhouse_io::report::ConnectionColumns;

use crate::line::{Line, NUMBER_MAX};
use crate::{OddValue, row};

/// What the ids take at most, but for a connection id that is a text.
pub(crate) const IDS_MAX: usize = 2 * NUMBER_MAX + 36;

/// Writes the connection id where it is made of numbers; where it is a text, gives that instead.
pub(crate) fn connection_id<'a>(
    line: &mut Line,
    columns: &ConnectionColumns<'a>,
    row: usize,
) -> Result<Option<&'a str>, OddValue> {
    let number = |bytes: [u8; 8]| u64::from_le_bytes(bytes);
    let (high, low) = (number(columns.connection_id_high[row]), number(columns.connection_id_low[row]));
    let [form] = columns.connection_id_form[row];
    // What is not UTF-8 is no text of an event.
    let text = std::str::from_utf8(columns.connection_id_text.get(row)).map_err(|_| OddValue("connection_id_text"))?;
    match PackedId::from_columns(form.cast_signed(), high, low, text) {
        PackedId::Text(text) => return Ok(Some(text)),
        PackedId::HexHex(high, low) => {
            line.hex(high, 1);
            line.byte(b'-');
            line.hex(low, 1);
        }
        PackedId::Hex16Decimal(high, low) => {
            line.hex(high, 16);
            line.byte(b'-');
            line.number(low);
        }
    }
    Ok(None)
}

/// Writes the event id: `0193a0b0-7e2a-8000-8000-000000000001`.
pub(crate) fn event_id(line: &mut Line, columns: &ConnectionColumns<'_>, row: usize) -> Result<(), OddValue> {
    let [a, b, c, d, rest @ ..] = columns.event_id_tail[row];
    let millis = row::end(columns, row)? / 1_000;
    line.hex(millis >> 16, 8);
    line.byte(b'-');
    line.hex(millis & 0xffff, 4);
    line.byte(b'-');
    line.hex(u16::from_be_bytes([a, b]).into(), 4);
    line.byte(b'-');
    line.hex(u16::from_be_bytes([c, d]).into(), 4);
    line.byte(b'-');
    let [high, low, four @ ..] = rest;
    line.hex(u16::from_be_bytes([high, low]).into(), 4);
    line.hex(u32::from_be_bytes(four).into(), 8);
    Ok(())
}
