//! The fold of one report's events.

use std::collections::BTreeSet;

use schemas::ids::{ReportId, Tenant};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
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
}

/// What is known of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportState {
    /// The report.
    pub id: ReportId,
    /// Its tenant: that of its first event. Events that name another one are not taken.
    pub tenant: Tenant,
    /// The request, once it was seen.
    pub request: Option<ReportRequest>,
    /// How far it is.
    pub phase: Phase,
    /// Attempts that were begun.
    pub attempt: i32,
    /// Events that ingest was behind when it was last told.
    pub events_behind: Option<i64>,
    /// Rows written so far.
    pub rows: i64,
    /// Rows that the plan expects.
    pub rows_expected: Option<i64>,
    /// Bytes handed to the store so far.
    pub size_bytes: i64,
    /// Key in the store, once it is completed.
    pub object_key: Option<String>,
    /// Name that a browser saves it under.
    pub file_name: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
    /// Receivers whose mail was taken.
    pub notified: BTreeSet<String>,
    /// How often it was given out.
    pub downloads: u64,
    /// When it came to its end.
    pub ended_at: Option<Moment>,
}

impl ReportState {
    /// The state that the first event leaves.
    #[must_use]
    pub fn begun_by(event: &ReportEvent) -> Self {
        let mut state = Self {
            id: event.report_id,
            tenant: event.tenant.clone(),
            request: None,
            phase: Phase::Requested,
            attempt: 0,
            events_behind: None,
            rows: 0,
            rows_expected: None,
            size_bytes: 0,
            object_key: None,
            file_name: None,
            reason: None,
            notified: BTreeSet::new(),
            downloads: 0,
            ended_at: None,
        };
        state.apply(event);
        state
    }

    /// Takes one more event, whatever it is and in whatever order they come. A report that came to its end stays there until it
    /// is asked for again.
    pub fn apply(&mut self, event: &ReportEvent) {
        if event.tenant != self.tenant || event.report_id != self.id {
            return;
        }
        match event.event_type {
            ReportEventType::Unknown | ReportEventType::CancelRequested => {}
            ReportEventType::Requested => {
                if self.request.is_none() {
                    self.request.clone_from(&event.request);
                }
            }
            ReportEventType::Waiting => self.goes_on(Phase::Waiting, |state| state.events_behind = event.events_behind),
            ReportEventType::Started => self.goes_on(Phase::Running, |state| {
                state.attempt = event.attempt.unwrap_or(state.attempt + 1);
                (state.rows, state.size_bytes) = (0, 0);
                state.rows_expected = event.rows_expected;
            }),
            ReportEventType::Progressed => self.goes_on(Phase::Running, |state| state.count(event)),
            ReportEventType::Completed => self.ends(Phase::Completed, event),
            ReportEventType::Failed => self.ends(Phase::Failed, event),
            ReportEventType::Cancelled => self.ends(Phase::Cancelled, event),
            ReportEventType::Expired => {
                if self.phase == Phase::Completed {
                    self.phase = Phase::Expired;
                    self.object_key = None;
                }
            }
            ReportEventType::Notified => self.notified.extend(event.receiver.clone()),
            ReportEventType::Downloaded => self.downloads += 1,
            ReportEventType::Retried => {
                if self.phase.is_final() {
                    self.phase = Phase::Requested;
                    (self.reason, self.ended_at, self.object_key) = (None, None, None);
                    self.notified.clear();
                }
            }
        }
    }

    fn goes_on(&mut self, phase: Phase, change: impl FnOnce(&mut Self)) {
        if !self.phase.is_final() {
            self.phase = phase;
            change(self);
        }
    }

    fn count(&mut self, event: &ReportEvent) {
        self.rows = event.rows.unwrap_or(self.rows);
        self.size_bytes = event.size_bytes.unwrap_or(self.size_bytes);
        self.rows_expected = event.rows_expected.or(self.rows_expected);
    }

    fn ends(&mut self, phase: Phase, event: &ReportEvent) {
        if self.phase.is_final() {
            return;
        }
        self.phase = phase;
        self.count(event);
        self.ended_at = Some(event.at);
        self.reason.clone_from(&event.reason);
        if phase == Phase::Completed {
            self.object_key.clone_from(&event.object_key);
            self.file_name.clone_from(&event.file_name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(event_type: ReportEventType) -> ReportEvent {
        let id = "0193a0b0-0000-7000-8000-000000000001".parse().unwrap();
        ReportEvent {
            rows: Some(7),
            object_key: Some("reports/acme/1/x.csv".to_owned()),
            receiver: Some("admin@acme.example".to_owned()),
            reason: Some("no space".to_owned()),
            ..ReportEvent::new(id, "acme".parse().unwrap(), event_type, Moment::FIRST)
        }
    }

    fn folded(types: &[ReportEventType]) -> ReportState {
        let mut state = ReportState::begun_by(&event(ReportEventType::Requested));
        types.iter().for_each(|it| state.apply(&event(*it)));
        state
    }

    #[test]
    fn report_that_ended_stays_ended_until_it_is_asked_for_again() {
        use ReportEventType::{Completed, Failed, Progressed, Retried, Started};
        assert_eq!(folded(&[Started, Completed, Failed, Progressed]).phase, Phase::Completed);
        let failed = folded(&[Started, Failed]);
        assert_eq!((failed.phase, failed.object_key), (Phase::Failed, None));
        let again = folded(&[Started, Failed, Retried]);
        assert_eq!((again.phase, again.reason), (Phase::Requested, None));
    }

    #[test]
    fn event_that_names_another_tenant_is_not_taken() {
        let mut state = folded(&[ReportEventType::Started]);
        let foreign = ReportEvent { tenant: "globex".parse().unwrap(), ..event(ReportEventType::Failed) };
        state.apply(&foreign);
        assert_eq!(state.phase, Phase::Running);
    }

    fn types() -> impl Strategy<Value = ReportEventType> {
        use ReportEventType as T;
        prop::sample::select(vec![
            T::Unknown,
            T::Requested,
            T::Waiting,
            T::Started,
            T::Progressed,
            T::CancelRequested,
            T::Completed,
            T::Failed,
            T::Cancelled,
            T::Notified,
            T::Retried,
            T::Downloaded,
            T::Expired,
        ])
    }

    proptest! {
        #[test]
        fn any_order_of_events_folds(types in prop::collection::vec(types(), 0..30)) {
            let state = folded(&types);
            prop_assert_eq!(state.object_key.is_some(), state.phase == Phase::Completed);
            prop_assert_eq!(state.ended_at.is_some(), state.phase.is_final());
        }
    }
}
