//! From a hash to the place of what was hashed: the table under every dictionary.

use std::hash::{BuildHasher, RandomState};

/// Slots of an empty table.
const SLOTS_MIN: usize = 1024;

/// Places of different values, found by hash. Values themselves stand with the caller. Open addressing; at most half full.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// 0 for none; else 32 bits of hash, and the place plus one.
    slots: Vec<u64>,
    used: usize,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self { slots: vec![0; SLOTS_MIN], used: 0 }
    }

    /// No values; memory is kept.
    pub(crate) fn clear(&mut self) {
        self.slots.fill(0);
        self.used = 0;
    }

    /// The slot where a hash leads first: often the right one.
    #[inline(always)]
    pub(crate) fn first_slot(&self, hash: u32) -> Slot {
        Slot(self.slots[hash as usize & (self.slots.len() - 1)])
    }

    /// The place of a value that is the same.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u32, is_same: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            let (hashed, place) = split(slot);
            if hashed == hash && is_same(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a place that was not found.
    pub(crate) fn add(&mut self, hash: u32, place: u32) {
        if (self.used + 1) * 2 > self.slots.len() {
            let grown = vec![0; self.slots.len() * 2];
            for slot in std::mem::replace(&mut self.slots, grown) {
                if slot != 0 {
                    self.put(slot);
                }
            }
        }
        self.used += 1;
        self.put(u64::from(hash) << 32 | (u64::from(place) + 1));
    }

    fn put(&mut self, slot: u64) {
        let mask = self.slots.len() - 1;
        let mut at = split(slot).0 as usize & mask;
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
    }

    /// What it takes in memory, bytes.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u64>()
    }

    /// What its values take in memory, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        self.used * 3 * size_of::<u64>()
    }
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slot(u64);

impl Slot {
    /// The place in it, where its hash is this one; else one that no value has.
    #[inline(always)]
    pub(crate) fn place_if(self, hash: u32) -> u32 {
        let (hashed, place) = split(self.0);
        if hashed == hash { place } else { u32::MAX }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
#[inline(always)]
fn split(slot: u64) -> (u32, u32) {
    ((slot >> 32) as u32, (slot as u32).wrapping_sub(1))
}

/// Hashes that nobody can foresee, so that nobody can choose values that all fall together. They decide where to look, never what is
/// found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hashes {
    seeds: [u64; 4],
}

impl Hashes {
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        Self { seeds: std::array::from_fn(|number| random.hash_one(number)) }
    }

    /// The hash of four words.
    #[inline(always)]
    pub(crate) fn hash(&self, words: [u64; 4]) -> u32 {
        (self.fold(words) >> 32) as u32
    }

    #[inline(always)]
    fn fold(&self, [first, second, third, fourth]: [u64; 4]) -> u64 {
        let [a, b, c, d] = self.seeds;
        folded(first ^ a, second ^ b) ^ folded(third ^ c, fourth ^ d)
    }

    /// The hash of any bytes.
    pub(crate) fn hash_bytes(&self, bytes: &[u8]) -> u32 {
        let (chunks, rest) = bytes.as_chunks::<24>();
        let mut last = [0; 24];
        last[..rest.len()].copy_from_slice(rest);
        let mut hash = bytes.len() as u64;
        for chunk in chunks.iter().chain([&last]) {
            let word = |at: usize| chunk[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
            hash = self.fold([hash, word(0), word(8), word(16)]);
        }
        self.hash([hash, 0, 0, 0])
    }
}

/// Both halves of a product, put together.
#[expect(clippy::cast_possible_truncation, reason = "the two halves")]
#[inline(always)]
fn folded(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_found_though_hashes_collide_and_the_table_grows() {
        let mut places = Places::new();
        for place in 0..5000 {
            assert_eq!(places.find(place % 7, |found| found == place), None);
            places.add(place % 7, place);
        }
        for place in (0..5000).step_by(97) {
            assert_eq!(places.find(place % 7, |found| found == place), Some(place));
        }
        places.clear();
        assert_eq!(places.find(3, |_| true), None);
    }
}
