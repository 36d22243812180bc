//! The protocol of a partition's ranges, as a script over the log and the store.
//!
//! Guarantee: a range's offset moves only when each of its records is durable, as a row or as a dead letter. Dropping the future
//! at any point is like a crash: whoever has the partition next finds the range's intent, or nothing of the range was begun. Where
//! [`Delivery::AtLeastOnce`] is chosen no intent is written, and the next owner does the range again as if nothing had been.

mod age;
mod ask;
mod halves;
mod renew;
mod settle;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::assignment::Assignment;
use crate::cutter::Cut;
use crate::intent::{Intent, NoteTooLong, REFUSED_MAX, Source};
use crate::observer::{Event, Observer};
use crate::rules::{Rule, holds};
use crate::world::{Block, OffsetLog, RangeStore, Refused};
use age::HeldIntent;

/// Attempts at a range under one intent. Each but the first takes a store that died between a token and its rows.
const ATTEMPTS_MAX: u32 = 10;
/// Most rows that the store refuses, each by itself, without having taken any between: beyond that it is not the rows.
const ALL_REFUSED_MAX: usize = 32;

/// How long a token lives. The store must surely remember it for both together, from the moment at which its intent was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLife {
    /// So long inserts under it are begun; what is not done then goes on under a new one.
    pub used: Duration,
    /// So long after it was begun an insert may still arrive at the store and run there, whatever the network and a frozen process
    /// do; the store must end it then. Clocks that differ between hosts count in here.
    pub late: Duration,
}

impl TokenLife {
    /// After so long nothing arrives under it any more.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.used + self.late
    }
}

impl Default for TokenLife {
    /// Five minutes each: a sixth of the 3600 s that Replicated tables remember tokens.
    fn default() -> Self {
        Self { used: Duration::from_secs(300), late: Duration::from_secs(300) }
    }
}

/// What is promised of each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// It is stored once or refused, whatever happens.
    #[default]
    ExactlyOnce,
    /// It is stored or refused at least once. No intent is written, and nothing is counted at the assignment: what the last owner
    /// had inserted and not committed is inserted again. While one owner lives, answers that do not come are made sure of all the
    /// same; and a range that was begun exactly once, before this was chosen, is done exactly once.
    AtLeastOnce,
}

/// A closed range with its contents.
#[derive(Debug)]
pub struct ClosedRange<B> {
    /// Its bounds, from the [`crate::RangeCutter`].
    pub cut: Cut,
    /// Its rows.
    pub block: B,
    /// Its refused records.
    pub refused: Vec<Refused>,
}

impl<B: Block> ClosedRange<B> {
    /// True where only the position has moved: the offset is committed, and no [`Event::Done`] is told of it.
    #[must_use]
    pub fn has_no_record(&self) -> bool {
        self.block.rows() == 0 && self.refused.is_empty()
    }

    /// True where an earlier owner has begun it.
    fn is_replay(&self) -> bool {
        self.cut.pending.is_some()
    }
}

/// How the work on a partition ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every range that was sent is done.
    Drained,
    /// The partition has gone to another owner, who does again what was begun.
    Abandoned,
}

/// Why the work on a partition cannot go on. Whoever goes on later does the range again.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The store refuses what only an operator can mend.
    #[error(transparent)]
    Store(E),
    /// The log refuses what only an operator can mend.
    #[error("the offset cannot be committed: {0}")]
    Log(String),
    /// So much of one range is refused that it is hardly for what the records hold.
    #[error(
        "more than {REFUSED_MAX} records of the range from {first} to {last} are refused, the last one for: {reason}"
    )]
    TooManyRefused {
        /// First offset of the range.
        first: i64,
        /// Last offset of the range.
        last: i64,
        /// Why the last one was.
        reason: String,
    },
    /// The store takes nothing: it is not what the rows hold.
    #[error(
        "each of {rows} rows, the last at offset {last}, is refused by itself, and none was taken between; the last one for: {reason}"
    )]
    AllRefused {
        /// So many rows one after the other, those of ranges before included.
        rows: usize,
        /// Last offset of the range.
        last: i64,
        /// Why the last one was.
        reason: String,
    },
    /// Rows of a range were acknowledged again and again, and counting does not find them: what is counted is not what is inserted,
    /// or not where.
    #[error("rows from {first} to {last} were acknowledged {ATTEMPTS_MAX} times and are not found in the store")]
    NeverFound {
        /// First offset of the range.
        first: i64,
        /// Last offset of the range.
        last: i64,
    },
    /// An intent does not fit beside an offset.
    #[error(transparent)]
    Note(#[from] NoteTooLong),
}

/// Writes the ranges of one partition under one assignment.
pub struct RangeWriter<L, S> {
    /// The partition's committed offset.
    pub log: L,
    /// The store.
    pub store: S,
    /// Is told of what happens.
    pub observer: Arc<dyn Observer + Send>,
    /// Time of day, Unix milliseconds. It may be set while a range is done.
    pub now_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Tokens begin with it.
    pub source: Source,
    /// Version of what makes rows of records: another one, where the same records may become other rows, be refused otherwise, or
    /// fall into other inserts.
    pub encoder: u32,
    /// How long a token lives.
    pub token_life: TokenLife,
    /// What is promised.
    pub delivery: Delivery,
}

/// Why the script goes no further.
enum End<E> {
    Gone,
    Error(WriteError<E>),
}

impl<E> From<NoteTooLong> for End<E> {
    fn from(error: NoteTooLong) -> Self {
        Self::Error(error.into())
    }
}

type Closed<S> = ClosedRange<<S as RangeStore>::Block>;
/// A range and the intent that stands beside its first offset.
type Begun<S> = (Closed<S>, HeldIntent);
type Done<T, S> = Result<T, End<<S as RangeStore>::Error>>;

impl<L: OffsetLog, S: RangeStore> RangeWriter<L, S> {
    /// Writes what comes through the channel, until it is closed and empty or the partition has gone. While a range is on its way
    /// to the store the next ones can be filled; the commit behind a range carries the intent of the next one if that is there.
    ///
    /// # Errors
    /// When only an operator can help.
    pub async fn run(
        &self,
        assignment: &Assignment,
        ranges: &mut mpsc::Receiver<ClosedRange<S::Block>>,
    ) -> Result<Ended, WriteError<S::Error>> {
        match self.write_all(assignment, ranges).await {
            Ok(()) => Ok(Ended::Drained),
            Err(End::Gone) => {
                self.observer.saw(Event::Abandoned);
                Ok(Ended::Abandoned)
            }
            Err(End::Error(error)) => Err(error),
        }
    }

    async fn write_all(&self, assignment: &Assignment, ranges: &mut mpsc::Receiver<Closed<S>>) -> Done<(), S> {
        let counted_to = self.highest_stored(assignment).await?;
        let (mut begun, mut in_a_row) = (None, 0);
        loop {
            let (range, intent) = match begun.take() {
                Some(begun) => begun,
                None => match ranges.recv().await {
                    Some(range) if range.has_no_record() => {
                        begun = self.commit_behind(&range, ranges).await?;
                        continue;
                    }
                    Some(range) => self.begin(range).await?,
                    None => return Ok(()),
                },
            };
            self.settle(&range, intent, counted_to, &mut in_a_row).await?;
            begun = self.commit_behind(&range, ranges).await?;
        }
    }

    /// Begins a range: from here on its intent stands beside the offset, if there has to be one.
    async fn begin(&self, range: Closed<S>) -> Done<Begun<S>, S> {
        let intent = match &range.cut.pending {
            Some(intent) if holds(Rule::RecordedToken) => {
                self.check().await?;
                HeldIntent::found(intent.clone(), (self.now_ms)())
            }
            _ => {
                let intent = self.intent(&range);
                if self.delivery == Delivery::ExactlyOnce {
                    self.commit(intent.first, &self.note(&intent)?).await?;
                }
                intent
            }
        };
        Ok((range, intent))
    }

    /// Moves the offset behind a range that is done. The same commit begins the next range, if that is closed already.
    async fn commit_behind(
        &self,
        done: &Closed<S>,
        ranges: &mut mpsc::Receiver<Closed<S>>,
    ) -> Done<Option<Begun<S>>, S> {
        let mut position = done.cut.last + 1;
        while let Ok(next) = ranges.try_recv() {
            if next.has_no_record() {
                position = next.cut.last + 1;
                continue;
            }
            let intent = self.intent(&next);
            self.commit(position, &self.note(&intent)?).await?;
            return Ok(Some((next, intent)));
        }
        self.commit(position, "").await?;
        Ok(None)
    }

    /// The intent of a range that nobody has begun.
    fn intent(&self, range: &Closed<S>) -> HeldIntent {
        let Cut { first, last, .. } = range.cut;
        let created_ms = (self.now_ms)();
        let mut refused: Vec<i64> = range.refused.iter().map(|it| it.offset).collect();
        refused.sort_unstable();
        let token = self.source.token(first, last, created_ms);
        let (rows, encoder) = (range.block.rows() as u64, self.encoder);
        HeldIntent::made(Intent { first, last, rows, refused, token, encoder, created_ms })
    }

    /// What stands beside the offset while a range is done.
    fn note(&self, intent: &Intent) -> Result<String, NoteTooLong> {
        match self.delivery {
            Delivery::ExactlyOnce if holds(Rule::IntentFirst) => intent.to_note(),
            Delivery::ExactlyOnce | Delivery::AtLeastOnce => Ok(String::new()),
        }
    }

    fn too_many_refused(&self, range: &Closed<S>, reason: String) -> End<S::Error> {
        End::Error(WriteError::TooManyRefused { first: range.cut.first, last: range.cut.last, reason })
    }
}

#[cfg(test)]
mod tests;
