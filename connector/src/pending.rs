//! Lines that are on their way, in the order of sending.

use crate::adapters::SourceId;
use crate::line::{Line, Reached};

/// A line whose fate is not sealed yet, or the end of a source.
pub(crate) struct Pending<A> {
    pub(crate) source: SourceId,
    /// How far the source is done when this and all before is; `None`: it is over.
    pub(crate) next: Option<Reached>,
    /// Bytes of the line that count as in flight; `None`: nothing was sent.
    pub(crate) bytes: Option<usize>,
    pub(crate) state: State<A>,
}

pub(crate) enum State<A> {
    Done,
    /// An event is on its way.
    Event {
        acknowledgement: A,
        line: Line,
    },
    /// A dead letter has to be written; `whole`: with all bytes of the line that are held.
    ToDeadLetter {
        line: Line,
        reason: String,
        whole: bool,
    },
    /// It is on its way.
    DeadLetter {
        acknowledgement: A,
        line: Line,
        reason: String,
        whole: bool,
    },
}

impl<A> Pending<A> {
    /// Kafka refused what was made of this line.
    pub(crate) fn refuse(&mut self, reason: String, whole: bool) {
        if let State::Event { line, .. } | State::DeadLetter { line, .. } =
            std::mem::replace(&mut self.state, State::Done)
        {
            self.state = State::ToDeadLetter { line, reason, whole };
        }
    }
}

impl<A> State<A> {
    /// The line, where it is still needed.
    pub(crate) fn line(&self) -> Option<&Line> {
        match self {
            Self::Done => None,
            Self::Event { line, .. } | Self::ToDeadLetter { line, .. } | Self::DeadLetter { line, .. } => Some(line),
        }
    }

    /// As [`Self::line`].
    pub(crate) fn line_mut(&mut self) -> Option<&mut Line> {
        match self {
            Self::Done => None,
            Self::Event { line, .. } | Self::ToDeadLetter { line, .. } | Self::DeadLetter { line, .. } => Some(line),
        }
    }
}
