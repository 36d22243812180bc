//! What the protocol asks of the log and of the store.

use std::collections::BTreeSet;

/// An offset was not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// The partition has gone: forget the work on it.
    #[error("the partition is not ours any more: {0}")]
    NotOurs(String),
    /// No answer, or a passing refusal; it may have been done. The same again is harmless.
    #[error("the offset was not committed: {0}")]
    Retry(String),
    /// Only an operator can mend it.
    #[error("the offset cannot be committed: {0}")]
    Stop(String),
}

/// The committed offset of one partition under one assignment.
pub trait OffsetLog: Sync {
    /// Commits `offset`, with `note` in the place of what stood beside the one before. Returns when it is durable.
    ///
    /// Everything rests on this: once another owner may have read the committed offset, no commit of this assignment may take
    /// effect, also none that was begun before. A future that is dropped stands for a commit that may take effect until then.
    /// Commits of one assignment take effect in the order in which they are made.
    fn commit(&self, offset: i64, note: &str) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Whether the records that were read until now are of the log that was assigned. Asked before a range is done that an earlier owner has begun: of
    /// all others the commit of their intent has said so.
    fn check(&self) -> impl Future<Output = Result<(), CommitError>> + Send {
        async { Ok(()) }
    }
}

/// The rows of a range.
pub trait Block: Send + Sync {
    /// How many rows it has.
    fn rows(&self) -> usize;
    /// Offsets that have a row in it. Asked only where something went wrong.
    fn offsets(&self) -> BTreeSet<i64>;
}

/// Which rows of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows<'a> {
    /// All of them.
    All,
    /// Those of these offsets.
    Only(&'a BTreeSet<i64>),
}

/// A record that becomes no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its offset.
    pub offset: i64,
    /// Why, for whoever reads the dead letter.
    pub reason: String,
}

/// The store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError<E> {
    /// It may have been done, wholly or in part, and trying again may help.
    #[error("no sure answer: {0}")]
    Unsure(E),
    /// Refused for what a row holds: the same rows are refused whenever they come.
    #[error("refused for its rows: {0}")]
    Rows(E),
    /// Only an operator can mend it.
    #[error(transparent)]
    Stop(E),
}

/// The store, and the dead letter beside it. It remembers tokens for a while, for each of its own partitions: rows under a token
/// that a partition has seen are swallowed there, whatever they are.
pub trait RangeStore: Sync {
    /// The rows of a range, as it takes them.
    type Block: Block;
    /// What it says when it cannot.
    type Error: std::error::Error + Send + Sync;

    /// Inserts rows of a block under a token; returns when they are durable.
    ///
    /// A block may take several inserts (several tables, more partitions of a table than one insert may touch), under tokens that
    /// begin with `token` and `/`. Four things must hold:
    ///
    /// - Which of them a row goes with depends on the block alone, not on `rows`: else a row could be stored under two tokens.
    /// - All rows of one insert that fall into one partition of the store are stored together or not at all.
    /// - [`StoreError::Rows`] is said only when every insert that was begun has got its answer.
    /// - From this call until the last of them has ended no more than [`crate::TokenLife::late`] may pass: before each one the
    ///   [`crate::BeginGate`]'s turn is asked, and [`StoreError::Unsure`] said when too much of it is gone, as after a process was
    ///   frozen in between; and the store is told how long it may run.
    fn insert(
        &self,
        block: &Self::Block,
        rows: Rows<'_>,
        token: &str,
    ) -> impl Future<Output = Result<(), StoreError<Self::Error>>> + Send;

    /// Which offsets from `first` to `last` have a row. Sees every row that was acknowledged before: what a replica that lags behind
    /// does not see yet would be inserted again.
    fn stored(
        &self,
        first: i64,
        last: i64,
    ) -> impl Future<Output = Result<BTreeSet<i64>, StoreError<Self::Error>>> + Send;

    /// The highest offset at or above `from` that has a row.
    fn highest_stored(&self, from: i64) -> impl Future<Output = Result<Option<i64>, StoreError<Self::Error>>> + Send;

    /// True while an insert runs anywhere in the store under `token`, or one that begins with it and goes on with `/` or `~`.
    fn is_running(&self, token: &str) -> impl Future<Output = Result<bool, StoreError<Self::Error>>> + Send;

    /// Puts records of a range into the dead letter, where a reader can tell by source and offset what comes twice. They are those
    /// that the caller refused, and now and then a row of the block that the store refuses.
    fn refuse(
        &self,
        block: &Self::Block,
        refused: &[Refused],
    ) -> impl Future<Output = Result<(), StoreError<Self::Error>>> + Send;
}
