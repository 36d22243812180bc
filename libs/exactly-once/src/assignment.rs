//! What a partition's committed offset says to its new owner.

use crate::intent::{Intent, Note};

/// Where one owner of a partition begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    begin: i64,
    pending: Option<Intent>,
    has_unreadable_note: bool,
}

impl Assignment {
    /// Of the committed offset with its note, where one was committed; else the partition is begun at `start`.
    #[must_use]
    pub fn new(committed: Option<(i64, &str)>, start: i64) -> Self {
        let Some((begin, note)) = committed else {
            return Self { begin: start, pending: None, has_unreadable_note: false };
        };
        let (pending, has_unreadable_note) = match Note::read(begin, note) {
            Note::Empty => (None, false),
            Note::Intent(intent) => (Some(intent), false),
            Note::Unreadable => (None, true),
        };
        Self { begin, pending, has_unreadable_note }
    }

    /// First offset of the first range. Reading begins here, or at the first record behind it that is there still.
    #[must_use]
    pub fn begin(&self) -> i64 {
        self.begin
    }

    /// The range that was begun and has to be done again first.
    #[must_use]
    pub fn pending(&self) -> Option<&Intent> {
        self.pending.as_ref()
    }

    /// True where something stands beside the offset that cannot be read. Who wrote it may have begun a range: it is waited until
    /// nothing of that can arrive any more, and all that is stored from here on is counted before anything is inserted.
    #[must_use]
    pub fn has_unreadable_note(&self) -> bool {
        self.has_unreadable_note
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partition_without_a_committed_offset_begins_at_its_start() {
        let assignment = Assignment::new(None, 7);
        assert_eq!((assignment.begin(), assignment.pending(), assignment.has_unreadable_note()), (7, None, false));
    }

    #[test]
    fn committed_offset_goes_before_what_is_there_still() {
        // Retention has passed it: the gap belongs to the first range.
        assert_eq!(Assignment::new(Some((5, "")), 9).begin(), 5);
    }

    #[test]
    fn range_that_was_begun_is_pending() {
        let intent =
            Intent { first: 5, last: 8, rows: 3, refused: vec![6], token: "t".to_owned(), encoder: 1, created_ms: 3 };
        let assignment = Assignment::new(Some((5, &intent.to_note().unwrap())), 5);
        assert_eq!(assignment.pending(), Some(&intent));
    }

    #[test]
    fn note_of_another_form_is_not_taken_for_no_note() {
        let assignment = Assignment::new(Some((5, r#"{"v":2}"#)), 5);
        assert_eq!((assignment.pending(), assignment.has_unreadable_note()), (None, true));
    }
}
