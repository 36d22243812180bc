//! What makes a request's file, by kind and format, or why none can be made.

use jiff::tz::TimeZone;
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest};
use traffic_query::TableQuery;

use crate::line::{Date, Line, TIME};
use crate::split::check_split;
use crate::table::{EventTable, ParquetFile, TableError, TableFacts};
use crate::writer::Writer;
use crate::{
    CsvOptions, CsvWriter, ENCODER_VERSION, EventColumn, GroupWriter, NdjsonWriter, SummaryWriter, TrafficWriter,
    UsersWriter,
};

/// The writer of a request.
///
/// # Errors
/// In words for an admin, which begin with the field's name: what of the request cannot be made.
pub fn choose_writer(request: &ReportRequest) -> Result<Writer, String> {
    let options = csv_options(request)?;
    let columns = chosen_columns(request)?;
    if request.format == ReportFormat::Parquet && request.compression == Compression::Gzip {
        return Err("compression gzip goes around no Parquet file, which is packed inside".to_owned());
    }
    check_split(request)?;
    traffic_table(request)?;
    let writer = writer_of(request, options, &columns)?;
    Ok(match request.split {
        Some(split) => writer.split(split),
        None => writer,
    })
}

fn writer_of(request: &ReportRequest, options: CsvOptions, columns: &[EventColumn]) -> Result<Writer, String> {
    let of_table = |error: TableError| format!("format {error}");
    match (request.kind, request.format) {
        (ReportKind::Unknown, _) => Err("kind is not known to this exporter".to_owned()),
        (_, ReportFormat::Unknown) => Err("format is not known to this exporter".to_owned()),
        (ReportKind::Summary | ReportKind::UserActivity | ReportKind::Traffic, ReportFormat::Ndjson) => {
            Err("format NDJSON is one of network events; this kind is made as CSV and Parquet".to_owned())
        }
        (ReportKind::Events, ReportFormat::Csv) => Ok(Writer::of_lines(CsvWriter::new(options, columns))),
        (ReportKind::Events, ReportFormat::Ndjson) => Ok(Writer::of_lines(NdjsonWriter::default())),
        (ReportKind::Events, ReportFormat::Parquet) => {
            let always_ended = request.filter.statuses == ["NORMAL"] && !request.filter.denied;
            EventTable::new(columns, always_ended, said(request)).map(Writer::of_table).map_err(of_table)
        }
        (ReportKind::Summary, ReportFormat::Csv) => Ok(Writer::of_groups(SummaryWriter::default(), options)),
        (ReportKind::UserActivity, ReportFormat::Csv) => Ok(Writer::of_groups(UsersWriter::default(), options)),
        (ReportKind::Traffic, ReportFormat::Csv) => Ok(Writer::of_groups(traffic_writer(request)?, options)),
        (ReportKind::Traffic, ReportFormat::Parquet) => {
            group_table(traffic_writer(request)?, request).map_err(of_table)
        }
        (ReportKind::Summary, ReportFormat::Parquet) => {
            group_table(SummaryWriter::default(), request).map_err(of_table)
        }
        (ReportKind::UserActivity, ReportFormat::Parquet) => {
            group_table(UsersWriter::default(), request).map_err(of_table)
        }
    }
}

/// The table that a request of traffic asks for; none where it is of another kind.
///
/// # Errors
/// In words for an admin, which begin with the field's name: what of the table cannot be made.
pub(crate) fn traffic_table(request: &ReportRequest) -> Result<Option<TableQuery>, String> {
    if request.kind != ReportKind::Traffic {
        return match &request.table {
            None => Ok(None),
            Some(_) => Err("table is one of traffic only".to_owned()),
        };
    }
    let asked = request.table.clone().unwrap_or_default();
    let table = TableQuery::of_words(asked.bucket.as_deref(), &asked.by, &asked.measures);
    table.map(Some).map_err(|error| format!("table.{error}"))
}

fn traffic_writer(request: &ReportRequest) -> Result<TrafficWriter, String> {
    let table = traffic_table(request)?.ok_or("kind is not traffic")?;
    let zone = TimeZone::get(&request.zone).map_err(|_| "zone is not an IANA zone name such as Europe/Berlin")?;
    Ok(TrafficWriter::new(table, zone))
}

fn csv_options(request: &ReportRequest) -> Result<CsvOptions, String> {
    let options = CsvOptions { formula_guard: request.formula_guard, byte_order_mark: request.byte_order_mark };
    let asked = [("formula_guard", options.formula_guard), ("byte_order_mark", options.byte_order_mark)];
    match asked.into_iter().find(|(_, is_asked)| *is_asked && request.format != ReportFormat::Csv) {
        Some((name, _)) => Err(format!("{name} is one of CSV only")),
        None => Ok(options),
    }
}

/// What a file says of itself. Nothing of when it was made, nor by which version of the program, which the manifest says: the same rows are
/// the same bytes as long as the encoder is the same.
fn said(request: &ReportRequest) -> Vec<(&'static str, String)> {
    let kind = match request.kind {
        ReportKind::Summary => "summary",
        ReportKind::UserActivity => "users",
        ReportKind::Traffic => "traffic",
        ReportKind::Events | ReportKind::Unknown => "events",
    };
    let time = |micros: i64| {
        let mut line = Line::default();
        line.begin(2 * TIME);
        line.rfc3339_time(&mut Date::default(), micros.max(0).unsigned_abs());
        String::from_utf8_lossy(line.bytes()).into_owned()
    };
    let mut said = vec![
        ("tenant", request.tenant.to_string()),
        ("kind", kind.to_owned()),
        ("from", time(request.range_from.as_micros())),
        ("to", time(request.range_to.as_micros())),
        ("encoder", ENCODER_VERSION.to_string()),
    ];
    if let Some(bucket) = request.table.as_ref().and_then(|table| table.bucket.clone()) {
        // Days are those of the zone.
        said.extend([("bucket", bucket), ("zone", request.zone.clone())]);
    }
    said
}

fn group_table(groups: impl GroupWriter + 'static, request: &ReportRequest) -> Result<Writer, TableError> {
    let facts = TableFacts { sorted_by: groups.order(), said: said(request) };
    let file = ParquetFile::new(&groups.table(), facts)?;
    Ok(Writer::of_group_table(groups, file))
}

fn chosen_columns(request: &ReportRequest) -> Result<Vec<EventColumn>, String> {
    let has_columns = request.kind == ReportKind::Events && request.format != ReportFormat::Ndjson;
    if !request.columns.is_empty() && !has_columns {
        return Err("columns can be chosen of network events as CSV or Parquet only".to_owned());
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
