//! Where ranges end: a partition's records, as they come, are cut into ranges that follow each other without a gap.
//!
//! Guarantee: each range begins where the one before it ended, so offsets that have no record (markers of transactions, what was
//! compacted away) belong to a range too; a range that an earlier owner began is cut at exactly the offset that its intent names.

use std::time::{Duration, Instant};

use crate::assignment::Assignment;
use crate::intent::{Intent, REFUSED_MAX};
use crate::rules::{Rule, holds};

/// When a range is closed: whichever comes first. A range that is done again has the end of its intent instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most rows.
    pub rows: usize,
    /// Most bytes, of whatever the caller counts.
    pub bytes: usize,
    /// Longest wait after the first record, or the first move without one; see [`RangeCutter::with_beat`].
    pub age: Duration,
}

/// What became of a record when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is a row of the block.
    Row,
    /// It is refused.
    Refused,
}

/// A closed range, `first` to `last`, in which every record has its fate. Only a [`RangeCutter`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) pending: Option<Intent>,
}

impl Cut {
    /// First offset: the one behind the range before.
    #[must_use]
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Last offset; it need not have a record.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }
}

/// Cuts the records of one partition under one assignment.
#[derive(Debug)]
pub struct RangeCutter {
    limits: Limits,
    /// First offset of the open range.
    first: i64,
    /// Everything before it has been told of.
    position: i64,
    /// Intent of the open range, where it was begun before.
    pending: Option<Intent>,
    rows: usize,
    refused: usize,
    bytes: usize,
    /// When the open range was first told of something.
    since: Option<Instant>,
    /// Ranges that grow old are closed at this moment and each `age` before and after it.
    beat: Option<Instant>,
}

impl RangeCutter {
    /// Begins where the assignment does.
    #[must_use]
    pub fn new(limits: Limits, assignment: &Assignment) -> Self {
        let (first, pending) = (assignment.begin(), assignment.pending().cloned());
        Self { limits, first, position: first, pending, rows: 0, refused: 0, bytes: 0, since: None, beat: None }
    }

    /// Ranges that grow old are closed at `beat` and each [`Limits::age`] before and after it, none later than its age: partitions with
    /// beats of their own are not all closed at once, although their first records came together.
    #[must_use]
    pub fn with_beat(self, beat: Instant) -> Self {
        Self { beat: Some(beat), ..self }
    }

    /// From now on a range that is not done again is full at so many rows.
    pub fn set_rows_max(&mut self, rows: usize) {
        self.limits.rows = rows;
    }

    /// The next record lies at this offset: there is none before it that was not added. True where the open range ends before it and
    /// has to be closed first.
    pub fn ends_before(&mut self, offset: i64, now: Instant) -> bool {
        self.move_to(offset, now);
        self.recorded_end().is_some_and(|last| offset > last)
    }

    /// True where the record at this offset was refused when its range was begun: refused it stays, whatever is thought of it now.
    #[must_use]
    pub fn stays_refused(&self, offset: i64) -> bool {
        let refused = self.pending.as_ref().map_or(&[][..], |intent| &intent.refused);
        holds(Rule::RecordedRefusals) && refused.binary_search(&offset).is_ok()
    }

    /// Adds the record at this offset. Asked before it: [`Self::ends_before`].
    pub fn add(&mut self, offset: i64, bytes: usize, taken: Taken, now: Instant) {
        debug_assert!(offset >= self.position, "{offset} was added before: {self:?}");
        self.move_to(offset + 1, now);
        self.bytes += bytes;
        match taken {
            Taken::Row => self.rows += 1,
            Taken::Refused => self.refused += 1,
        }
    }

    /// Everything before `position` has been added, or is no record.
    pub fn move_to(&mut self, position: i64, now: Instant) {
        if position > self.position {
            self.since.get_or_insert(now);
            self.position = position;
        }
    }

    /// True where the open range has to be closed before anything is added to it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self.recorded_end() {
            Some(last) => self.position > last,
            None => self.rows >= self.limits.rows || self.bytes >= self.limits.bytes || self.refused >= REFUSED_MAX,
        }
    }

    /// True where the open range is to be closed now: it is full, or old enough.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.due_at().is_some_and(|due| now >= due)
    }

    /// As [`Self::is_due`], but old enough is a range that was due `ages - 1` ages ago.
    #[must_use]
    pub fn is_due_after(&self, now: Instant, ages: u32) -> bool {
        let more = self.limits.age * ages.saturating_sub(1);
        self.is_full() || self.due_at().is_some_and(|due| now >= due + more)
    }

    /// When the open range will be old enough. `None`: it has begun with nothing, or ends where its intent says and no sooner.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        if self.recorded_end().is_some() {
            return None;
        }
        self.since.map(|since| since + self.limits.age.saturating_sub(self.since_beat(since)))
    }

    /// How long before `since` the last beat was; nothing where there is none to keep to.
    fn since_beat(&self, since: Instant) -> Duration {
        let Some(beat) = self.beat.filter(|_| !self.limits.age.is_zero()) else { return Duration::ZERO };
        let age = self.limits.age.as_nanos();
        let nanos = match since.checked_duration_since(beat) {
            Some(after) => after.as_nanos() % age,
            None => (age - beat.duration_since(since).as_nanos() % age) % age,
        };
        // Less than an age, which fits.
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// True where the open range ends at the offset that its intent names, and cannot be closed before.
    #[must_use]
    pub fn ends_as_recorded(&self) -> bool {
        self.recorded_end().is_some()
    }

    /// Rows of the open range.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of the open range.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Closes the open range and opens the next one. `None`: nothing has moved, or records may come still before the end that its
    /// intent names.
    pub fn close(&mut self) -> Option<Cut> {
        let last = self.recorded_end().unwrap_or(self.position - 1);
        if last >= self.position || last < self.first {
            return None;
        }
        let cut = Cut { first: self.first, last, pending: self.pending.take() };
        self.first = last + 1;
        self.since = self.since.filter(|_| self.position > self.first);
        (self.rows, self.refused, self.bytes) = (0, 0, 0);
        Some(cut)
    }

    /// Where the range that was begun before ends.
    fn recorded_end(&self) -> Option<i64> {
        self.pending.as_ref().filter(|_| holds(Rule::RecordedEnd)).map(|intent| intent.last)
    }
}

#[cfg(test)]
mod tests;
