//! Each rule broken once: a rule whose absence no seed notices is superfluous, or not tested.

use exactly_once::rules::Rule;

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A rule of the crate.
    Without(Rule),
    /// A commit does not ask whether its assignment is still the partition's.
    NoEpoch,
    /// A partition is let go while commits are in flight.
    NoWait,
    /// Which insert a row goes in with depends on what else goes in.
    SplitByRows,
}

impl Mutant {
    pub(crate) fn rule(self) -> Option<Rule> {
        match self {
            Self::Without(rule) => Some(rule),
            Self::NoEpoch | Self::NoWait | Self::SplitByRows => None,
        }
    }

    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Rule::ALL.iter().copied().map(Self::Without).chain([Self::NoEpoch, Self::NoWait, Self::SplitByRows])
    }
}
