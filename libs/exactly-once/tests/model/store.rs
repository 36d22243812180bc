//! The store: what an insert does step by step, and what is left of it after a crash.

use crate::state::{REMEMBERED, State, Step};
use crate::{Protocol, Without};

impl Protocol {
    /// An insert arrives; or notes its token for its lowest row, or stores that row; or ends.
    pub(crate) fn step_insert(&self, state: &mut State, nth: usize) {
        let insert = &mut state.inserts[nth];
        if !insert.runs {
            insert.runs = true;
            return;
        }
        if insert.rows == 0 {
            let ended = state.inserts.remove(nth);
            if let Some(member) = ended.member {
                self.answer(state, member, true);
            }
            return;
        }
        let offset = u8::try_from(insert.rows.trailing_zeros()).unwrap();
        if insert.is_noted {
            (insert.is_noted, insert.rows) = (false, insert.rows & !(1 << offset));
            state.stored[usize::from(offset)] += 1;
            return;
        }
        let (token, clock) = (insert.token, state.clock);
        let remembers =
            |noted: &&((_, u8), u8, u8)| noted.0 == token && noted.1 == offset && clock < noted.2 + REMEMBERED;
        if state.noted.iter().any(|noted| remembers(&noted)) {
            insert.rows &= !(1 << offset);
        } else {
            insert.is_noted = true;
            state.noted.retain(|noted| (noted.0, noted.1) != (token, offset));
            state.noted.push((token, offset, clock));
        }
    }

    /// What runs is gone; what it noted stays.
    pub(crate) fn crash_store(&self, state: &mut State) {
        state.crashes_left -= 1;
        let running: Vec<_> = state.inserts.extract_if(.., |insert| insert.runs).collect();
        for member in running.iter().filter_map(|insert| insert.member) {
            self.answer(state, member, false);
        }
    }

    /// The client gives up; the insert goes its way.
    pub(crate) fn give_up(&self, state: &mut State, member: usize) {
        for insert in &mut state.inserts {
            if insert.member == Some(member) {
                insert.member = None;
            }
        }
        self.answer(state, member, false);
    }

    fn answer(&self, state: &mut State, member: usize, is_sure: bool) {
        let Some(work) = &mut state.members[member].work else { return };
        work.is_acknowledged = is_sure;
        work.step = match (is_sure, work.has_to_count) {
            (true, false) => Step::CommitBehind,
            (true, true) => Step::LookForRunning,
            (false, _) if !self.holds(Without::InsertBeforeCommit) => Step::CommitBehind,
            (false, _) if !self.holds(Without::CountAfterDoubt) => Step::Insert,
            (false, _) => {
                work.has_to_count = true;
                work.attempt += u8::from(!self.holds(Without::SameTokenUntilAcknowledged));
                Step::LookForRunning
            }
        };
    }
}
