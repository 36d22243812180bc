//! A member: what it can do next, and does.

use crate::state::{CLOCK_MAX, Commit, END, Insert, Intent, Member, REMEMBERED, State, Step, USED, Work};
use crate::{Action, Protocol, Without};

impl State {
    /// The broker asks who sends a commit, and of which generation, but not whose the partition is.
    pub(crate) fn take_commit(&mut self, member: usize, commit: Commit) -> bool {
        let is_fenced = self.members[member].generation != self.generation;
        if !is_fenced {
            self.committed = commit;
            self.highest_committed = self.highest_committed.max(commit.offset);
        }
        !is_fenced
    }
}

impl Protocol {
    pub(crate) fn actions_of(&self, state: &State, number: usize, actions: &mut Vec<Action>) {
        let member = &state.members[number];
        if member.generation != 0 && member.generation < state.generation {
            actions.push(Action::Rejoin { member: number });
        }
        if member.in_flight.is_some() {
            actions.push(Action::SendLeftOver { member: number });
        }
        let Some(work) = &member.work else {
            let is_owner = state.owner == number && member.generation == state.generation && state.generation > 0;
            if is_owner && state.committed.offset < END {
                match state.committed.note {
                    Some(_) => actions.push(Action::Go { member: number }),
                    None => {
                        let ends = state.committed.offset..END;
                        actions.extend(ends.map(|last| Action::Begin { member: number, last }));
                    }
                }
            }
            return;
        };
        match work.step {
            Step::AwaitAnswer => {
                if state.losses_left > 0 {
                    actions.push(Action::GiveUp { member: number });
                }
            }
            Step::CommitIntent | Step::CommitRenewed | Step::CommitBehind => {
                actions.push(Action::Go { member: number });
                if state.losses_left > 0 {
                    actions.push(Action::LoseCommitAnswer { member: number });
                }
            }
            Step::LookForRunning
            | Step::Count
            | Step::Insert
            | Step::WaitOut
            | Step::LookForRunningOld
            | Step::CountOld => actions.push(Action::Go { member: number }),
        }
    }

    /// A process becomes a member of the current generation. Its gate is closed first: the work that it has is forgotten, and a
    /// commit in flight is waited for, that is: refused, for the broker has thrown its sender out.
    pub(crate) fn join(&self, state: &mut State, number: usize) {
        let (generation, highest) = (state.generation, (0..END).rev().find(|it| state.stored[usize::from(*it)] > 0));
        let old = state.members[number];
        let mut new = Member { generation, highest, work: None, in_flight: None };
        if !self.holds(Without::WaitForCommits) {
            new.in_flight = old.work.as_ref().and_then(Self::commit_of);
        }
        if !self.holds(Without::Epoch) {
            new.work = old.work;
        } else {
            for insert in &mut state.inserts {
                if insert.member == Some(number) {
                    insert.member = None;
                }
            }
        }
        state.members[number] = new;
    }

    /// Begins a range that nobody has begun.
    pub(crate) fn begin(&self, state: &mut State, number: usize, last: u8) {
        let member = &mut state.members[number];
        let first = state.committed.offset;
        let intent = Intent { first, last, created: state.clock, generation: state.generation };
        let step = if self.holds(Without::Intent) { Step::CommitIntent } else { Step::Insert };
        member.work = Some(Work {
            intent,
            step,
            attempt: 0,
            missing: intent.offsets(),
            has_to_count: false,
            is_acknowledged: false,
        });
    }

    fn after_intent(&self, member: &Member, work: &Work) -> Step {
        let may_be_stored = member.highest.is_some_and(|highest| work.intent.first <= highest);
        if may_be_stored && self.holds(Without::CountBelowHighest) { Step::LookForRunning } else { Step::Insert }
    }

    /// A range that was begun is done again.
    fn replay(&self, state: &mut State, number: usize, mut intent: Intent) {
        if !self.holds(Without::RecordedToken) {
            intent.generation = state.generation;
        }
        if !self.holds(Without::RecordedEnd) {
            intent.last = if intent.last == intent.first { END - 1 } else { intent.first };
        }
        state.members[number].work = Some(Work {
            intent,
            step: Step::LookForRunning,
            attempt: 0,
            missing: intent.offsets(),
            has_to_count: self.holds(Without::CountAfterReplay),
            is_acknowledged: false,
        });
    }

    pub(crate) fn go(&self, state: &mut State, number: usize) -> Option<()> {
        let clock = state.clock;
        let Some(mut work) = state.members[number].work else {
            let intent = state.committed.note?;
            self.replay(state, number, intent);
            return Some(());
        };
        let runs = self.holds(Without::WaitForRunning) && state.is_running(work.intent);
        let is_old = clock - work.intent.created >= USED && self.holds(Without::YoungTokensOnly);
        match work.step {
            Step::LookForRunning | Step::LookForRunningOld if runs => return None,
            Step::LookForRunning => work.step = Step::Count,
            Step::LookForRunningOld => work.step = Step::CountOld,
            Step::Count => {
                work.missing = work.intent.offsets() & !state.stored();
                if work.is_acknowledged && self.holds(Without::NextTokenAfterAcknowledgement) {
                    (work.attempt, work.is_acknowledged) = (work.attempt + 1, false);
                }
                work.step = if work.missing == 0 { Step::CommitBehind } else { Step::Insert };
            }
            Step::Insert if is_old => work.step = Step::WaitOut,
            // Under a token that was acknowledged nothing more comes: once more would be a step, and no progress.
            Step::Insert if work.is_acknowledged => return None,
            Step::Insert => {
                let (token, rows, member) = ((work.intent, work.attempt), work.missing, Some(number));
                state.inserts.push(Insert { token, rows, begun: clock, runs: false, is_noted: false, member });
                work.step = Step::AwaitAnswer;
            }
            Step::WaitOut => {
                let is_dead = clock >= work.intent.created + REMEMBERED
                    || clock == CLOCK_MAX && !state.inserts.iter().any(|insert| insert.token.0 == work.intent);
                if !is_dead && self.holds(Without::WaitOutOldToken) {
                    return None;
                }
                work.step = Step::LookForRunningOld;
            }
            Step::CountOld => {
                work.missing = work.intent.offsets() & !state.stored();
                work.intent.created = clock;
                work.intent.generation = state.members[number].generation;
                work.step = Step::CommitRenewed;
            }
            Step::CommitIntent | Step::CommitRenewed | Step::CommitBehind => {
                self.commit(state, number)?;
                let member = state.members[number];
                work.step = match work.step {
                    Step::CommitIntent => self.after_intent(&member, &work),
                    Step::CommitRenewed => {
                        (work.attempt, work.has_to_count, work.is_acknowledged) = (0, true, false);
                        if work.missing == 0 { Step::CommitBehind } else { Step::Insert }
                    }
                    _ => {
                        state.members[number].work = None;
                        return Some(());
                    }
                };
            }
            Step::AwaitAnswer => return None,
        }
        state.members[number].work = Some(work);
        Some(())
    }

    fn commit_of(work: &Work) -> Option<Commit> {
        match work.step {
            Step::CommitIntent | Step::CommitRenewed => {
                Some(Commit { offset: work.intent.first, note: Some(work.intent) })
            }
            Step::CommitBehind => Some(Commit { offset: work.intent.last + 1, note: None }),
            _ => None,
        }
    }

    /// The broker takes the commit; `None`: refuses it.
    pub(crate) fn commit(&self, state: &mut State, number: usize) -> Option<()> {
        let commit = Self::commit_of(state.members[number].work.as_ref()?)?;
        state.take_commit(number, commit).then_some(())
    }
}
