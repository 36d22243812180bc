//! What a check has found, and where.

use std::fmt;

use schemas::audit_event::{ChainHead, ChainId};

/// Something that cannot be where nobody has touched the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where on the topic; `None` for what is missing from all of it.
    pub offset: Option<i64>,
    /// The event, where it could be read.
    pub event: Option<(ChainId, i64)>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Kafka's own numbers have a gap, or do not begin at 0.
    #[error("records {first} to {last} are gone from the topic")]
    Gone {
        /// First offset that is not there.
        first: i64,
        /// Last one.
        last: i64,
    },
    /// No event.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A newer program wrote it.
    #[error("it holds words that this version does not know; verify with a newer one")]
    Unknown,
    /// Content and hash do not belong together.
    #[error("its content is not what its hash says")]
    Changed,
    /// Key and chain differ.
    #[error("its key is not its chain")]
    OtherKey,
    /// The first event is none that begins a chain, or a later one is.
    #[error("a chain begins with one event that says so, and this is another one")]
    NotABeginning,
    /// Numbers are left out.
    #[error("events {first} to {last} of the chain are missing before it")]
    Missing {
        /// First number that is not there.
        first: i64,
        /// Last one.
        last: i64,
    },
    /// A number comes again, or late.
    #[error("it stands there twice, or late: event {expected} was to come")]
    OutOfPlace {
        /// The number that was to come.
        expected: i64,
    },
    /// The link to the event before it is broken.
    #[error("it does not hold the hash of the event before it: one of the two was changed")]
    Unlinked,
    /// An event that is named somewhere is not there.
    #[error("event {0} is named, and is not there")]
    HeadMissing(ChainHead),
    /// An event that is named somewhere is another one now.
    #[error("event {0} is named, and another one stands there")]
    HeadChanged(ChainHead),
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(formatter, "offset {offset}: ")?;
        }
        if let Some((chain, sequence)) = self.event {
            write!(formatter, "event {sequence} of chain {chain}: ")?;
        }
        self.problem.fmt(formatter)
    }
}
