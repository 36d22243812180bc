//! Holds the log against its own hashes, record by record, from the beginning of the topic. No I/O.
//!
//! Keeps the hash of every event: an event may be named at any time later.

use std::collections::BTreeMap;

use schemas::audit_event::{AuditAction, AuditDoor, AuditEvent, AuditHash, AuditOutcome, ChainHead, ChainId};
use schemas::times::Moment;

use crate::canonical::hash_of;
use crate::finding::{Finding, Problem};
use crate::reader::Taken;

/// What was read so far.
#[derive(Clone, Debug, Default)]
pub struct Checker {
    chains: BTreeMap<ChainId, ChainSeen>,
    /// Offset that comes next.
    offset: i64,
}

/// One chain.
#[derive(Clone, Debug)]
pub struct ChainSeen {
    /// Hashes by number.
    hashes: BTreeMap<i64, AuditHash>,
    /// The last number that another chain names.
    named: Option<i64>,
    /// The last number of an account's act.
    acted: Option<i64>,
    /// Time of its first event.
    pub first_at: Moment,
    /// Time of its last event.
    pub last_at: Moment,
}

impl ChainSeen {
    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Never: a chain is known by its first event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    fn last(&self) -> Option<(i64, AuditHash)> {
        self.hashes.last_key_value().map(|(sequence, hash)| (*sequence, *hash))
    }

    /// Its last event.
    #[must_use]
    pub fn head(&self, chain: ChainId) -> Option<ChainHead> {
        self.last().map(|(sequence, hash)| ChainHead { chain, sequence, hash })
    }
}

impl Checker {
    /// Takes the next record of the topic; gives what is wrong with it.
    pub fn take(&mut self, taken: &Taken) -> Vec<Finding> {
        let mut problems = Vec::new();
        if taken.offset != self.offset {
            problems.push(Problem::Gone { first: self.offset, last: taken.offset - 1 });
        }
        self.offset = taken.offset + 1;
        let event = match &taken.event {
            Ok(event) => {
                self.take_event(event, taken.key.as_deref(), &mut problems);
                Some((event.chain, event.sequence))
            }
            Err(reason) => {
                problems.push(Problem::Unreadable(reason.clone()));
                None
            }
        };
        let found = |problem| Finding { offset: Some(taken.offset), event, problem };
        problems.into_iter().map(found).collect()
    }

    fn take_event(&mut self, event: &AuditEvent, key: Option<&[u8]>, problems: &mut Vec<Problem>) {
        if key != Some(event.chain.to_string().as_bytes()) {
            problems.push(Problem::OtherKey);
        }
        if hash_of(event) != event.hash {
            problems.push(if is_known(event) { Problem::Changed } else { Problem::Unknown });
        }
        if (event.sequence == 0) != (event.action == AuditAction::ChainBegun) {
            problems.push(Problem::NotABeginning);
        }
        for head in &event.heads {
            match self.check_head(head) {
                Ok(()) => self.note_named(event.chain, head),
                Err(problem) => problems.push(problem),
            }
        }
        let seen = self.chains.entry(event.chain).or_insert_with(|| ChainSeen {
            hashes: BTreeMap::new(),
            named: None,
            acted: None,
            first_at: event.at,
            last_at: event.at,
        });
        let before = seen.last();
        let expected = before.map_or(0, |(sequence, _)| sequence.saturating_add(1));
        if event.sequence < expected {
            problems.push(Problem::OutOfPlace { expected });
            // What stands there already stays.
            return;
        }
        if event.sequence > expected {
            problems.push(Problem::Missing { first: expected, last: event.sequence - 1 });
        } else if event.previous != before.map(|(_, hash)| hash) {
            problems.push(Problem::Unlinked);
        }
        seen.hashes.insert(event.sequence, event.hash);
        seen.last_at = event.at;
        if event.action.is_of_an_account() {
            seen.acted = Some(event.sequence);
        }
    }

    /// Whether an event that was noted elsewhere is there, and the same.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_head(&self, head: &ChainHead) -> Result<(), Problem> {
        match self.chains.get(&head.chain).and_then(|seen| seen.hashes.get(&head.sequence)) {
            None => Err(Problem::HeadMissing(*head)),
            Some(hash) if *hash != head.hash => Err(Problem::HeadChanged(*head)),
            Some(_) => Ok(()),
        }
    }

    fn note_named(&mut self, by: ChainId, head: &ChainHead) {
        if by != head.chain
            && let Some(seen) = self.chains.get_mut(&head.chain)
        {
            seen.named = seen.named.max(Some(head.sequence));
        }
    }

    /// The ends of all chains that no other one names: with these nothing before them can go or change unseen.
    #[must_use]
    pub fn heads(&self) -> Vec<ChainHead> {
        let loose = self.chains.iter().filter(|(_, seen)| seen.last().map(|(sequence, _)| sequence) > seen.named);
        loose.filter_map(|(chain, seen)| seen.head(*chain)).collect()
    }

    /// True where another chain than this one has acts that none names. Checkpoints alone are no reason for one more.
    #[must_use]
    pub fn has_unnamed_acts(&self, beside: Option<ChainId>) -> bool {
        self.chains.iter().any(|(chain, seen)| Some(*chain) != beside && seen.acted > seen.named)
    }

    /// All chains, the oldest first.
    pub fn chains(&self) -> impl Iterator<Item = (ChainId, &ChainSeen)> {
        self.chains.iter().map(|(chain, seen)| (*chain, seen))
    }

    /// Number of records.
    #[must_use]
    pub fn records(&self) -> i64 {
        self.offset
    }
}

fn is_known(event: &AuditEvent) -> bool {
    event.action != AuditAction::Unknown && event.door != AuditDoor::Unknown && event.outcome != AuditOutcome::Unknown
}

#[cfg(test)]
mod tests;
