//! What became of one thing that a webhook is told.

use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, ReportId, Tenant, WebhookId};
use crate::times::Moment;
use crate::webhook::WebhookEvent;

/// What happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryStep {
    /// Not known to this reader: skipped by the fold.
    Unknown,
    /// Somebody wants it to be sent again; `actor` is there.
    Requested,
    /// A try failed, and another one follows; `problem` is there.
    Failed,
    /// The last try failed; `problem` is there.
    GivenUp,
    /// The receiver took it; `status` is there.
    Delivered,
}

/// One record: Avro record `WebhookDelivery`, subject `webhook-deliveries-value`. Field order is the schema's. Each says all that is known of
/// its delivery, so that of all records of one the greatest is its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// The delivery; what is sent has it as `webhook-id`.
    pub delivery_id: DeliveryId,
    /// The webhook; the key of the record.
    pub webhook_id: WebhookId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What happened.
    pub event: WebhookEvent,
    /// To which report.
    pub report_id: ReportId,
    /// In which attempt of it.
    pub report_attempt: i32,
    /// When.
    pub happened_at: Moment,
    /// What became of the delivery.
    pub step: DeliveryStep,
    /// How often people wanted it again.
    pub round: i32,
    /// Tries of this round.
    pub tries: i32,
    /// When, by the writer's clock.
    pub at: Moment,
    /// Status of the receiver's answer, where there was one.
    pub status: Option<i32>,
    /// Why it failed, in words.
    pub problem: Option<String>,
    /// How long the try took, milliseconds.
    pub took_ms: Option<i64>,
    /// Account that wants it again.
    pub actor: Option<String>,
    /// Since when no try of the webhook has succeeded, where this one did not.
    pub failing_since: Option<Moment>,
}
