//! Questions and commits, made again until the answer is sure.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use super::{Delivery, Done, End, RangeWriter, WriteError};
use crate::assignment::Assignment;
use crate::backoff::Backoff;
use crate::intent::Intent;
use crate::observer::Event;
use crate::rules::{Rule, holds};
use crate::world::{CommitError, OffsetLog, RangeStore, Refused, StoreError};

/// How long an insert that runs still is waited for before it is looked at again.
const RUNNING_WAIT: Duration = Duration::from_millis(200);

impl<L: OffsetLog, S: RangeStore> RangeWriter<L, S> {
    /// Up to which offset rows may be stored that this owner knows nothing of: ranges that begin there or before are counted first.
    pub(super) async fn highest_stored(&self, assignment: &Assignment) -> Done<Option<i64>, S> {
        if self.delivery == Delivery::AtLeastOnce {
            // Asked all the same: the store may find that its rows are another log's. What is stored is not counted.
            self.surely("highest stored offset", || self.store.highest_stored(assignment.begin())).await?;
            return Ok(None);
        }
        if assignment.has_unreadable_note() && holds(Rule::WaitOutUnreadable) {
            tracing::warn!(
                offset = assignment.begin(),
                source = self.source.name(),
                "the note beside it cannot be read"
            );
            tokio::time::sleep(self.token_life.total()).await;
            self.wait_while_running(self.source.name()).await?;
        }
        let highest = self.surely("highest stored offset", || self.store.highest_stored(assignment.begin())).await?;
        Ok(highest.filter(|_| holds(Rule::CountBelowHighest)))
    }

    /// The range's stored offsets, counted while nothing runs that could add one under this token.
    pub(super) async fn stored(&self, intent: &Intent) -> Done<BTreeSet<i64>, S> {
        if holds(Rule::WaitForRunning) {
            self.wait_while_running(&intent.token).await?;
        }
        self.surely("stored offsets", || self.store.stored(intent.first, intent.last)).await
    }

    pub(super) async fn wait_while_running(&self, token: &str) -> Done<(), S> {
        while self.surely("running inserts", || self.store.is_running(token)).await? {
            tokio::time::sleep(RUNNING_WAIT).await;
        }
        Ok(())
    }

    /// Puts records into the dead letter.
    pub(super) async fn refuse(&self, block: &S::Block, refused: &[Refused]) -> Done<(), S> {
        if refused.is_empty() {
            return Ok(());
        }
        if holds(Rule::DeadLettersBeforeOffset) {
            return self.surely("dead letter", || self.store.refuse(block, refused)).await;
        }
        drop(self.store.refuse(block, refused).await);
        Ok(())
    }

    pub(super) async fn commit(&self, offset: i64, note: &str) -> Done<(), S> {
        let mut backoff = Backoff::new();
        loop {
            match self.log.commit(offset, note).await {
                Ok(()) => return Ok(()),
                Err(CommitError::NotOurs(reason)) => {
                    tracing::info!(offset, source = self.source.name(), reason, "the partition has gone");
                    return if holds(Rule::AbandonWhatIsGone) { Err(End::Gone) } else { Ok(()) };
                }
                Err(CommitError::Retry(_)) if !holds(Rule::CommitUntilSure) => return Ok(()),
                Err(CommitError::Retry(reason)) => self.wait_to_retry(&mut backoff, "commit", &reason).await,
                Err(CommitError::Stop(reason)) => return Err(End::Error(WriteError::Log(reason))),
            }
        }
    }

    /// Asks until it is sure that the log is the one that was assigned.
    pub(super) async fn check(&self) -> Done<(), S> {
        let mut backoff = Backoff::new();
        loop {
            match self.log.check().await {
                Ok(()) => return Ok(()),
                Err(CommitError::NotOurs(_)) => return Err(End::Gone),
                Err(CommitError::Retry(reason)) => self.wait_to_retry(&mut backoff, "log", &reason).await,
                Err(CommitError::Stop(reason)) => return Err(End::Error(WriteError::Log(reason))),
            }
        }
    }

    /// Asks again as long as no sure answer comes.
    async fn surely<T, F>(&self, what: &'static str, ask: impl Fn() -> F) -> Done<T, S>
    where
        F: Future<Output = Result<T, StoreError<S::Error>>>,
    {
        let mut backoff = Backoff::new();
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(StoreError::Unsure(error)) => self.wait_to_retry(&mut backoff, what, &error).await,
                // It is not rows that were sent.
                Err(StoreError::Rows(error) | StoreError::Stop(error)) => {
                    return Err(End::Error(WriteError::Store(error)));
                }
            }
        }
    }

    pub(super) async fn wait_to_retry(&self, backoff: &mut Backoff, what: &'static str, reason: &(dyn Display + Sync)) {
        self.observer.saw(Event::Retrying { what, reason });
        backoff.wait().await;
    }
}
