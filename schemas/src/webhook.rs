//! Where a tenant wants to be told what becomes of its reports.

use serde::{Deserialize, Serialize};

use crate::ids::{Tenant, WebhookId};
use crate::times::Moment;

/// Whether anything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookState {
    /// Not known to this reader: nothing is.
    Unknown,
    /// It is.
    Active,
    /// Nothing until somebody resumes it.
    Paused,
    /// It is gone.
    Deleted,
}

/// What a webhook may be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WebhookEvent {
    /// Not known to this reader.
    Unknown,
    /// A report's file is there.
    ReportCompleted,
    /// There will be none.
    ReportFailed,
    /// Nobody wants it any more.
    ReportCancelled,
    /// Its file was deleted.
    ReportExpired,
}

impl WebhookEvent {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::ReportCompleted, Self::ReportFailed, Self::ReportCancelled, Self::ReportExpired];

    /// Its name, as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::ReportCompleted => "report.completed",
            Self::ReportFailed => "report.failed",
            Self::ReportCancelled => "report.cancelled",
            Self::ReportExpired => "report.expired",
        }
    }
}

/// The whole of it: Avro record `Webhook`, subject `webhooks-value`. Field order is the schema's. Only what people do changes it: what was
/// sent is on `webhook-deliveries`. Its secrets are nowhere: they are made of the operator's key, the id and the generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id; the key of the record.
    pub webhook_id: WebhookId,
    /// Its tenant.
    pub tenant: Tenant,
    /// What the tenant calls it.
    pub name: String,
    /// Whether anything is sent.
    pub state: WebhookState,
    /// Where to.
    pub url: String,
    /// What of.
    pub events: Vec<WebhookEvent>,
    /// Who gets a mail when it is paused because its receiver is away.
    pub contact: String,
    /// Which secret signs, from 1.
    pub generation: i32,
    /// Until when the secret before signs too.
    pub former_until: Option<Moment>,
    /// What happened until then is not sent any more.
    pub events_after: Moment,
    /// When it was changed last.
    pub changed_at: Moment,
    /// Account that did.
    pub changed_by: String,
}
