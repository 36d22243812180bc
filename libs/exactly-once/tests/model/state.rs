//! What there is in the model: one partition with two records, which lie in two parts of the store.

/// Records of the topic.
pub(crate) const END: u8 = 2;
/// The clock stands here in the end.
pub(crate) const CLOCK_MAX: u8 = 2;
/// An intent's token is used for less than this, ticks.
pub(crate) const USED: u8 = 1;
/// The store remembers a token for so long, ticks. An insert arrives within one tick after it was begun.
pub(crate) const REMEMBERED: u8 = 2;

/// Offsets, one bit each.
pub(crate) type Offsets = u8;

/// A range that is about to be inserted. All of it together is its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Intent {
    pub(crate) first: u8,
    pub(crate) last: u8,
    pub(crate) created: u8,
    pub(crate) generation: u8,
}

impl Intent {
    pub(crate) fn offsets(self) -> Offsets {
        (self.first..=self.last).fold(0, |offsets, offset| offsets | 1 << offset)
    }
}

/// What a member does next with a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    CommitIntent,
    /// It looks whether anything of the range runs; then it counts.
    LookForRunning,
    Count,
    Insert,
    AwaitAnswer,
    /// The token is old: it waits until nothing under it can arrive; then it looks for what runs, and counts.
    WaitOut,
    LookForRunningOld,
    CountOld,
    CommitRenewed,
    CommitBehind,
}

/// A range in work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Work {
    pub(crate) intent: Intent,
    pub(crate) step: Step,
    pub(crate) attempt: u8,
    pub(crate) missing: Offsets,
    pub(crate) has_to_count: bool,
    pub(crate) is_acknowledged: bool,
}

/// A commit that has passed the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Commit {
    pub(crate) offset: u8,
    pub(crate) note: Option<Intent>,
}

/// A process in the group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Member {
    /// The generation that it joined; 0: none.
    pub(crate) generation: u8,
    pub(crate) work: Option<Work>,
    /// Highest stored offset when it got the partition.
    pub(crate) highest: Option<u8>,
    /// Left over from before it joined, where nobody waited for it.
    pub(crate) in_flight: Option<Commit>,
}

/// An insert, on its way or running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Insert {
    pub(crate) token: (Intent, u8),
    /// What is not stored or swallowed yet.
    pub(crate) rows: Offsets,
    pub(crate) begun: u8,
    pub(crate) runs: bool,
    /// The token of the lowest row is noted, the row is not stored yet.
    pub(crate) is_noted: bool,
    /// Who waits for the answer.
    pub(crate) member: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) clock: u8,
    pub(crate) generation: u8,
    pub(crate) owner: usize,
    pub(crate) committed: Commit,
    pub(crate) highest_committed: u8,
    pub(crate) members: [Member; 2],
    pub(crate) inserts: Vec<Insert>,
    /// Token, its offset's part, and when it was noted.
    pub(crate) noted: Vec<((Intent, u8), u8, u8)>,
    /// How often each offset is stored.
    pub(crate) stored: [u8; END as usize],
    pub(crate) moves_left: u8,
    /// How often an operator may move the offset back.
    pub(crate) operator_left: u8,
    pub(crate) crashes_left: u8,
    pub(crate) losses_left: u8,
}

impl State {
    pub(crate) fn stored(&self) -> Offsets {
        (0..END).filter(|it| self.stored[usize::from(*it)] > 0).fold(0, |offsets, offset| offsets | 1 << offset)
    }

    pub(crate) fn is_running(&self, intent: Intent) -> bool {
        self.inserts.iter().any(|insert| insert.runs && insert.token.0 == intent)
    }

    pub(crate) fn is_done(&self) -> bool {
        self.committed == Commit { offset: END, note: None }
    }
}
