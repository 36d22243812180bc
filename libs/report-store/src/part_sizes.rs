//! How an upload's numbers of parts are shared out, and how large its parts are. Stores take ten thousand, so a large file has large ones;
//! but whoever sends a part holds it, so they are no larger than they have to be. Who makes the same slice again cuts it at the same places.

/// The most slices of a file: each has ten numbers then.
pub const SLICES_MAX: usize = 1_000;
/// The most parts of an upload.
pub(crate) const PARTS_MAX: usize = 10_000;
/// The least part that is not the last one of a file, bytes.
pub(crate) const PART_LEAST: usize = 5 << 20;
/// Size of the first parts, bytes, where no larger ones are needed.
const PART_MIN: usize = 8 << 20;
/// No part is larger, bytes.
const PART_MOST: usize = 4 << 30;

/// Numbers of parts that are one slice's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartNumbers {
    /// The first one, which is kept free for who joins the slices.
    pub first: i32,
    /// The last one.
    pub last: i32,
}

impl PartNumbers {
    /// Of slice `slice`, from 0, of `slices`, at most [`SLICES_MAX`].
    #[must_use]
    pub fn of(slice: usize, slices: usize) -> Self {
        let each = PARTS_MAX / slices.max(1);
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Self { first: number(slice * each + 1), last: number((slice + 1) * each) }
    }

    /// How many parts a slice may have.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.last - self.first).unwrap_or_default()
    }
}

/// Sizes of parts, by how many went before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartSizes {
    /// Of the first parts, bytes.
    first: usize,
    /// How many have it.
    steady: usize,
    /// How many have each larger size, one after the other,
    each: usize,
    /// which is so many times the one before.
    grows_by: usize,
}

impl PartSizes {
    /// Where nobody knows how large the file will be: ten thousand parts hold more than five TiB.
    pub(crate) const UNKNOWN: Self = Self { first: PART_MIN, steady: 1_000, each: 1_000, grows_by: 2 };

    /// Where so many parts are expected to hold so many bytes. A fifth more fits at this size; beyond that parts grow quickly, and the last
    /// numbers hold several times as much.
    pub(crate) fn of(count: usize, expected_bytes: u64) -> Self {
        let spare = (count / 12).clamp(4, 9);
        let steady = count.saturating_sub(spare).max(1);
        let bytes = usize::try_from(expected_bytes.saturating_mul(6) / 5).unwrap_or(usize::MAX);
        let first = bytes.div_ceil(steady).clamp(PART_MIN, PART_MOST).next_multiple_of(1 << 20);
        Self { first, steady, each: 1, grows_by: 4 }
    }

    /// Size of the part that follows so many.
    pub(crate) fn after(self, sent: usize) -> usize {
        let Some(beyond) = sent.checked_sub(self.steady) else { return self.first };
        let times = u32::try_from(beyond / self.each + 1).unwrap_or(u32::MAX);
        self.first.saturating_mul(self.grows_by.saturating_pow(times)).min(PART_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_slices_are_apart_and_within_what_a_store_takes() {
        for slices in [1, 2, 3, 7, 999, SLICES_MAX] {
            let numbers: Vec<_> = (0..slices).map(|slice| PartNumbers::of(slice, slices)).collect();
            assert!(numbers.windows(2).all(|two| two[0].last + 1 == two[1].first), "{slices}");
            assert!(numbers[0].first == 1 && numbers[slices - 1].last <= 10_000, "{slices}");
            assert!(numbers.iter().all(|it| it.last - it.first >= 9), "{slices}");
        }
    }

    /// The largest part of a slice of one of so many slices; none where its numbers do not hold it.
    fn largest(slices: usize, expected_bytes: u64, bytes: u64) -> Option<usize> {
        let count = PartNumbers::of(0, slices).count();
        let sizes = PartSizes::of(count, expected_bytes);
        let (mut sent, mut rest, mut largest) = (0, usize::try_from(bytes).unwrap(), 0);
        while rest > 0 {
            let part = sizes.after(sent).min(rest);
            (sent, rest, largest) = (sent + 1, rest - part, largest.max(part));
        }
        (sent <= count).then_some(largest)
    }

    #[test]
    fn parts_of_a_thousand_million_rows_are_no_larger_than_they_have_to_be() {
        const MIB: usize = 1 << 20;
        let rows = 5_000_000;
        for (row_bytes, most) in [(61, 8 * MIB), (248, 32 * MIB), (584, 75 * MIB)] {
            for bytes in [rows * row_bytes, rows * row_bytes * 6 / 5] {
                assert!(largest(200, rows * row_bytes, bytes).unwrap() <= most, "{row_bytes}");
            }
        }
        // A hundred million rows of plain CSV are as those of a small report.
        assert_eq!(largest(20, rows * 248, rows * 248), Some(8 * MIB));
    }

    #[test]
    fn slice_may_be_much_larger_than_was_expected() {
        for slices in [1, 2, 9, 20, 100, 167, 200, 500, 909, SLICES_MAX] {
            for expected in [0, 1, 100 << 20, 1 << 30] {
                assert!(largest(slices, expected, 7 * expected).is_some(), "{slices} {expected}");
                assert!(largest(slices, expected, 2 << 30).is_some(), "{slices} {expected}");
            }
            assert!(largest(slices, 6 << 30, 12 << 30).is_some(), "{slices}");
        }
        assert_eq!(largest(SLICES_MAX, 0, 100 << 30), None, "and not without end");
    }

    #[test]
    fn parts_grow_and_are_what_stores_take() {
        for sizes in [PartSizes::UNKNOWN, PartSizes::of(9, 0), PartSizes::of(9, u64::MAX), PartSizes::of(49, 1 << 30)] {
            let of = |sent| sizes.after(sent);
            assert!((0..PARTS_MAX).all(|sent| of(sent) <= of(sent + 1)), "{sizes:?}");
            assert!(of(0) > PART_LEAST && of(PARTS_MAX) <= PART_MOST, "{sizes:?}");
        }
        let unknown: usize = (0..PARTS_MAX).map(|sent| PartSizes::UNKNOWN.after(sent)).sum();
        assert!(unknown > 5 << 40, "{unknown}");
        // A join of 248 GB.
        assert!((0..8_400).all(|sent| PartSizes::of(PARTS_MAX, 248_000_000_000).after(sent) <= 32 << 20));
    }
}
