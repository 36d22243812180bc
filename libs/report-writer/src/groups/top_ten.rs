//! How often each value of a group came, and the ten that came most.

use std::collections::HashMap;
use std::hash::Hash;

/// What a value takes, roughly, with the room that tables have.
const VALUE_BYTES: usize = 64;

/// Counts by group, known by its place, and value.
#[derive(Debug)]
pub(super) struct Counts<V>(HashMap<(u32, V), u64>);

impl<V> Default for Counts<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V: Copy + Eq + Hash> Counts<V> {
    pub(super) fn add(&mut self, group: u32, value: V) {
        *self.0.entry((group, value)).or_default() += 1;
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.0.capacity() * VALUE_BYTES
    }

    /// All of them, by the rank of their group, and in it in the order of `key`; forgets them.
    pub(super) fn take<K: Ord>(&mut self, ranks: &[u32], key: impl Fn(V) -> K) -> Vec<(u32, V, u64)> {
        let counts = std::mem::take(&mut self.0);
        let of_rank = |((group, value), count): ((u32, V), u64)| (ranks[group as usize], value, count);
        let mut all: Vec<_> = counts.into_iter().map(of_rank).collect();
        all.sort_unstable_by_key(|one| (one.0, key(one.1)));
        all
    }
}

/// What is said of a group's values: how many different ones there are, and the ten that came most, with how often. Counts of one value
/// come one behind the other.
#[derive(Debug)]
pub(super) struct TopTen {
    /// What is shown of a value.
    text: fn(&[u8]) -> Vec<u8>,
    open: Option<(Vec<u8>, u64)>,
    distinct: u64,
    top: Vec<(u64, Vec<u8>)>,
}

impl TopTen {
    pub(super) fn new(text: fn(&[u8]) -> Vec<u8>) -> Self {
        Self { text, open: None, distinct: 0, top: Vec::with_capacity(11) }
    }

    pub(super) fn add(&mut self, value: &[u8], more: u64) {
        match &mut self.open {
            Some((open, count)) if open == value => *count = count.saturating_add(more),
            _ => {
                self.close();
                self.open = Some((value.to_vec(), more));
            }
        }
    }

    /// Of values that came equally often the one whose text, as UTF-8, is less comes first.
    fn close(&mut self) {
        let Some((value, count)) = self.open.take() else { return };
        self.distinct += 1;
        // Most values of a large group are far from its ten.
        if self.top.len() == 10 && self.top[9].0 > count {
            return;
        }
        let text = (self.text)(&value);
        let before = |(than, other): &(u64, Vec<u8>)| *than > count || *than == count && *other < text;
        let place = self.top.partition_point(before);
        self.top.insert(place, (count, text));
        self.top.truncate(10);
    }

    /// How many different values there are; and of ten `value (count)`, joined with `;`.
    pub(super) fn said(mut self) -> (u64, Vec<u8>) {
        self.close();
        let entry = |(count, text): &(u64, Vec<u8>)| [text, format!(" ({count})").as_bytes()].concat();
        (self.distinct, self.top.iter().map(entry).collect::<Vec<_>>().join(&b';'))
    }
}

/// Different values, which come in order.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    last: Option<Vec<u8>>,
    pub(super) count: u64,
}

impl Distinct {
    pub(super) fn add(&mut self, value: &[u8]) {
        if self.last.as_deref() != Some(value) {
            self.count += 1;
            let last = self.last.get_or_insert_default();
            last.clear();
            last.extend_from_slice(value);
        }
    }
}
