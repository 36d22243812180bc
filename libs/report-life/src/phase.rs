//! How far a report is, and the ends that it came to.

use schemas::times::Moment;

/// How far a report is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Asked for; no exporter has it yet.
    Requested,
    /// Waits until ingest has stored what was on Kafka when it was asked for.
    Waiting,
    /// Rows are being written.
    Running,
    /// The file is in the store.
    Completed,
    /// There will be no file.
    Failed,
    /// Nobody wants it any more.
    Cancelled,
    /// The file was deleted.
    Expired,
}

impl Phase {
    /// True where only a person can bring it on.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Requested | Self::Waiting | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    /// True where it has no file, and may be asked for again.
    #[must_use]
    pub const fn may_begin_again(self) -> bool {
        match self {
            Self::Requested | Self::Waiting | Self::Running | Self::Completed => false,
            Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    /// Its name, for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// An end that a report came to; it may have come to others before and since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// Which.
    pub phase: Phase,
    /// Of which attempt.
    pub attempt: i32,
    /// When.
    pub at: Moment,
}
