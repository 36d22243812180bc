//! What an admin may want of a report that was asked for: that it ends, or begins again.

use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;

use crate::phase::Phase;
use crate::state::ReportState;

/// Who wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Account.
    pub account: String,
    /// Address that it came from, where it came over a network.
    pub address: Option<String>,
}

/// Why it cannot be had; in words for an admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// There is nothing to cancel.
    #[error("the report is {} already: there is nothing to cancel", .0.name())]
    AtItsEnd(Phase),
    /// It is being made, or will be.
    #[error("the report is {}: it will be made, and need not be asked for again", .0.name())]
    GoesOn(Phase),
    /// It has its file.
    #[error("the report is completed: download it")]
    HasItsFile,
    /// Its request was never seen.
    #[error("what was asked for is not known: ask for a new report")]
    NoRequest,
}

impl ReportState {
    /// The event that asks for its end; none where that was asked for already.
    ///
    /// # Errors
    /// When it came to its end.
    pub fn cancel(&self, actor: Actor, at: Moment) -> Result<Option<ReportEvent>, NotNow> {
        if self.phase.is_final() {
            return Err(NotNow::AtItsEnd(self.phase));
        }
        Ok((!self.cancel_requested).then(|| ReportEvent {
            actor: Some(actor.account),
            actor_address: actor.address,
            ..ReportEvent::new(self.id, self.tenant.clone(), ReportEventType::CancelRequested, at)
        }))
    }

    /// The request with which it is asked for again: the same range, the same barrier, and a later time.
    ///
    /// # Errors
    /// When it goes on, or has its file.
    pub fn ask_again(&self, account: String, at: Moment) -> Result<ReportRequest, NotNow> {
        match self.phase {
            Phase::Completed => Err(NotNow::HasItsFile),
            phase if !phase.may_begin_again() => Err(NotNow::GoesOn(phase)),
            _ => {
                let last = self.request.clone().ok_or(NotNow::NoRequest)?;
                // The time tells requests apart, so it rises whatever clocks say, and lies behind the end.
                let before = self.ended_at.map_or(last.requested_at, |ended_at| ended_at.max(last.requested_at));
                let after = Moment::from_micros(before.as_micros().saturating_add(1));
                Ok(ReportRequest { requested_by: account, requested_at: at.max(after), ..last })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use schemas::examples::report_request as request;

    fn state(events: &[ReportEventType]) -> ReportState {
        let mut state = ReportState::begun_by(&Journal::requested(&request()));
        for event_type in events {
            state.apply(&ReportEvent::new(state.id, state.tenant.clone(), *event_type, Moment::FIRST));
        }
        state
    }

    fn actor() -> Actor {
        Actor { account: "admin".to_owned(), address: Some("192.0.2.7".to_owned()) }
    }

    #[test]
    fn what_is_at_its_end_cannot_be_cancelled() {
        use ReportEventType::{Completed, Failed, Started, Waiting};
        for goes_on in [&[][..], &[Waiting], &[Started]] {
            let mut state = state(goes_on);
            let wish = state.cancel(actor(), Moment::FIRST).unwrap().unwrap();
            assert_eq!((wish.actor.as_deref(), wish.actor_address.as_deref()), (Some("admin"), Some("192.0.2.7")));
            state.apply(&wish);
            assert!(state.cancel_requested);
            assert_eq!(state.cancel(actor(), Moment::FIRST), Ok(None), "once is enough");
        }
        for ended in [Completed, Failed] {
            let refused = state(&[ended]).cancel(actor(), Moment::FIRST).unwrap_err();
            assert!(refused.to_string().ends_with("already: there is nothing to cancel"), "{refused}");
        }
    }

    #[test]
    fn what_has_no_file_can_be_asked_for_again_with_the_same_barrier_and_a_later_time() {
        use ReportEventType::{Cancelled, Completed, Expired, Failed, Started};
        for ended in [&[Failed][..], &[Started, Cancelled], &[Completed, Expired]] {
            let mut state = state(ended);
            // A clock that went back.
            let again = state.ask_again("other".to_owned(), Moment::from_micros(-5)).unwrap();
            let (requested_by, requested_at) = ("other".to_owned(), Moment::from_micros(1));
            assert_eq!(again, ReportRequest { requested_by, requested_at, ..request() });
            state.apply(&Journal::retried(&again));
            assert_eq!(state.phase, Phase::Requested);
            assert_eq!(state.ask_again("x".to_owned(), Moment::END), Err(NotNow::GoesOn(Phase::Requested)));
        }
        assert_eq!(state(&[Completed]).ask_again("x".to_owned(), Moment::END), Err(NotNow::HasItsFile));
        let unknown = ReportState { request: None, ..state(&[Failed]) };
        assert_eq!(unknown.ask_again("x".to_owned(), Moment::END), Err(NotNow::NoRequest));
    }
}
