//! Cells of a row as bytes, so that rows are sorted as lines are: of each cell its kind, then what it holds.

use super::Cell;

const ABSENT: u8 = 0;
const TEXT: u8 = 1;
const NUMBER: u8 = 2;
const TIME: u8 = 3;
const SUM: u8 = 4;
const PERCENT: u8 = 5;

/// Appends a cell.
#[inline]
pub(crate) fn push(record: &mut Vec<u8>, cell: Cell<'_>) {
    let mut number = |kind, number: u64| {
        record.push(kind);
        record.extend_from_slice(&number.to_le_bytes());
    };
    match cell {
        Cell::Absent => record.push(ABSENT),
        Cell::Number(it) => number(NUMBER, it),
        Cell::Time(it) => number(TIME, it),
        Cell::Percent(it) => number(PERCENT, it),
        Cell::Sum(sum) => {
            record.push(SUM);
            record.extend_from_slice(&sum.to_le_bytes());
        }
        Cell::Text(text) => {
            record.push(TEXT);
            // A text is shorter than its block, which has 256 MiB at most.
            #[expect(clippy::cast_possible_truncation, reason = "below 2^32")]
            record.extend_from_slice(&(text.len() as u32).to_le_bytes());
            record.extend_from_slice(text);
        }
    }
}

/// Bytes of a cell in a record. They decide where the files of a report end that is split by bytes.
pub(crate) fn bytes_of(cell: Cell<'_>) -> usize {
    1 + match cell {
        Cell::Absent => 0,
        Cell::Number(_) | Cell::Time(_) | Cell::Percent(_) => size_of::<u64>(),
        Cell::Sum(_) => size_of::<u128>(),
        Cell::Text(text) => size_of::<u32>() + text.len(),
    }
}

/// The first cell of what is left of a record.
///
/// # Panics
/// When it is no record.
#[inline]
pub(super) fn take<'a>(record: &mut &'a [u8]) -> Cell<'a> {
    checked_take(record).expect("a whole record")
}

/// The same of what may be no record: none then.
#[inline]
pub(crate) fn checked_take<'a>(record: &mut &'a [u8]) -> Option<Cell<'a>> {
    let [kind] = *bytes(record)?;
    Some(match kind {
        NUMBER => Cell::Number(u64::from_le_bytes(*bytes(record)?)),
        TIME => Cell::Time(u64::from_le_bytes(*bytes(record)?)),
        PERCENT => Cell::Percent(u64::from_le_bytes(*bytes(record)?)),
        SUM => Cell::Sum(u128::from_le_bytes(*bytes(record)?)),
        TEXT => {
            let length = u32::from_le_bytes(*bytes(record)?) as usize;
            let (text, rest) = record.split_at_checked(length)?;
            *record = rest;
            Cell::Text(text)
        }
        _ => Cell::Absent,
    })
}

#[inline]
fn bytes<'a, const WIDTH: usize>(record: &mut &'a [u8]) -> Option<&'a [u8; WIDTH]> {
    let (taken, rest) = record.split_first_chunk()?;
    *record = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back_as_they_were() {
        let cells = [
            Cell::Text("é, \"x\"".as_bytes()),
            Cell::Absent,
            Cell::Number(u64::MAX),
            Cell::Time(7),
            Cell::Sum(u128::MAX),
            Cell::Text(b""),
            Cell::Percent(3_333),
        ];
        let mut record = Vec::new();
        cells.iter().for_each(|cell| push(&mut record, *cell));
        assert_eq!(cells.iter().map(|cell| bytes_of(*cell)).sum::<usize>(), record.len());
        let mut rest = &record[..];
        assert!(cells.iter().all(|cell| take(&mut rest) == *cell) && rest.is_empty());
    }
}
