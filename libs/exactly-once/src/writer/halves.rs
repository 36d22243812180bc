//! An insert, and where it is refused for what its rows hold, the search for these rows.
//!
//! The range is halved, and the halves that are refused again, until single rows are left; what is taken on the way is stored. The
//! halves and their tokens are those of the range's offsets, not of the rows that happen to be missing: so whoever does the range
//! again goes the same way, and every row has one half, the largest one without a refused row, under whose token it is stored.

use std::collections::BTreeSet;

use super::settle::{Inserted, Progress};
use super::{Closed, Done, End, RangeWriter, WriteError};
use crate::backoff::Backoff;
use crate::intent::REFUSED_MAX;
use crate::rules::{Rule, holds};
use crate::world::{Block, OffsetLog, RangeStore, Refused, Rows, StoreError};

impl<L: OffsetLog, S: RangeStore> RangeWriter<L, S> {
    /// Inserts what is missing.
    pub(super) async fn insert(&self, range: &Closed<S>, progress: &mut Progress) -> Done<Inserted<S::Error>, S> {
        match self.store.insert(&range.block, progress.rows(), &progress.token()).await {
            Ok(()) => Ok(Inserted::Acknowledged),
            Err(StoreError::Unsure(error)) => Ok(Inserted::Unsure(error)),
            Err(StoreError::Stop(error)) => Err(End::Error(WriteError::Store(error))),
            Err(StoreError::Rows(error)) => {
                tracing::warn!(%error, token = progress.token(), "a block is refused for its rows; looking for them");
                self.insert_halves(range, progress, error.to_string()).await
            }
        }
    }

    async fn insert_halves(
        &self,
        range: &Closed<S>,
        progress: &mut Progress,
        reason: String,
    ) -> Done<Inserted<S::Error>, S> {
        let mut poison = Vec::new();
        let mut refused = vec![(progress.intent.first, progress.intent.last, reason)];
        while let Some((first, last, reason)) = refused.pop() {
            // Of several inserts of what was refused some may have been taken.
            if holds(Rule::CountBeforeHalves) {
                let stored = self.stored(&progress.intent).await?;
                progress.leave_missing(&range.block, &stored);
            }
            let missing = progress.missing.clone().unwrap_or_else(|| range.block.offsets());
            let rows: Vec<i64> = missing.range(first..=last).copied().collect();
            if rows.len() < 2 {
                poison.extend(rows.first().map(|offset| Refused { offset: *offset, reason }));
                continue;
            }
            let middle =
                if holds(Rule::HalvesOfTheRange) { first + (last - first) / 2 } else { rows[rows.len() / 2] - 1 };
            for (first, last) in [(first, middle), (middle + 1, last)] {
                let rows: BTreeSet<i64> = missing.range(first..=last).copied().collect();
                match self.insert_half(range, progress, &rows, &format!("{}~{first}-{last}", progress.token())).await? {
                    Half::Taken => {}
                    Half::Refused(reason) => refused.push((first, last, reason)),
                    Half::Old => return Ok(Inserted::Old),
                }
            }
            // What was refused before is not counted: ranges that are closed for that would take no row that the store refuses.
            if poison.len() + refused.len() > REFUSED_MAX {
                return Err(self.too_many_refused(range, reason));
            }
        }
        Ok(Inserted::AllBut(poison))
    }

    /// Until the answer is sure: the same rows under the same token.
    async fn insert_half(
        &self,
        range: &Closed<S>,
        progress: &Progress,
        rows: &BTreeSet<i64>,
        token: &str,
    ) -> Done<Half, S> {
        let mut backoff = Backoff::new();
        while !rows.is_empty() {
            if self.is_old(&progress.intent) {
                return Ok(Half::Old);
            }
            match self.store.insert(&range.block, Rows::Only(rows), token).await {
                Ok(()) => break,
                Err(StoreError::Rows(error)) => return Ok(Half::Refused(error.to_string())),
                Err(StoreError::Unsure(error)) => self.wait_to_retry(&mut backoff, "insert of a half", &error).await,
                Err(StoreError::Stop(error)) => return Err(End::Error(WriteError::Store(error))),
            }
        }
        Ok(Half::Taken)
    }
}

/// How the insert of a half ended.
enum Half {
    Taken,
    Refused(String),
    Old,
}
