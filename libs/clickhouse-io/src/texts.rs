//! Texts that come again and again, each kept once.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::native::push_text;

/// The different texts among many, in the order in which they came. They are UTF-8; nothing here looks at that. Their bytes together
/// are bounded far below 4 GiB: they are those of one range.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    places: HashTable<u32>,
    hashes: RandomState,
    /// Length and bytes of each, as a block has them.
    keys: Vec<u8>,
    /// Where each text's bytes begin among the keys, and where they end.
    spans: Vec<(u32, u32)>,
}

impl Texts {
    /// The place of a text, which is kept if it was not yet.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    pub fn place(&mut self, text: &[u8]) -> u32 {
        let Self { places, hashes, keys, spans } = self;
        let hash = hashes.hash_one(text);
        if let Some(place) = places.find(hash, |place| of(keys, spans, *place) == text) {
            return *place;
        }
        let place = spans.len() as u32;
        push_text(keys, text);
        spans.push(((keys.len() - text.len()) as u32, keys.len() as u32));
        places.insert_unique(hash, place, |place| hashes.hash_one(of(keys, spans, *place)));
        place
    }

    /// The text of a place; empty where there is none.
    #[must_use]
    pub fn text(&self, place: u32) -> &[u8] {
        of(&self.keys, &self.spans, place)
    }

    /// Different texts.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// True where there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Forgets all; memory is kept.
    pub fn clear(&mut self) {
        self.places.clear();
        self.keys.clear();
        self.spans.clear();
    }

    /// What they take, bytes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.keys.len() + self.spans.len() * 16
    }

    /// What they take in memory, bytes: what they have room for.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.keys.capacity() + self.spans.capacity() * size_of::<(u32, u32)>() + self.places.allocation_size()
    }

    /// All of them, as a block has them.
    pub(crate) fn keys(&self) -> &[u8] {
        &self.keys
    }

    /// For each place its rank among the texts in their order.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut sorted: Vec<u32> = (0..self.len() as u32).collect();
        sorted.sort_unstable_by_key(|place| self.text(*place));
        let mut ranks = vec![0; sorted.len()];
        for (rank, place) in (0..).zip(sorted) {
            ranks[place as usize] = rank;
        }
        ranks
    }
}

fn of<'a>(keys: &'a [u8], spans: &[(u32, u32)], place: u32) -> &'a [u8] {
    let (begin, end) = spans.get(place as usize).copied().unwrap_or_default();
    &keys[begin as usize..end as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once_and_ranked_by_its_bytes() {
        let mut texts = Texts::default();
        let of_number = |number: u32| format!("text {}", number % 300).into_bytes();
        for number in 0..900 {
            assert_eq!(texts.place(&of_number(number)), number % 300);
        }
        assert_eq!((texts.len(), texts.text(299), texts.text(300)), (300, &b"text 299"[..], &b""[..]));
        let ranks = texts.ranks();
        assert_eq!((ranks[0], ranks[1], ranks[10]), (0, 1, 2), "text 0, text 1, text 10");
        texts.clear();
        assert_eq!((texts.place(b""), texts.place(b"a"), texts.len()), (0, 1, 2));
        assert_eq!(texts.keys(), b"\0\x01a");
    }
}
