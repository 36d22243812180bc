//! Acts and chains, for tests.

use bytes::Bytes;
use schemas::audit_event::{AuditAction, AuditDoor, AuditEvent, AuditHash, ChainHead};

use crate::act::Act;
use crate::chain::Chain;
use crate::reader::Taken;

/// A download by this account of `acme`.
pub(crate) fn act(account: &str) -> Act {
    Act::new("acme".parse().unwrap(), account, AuditDoor::Console, AuditAction::ReportDownloaded)
}

/// A head of a chain that is nowhere.
pub(crate) fn head(number: u8) -> ChainHead {
    let chain = format!("0193a0b0-0000-7000-8000-0000000000{number:02}").parse().unwrap();
    ChainHead { chain, sequence: number.into(), hash: AuditHash::from_bytes([number; 32]) }
}

/// A chain, and its first event.
pub(crate) fn begun(heads: Vec<ChainHead>) -> (Chain, AuditEvent) {
    let mut chain = Chain::begin();
    let act = Act::of_a_writer(AuditDoor::Console, AuditAction::ChainBegun);
    let first = chain.next(act, heads);
    chain.took(&first);
    (chain, first)
}

/// One more event of a chain.
pub(crate) fn next(chain: &mut Chain, account: &str) -> AuditEvent {
    let event = chain.next(act(account), Vec::new());
    chain.took(&event);
    event
}

/// As they lie on the topic, from its beginning.
pub(crate) fn laid(events: &[AuditEvent]) -> Vec<Taken> {
    let lie = |(offset, event): (i64, &AuditEvent)| Taken {
        offset,
        key: Some(Bytes::from(event.chain.to_string())),
        event: Ok(event.clone()),
    };
    (0..).zip(events).map(lie).collect()
}
