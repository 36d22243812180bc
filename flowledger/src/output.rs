//! Answers on standard output: lines, tables, and text of others made harmless. What is no answer goes to standard error.

use std::io::Write;

use serde_json::Value;
use traffic_query::time_range::TimeNotes;

/// One line of output.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

/// A line beside the answer.
#[expect(clippy::print_stderr, reason = "what is no answer goes beside it")]
pub(crate) fn said(text: &str) {
    eprintln!("flowledger: {text}");
}

/// What was made of --from and --to, where they do not occur once.
pub(crate) fn noted(notes: &TimeNotes) {
    for (field, note) in notes.each() {
        said(&format!("--{field} {note}"));
    }
}

/// Text of others, on one line and without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}

/// Columns that are as wide as their widest cell.
pub(crate) fn table(head: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}", width = *width));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What is known of one thing, as it is or a line a field; what is not known is left out.
pub(crate) fn fields(shown: &Value, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return line(&shown.to_string());
    }
    let fields = shown.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    named(fields.map(|(name, value)| vec![name.clone(), cell(value)]))
}

/// Names and what stands behind them.
pub(crate) fn named(rows: impl Iterator<Item = Vec<String>>) -> std::io::Result<()> {
    line(&table(&["FIELD", "VALUE"].map(str::to_owned), rows))
}

/// As it is read: nothing for what is not there.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => plain(text),
        other => plain(&other.to_string()),
    }
}
