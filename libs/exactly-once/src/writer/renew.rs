//! A token is given up: nothing under it can arrive any more, and the range goes on under a new one.
//!
//! A token is used only as long as the store surely remembers it, and only for the rows that one encoder makes. What is left of its
//! range afterwards is settled once for all: after the last moment at which an insert under the old token could arrive, what is
//! stored is stored, and the rest is done under the new token, which nobody but the owner can have written.

use std::collections::BTreeSet;

use super::age::HeldIntent;
use super::{Closed, Done, RangeWriter};
use crate::intent::{Intent, REFUSED_MAX};
use crate::observer::Event;
use crate::rules::{Rule, holds};
use crate::world::{Block, OffsetLog, RangeStore};

impl<L: OffsetLog, S: RangeStore> RangeWriter<L, S> {
    /// True where nothing more may be inserted under the token of this intent.
    pub(super) fn is_old(&self, intent: &HeldIntent) -> bool {
        holds(Rule::YoungTokensOnly) && intent.may_be(self.token_life.used, (self.now_ms)())
    }

    /// True where a range that is done again cannot be done under its token: other rows could come of it, or other refusals.
    pub(super) fn is_other(&self, intent: &Intent, range: &Closed<S>) -> bool {
        let refuses_more = range.refused.iter().any(|it| intent.refused.binary_search(&it.offset).is_err());
        let has_other_rows = range.block.rows() as u64 != intent.rows;
        intent.encoder != self.encoder && holds(Rule::RenewForEncoder)
            || has_other_rows && holds(Rule::RenewForOtherRows)
            || refuses_more && holds(Rule::CountNewRefusals)
    }

    /// Gives the new intent, and what of the range is stored.
    pub(super) async fn renew(&self, old: &HeldIntent, range: &Closed<S>) -> Done<(HeldIntent, BTreeSet<i64>), S> {
        if holds(Rule::WaitOutOldToken) {
            let wait = self.token_life.total().saturating_sub(old.age_at_least());
            if !wait.is_zero() {
                let (source, seconds) = (self.source.name(), wait.as_secs());
                tracing::warn!(
                    source,
                    first = old.first,
                    seconds,
                    "a token is given up: it is waited until nothing arrives under it"
                );
            }
            tokio::time::sleep(wait).await;
        }
        let stored = self.stored(old).await?;
        let mut intent = self.intent(range);
        // What is stored in spite of it was refused by nobody.
        intent.refused_mut().retain(|offset| !stored.contains(offset));
        // What was refused before is not counted: a range that is full of it would be refused at each start. The note says when it is too long.
        let anew = intent.refused.iter().filter(|offset| old.refused.binary_search(offset).is_err()).count();
        if anew > REFUSED_MAX {
            let reason = range.refused.last().map(|it| it.reason.clone()).unwrap_or_default();
            return Err(self.too_many_refused(range, reason));
        }
        self.commit(intent.first, &self.note(&intent)?).await?;
        self.observer.saw(Event::Renewed);
        Ok((intent, stored))
    }
}
