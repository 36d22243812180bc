//! How large a report would be. Nothing is asked for, and nothing is written.

use axum::Json;
use axum::extract::State;
use clickhouse_io::traffic::Count;
use report_life::{OverLimit, traffic_filter};
use report_writer::{Estimate, estimate_measures};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use serde::Serialize;
use traffic_query::time_range::{TimeNotes, rfc3339};
use utoipa::ToSchema;

use super::asked::NewReport;
use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::extract::JsonBody;
use crate::routes::notes::ShownNotes;
use crate::session::SignedIn;

/// How large a report would be that was asked for now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReportEstimate {
    /// First end time of its range, in UTC.
    from: String,
    /// First end time after it, in UTC.
    to: String,
    #[serde(flatten)]
    notes: ShownNotes,
    /// Connections of its range and filter, denied attempts too where it asks for them.
    connections: u64,
    /// Rows of its files; null for kinds of which only making it tells.
    rows: Option<u64>,
    /// About how many bytes its files have; null where no size of such a row was measured.
    size_bytes: Option<u64>,
    /// Where the connections are known from: `raw` or `rollup`.
    source: &'static str,
    /// False where the range reaches into the newest hours, of which some may not be stored or counted yet.
    exact: bool,
    /// How many days its files are kept once it is completed; null: for good.
    keep_days: Option<u32>,
    /// The limit of the tenant that would refuse it, where one would by what is known now.
    over_limit: Option<LimitReached>,
}

/// More than a tenant may have.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitReached {
    /// Its name, such as `limits.rows_a_day`.
    limit: &'static str,
    /// For people.
    message: String,
    /// When it will work, where that is known.
    again_at: Option<String>,
}

impl From<OverLimit> for LimitReached {
    fn from(over: OverLimit) -> Self {
        Self { limit: over.limit, message: over.message, again_at: over.again_at.map(rfc3339) }
    }
}

impl ReportEstimate {
    /// `keep_days`: as it is configured, 0 for good. `over`: the limit that so many connections would pass.
    fn new(
        request: &ReportRequest,
        notes: TimeNotes,
        count: &Count,
        keep_days: u32,
        over: impl FnOnce(u64) -> Result<(), OverLimit>,
    ) -> Self {
        let Estimate { connections, rows, size_bytes } = Estimate::of(request, &count.values);
        Self {
            from: rfc3339(request.range_from),
            to: rfc3339(request.range_to),
            notes: notes.into(),
            connections,
            rows,
            size_bytes,
            source: count.source.name(),
            exact: count.is_settled,
            keep_days: Some(keep_days).filter(|days| *days > 0),
            over_limit: over(connections).err().map(LimitReached::from),
        }
    }
}

/// How large a report is, of what [`estimate_measures`] were counted, as the API shows it. `notes`: of its range as it was entered.
/// `keep_days`: of `exporter`. `over`: the limit that so many connections would pass.
#[must_use]
pub fn estimate_json(
    request: &ReportRequest,
    notes: TimeNotes,
    count: &Count,
    keep_days: u32,
    over: impl FnOnce(u64) -> Result<(), OverLimit>,
) -> serde_json::Value {
    serde_json::json!(ReportEstimate::new(request, notes, count, keep_days, over))
}

/// Say how large a report would be, in the body of `POST /api/v1/reports`; nothing is written.
#[utoipa::path(post, path = "/api/v1/reports/estimate", request_body = NewReport, responses(
    (status = 200, body = ReportEstimate), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 413, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub(crate) async fn estimate(
    State(app): State<App>,
    signed_in: SignedIn,
    JsonBody(mut new): JsonBody<NewReport>,
) -> Result<Json<ReportEstimate>, Refusal> {
    let now = Moment::now();
    let range = new.range(now)?;
    let mut request = new.request(&signed_in)?;
    (request.range_from, request.range_to) = (range.from, range.to);
    let filter = traffic_filter(&request.filter)?.within(range.from, range.to);
    let measures = estimate_measures(&request, &filter).map_err(Refusal::Unreadable)?;
    let count = app.outside.count(&signed_in.tenant, &filter, &measures).await?;
    let usage = app.book.usage(&signed_in.tenant, None, now);
    let over = |connections| app.config.limits.check_planned(&usage, connections, now);
    Ok(Json(ReportEstimate::new(&request, range.notes, &count, app.config.keep_days, over)))
}
