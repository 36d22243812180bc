//! Whether a report's turn has come among those of its tenant, which may be with several exporters: each reads it from the same fold.
//!
//! A report has a place from its event `started` to its end, also where the exporter that began it is gone: whoever has its request next goes on in
//! its place. Nobody gives places away, so nothing is left held by who died, and of those that have one the oldest always goes on.

use schemas::ids::ReportId;
use schemas::times::Moment;

use crate::phase::Phase;
use crate::state::ReportState;

/// A report of which nothing was told for so long has no place any more, microseconds: an hour. Who makes one tells of it each few seconds, and
/// each few minutes where it stands still; only while slices are joined and a large file is read back nothing is told.
const SILENT_MAX: i64 = 3_600_000_000;

/// Which of a tenant's reports come before one of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Those that have a place; where it has one itself, only those of them that are older.
    pub placed: usize,
    /// Older ones that have none yet; 0 where it has one itself.
    pub older: usize,
}

impl Turn {
    /// Of a report among its tenant's.
    pub fn of<'a>(reports: impl IntoIterator<Item = &'a ReportState>, report: ReportId, now: Moment) -> Self {
        let has_place = |it: &ReportState| {
            it.phase == Phase::Running && now.as_micros().saturating_sub(it.told_at.as_micros()) < SILENT_MAX
        };
        // Its own place is not lost by silence: it was down with its exporter.
        let (mut is_placed, mut placed, mut placed_older, mut older) = (false, 0, 0, 0);
        for it in reports {
            let is_older = usize::from(it.id < report);
            if it.id == report {
                is_placed = it.phase == Phase::Running;
            } else if has_place(it) {
                (placed, placed_older) = (placed + 1, placed_older + is_older);
            } else if matches!(it.phase, Phase::Requested | Phase::Waiting) {
                older += is_older;
            }
        }
        if is_placed { Self { placed: placed_older, older: 0 } } else { Self { placed, older } }
    }

    /// How many older ones it lets go first, where it may begin beside them; `None` where it may not, because as many run as may.
    #[must_use]
    pub fn lets_go_first(self, running: usize) -> Option<usize> {
        let free = running.checked_sub(self.placed).filter(|free| *free > 0)?;
        // There is a place for each of as many.
        Some((self.older + 1).saturating_sub(free))
    }
}

#[cfg(test)]
mod tests {
    use schemas::ids::Tenant;
    use schemas::report_event::{ReportEvent, ReportEventType as Type};

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn id(number: usize) -> ReportId {
        format!("0193a0b0-0000-7000-8000-{number:012}").parse().unwrap()
    }

    /// Reports in the order of their age, each told of at the same moment.
    fn reports(events: &[&[Type]]) -> Vec<ReportState> {
        let tenant: Tenant = "acme".parse().unwrap();
        let event = |number, event_type| ReportEvent::new(id(number), tenant.clone(), event_type, Moment::FIRST);
        let folded = |(number, types): (usize, &&[Type])| {
            let mut state = ReportState::begun_by(&event(number, Type::Requested));
            for event_type in *types {
                state.apply(&event(number, *event_type));
            }
            state
        };
        events.iter().enumerate().map(folded).collect()
    }

    fn turns(reports: &[ReportState], running: usize, now: Moment) -> Vec<Option<usize>> {
        (0..reports.len()).map(|number| Turn::of(reports, id(number), now).lets_go_first(running)).collect()
    }

    #[test]
    fn places_are_those_of_reports_that_have_begun_and_older_ones_come_first() {
        let asked = reports(&[&[], &[Type::Started], &[Type::Waiting], &[], &[Type::Started, Type::Completed]]);
        assert_eq!(turns(&asked, 1, Moment::FIRST)[..4], [None, Some(0), None, None], "the second one has it");
        assert_eq!(turns(&asked, 2, Moment::FIRST)[..4], [Some(0), Some(0), Some(1), Some(2)]);
        assert_eq!(turns(&asked, 3, Moment::FIRST)[..4], [Some(0), Some(0), Some(0), Some(1)]);
    }

    #[test]
    fn of_more_than_may_run_the_oldest_goes_on() {
        // They ran under a larger limit, or began in the same moment.
        let asked = reports(&[&[Type::Started], &[Type::Started, Type::Progressed], &[Type::Started]]);
        assert_eq!(turns(&asked, 1, Moment::FIRST), [Some(0), None, None]);
        assert_eq!(turns(&asked, 2, Moment::FIRST), [Some(0), Some(0), None]);
    }

    #[test]
    fn report_that_nobody_tells_of_holds_no_place() {
        let asked = reports(&[&[Type::Started], &[]]);
        let after = |ms| turns(&asked, 1, Moment::from_millis(Moment::FIRST.as_millis() + ms));
        assert_eq!(after(HOUR_MS - 1), [Some(0), None]);
        assert_eq!(after(HOUR_MS), [Some(0), Some(0)], "and whoever takes it up again has its place");
    }
}
