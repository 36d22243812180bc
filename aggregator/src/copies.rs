//! Copies of events that were read not long before.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

/// At least so many events of its partition back a copy is known at once; others are taken out when their hour is counted.
pub(crate) const WINDOW_EVENTS: usize = 32_768;

/// The last events of one partition, by their ids. What it has forgotten, and what it never saw because the partition was another's,
/// counts as new: the hour that is counted from the raw rows has it right.
#[derive(Debug, Default)]
pub(crate) struct CopyWindow {
    /// Ids, as two words, and the lowest offset of each.
    newer: HashMap<(u64, u64), i64, RandomState>,
    older: HashMap<(u64, u64), i64, RandomState>,
}

impl CopyWindow {
    /// True where another record with this id is known that lies before. The same record again is no copy.
    pub(crate) fn is_copy(&mut self, event_id: [u8; 16], offset: i64) -> bool {
        if self.newer.len() >= WINDOW_EVENTS {
            std::mem::swap(&mut self.newer, &mut self.older);
            self.newer.clear();
        }
        let id = u128::from_be_bytes(event_id);
        #[expect(clippy::cast_possible_truncation, reason = "the two halves")]
        let id = ((id >> 64) as u64, id as u64);
        match self.newer.entry(id) {
            Entry::Occupied(known) if *known.get() < offset => return true,
            Entry::Occupied(mut known) => *known.get_mut() = offset,
            Entry::Vacant(_) if self.older.get(&id).is_some_and(|first| *first < offset) => return true,
            Entry::Vacant(new) => drop(new.insert(offset)),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> [u8; 16] {
        (number as u128).to_be_bytes()
    }

    #[test]
    fn copy_is_known_and_the_same_record_again_is_none() {
        let mut window = CopyWindow::default();
        assert!(!window.is_copy(id(1), 5));
        assert!(!window.is_copy(id(1), 5), "read again after a rebalance");
        assert!(window.is_copy(id(1), 6));
        assert!(!window.is_copy(id(1), 4), "the fact itself, read later");
        assert!(window.is_copy(id(1), 5));
    }

    #[test]
    fn window_is_as_long_as_it_says_and_no_more_than_twice_that() {
        let mut window = CopyWindow::default();
        for number in 0..5 * WINDOW_EVENTS {
            assert!(!window.is_copy(id(number), i64::try_from(number).unwrap()));
            assert!(window.newer.len() + window.older.len() <= 2 * WINDOW_EVENTS);
        }
        let (last, next) = (5 * WINDOW_EVENTS - 1, i64::MAX);
        assert!(window.is_copy(id(last - WINDOW_EVENTS + 1), next));
        assert!(!window.is_copy(id(last - 2 * WINDOW_EVENTS), next));
    }
}
