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

/// What is said of a group's values: how many different ones there are, and the ten that came most, with how often.
#[derive(Clone, Debug)]
pub(super) struct Ranking<V> {
    pub(super) distinct: u64,
    pub(super) top: Vec<(u64, V)>,
}

impl<V: Copy + Eq + Hash> Counts<V> {
    pub(super) fn add(&mut self, group: u32, value: V) {
        *self.0.entry((group, value)).or_default() += 1;
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.0.capacity() * VALUE_BYTES
    }

    /// For each of so many groups. Of values that came equally often the one whose text, as UTF-8, is less comes first.
    pub(super) fn rankings<T: Ord>(&self, groups: usize, text: impl Fn(V) -> T) -> Vec<Ranking<V>> {
        let mut rankings = vec![Ranking { distinct: 0, top: Vec::with_capacity(11) }; groups];
        for ((group, value), count) in &self.0 {
            let ranking = &mut rankings[*group as usize];
            ranking.distinct += 1;
            // Most values of a large group are far from its ten.
            if ranking.top.len() == 10 && ranking.top[9].0 > *count {
                continue;
            }
            let before = |(than, other): &(u64, V)| than > count || than == count && text(*other) < text(*value);
            let place = ranking.top.partition_point(before);
            ranking.top.insert(place, (*count, *value));
            ranking.top.truncate(10);
        }
        rankings
    }
}

/// `value (count)`, joined with `;`.
pub(super) fn joined<V: Copy, T: AsRef<[u8]>>(top: &[(u64, V)], text: impl Fn(V) -> T) -> Vec<u8> {
    let entry = |(count, value): &(u64, V)| [text(*value).as_ref(), format!(" ({count})").as_bytes()].concat();
    top.iter().map(entry).collect::<Vec<_>>().join(&b';')
}
