//! A webhook and what it was told, as they are shown.

use schemas::ids::DeliveryId;
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent};
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};
use serde::{Deserialize, Serialize};
use traffic_query::time_range::rfc3339;
use utoipa::ToSchema;
use webhooks::{Deliveries, DeliveryPage, Standing, WebhookSecret};

/// What a webhook may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum EventName {
    #[serde(rename = "report.completed")]
    Completed,
    #[serde(rename = "report.failed")]
    Failed,
    #[serde(rename = "report.cancelled")]
    Cancelled,
    #[serde(rename = "report.expired")]
    Expired,
}

impl EventName {
    pub(super) const ALL: [Self; 4] = [Self::Completed, Self::Failed, Self::Cancelled, Self::Expired];
}

impl From<EventName> for WebhookEvent {
    fn from(name: EventName) -> Self {
        match name {
            EventName::Completed => Self::ReportCompleted,
            EventName::Failed => Self::ReportFailed,
            EventName::Cancelled => Self::ReportCancelled,
            EventName::Expired => Self::ReportExpired,
        }
    }
}

/// A webhook as the API shows it.
#[must_use]
pub fn webhook_json(webhook: Webhook, told: &Deliveries, secret: Option<&WebhookSecret>) -> serde_json::Value {
    serde_json::json!(ShownWebhook::new(webhook, told, secret))
}

/// A page of what it was told as the API shows it, newest first.
#[must_use]
pub fn deliveries_json(
    webhook: &Webhook,
    told: &Deliveries,
    before: Option<DeliveryId>,
    limit: usize,
) -> serde_json::Value {
    serde_json::json!(ShownDeliveries::new(webhook, told, before, limit))
}

/// Where a tenant wants to be told what becomes of its reports.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownWebhook {
    id: String,
    name: String,
    url: String,
    /// What it is told of.
    events: Vec<&'static str>,
    /// Who gets a mail when it is away.
    contact: String,
    /// `active`, `failing`, `away` (it took nothing for days, and is told nothing more), `paused`.
    state: &'static str,
    /// Since when it has taken nothing.
    failing_since: Option<String>,
    /// Shown once: when it was made, or rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// Until when the secret before signs too.
    former_secret_until: Option<String>,
    changed_at: String,
    changed_by: String,
}

impl ShownWebhook {
    pub(super) fn new(webhook: Webhook, told: &Deliveries, secret: Option<&WebhookSecret>) -> Self {
        let standing = Standing::of(&webhook, told.told());
        let fails = matches!(standing, Standing::Failing | Standing::Away);
        let failing_since = told.told().and_then(|it| it.failing_since).filter(|_| fails);
        Self {
            id: webhook.webhook_id.to_string(),
            name: webhook.name,
            url: webhook.url,
            events: webhook.events.iter().map(|it| it.name()).collect(),
            contact: webhook.contact,
            state: standing.name(),
            failing_since: failing_since.map(rfc3339),
            secret: secret.map(WebhookSecret::to_text),
            former_secret_until: webhook.former_until.filter(|until| Moment::now() < *until).map(rfc3339),
            changed_at: rfc3339(webhook.changed_at),
            changed_by: webhook.changed_by,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownWebhooks {
    pub(super) webhooks: Vec<ShownWebhook>,
}

/// One thing that it is told, and what became of that.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownDelivery {
    /// As it is sent in `webhook-id`.
    id: String,
    event: &'static str,
    report_id: String,
    attempt: i32,
    happened_at: String,
    /// `delivered`, `waiting` for its next try, `given_up`.
    state: &'static str,
    /// Tries since it was first due, or since somebody wanted it again.
    tries: i32,
    /// When the last thing became of it.
    at: String,
    next_try_at: Option<String>,
    /// Status of the last answer.
    status: Option<i32>,
    /// Why the last try failed.
    problem: Option<String>,
    /// How long it took, milliseconds.
    took_ms: Option<i64>,
    /// How often somebody wanted it again.
    redeliveries: i32,
}

impl ShownDelivery {
    pub(super) fn new(webhook: &Webhook, told: &Deliveries, delivery: WebhookDelivery) -> Self {
        let next_try = told.next_try(webhook, &delivery);
        Self {
            id: delivery.delivery_id.to_string(),
            event: delivery.event.name(),
            report_id: delivery.report_id.to_string(),
            attempt: delivery.report_attempt,
            happened_at: rfc3339(delivery.happened_at),
            state: match delivery.step {
                DeliveryStep::Delivered => "delivered",
                _ if next_try.is_some() => "waiting",
                _ => "given_up",
            },
            tries: delivery.tries,
            at: rfc3339(delivery.at),
            next_try_at: next_try.map(rfc3339),
            status: delivery.status,
            problem: delivery.problem,
            took_ms: delivery.took_ms,
            redeliveries: delivery.round,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownDeliveries {
    /// Newest first; of the last 30 days.
    deliveries: Vec<ShownDelivery>,
    /// For `before` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl ShownDeliveries {
    pub(super) fn new(webhook: &Webhook, told: &Deliveries, before: Option<DeliveryId>, limit: usize) -> Self {
        let DeliveryPage { deliveries, next } = told.page(before, limit);
        let deliveries = deliveries.into_iter().map(|it| ShownDelivery::new(webhook, told, it)).collect();
        Self { deliveries, next: next.map(|id| id.to_string()) }
    }
}
