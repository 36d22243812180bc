//! What the tenant's accounts did.

use std::collections::BTreeMap;

use audit_log::{AuditQuestion, action_named, name};
use axum::Json;
use axum::extract::State;
use schemas::audit_event::AuditEvent;
use serde::Serialize;
use traffic_query::Field;
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ErrorBody, Refusal};
use crate::routes::traffic::url::TrafficUrl;
use crate::session::SignedIn;

/// Events of a page, where nothing else is said, and at most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 500;

/// What an account did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    id: String,
    at: String,
    account: Option<String>,
    /// Absent where it came over no network.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// `console` or `command_line`.
    door: String,
    /// `signed_in`, `report_downloaded` and so on.
    action: String,
    /// Id of the report, schedule or webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    /// `allowed` or `refused`.
    outcome: String,
    details: BTreeMap<String, String>,
}

impl From<AuditEvent> for AuditEntry {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.event_id.to_string(),
            at: rfc3339(event.at),
            account: event.account,
            address: event.address,
            door: name(event.door),
            action: name(event.action),
            subject: event.subject,
            outcome: name(event.outcome),
            details: event.details,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntries {
    /// Newest first.
    events: Vec<AuditEntry>,
    /// For `before` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// True at the end where there are older events, which operators can list.
    has_older: bool,
}

/// What the tenant's accounts did, newest first, a page at a time.
#[utoipa::path(get, path = "/api/v1/audit",
    params(("from" = Option<String>, Query, description = "At this time or later"),
           ("to" = Option<String>, Query, description = "Before this time"),
           ("zone" = Option<String>, Query, description = "IANA name of the zone of these times"),
           ("account" = Option<String>, Query, description = "By this account"),
           ("action" = Option<String>, Query, description = "Of this kind"),
           ("before" = Option<String>, Query, description = "`next` of the page before"),
           ("limit" = Option<u32>, Query, description = "At most so many, 1 to 500")),
    responses((status = 200, body = AuditEntries), (status = 400, body = ErrorBody), (status = 401, body = ErrorBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    signed_in: SignedIn,
    url: TrafficUrl,
) -> Result<Json<AuditEntries>, Refusal> {
    let filter = url.filter(&["account", "action", "before", "limit"])?;
    let is_range = |field: &str| [Field::From, Field::To, Field::Zone].into_iter().any(|it| it.name() == field);
    if let Some((field, _)) = filter.to_pairs().into_iter().find(|(field, _)| !is_range(field)) {
        return Err(Refusal::field(field, "is not known here"));
    }
    let before = url.one("before")?.map(str::parse).transpose();
    let action = url.one("action")?.map(action_named).transpose();
    let question = AuditQuestion {
        from: filter.from,
        to: filter.to,
        account: url.one("account")?.map(str::to_owned),
        action: action.map_err(|reason| Refusal::field("action", reason))?,
        before: before.map_err(|_| Refusal::field("before", "is not the next of a page"))?,
        limit: usize::try_from(url.limit(PAGE, PAGE_MAX)?).unwrap_or(usize::MAX),
    };
    let page = app.audit.page(&signed_in.tenant, &question);
    Ok(Json(AuditEntries {
        events: page.events.into_iter().map(AuditEntry::from).collect(),
        next: page.next.map(|id| id.to_string()),
        has_older: page.has_older,
    }))
}
