//! Until every record of a range is durable.

use std::collections::BTreeSet;

use super::age::HeldIntent;
use super::{ALL_REFUSED_MAX, ATTEMPTS_MAX, Closed, Done, End, RangeWriter, WriteError};
use crate::backoff::Backoff;
use crate::observer::Event;
use crate::rules::{Rule, holds};
use crate::world::{Block, OffsetLog, RangeStore, Refused, Rows};

/// How far a range is.
pub(super) struct Progress {
    pub(super) intent: HeldIntent,
    /// How often everything that was missing has been acknowledged, and yet rows were not there.
    attempt: u32,
    /// Rows that are not stored; `None`: none is.
    pub(super) missing: Option<BTreeSet<i64>>,
    /// An acknowledgement is not enough.
    has_to_count: bool,
    /// Rows that were refused by the store.
    poison: Vec<Refused>,
}

/// How an insert ended.
pub(super) enum Inserted<E> {
    /// The store has the token for all of the rows.
    Acknowledged,
    /// Perhaps.
    Unsure(E),
    /// All but these rows are acknowledged.
    AllBut(Vec<Refused>),
    /// The token became old on the way.
    Old,
}

impl Progress {
    /// Token of the attempt. As long as one is not acknowledged it stays: an insert under it that is on its way still is swallowed
    /// then, or swallows.
    pub(super) fn token(&self) -> String {
        let token = &self.intent.token;
        if self.attempt == 0 { token.clone() } else { format!("{token}~{}", self.attempt) }
    }

    pub(super) fn rows(&self) -> Rows<'_> {
        self.missing.as_ref().map_or(Rows::All, Rows::Only)
    }

    pub(super) fn leave_missing(&mut self, block: &impl Block, stored: &BTreeSet<i64>) {
        let mut missing = &block.offsets() - stored;
        for refused in &self.poison {
            missing.remove(&refused.offset);
        }
        self.missing = Some(missing);
    }
}

impl<L: OffsetLog, S: RangeStore> RangeWriter<L, S> {
    /// Gets a range done whose intent stands beside the offset; everything but the commit behind it. `in_a_row`: so many rows the store has
    /// refused since it took one.
    pub(super) async fn settle(
        &self,
        range: &Closed<S>,
        intent: HeldIntent,
        highest_stored: Option<i64>,
        in_a_row: &mut usize,
    ) -> Done<(), S> {
        let mut has_to_count = false;
        if range.is_replay() {
            self.observer.saw(Event::Replayed);
            has_to_count = holds(Rule::CountAfterReplay);
        }
        let may_be_stored = highest_stored.is_some_and(|highest| intent.first <= highest);
        let (intent, stored) = if range.is_replay() && (self.is_old(&intent) || self.is_other(&intent, range)) {
            self.renew(&intent, range).await?
        } else if has_to_count || may_be_stored {
            let stored = self.stored(&intent).await?;
            (intent, stored)
        } else {
            (intent, BTreeSet::new())
        };
        let is_stored = |it: &&Refused| stored.contains(&it.offset) && holds(Rule::CountNewRefusals);
        let refused: Vec<Refused> = range.refused.iter().filter(|it| !is_stored(it)).cloned().collect();
        self.refuse(&range.block, &refused).await?;

        let missing = (!stored.is_empty()).then(|| &range.block.offsets() - &stored);
        let found_rows = missing.as_ref().map_or(0, |missing| range.block.rows() - missing.len());
        if has_to_count || may_be_stored {
            self.observer.saw(Event::Counted { stored: stored.len(), missing: range.block.rows() - found_rows });
        }
        let found = found_rows + (range.refused.len() - refused.len());
        let mut progress = Progress { intent, attempt: 0, missing, has_to_count, poison: Vec::new() };
        self.insert_all(range, &mut progress, *in_a_row).await?;
        if progress.poison.len() < range.block.rows() {
            *in_a_row = 0;
        } else {
            *in_a_row += progress.poison.len();
        }
        let refused = refused.len() + progress.poison.len();
        let stored = range.block.rows() - found_rows - progress.poison.len();
        self.observer.saw(Event::Done { stored, found, refused });
        Ok(())
    }

    /// Inserts until nothing is missing.
    async fn insert_all(&self, range: &Closed<S>, progress: &mut Progress, in_a_row: usize) -> Done<(), S> {
        let mut backoff = Backoff::new();
        while progress.missing.as_ref().map_or(range.block.rows(), BTreeSet::len) > 0 {
            if self.is_old(&progress.intent) {
                let (intent, stored) = self.renew(&progress.intent, range).await?;
                // What the store refuses is found again under the new token: its intent does not name it.
                *progress = Progress { intent, attempt: 0, missing: None, has_to_count: true, poison: Vec::new() };
                progress.leave_missing(&range.block, &stored);
                continue;
            }
            let is_acknowledged = match self.insert(range, progress).await? {
                Inserted::Acknowledged if !progress.has_to_count => return Ok(()),
                Inserted::Acknowledged => true,
                Inserted::AllBut(poison) => {
                    Self::expect_taken(range, &poison, in_a_row)?;
                    self.refuse(&range.block, &poison).await?;
                    progress.poison.extend(poison);
                    true
                }
                Inserted::Unsure(_) if !holds(Rule::RowsBeforeOffset) => return Ok(()),
                Inserted::Unsure(error) => {
                    self.wait_to_retry(&mut backoff, "insert", &error).await;
                    if !holds(Rule::CountAfterDoubt) {
                        continue;
                    }
                    !holds(Rule::SameTokenUntilAcknowledged)
                }
                Inserted::Old => continue,
            };
            progress.has_to_count = true;
            let stored = self.stored(&progress.intent).await?;
            progress.leave_missing(&range.block, &stored);
            if is_acknowledged && holds(Rule::NextTokenAfterAcknowledgement) {
                progress.attempt += 1;
            }
            let (missing, stored) = (progress.missing.as_ref().map_or(0, BTreeSet::len), stored.len());
            self.observer.saw(Event::Counted { stored, missing });
            if is_acknowledged && missing > 0 {
                self.observer.saw(Event::Swallowed { rows: missing });
            }
            if progress.attempt >= ATTEMPTS_MAX && missing > 0 {
                let (first, last) = (range.cut.first, range.cut.last);
                return Err(End::Error(WriteError::NeverFound { first, last }));
            }
        }
        Ok(())
    }

    /// Before anything of the range is refused: what nothing was taken of may be as good as any other.
    fn expect_taken(range: &Closed<S>, poison: &[Refused], in_a_row: usize) -> Done<(), S> {
        let rows = in_a_row + poison.len();
        if poison.len() < range.block.rows() || rows <= ALL_REFUSED_MAX {
            return Ok(());
        }
        let reason = poison.last().map(|it| it.reason.clone()).unwrap_or_default();
        Err(End::Error(WriteError::AllRefused { rows, last: range.cut.last, reason }))
    }
}
