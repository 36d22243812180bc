//! Where positions are kept: in the state folder behind the acknowledgements, or with the events in their transaction.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::adapters::positions::{FileMark, PositionStore, SavedPosition};
use crate::deliver::Summary;

/// How positions are kept.
pub(crate) enum Keeper {
    /// At least once: in the state folder, behind the acknowledgements.
    Folder(Arc<PositionStore>),
    /// Exactly once: in the topic, in the transaction of the events.
    Transaction(Ledger),
}

/// What the topic says of one connector's files, as of the last commit. Pure.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    instance: String,
    kept: BTreeMap<String, SavedPosition>,
}

impl Ledger {
    /// The ledger of a connector whose positions in the topic are these.
    pub(crate) fn new(instance: &str, kept: impl IntoIterator<Item = SavedPosition>) -> Self {
        let mut ledger = Self { instance: instance.to_owned(), kept: BTreeMap::new() };
        ledger.keep(kept);
        ledger
    }

    /// What the keys of this connector's files begin with.
    pub(crate) fn prefix(instance: &str) -> String {
        format!("{instance}/")
    }

    /// A file's key: it stays the same while the file grows, is renamed, and gets a longer fingerprint.
    fn key(&self, mark: &FileMark) -> String {
        format!("{}{}-{}", Self::prefix(&self.instance), mark.device, mark.inode)
    }

    /// What has to be written so that the topic says `now`: positions that have moved, and `None` for files that are over. Of two
    /// positions of one file the later one counts.
    pub(crate) fn changes(&self, now: &[SavedPosition]) -> Vec<(String, Option<SavedPosition>)> {
        let now: BTreeMap<String, &SavedPosition> = now.iter().map(|it| (self.key(&it.mark), it)).collect();
        let over = self.kept.keys().filter(|key| !now.contains_key(*key)).map(|key| (key.clone(), None));
        let moved = now.iter().filter(|(key, it)| self.kept.get(*key) != Some(*it));
        over.chain(moved.map(|(key, it)| (key.clone(), Some((*it).clone())))).collect()
    }

    /// It is committed: the topic says `now`.
    pub(crate) fn keep(&mut self, now: impl IntoIterator<Item = SavedPosition>) {
        self.kept = now.into_iter().map(|it| (self.key(&it.mark), it)).collect();
    }
}

/// What a run hands to the next one in the same process, when a transaction has to be done again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried(Arc<Mutex<CarriedState>>);

#[derive(Debug, Default)]
struct CarriedState {
    committed: Summary,
    refused: HashMap<LinePlace, Refusal>,
}

/// Which line of which file: device, inode, and offset.
pub(crate) type LinePlace = (u64, u64, u64);

/// What Kafka refused to take of a line. In a transaction a refusal undoes everything, so it has to be known before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What Kafka said.
    pub(crate) reason: String,
    /// Not even the dead letter with all bytes of the line was taken.
    pub(crate) is_too_long: bool,
}

impl Carried {
    fn state(&self) -> MutexGuard<'_, CarriedState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of everything that is committed.
    pub(crate) fn committed(&self) -> Summary {
        self.state().committed
    }

    pub(crate) fn set_committed(&self, summary: Summary) {
        self.state().committed = summary;
    }

    /// What was refused of this line in an earlier attempt.
    pub(crate) fn refusal(&self, place: LinePlace) -> Option<Refusal> {
        self.state().refused.get(&place).cloned()
    }

    pub(crate) fn refuse(&self, place: LinePlace, refusal: Refusal) {
        self.state().refused.insert(place, refusal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::positions::Fingerprint;

    fn position(inode: u64, beginning: &[u8], offset: u64) -> SavedPosition {
        let mark = FileMark { path: format!("{inode}.log"), device: 1, inode, fingerprint: Fingerprint::of(beginning) };
        SavedPosition { mark, offset }
    }

    #[test]
    fn only_what_has_moved_is_written_and_what_is_over_goes() {
        let mut ledger = Ledger::new("a", [position(1, b"x", 5), position(2, b"y", 5)]);
        let now = [position(1, b"x", 5), position(3, b"z", 1)];
        let changes = ledger.changes(&now);
        assert_eq!(changes, [("a/1-2".to_owned(), None), ("a/1-3".to_owned(), Some(position(3, b"z", 1)))]);
        ledger.keep(now.clone());
        assert_eq!(ledger.changes(&now), []);
    }

    #[test]
    fn file_keeps_its_key_while_its_fingerprint_grows() {
        let ledger = Ledger::new("a", [position(1, b"x", 1)]);
        assert_eq!(ledger.changes(&[position(1, b"xyz", 3)]), [("a/1-1".to_owned(), Some(position(1, b"xyz", 3)))]);
    }

    #[test]
    fn rewritten_file_that_is_still_being_let_go_counts_as_the_new_one() {
        let ledger = Ledger::new("a", []);
        let changes = ledger.changes(&[position(1, b"old", 90), position(1, b"new", 3)]);
        assert_eq!(changes, [("a/1-1".to_owned(), Some(position(1, b"new", 3)))]);
    }
}
