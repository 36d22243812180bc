//! What makes a file's lines of rows, by kind and format.

use schemas::report_request::{ReportFormat, ReportKind, ReportRequest};

use crate::{CsvOptions, CsvWriter, EventColumn, GroupWriter, LineWriter, NdjsonWriter, SummaryWriter, UsersWriter};

/// Makes lines of rows as they come, or of groups at the end.
pub enum Writer {
    /// Lines, in the order of the rows.
    Lines(Box<dyn LineWriter>),
    /// Lines of groups, once all rows were seen.
    Groups(Box<dyn GroupWriter>),
}

impl Writer {
    /// What makes a line, or a record, of each row.
    #[inline]
    pub fn rows(&mut self) -> &mut dyn LineWriter {
        match self {
            Self::Lines(lines) => &mut **lines,
            Self::Groups(groups) => &mut **groups,
        }
    }
}

/// The writer of a request.
///
/// # Errors
/// In words for an admin, which begin with the field's name: what of the request cannot be made.
pub fn choose_writer(request: &ReportRequest) -> Result<Writer, String> {
    let options = CsvOptions::default();
    let columns = chosen_columns(request)?;
    match (request.kind, request.format) {
        (ReportKind::Unknown, _) => Err("kind is not known to this exporter".to_owned()),
        (_, ReportFormat::Unknown) => Err("format is not known to this exporter".to_owned()),
        (_, ReportFormat::Parquet) => Err("format Parquet is not made yet; CSV and NDJSON are".to_owned()),
        (ReportKind::Summary | ReportKind::UserActivity, ReportFormat::Ndjson) => {
            Err("format NDJSON is one of network events; this kind is made as CSV".to_owned())
        }
        (ReportKind::Events, ReportFormat::Csv) => Ok(Writer::Lines(Box::new(CsvWriter::new(options, &columns)))),
        (ReportKind::Events, ReportFormat::Ndjson) => Ok(Writer::Lines(Box::<NdjsonWriter>::default())),
        (ReportKind::Summary, ReportFormat::Csv) => Ok(Writer::Groups(Box::new(SummaryWriter::new(options)))),
        (ReportKind::UserActivity, ReportFormat::Csv) => Ok(Writer::Groups(Box::new(UsersWriter::new(options)))),
    }
}

fn chosen_columns(request: &ReportRequest) -> Result<Vec<EventColumn>, String> {
    if !request.columns.is_empty() && (request.kind, request.format) != (ReportKind::Events, ReportFormat::Csv) {
        return Err("columns can be chosen of network events as CSV only".to_owned());
    }
    let mut columns = Vec::new();
    for name in &request.columns {
        let brief: String = name.chars().take(40).filter(|char| !char.is_control()).collect();
        let column = EventColumn::named(name).ok_or_else(|| format!("columns has one that there is not: {brief}"))?;
        if columns.contains(&column) {
            return Err(format!("columns has one twice: {brief}"));
        }
        columns.push(column);
    }
    Ok(columns)
}
