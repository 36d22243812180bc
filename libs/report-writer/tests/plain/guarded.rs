//! Lines of CSV as they are where formulas are guarded against, the plain way: cell by cell of those that are not.

use crate::plain::{cells, quoted};

/// The same lines, in which an apostrophe stands before each cell that a spreadsheet would take for a formula.
pub(crate) fn guarded(lines: &str) -> String {
    let (mut guarded, mut line) = (String::new(), String::new());
    for piece in lines.split_inclusive('\n') {
        line.push_str(piece);
        // A line end within quotes ends no line.
        if line.matches('"').count() % 2 == 0 {
            let cells: Vec<String> = cells(&line).into_iter().map(|cell| quoted(&guarded_cell(cell))).collect();
            guarded.push_str(&cells.join(","));
            guarded.push('\n');
            line.clear();
        }
    }
    guarded
}

fn guarded_cell(cell: String) -> String {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{cell}"),
        _ => cell,
    }
}
