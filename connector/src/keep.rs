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

/// What the topic says of one connector, as of the last commit. Pure.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    instance: String,
    kept: BTreeMap<String, SavedPosition>,
}

impl Ledger {
    /// The ledger of a connector of which the topic says this, by key.
    pub(crate) fn new(instance: &str, kept: BTreeMap<String, SavedPosition>) -> Self {
        Self { instance: instance.to_owned(), kept }
    }

    /// What the keys of this connector begin with.
    pub(crate) fn prefix(instance: &str) -> String {
        format!("{instance}/")
    }

    /// Where its files are read on; `None`: it never began. A connector that began may have no file, when all were over.
    pub(crate) fn files(&self) -> Option<Vec<SavedPosition>> {
        let begun = self.begun_key();
        let files = self.kept.iter().filter(|(key, _)| **key != begun);
        (!self.kept.is_empty()).then(|| files.map(|(_, file)| file.clone()).collect())
    }

    /// A file's key: it stays the same while the file grows, is renamed, and gets a longer fingerprint.
    fn key(&self, mark: &FileMark) -> String {
        format!("{}{}-{}", Self::prefix(&self.instance), mark.device, mark.inode)
    }

    /// Key of the record that says that this connector began. It stays when all files are over.
    fn begun_key(&self) -> String {
        Self::prefix(&self.instance) + "begun"
    }

    /// All that the topic should say, by key. Of two positions of one file the later one counts.
    fn all(&self, now: &[SavedPosition]) -> BTreeMap<String, SavedPosition> {
        let files = now.iter().map(|it| (self.key(&it.mark), it.clone()));
        // A position of no file: a connector from before this record passes over it.
        files.chain([(self.begun_key(), SavedPosition::default())]).collect()
    }

    /// What has to be written so that the topic says `now`: positions that have moved, and `None` for files that are over.
    pub(crate) fn changes(&self, now: &[SavedPosition]) -> Vec<(String, Option<SavedPosition>)> {
        let now = self.all(now);
        let over = self.kept.keys().filter(|key| !now.contains_key(*key)).map(|key| (key.clone(), None));
        let moved = now.iter().filter(|(key, it)| self.kept.get(*key) != Some(*it));
        over.chain(moved.map(|(key, it)| (key.clone(), Some(it.clone())))).collect()
    }

    /// It is committed: the topic says `now`.
    pub(crate) fn keep(&mut self, now: &[SavedPosition]) {
        self.kept = self.all(now);
    }
}

/// What a run hands to the next one in the same process, when a transaction has to be done again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carried(Arc<Mutex<CarriedState>>);

#[derive(Debug, Default)]
struct CarriedState {
    committed: Summary,
    positions: Option<Vec<SavedPosition>>,
    opened: Option<Vec<SavedPosition>>,
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

    /// The positions that are committed; `None`: none are known.
    pub(crate) fn positions(&self) -> Option<Vec<SavedPosition>> {
        self.state().positions.clone()
    }

    pub(crate) fn set_positions(&self, positions: Vec<SavedPosition>) {
        self.state().positions = Some(positions);
    }

    /// Where the first run of this process opened its files; `None`: it has not yet.
    pub(crate) fn opened(&self) -> Option<Vec<SavedPosition>> {
        self.state().opened.clone()
    }

    pub(crate) fn set_opened(&self, positions: Vec<SavedPosition>) {
        self.state().opened.get_or_insert(positions);
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
    use crate::line::Reached;

    fn position(inode: u64, beginning: &[u8], offset: u64) -> SavedPosition {
        let mark = FileMark { path: format!("{inode}.log"), device: 1, inode, fingerprint: Fingerprint::of(beginning) };
        SavedPosition { mark, reached: Reached::at(offset) }
    }

    /// One that has begun, with these files.
    fn ledger(files: &[SavedPosition]) -> Ledger {
        let mut ledger = Ledger::new("a", BTreeMap::new());
        ledger.keep(files);
        ledger
    }

    #[test]
    fn only_what_has_moved_is_written_and_what_is_over_goes() {
        let mut ledger = ledger(&[position(1, b"x", 5), position(2, b"y", 5)]);
        let now = [position(1, b"x", 5), position(3, b"z", 1)];
        let changes = ledger.changes(&now);
        assert_eq!(changes, [("a/1-2".to_owned(), None), ("a/1-3".to_owned(), Some(position(3, b"z", 1)))]);
        ledger.keep(&now);
        assert_eq!(ledger.changes(&now), []);
    }

    #[test]
    fn file_keeps_its_key_while_its_fingerprint_grows() {
        let ledger = ledger(&[position(1, b"x", 1)]);
        assert_eq!(ledger.changes(&[position(1, b"xyz", 3)]), [("a/1-1".to_owned(), Some(position(1, b"xyz", 3)))]);
    }

    #[test]
    fn rewritten_file_that_is_still_being_let_go_counts_as_the_new_one() {
        let changes = ledger(&[]).changes(&[position(1, b"old", 90), position(1, b"new", 3)]);
        assert_eq!(changes, [("a/1-1".to_owned(), Some(position(1, b"new", 3)))]);
    }

    #[test]
    fn connector_that_began_and_has_no_file_any_more_is_told_from_one_that_never_began() {
        let mut ledger = Ledger::new("a", BTreeMap::new());
        assert_eq!(ledger.files(), None);
        let begun = ("a/begun".to_owned(), Some(SavedPosition::default()));
        assert_eq!(ledger.changes(&[]), [begun]);
        ledger.keep(&[position(1, b"x", 1)]);
        assert_eq!(ledger.files(), Some(vec![position(1, b"x", 1)]));
        assert_eq!(ledger.changes(&[]), [("a/1-1".to_owned(), None)], "the record of the beginning stays");
        ledger.keep(&[]);
        assert_eq!(ledger.files(), Some(Vec::new()));
    }

    #[test]
    fn connector_from_before_the_record_of_the_beginning_has_begun() {
        let kept = BTreeMap::from([("a/1-1".to_owned(), position(1, b"x", 1))]);
        let ledger = Ledger::new("a", kept);
        assert_eq!(ledger.files(), Some(vec![position(1, b"x", 1)]));
        let begun = ("a/begun".to_owned(), Some(SavedPosition::default()));
        assert_eq!(ledger.changes(&[position(1, b"x", 1)]), [begun]);
    }
}
