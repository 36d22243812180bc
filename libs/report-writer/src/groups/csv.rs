//! Rows of groups as lines of CSV.

use std::io::Write;

use crate::CsvOptions;
use crate::cells::push_cell;
use crate::line::{Date, Line, TIME};
use crate::table::{Cell, TableColumn};

/// Appends the header.
pub(crate) fn push_header(out: &mut Vec<u8>, columns: &[TableColumn]) {
    let names: Vec<&str> = columns.iter().map(|column| column.name).collect();
    out.extend_from_slice(names.join(",").as_bytes());
    out.push(b'\n');
}

/// Appends the line of a row.
pub(crate) fn push_row(out: &mut Vec<u8>, cells: &[Cell<'_>], options: CsvOptions) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        // A vector takes everything.
        let _ = match cell {
            Cell::Absent => Ok(()),
            Cell::Number(number) => write!(out, "{number}"),
            Cell::Sum(sum) => write!(out, "{sum}"),
            Cell::Percent(hundredths) => write!(out, "{}.{:02}", hundredths / 100, hundredths % 100),
            Cell::Text(text) => {
                push_cell(out, text, options.formula_guard);
                Ok(())
            }
            Cell::Time(micros) => {
                let mut line = Line::default();
                line.begin(TIME);
                line.time(&mut Date::default(), *micros);
                out.write_all(line.bytes())
            }
        };
    }
    out.push(b'\n');
}
