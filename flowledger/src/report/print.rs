//! Reports as a table, as lines, and as one JSON object a line.

use report_life::{Phase, ReportState};
use schemas::times::Moment;
use traffic_query::time_range::rfc3339;

use crate::output::{fields, line, plain, table};

pub(super) fn list(reports: Vec<ReportState>, as_json: bool) -> std::io::Result<()> {
    if as_json {
        return reports.into_iter().try_for_each(|state| line(&console::report_json(state).to_string()));
    }
    let head = ["ID", "STATE", "ASKED", "BY", "FROM", "TO", "ROWS", "BYTES"];
    let rows = reports.iter().map(|state| {
        let of = |moment: fn(&schemas::report_request::ReportRequest) -> Moment| {
            state.request.as_ref().map(|it| rfc3339(moment(it))).unwrap_or_default()
        };
        vec![
            state.id.to_string(),
            phase(state).to_owned(),
            of(|it| it.requested_at),
            state.request.as_ref().map(|it| plain(&it.requested_by)).unwrap_or_default(),
            of(|it| it.range_from),
            of(|it| it.range_to),
            state.rows.to_string(),
            state.size_bytes.to_string(),
        ]
    });
    line(&table(&head.map(str::to_owned), rows))
}

pub(super) fn one(state: ReportState, as_json: bool) -> std::io::Result<()> {
    fields(&console::report_json(state), as_json)
}

/// Its phase, and that it was cancelled where that has not come about yet.
fn phase(state: &ReportState) -> &'static str {
    if state.cancel_requested { "cancelling" } else { state.phase.name() }
}

/// How far it is, in one line.
pub(super) fn progress(state: &ReportState) -> String {
    let mut said = vec![phase(state).to_owned()];
    if let (Phase::Waiting, Some(behind)) = (state.phase, state.events_behind) {
        said.push(format!("ingest has {behind} events to store before it may begin"));
    }
    if let (Phase::Running, Some(expected)) = (state.phase, state.rows_expected) {
        let percent = 100 * i128::from(state.rows).min(i128::from(expected)) / i128::from(expected.max(1));
        said.push(format!("{percent} %"));
        let merged = if state.is_merging() { " merged" } else { "" };
        said.push(format!("{} of {expected} rows{merged}", state.rows));
        said.extend(state.slices_expected.map(|slices| format!("{} of {slices} slices", state.slices)));
        said.push(format!("{} bytes", state.size_bytes));
        said.extend(state.pace.rows_per_second().map(|pace| format!("{pace} rows/s")));
        said.extend(state.pace.ends_at(expected).map(|at| format!("done about {}", rfc3339(at))));
    }
    if state.phase == Phase::Completed {
        said.push(format!("{} rows", state.rows));
        said.push(format!("{} bytes", state.size_bytes));
    }
    said.extend(state.reason.as_deref().map(plain));
    said.join(", ")
}

#[cfg(test)]
mod tests {
    use schemas::examples::report_request;
    use schemas::ids::ReportId;
    use schemas::report_event::{ReportEvent, ReportEventType};
    use schemas::report_request::{ReportKind, ReportRequest};

    use super::*;

    #[test]
    fn progress_says_what_is_known() {
        let (id, tenant) = (ReportId::generate(), "acme".parse::<schemas::ids::Tenant>().unwrap());
        let event = |event_type, seconds: i64| {
            ReportEvent::new(id, tenant.clone(), event_type, Moment::from_micros(seconds * 1_000_000))
        };
        let mut state = ReportState::begun_by(&event(ReportEventType::Requested, 0));
        let mut said = vec![progress(&state)];
        for event in [
            ReportEvent { events_behind: Some(7), ..event(ReportEventType::Waiting, 1) },
            ReportEvent { rows_expected: Some(0), ..event(ReportEventType::Started, 2) },
            ReportEvent { rows_expected: Some(900), slices_expected: Some(3), ..event(ReportEventType::Started, 10) },
            ReportEvent {
                rows: Some(300),
                slices: Some(1),
                size_bytes: Some(70),
                ..event(ReportEventType::Progressed, 20)
            },
            event(ReportEventType::CancelRequested, 21),
            ReportEvent { reason: Some("no\nspace".to_owned()), ..event(ReportEventType::Failed, 22) },
        ] {
            state.apply(&event);
            said.push(progress(&state));
        }
        assert_eq!(
            said,
            [
                "requested",
                "waiting, ingest has 7 events to store before it may begin",
                "running, 0 %, 0 of 0 rows, 0 bytes",
                "running, 0 %, 0 of 900 rows, 0 of 3 slices, 0 bytes",
                "running, 33 %, 300 of 900 rows, 1 of 3 slices, 70 bytes, 30 rows/s, done about 1970-01-01T00:00:40Z",
                "cancelling, 33 %, 300 of 900 rows, 1 of 3 slices, 70 bytes, 30 rows/s, done about 1970-01-01T00:00:40Z",
                "failed, no\\nspace",
            ]
        );
    }

    #[test]
    fn what_slices_have_counted_is_said_to_be_merged() {
        let asked = ReportRequest { kind: ReportKind::Summary, ..report_request() };
        let event = |event_type, seconds: i64| ReportEvent {
            attempt: Some(1),
            upload_id: Some("a".to_owned()),
            ..ReportEvent::new(
                asked.report_id,
                asked.tenant.clone(),
                event_type,
                Moment::from_micros(seconds * 1_000_000),
            )
        };
        let asking =
            ReportEvent { attempt: None, request: Some(asked.clone()), ..event(ReportEventType::Requested, 0) };
        let mut state = ReportState::begun_by(&asking);
        let mut said = Vec::new();
        for event in [
            ReportEvent { rows_expected: Some(900), slices_expected: Some(1), ..event(ReportEventType::Started, 1) },
            ReportEvent { slices_expected: Some(1), encoder_version: Some(1), ..event(ReportEventType::Planned, 2) },
            ReportEvent {
                slice: Some(0),
                rows: Some(900),
                staged_bytes: Some(70),
                ..event(ReportEventType::SliceDone, 3)
            },
            ReportEvent {
                rows: Some(300),
                slices: Some(1),
                size_bytes: Some(80),
                ..event(ReportEventType::Progressed, 13)
            },
        ] {
            state.apply(&event);
            said.push(progress(&state));
        }
        let merged = "running, 33 %, 300 of 900 rows merged, 1 of 1 slices, 80 bytes, 30 rows/s, done about 1970-01-01T00:00:33Z";
        assert_eq!(said[2..], ["running, 0 %, 0 of 900 rows merged, 1 of 1 slices, 70 bytes", merged]);
    }
}
