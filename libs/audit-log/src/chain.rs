//! The writing end of a chain.

use schemas::audit_event::{AuditEvent, AuditEventId, AuditHash, ChainHead, ChainId};
use schemas::times::Moment;

use crate::act::Act;
use crate::canonical::hash_of;

/// Makes events of acts, each behind the one before it.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    id: ChainId,
    /// Of the next event.
    sequence: i64,
    previous: Option<AuditHash>,
}

impl Chain {
    /// One that nobody has begun.
    pub(crate) fn begin() -> Self {
        Self { id: ChainId::generate(), sequence: 0, previous: None }
    }

    pub(crate) fn id(&self) -> ChainId {
        self.id
    }

    /// The event that comes next, which names the ends of other chains. It is in the chain once it was [`Self::took`].
    pub(crate) fn next(&self, act: Act, heads: Vec<ChainHead>) -> AuditEvent {
        let mut event = AuditEvent {
            event_id: AuditEventId::generate(),
            tenant: act.tenant,
            at: Moment::now(),
            account: act.account,
            address: act.address,
            door: act.door,
            action: act.action,
            subject: act.subject,
            outcome: act.outcome,
            details: act.details,
            heads,
            chain: self.id,
            sequence: self.sequence,
            previous: self.previous,
            hash: AuditHash::from_bytes([0; 32]),
        };
        event.hash = hash_of(&event);
        event
    }

    /// It is on Kafka.
    pub(crate) fn took(&mut self, event: &AuditEvent) {
        (self.sequence, self.previous) = (event.sequence + 1, Some(event.hash));
    }
}
