//! What was counted, as it is stored: runs, of pairs of a key and a value in the order of keys.
//!
//! Of a pair what its key shares with the one before is left out. An object holds one run after the other, then how many bytes each has,
//! and at its end how many runs there are and which form this is. No I/O: who reads gives bytes of the run that is asked for.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use super::number::{push_number, take_bytes, take_count};

/// The form of objects, at their ends: version 1.
const FORM: [u8; 4] = *b"FLG1";
/// The most bytes that a footer has; there are far fewer runs.
pub const FOOTER_BYTES_MAX: u64 = 64 << 10;
/// The most bytes of the three numbers in front of a pair.
const NUMBERS_BYTES_MAX: usize = 3 * 10;

/// What was stored is not what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what was counted has not come back as it was stored")]
pub struct BadRun;

/// Writes pairs of a run.
#[derive(Debug, Default)]
pub struct RunWriter {
    last: Vec<u8>,
}

impl RunWriter {
    /// Appends a pair; no key is less than the one before.
    pub fn push(&mut self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
        let shared = self.last.iter().zip(key).take_while(|(one, other)| one == other).count();
        for length in [shared, key.len() - shared, value.len()] {
            push_number(out, length as u64);
        }
        out.extend_from_slice(&key[shared..]);
        out.extend_from_slice(value);
        self.last.truncate(shared);
        self.last.extend_from_slice(&key[shared..]);
    }
}

/// The end of an object with runs of so many bytes.
#[must_use]
pub fn footer(lengths: &[u64]) -> Vec<u8> {
    let count = u32::try_from(lengths.len()).unwrap_or(u32::MAX);
    let mut out: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&FORM);
    out
}

/// Where the runs of an object of this size lie; `end`: its last [`FOOTER_BYTES_MAX`] bytes, or all of it.
///
/// # Errors
/// When it is no such object.
pub fn runs(size_bytes: u64, end: &[u8]) -> Result<Vec<Range<u64>>, BadRun> {
    let (before, form) = end.split_last_chunk::<4>().ok_or(BadRun)?;
    let (before, count) = before.split_last_chunk::<4>().ok_or(BadRun)?;
    let footer_bytes = usize::try_from(u32::from_le_bytes(*count)).map_err(|_| BadRun)?.saturating_mul(8);
    let from = before.len().checked_sub(footer_bytes).filter(|_| *form == FORM).ok_or(BadRun)?;
    let (mut runs, mut begin) = (Vec::new(), 0_u64);
    let mut lengths = &before[from..];
    while let Some(length) = take_bytes(&mut lengths) {
        let next = begin.checked_add(u64::from_le_bytes(length)).ok_or(BadRun)?;
        runs.push(begin..next);
        begin = next;
    }
    let whole = begin.checked_add((footer_bytes + 8) as u64);
    if whole == Some(size_bytes) { Ok(runs) } else { Err(BadRun) }
}

/// One run as it comes.
#[derive(Debug, Default)]
struct Cursor {
    bytes: Vec<u8>,
    at: usize,
    is_last: bool,
    /// The key that was read last, and the value beside it.
    key: Vec<u8>,
    value: Range<usize>,
}

enum Advanced {
    Pair,
    Dry,
    End,
}

impl Cursor {
    fn advance(&mut self) -> Result<Advanced, BadRun> {
        let mut rest = &self.bytes[self.at..];
        if rest.is_empty() {
            return Ok(if self.is_last { Advanced::End } else { Advanced::Dry });
        }
        let left = rest.len();
        let mut length = || usize::try_from(take_count(&mut rest)?).ok();
        let dry = if self.is_last { Err(BadRun) } else { Ok(Advanced::Dry) };
        let (Some(shared), Some(own), Some(value)) = (length(), length(), length()) else {
            return if left >= NUMBERS_BYTES_MAX { Err(BadRun) } else { dry };
        };
        let pair = own.checked_add(value).ok_or(BadRun)?;
        if shared > self.key.len() {
            return Err(BadRun);
        }
        let Some((pair, behind)) = rest.split_at_checked(pair) else { return dry };
        let end = self.bytes.len() - behind.len();
        self.key.truncate(shared);
        self.key.extend_from_slice(&pair[..own]);
        self.value = end - value..end;
        self.at = end;
        Ok(Advanced::Pair)
    }
}

/// Why [`Merge::step`] has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeStep {
    /// More of this run is wanted.
    Wants(usize),
    /// Nobody wants a pair more for now.
    Full,
    /// All runs have ended.
    Done,
}

/// Runs, merged in the order of keys. It holds what it was given of each run and has not passed on.
#[derive(Debug)]
pub struct Merge {
    runs: Vec<Cursor>,
    /// Of each run that has one, its next pair; of equal keys that of the first run comes first.
    next: BinaryHeap<Reverse<(Vec<u8>, usize)>>,
    /// Runs whose next pair is not known.
    open: Vec<usize>,
}

impl Merge {
    /// Of so many runs.
    #[must_use]
    pub fn new(runs: usize) -> Self {
        let cursors = std::iter::repeat_with(Cursor::default).take(runs).collect();
        Self { runs: cursors, next: BinaryHeap::new(), open: (0..runs).rev().collect() }
    }

    /// More of a run.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn feed(&mut self, run: usize, bytes: &[u8], is_last: bool) {
        let cursor = &mut self.runs[run];
        cursor.bytes.drain(..cursor.at);
        cursor.at = 0;
        cursor.bytes.extend_from_slice(bytes);
        cursor.is_last = is_last;
    }

    /// Gives pairs to `take` in the order of keys, of equal ones those of the first run first, until it wants no more, or more of a run
    /// is wanted.
    ///
    /// # Errors
    /// When a run is none, or is not in order.
    pub fn step(&mut self, mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, BadRun>) -> Result<MergeStep, BadRun> {
        loop {
            while let Some(run) = self.open.last().copied() {
                let cursor = &mut self.runs[run];
                match cursor.advance()? {
                    Advanced::Dry => return Ok(MergeStep::Wants(run)),
                    Advanced::Pair => self.next.push(Reverse((std::mem::take(&mut cursor.key), run))),
                    Advanced::End => *cursor = Cursor::default(),
                }
                self.open.pop();
            }
            let Some(Reverse((key, run))) = self.next.pop() else { return Ok(MergeStep::Done) };
            let cursor = &mut self.runs[run];
            let wants_more = take(&key, &cursor.bytes[cursor.value.clone()]);
            cursor.key = key;
            self.open.push(run);
            if !wants_more? {
                return Ok(MergeStep::Full);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

    fn run_of(pairs: &Pairs) -> Vec<u8> {
        let (mut writer, mut out) = (RunWriter::default(), Vec::new());
        pairs.iter().for_each(|(key, value)| writer.push(&mut out, key, value));
        out
    }

    /// Reads the runs of an object piece by piece.
    fn merged(object: &[u8], piece: usize, pause: bool) -> Result<Pairs, BadRun> {
        let places = runs(object.len() as u64, object)?;
        let (mut merge, mut pairs) = (Merge::new(places.len()), Pairs::new());
        let mut read: Vec<usize> = places.iter().map(|place| place.start as usize).collect();
        loop {
            let step = merge.step(|key, value| {
                pairs.push((key.to_vec(), value.to_vec()));
                Ok(!pause)
            })?;
            match step {
                MergeStep::Done => return Ok(pairs),
                MergeStep::Full => {}
                MergeStep::Wants(run) => {
                    let end = places[run].end as usize;
                    let to = (read[run] + piece).min(end);
                    merge.feed(run, &object[read[run]..to], to == end);
                    read[run] = to;
                }
            }
        }
    }

    fn object_of(all: &[Pairs]) -> Vec<u8> {
        let runs: Vec<Vec<u8>> = all.iter().map(run_of).collect();
        let lengths: Vec<u64> = runs.iter().map(|run| run.len() as u64).collect();
        [runs.concat(), footer(&lengths)].concat()
    }

    proptest! {
        #[test]
        fn pairs_come_back_in_order_of_keys_and_then_of_runs(
            runs in prop::collection::vec(
                prop::collection::btree_map(prop::collection::vec(0..3_u8, 0..6), prop::collection::vec(any::<u8>(), 0..200), 0..20),
                0..6,
            ),
            piece in 1..400_usize,
            pause in any::<bool>(),
        ) {
            let all: Vec<Pairs> = runs.into_iter().map(|run| run.into_iter().collect()).collect();
            let mut expected: Pairs = all.concat();
            // Stable: of equal keys that of the first run stays first.
            expected.sort_by(|one, other| one.0.cmp(&other.0));
            prop_assert_eq!(merged(&object_of(&all), piece, pause).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_cut_or_of_another_form_is_refused() {
        let object = object_of(&[vec![(b"a".to_vec(), b"1".to_vec())], vec![(b"b".to_vec(), Vec::new())]]);
        assert_eq!(merged(&object, 7, false).unwrap().len(), 2);
        for length in 0..object.len() {
            assert_eq!(merged(&object[..length], 7, false), Err(BadRun), "{length}");
        }
        let mut other = object.clone();
        *other.last_mut().unwrap() = b'2';
        assert_eq!(merged(&other, 7, false), Err(BadRun));
        let mut odd = object;
        odd[0] = 9;
        assert_eq!(merged(&odd, 7, false), Err(BadRun), "it shares nothing with nothing");
    }
}
