//! What can be seen of the protocol from outside: for metrics and log lines.

use std::fmt::Display;

/// Something that happened.
#[derive(Clone, Copy)]
pub enum Event<'a> {
    /// What was asked did not get a sure answer and is asked again after a while.
    Retrying {
        /// What was asked.
        what: &'static str,
        /// What came instead of an answer.
        reason: &'a dyn Display,
    },
    /// A range that an earlier owner began is done again.
    Replayed,
    /// Nothing could be known of a token any more, or it must not be used again: the range goes on under a new one.
    Renewed,
    /// Stored offsets of a range were counted: so many of its rows are there, and so many are not.
    Counted {
        /// Rows that are stored.
        stored: usize,
        /// Rows that are not.
        missing: usize,
    },
    /// An insert was acknowledged and so many of its rows are not there: the store knew the token without having the rows.
    Swallowed {
        /// Rows.
        rows: usize,
    },
    /// All of a range is durable; its offset is committed next. Each of its records is in one of the three. Where the partition goes
    /// before the commit, the next owner finds stored what was stored here.
    Done {
        /// Rows that are stored by this owner's inserts.
        stored: usize,
        /// Records that were stored already.
        found: usize,
        /// Records in the dead letter.
        refused: usize,
    },
    /// The partition has gone; its next owner does again what was begun.
    Abandoned,
}

/// Is told of what happens.
pub trait Observer: Sync {
    /// Something happened.
    fn saw(&self, event: Event<'_>);
}

/// Looks away.
impl Observer for () {
    fn saw(&self, _: Event<'_>) {}
}
