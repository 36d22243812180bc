//! The rules of the protocol, each applied in the code under its name.
//!
//! In a program every rule holds, at compile time. Under the feature `mutants` a test can break one on its own thread: a rule whose
//! absence no simulation notices is either superfluous or not tested.

#[cfg(any(test, feature = "mutants"))]
use std::cell::Cell;

/// Makes the rules and the list of all of them from one list, so that none is left out of the tests.
macro_rules! rules {
    ($($(#[$meaning:meta])* $rule:ident,)*) => {
        /// A rule of the protocol, named by what is done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[$meaning])* $rule,)*
        }

        #[cfg(any(test, feature = "mutants"))]
        impl Rule {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$rule,)*];
        }
    };
}

rules! {
    /// A range's intent is committed before anything of it is inserted or refused.
    IntentFirst,
    /// A range that is done again is inserted under the token of its intent.
    RecordedToken,
    /// A range that is done again ends where its intent says.
    RecordedEnd,
    /// What an intent refused stays refused.
    RecordedRefusals,
    /// Rows are taken for stored when the store says so, not before: only then the offset moves.
    RowsBeforeOffset,
    /// Dead letters are taken for durable when it is said so, not before: only then the offset moves.
    DeadLettersBeforeOffset,
    /// A range that is done again is counted, also after an acknowledgement.
    CountAfterReplay,
    /// After an answer that was not sure the range is counted, also after an acknowledgement.
    CountAfterDoubt,
    /// It is counted only while nothing of the range runs in the store.
    WaitForRunning,
    /// What is missing after an acknowledgement goes in under another token.
    NextTokenAfterAcknowledgement,
    /// As long as a token is not acknowledged, no other one is used.
    SameTokenUntilAcknowledged,
    /// Ranges up to the highest stored offset are counted before they are inserted.
    CountBelowHighest,
    /// A note that cannot be read is waited out.
    WaitOutUnreadable,
    /// A token is used only as long as its intent is young.
    YoungTokensOnly,
    /// A token is given up only when nothing under it can arrive any more.
    WaitOutOldToken,
    /// A range that another encoder began goes on under a new token.
    RenewForEncoder,
    /// A range that has another number of rows than when it was begun, because records have vanished, goes on under a new token: what
    /// was halved for the sake of a row that is there no more would not be halved again.
    RenewForOtherRows,
    /// What is refused now, but was not when the range was begun, is refused only where it is not stored.
    CountNewRefusals,
    /// Rows that the store refuses are looked for by halves of the range, not by halves of what is missing.
    HalvesOfTheRange,
    /// After a refusal for what rows hold the range is counted before halves are inserted.
    CountBeforeHalves,
    /// A commit without a sure answer is made again.
    CommitUntilSure,
    /// Work on a partition that has gone ends.
    AbandonWhatIsGone,
    /// An insert is begun only soon after it was asked for, the wait for its turn included.
    BeginInTime,
    /// No more blocks than are allowed are in work at once.
    TurnsAreBounded,
}

/// True: the rule holds.
#[cfg(not(any(test, feature = "mutants")))]
pub(crate) const fn holds(_: Rule) -> bool {
    true
}

#[cfg(any(test, feature = "mutants"))]
thread_local! {
    static BROKEN: Cell<Option<Rule>> = const { Cell::new(None) };
}

/// True where the rule holds on this thread.
#[cfg(any(test, feature = "mutants"))]
pub(crate) fn holds(rule: Rule) -> bool {
    BROKEN.get() != Some(rule)
}

/// Breaks a rule on this thread; `None`: all hold again.
#[cfg(any(test, feature = "mutants"))]
pub fn break_rule(rule: Option<Rule>) {
    BROKEN.set(rule);
}
