//! How many inserts are under way at once, and how late one is begun.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::rules::{Rule, holds};

/// An insert was asked for too long ago to be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an insert was not begun within {0:?}")]
pub struct NotBegun(pub Duration);

/// What a store's inserts pass, those of all partitions of a process together; cheap to clone.
///
/// Guarantee: so many blocks are in work at once and no more; and nothing is begun later than `begin_max` after it was asked for,
/// however long its turn did not come or the process was frozen: nobody waits for what is sent under its token then.
#[derive(Clone, Debug)]
pub struct BeginGate {
    turns: Arc<Semaphore>,
    begin_max: Duration,
}

/// The turn of one block; dropped when all its inserts have ended.
#[derive(Debug)]
pub struct Turn<'a> {
    asked: Instant,
    begin_max: Duration,
    _permit: Option<SemaphorePermit<'a>>,
}

impl BeginGate {
    /// For so many blocks at once, at least one.
    #[must_use]
    pub fn new(at_once_max: usize, begin_max: Duration) -> Self {
        Self { turns: Arc::new(Semaphore::new(at_once_max.max(1))), begin_max }
    }

    /// Waits for a turn. Asked first of all, because the time counts from here.
    pub async fn turn(&self) -> Turn<'_> {
        let asked = Instant::now();
        let permit = if holds(Rule::TurnsAreBounded) {
            // Never closed.
            self.turns.acquire().await.ok()
        } else {
            None
        };
        Turn { asked, begin_max: self.begin_max, _permit: permit }
    }
}

impl Turn<'_> {
    /// Asked right before each insert of the block.
    ///
    /// # Errors
    /// When it is too late to begin another one.
    pub fn check(&self) -> Result<(), NotBegun> {
        let is_late = self.asked.elapsed() > self.begin_max && holds(Rule::BeginInTime);
        if is_late { Err(NotBegun(self.begin_max)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn time_counts_from_when_it_was_asked_for_and_not_from_its_turn() {
        let gate = BeginGate::new(1, MAX);
        let first = gate.turn().await;
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.turn().await.check() }
        });
        tokio::time::sleep(MAX).await;
        assert_eq!(first.check(), Ok(()));
        assert!(!waiting.is_finished(), "one at a time");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(first.check(), Err(NotBegun(MAX)), "its second insert, after a process was frozen");
        drop(first);
        assert_eq!(waiting.await.unwrap(), Err(NotBegun(MAX)));
        assert_eq!(gate.turn().await.check(), Ok(()));
    }
}
