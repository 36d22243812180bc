//! What accounts do is noted on the audit log before it is done, and what the log holds is checked as it comes.

use std::net::SocketAddr;
use std::time::Duration;

use audit_log::{Act, AuditBook, Finding, Trail};
use schemas::audit_event::{AuditAction, AuditDoor};
use service_kit::CancellationToken;

use crate::app::App;
use crate::error::{Error, Refusal};
use crate::metrics::ConsoleMetrics;
use crate::session::SignedIn;

/// How long Kafka may take to take an act.
const NOTE_MAX: Duration = Duration::from_secs(10);
/// How often the ends of chains are named, and told to the log.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(600);

impl SignedIn {
    /// What the account does now, from this address.
    pub(crate) fn does(&self, action: AuditAction, address: SocketAddr) -> Act {
        Act::new(self.tenant.clone(), &self.account, AuditDoor::Console, action).from(&address.ip())
    }
}

impl App {
    /// Returns when the act is on the log: only then may it be done.
    pub(crate) async fn note(&self, act: Act) -> Result<(), Refusal> {
        let noted = tokio::time::timeout(NOTE_MAX, self.outside.note(act)).await;
        let noted = noted.map_err(|_| Refusal::Away("the event log")).and_then(|noted| noted.map_err(Refusal::from));
        self.metrics.audit_event(noted.is_ok());
        noted
    }
}

/// Something is wrong with the log.
pub(crate) fn found(metrics: &ConsoleMetrics, finding: &Finding) {
    metrics.audit_findings.inc();
    tracing::error!(%finding, "the audit log is not as it was written");
}

/// Names the ends of other writers' chains, and says all ends in the log of this process: who keeps that elsewhere can tell later that nothing was cut off.
pub(crate) async fn keep_heads(trail: Trail, book: AuditBook, stop: CancellationToken) -> Result<(), Error> {
    let mut ticks = tokio::time::interval(CHECKPOINT_EVERY);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(Err(error)) = stop.run_until_cancelled(trail.checkpoint()).await {
            tracing::warn!(%error, "no checkpoint of the audit log");
        }
        for head in book.heads() {
            tracing::info!(%head, "end of a chain of the audit log");
        }
    }
    Ok(())
}
