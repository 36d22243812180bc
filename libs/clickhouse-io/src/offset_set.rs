//! A set of offsets as runs: a range that was stored whole is one pair of numbers, however long it is.

/// Offsets as runs, the first and the last of each; in ascending order, disjoint, not touching.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetSet(Vec<(i64, i64)>);

impl OffsetSet {
    /// The runs, first and last offset of each.
    #[must_use]
    pub fn runs(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// True where the offset is in the set.
    #[must_use]
    pub fn contains(&self, offset: i64) -> bool {
        let following = self.0.partition_point(|(first, _)| *first <= offset);
        following.checked_sub(1).is_some_and(|run| offset <= self.0[run].1)
    }

    /// How many offsets it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.abs_diff(*first) + 1).sum()
    }

    /// True where it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(i64, i64)> for OffsetSet {
    /// Takes runs in any order; they may overlap. A run that ends before it begins is none.
    fn from_iter<T: IntoIterator<Item = (i64, i64)>>(runs: T) -> Self {
        let mut runs: Vec<(i64, i64)> = runs.into_iter().filter(|(first, last)| first <= last).collect();
        runs.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (first, last) in runs {
            match joined.last_mut() {
                Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Self(joined)
    }
}

impl FromIterator<i64> for OffsetSet {
    /// Takes offsets in any order, each as often as it comes.
    fn from_iter<T: IntoIterator<Item = i64>>(offsets: T) -> Self {
        offsets.into_iter().map(|offset| (offset, offset)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_become_one_run() {
        let set: OffsetSet = [7, 5, 6, 9, 5].into_iter().collect();
        assert_eq!(set.runs(), [(5, 7), (9, 9)]);
        assert_eq!((set.len(), set.contains(8), set.contains(9), set.contains(4)), (4, false, true, false));
        assert!(OffsetSet::default().is_empty() && !OffsetSet::default().contains(0));
    }

    proptest! {
        #[test]
        fn set_of_runs_is_the_set_of_their_offsets(runs in prop::collection::vec((0..60_i64, 0..6_i64), 0..20)) {
            let plain: BTreeSet<i64> = runs.iter().flat_map(|(first, more)| *first..first + more).collect();
            let set: OffsetSet = runs.iter().map(|(first, more)| (*first, first + more - 1)).collect();
            prop_assert_eq!(set.len(), plain.len() as u64);
            prop_assert!((-2..70).all(|offset| set.contains(offset) == plain.contains(&offset)));
            prop_assert!(set.runs().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
            prop_assert_eq!(set, plain.into_iter().collect::<OffsetSet>());
        }
    }
}
