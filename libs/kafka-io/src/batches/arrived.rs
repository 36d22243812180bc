//! What the consumer hands on.

use std::sync::mpsc;

use crate::batches::Fetched;

/// What came next, in the order in which it happened.
#[derive(Debug)]
pub enum Arrived {
    /// Partitions are ours from now on.
    Assigned {
        /// Names this assignment; later ones have higher numbers.
        epoch: u64,
        /// The partitions; at least one.
        partitions: Vec<AssignedPartition>,
    },
    /// Partitions go to another member as soon as `acknowledged` is dropped, or after the configured wait. Until then commits of
    /// theirs still pass; records of theirs do not come any more.
    Revoked {
        /// Their numbers.
        partitions: Vec<i32>,
        /// Drop it when the work on the partitions has ended.
        acknowledged: Acknowledged,
    },
    /// Partitions are gone: another member may have them already. Their commits are refused.
    Lost {
        /// Their numbers.
        partitions: Vec<i32>,
    },
    /// Records, and what else was found among them.
    Fetched(Fetched),
}

/// A partition that is ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedPartition {
    /// Number, from 0.
    pub number: i32,
    /// What the group has committed for it, if anything; read after the last owner had let it go.
    pub committed: Option<Committed>,
    /// The first offset that is read: the committed one, else the first that is there.
    pub start: i64,
}

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Everything before it is done with.
    pub offset: i64,
    /// What was noted at the commit; empty where nothing was.
    pub note: String,
}

/// Held while the work on revoked partitions goes on; dropping it lets them go.
#[derive(Debug)]
pub struct Acknowledged(#[expect(dead_code, reason = "it acts when it is dropped")] pub(super) mpsc::Sender<()>);
