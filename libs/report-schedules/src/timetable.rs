//! When the reports of a schedule are due, and what is in each.

use jiff::tz::TimeZone;
use report_life::LastRun;
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use traffic_query::{FilterError, time_range};

use crate::relative_range::{RelativeRange, settled};
use crate::when::When;

/// One report of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// When it is asked for.
    pub due: Moment,
    /// First moment in it.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
}

/// A schedule's times, as they are read.
#[derive(Clone, Debug)]
pub struct Timetable {
    when: Option<When>,
    range: RelativeRange,
    zone: TimeZone,
}

impl Timetable {
    /// # Errors
    /// The field that is wrong: `when`, `range` or `zone`.
    pub fn read(when: Option<&str>, range: &str, zone: &str) -> Result<Self, FilterError> {
        let wrong = |field: &str, reason: String| FilterError { field: field.to_owned(), reason };
        let zone = time_range::zone(zone)?;
        let when = when.map(str::parse::<When>).transpose().map_err(|reason| wrong("when", reason))?;
        let range: RelativeRange = range.parse().map_err(|reason| wrong("range", reason))?;
        if range == RelativeRange::SinceLastRun && when.is_none() {
            return Err(wrong(
                "range",
                "is since the last run, but there is no `when` that says when that was".to_owned(),
            ));
        }
        Ok(Self { when, range, zone })
    }

    /// # Errors
    /// The field that is wrong.
    pub fn of(schedule: &ReportSchedule) -> Result<Self, FilterError> {
        Self::read(schedule.when.as_deref(), &schedule.range, &schedule.request.zone)
    }

    /// The range of one report as seen from `now`: of those that know of no run before.
    ///
    /// # Errors
    /// The field that is wrong: `range` or `zone`.
    pub fn seen_from(range: &str, zone: &str, now: Moment) -> Result<(Moment, Moment), FilterError> {
        if range.parse::<RelativeRange>() == Ok(RelativeRange::SinceLastRun) {
            let reason = "is one of schedules: there is no run before this report".to_owned();
            return Err(FilterError { field: "range".to_owned(), reason });
        }
        let run = Self::read(None, range, zone)?.run(now);
        let run = run.ok_or_else(|| FilterError { field: "range".to_owned(), reason: "holds nothing".to_owned() })?;
        Ok((run.from, run.to))
    }

    /// The report that is asked for at this moment, as if the run before was made; `None` where its range holds nothing.
    #[must_use]
    pub fn run(&self, due: Moment) -> Option<Run> {
        let (from, to) = self.range.seen_from(due, &self.zone, self.when.as_ref())?;
        Some(Run { due, from, to })
    }

    /// The same run with the range that it has where `last` is the last that was made: one `since last run` begins where that ended, however
    /// many were due and not made in between. Where none was, it begins where the first that was due after `runs_after` would have.
    #[must_use]
    pub fn following(&self, run: Run, last: Option<LastRun>, runs_after: Moment) -> Run {
        if !self.is_since_last_run() {
            return run;
        }
        let first = || Some(self.run(self.next_due(runs_after)?)?.from);
        let ended = last.map(|last| last.range_to.unwrap_or(settled(last.due))).or_else(first);
        // Never later than by itself: a run before that had another range may have ended when it was due.
        Run { from: ended.map_or(run.from, |ended| ended.min(run.from)), ..run }
    }

    /// True where a run begins where the last one that was made ended.
    #[must_use]
    pub fn is_since_last_run(&self) -> bool {
        self.range == RelativeRange::SinceLastRun
    }

    /// A run that is made by hand, beside those that are due: one `since last run` begins where the last of these ended.
    #[must_use]
    pub fn by_hand(&self, run: Run, last: Option<LastRun>) -> Run {
        last.map_or(run, |last| self.following(run, Some(last), run.due))
    }

    /// How many reports were due between the two moments, neither of them one; so many at most.
    #[must_use]
    pub fn count_between(&self, after: Moment, before: Moment, most: usize) -> usize {
        let due = std::iter::successors(self.next_due(after), |last| self.next_due(*last));
        due.take_while(|due| *due < before).take(most).count()
    }

    /// When the next report after `after` is due.
    #[must_use]
    pub fn next_due(&self, after: Moment) -> Option<Moment> {
        self.when.as_ref()?.next_after(after, &self.zone)
    }

    /// The reports that are due next.
    #[must_use]
    pub fn next(&self, after: Moment, count: usize) -> Vec<Run> {
        let due = std::iter::successors(self.next_due(after), |last| self.next_due(*last));
        due.take(count).filter_map(|due| self.run(due)).collect()
    }

    /// The reports that are due next of a schedule of which `last` is the last run that was made.
    #[must_use]
    pub fn next_following(&self, last: Option<LastRun>, runs_after: Moment, now: Moment, count: usize) -> Vec<Run> {
        let mut runs = self.next(now, count);
        let after = last.map_or(runs_after, |last| last.due.max(runs_after));
        // What is due and was not asked for yet will be the one that ends where the next begins.
        if let Some(first) = runs.first_mut().filter(|_| self.due(after, now, 1).is_empty()) {
            *first = self.following(*first, last, runs_after);
        }
        runs
    }

    /// The last reports, oldest first, that were due after `after` and until `now`, which is the last of them where it is one. Each has its
    /// range as if the one before was made.
    #[must_use]
    pub fn due(&self, after: Moment, now: Moment, count: usize) -> Vec<Run> {
        let last_until = |moment| self.when.as_ref()?.last_until(moment, &self.zone);
        let before = |due: &Moment| last_until(Moment::from_micros(due.as_micros() - 1));
        let due = std::iter::successors(last_until(now), before).take_while(|due| *due > after).take(count);
        let mut runs: Vec<_> = due.filter_map(|due| self.run(due)).collect();
        runs.reverse();
        runs
    }
}

/// When a run is due that is made by hand now: never at a whole minute, by which those that a schedule makes by itself are known.
#[must_use]
pub fn due_by_hand(now: Moment) -> Moment {
    let millis = now.as_millis();
    Moment::from_millis(millis + i64::from(millis % 60_000 == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_field_is_named() {
        for (when, range, zone, field) in [
            (Some("sometimes"), "yesterday", "UTC", "when"),
            (None, "tomorrow", "UTC", "range"),
            (None, "since last run", "UTC", "range"),
            (None, "yesterday", "Mars/Base", "zone"),
        ] {
            assert_eq!(Timetable::read(when, range, zone).unwrap_err().field, field);
        }
        let now = Moment::from_millis(1_793_500_000_000);
        for (range, zone, field) in
            [("tomorrow", "UTC", "range"), ("since last run", "UTC", "range"), ("yesterday", "Mars/Base", "zone")]
        {
            assert_eq!(Timetable::seen_from(range, zone, now).unwrap_err().field, field);
        }
        let (from, to) = Timetable::seen_from("last-hour", "UTC", now).unwrap();
        assert_eq!((to, to.as_micros() - from.as_micros()), (now, 3_600_000_000));
        assert!(Timetable::seen_from("last hour", "UTC", Moment::FIRST).is_err());
    }

    #[test]
    fn what_was_due_and_what_will_be_are_told_in_order_of_time() {
        let each = Timetable::read(Some("* * * * *"), "since last run", "UTC").unwrap();
        let dues = |runs: Vec<Run>| runs.iter().map(|run| run.due.as_micros() / MINUTE).collect::<Vec<_>>();
        assert_eq!(dues(each.next(at(100), 3)), [101, 102, 103]);
        assert_eq!(dues(each.due(at(100), at(103), 9)), [101, 102, 103], "without what was due until then");
        assert_eq!(dues(each.due(at(0), Moment::from_micros(103 * MINUTE + 7), 2)), [102, 103], "the last ones");
        assert!(each.due(at(103), at(103), 9).is_empty());
        // Five minutes earlier each: what ended last may still be on its way.
        assert_eq!(each.run(at(103)), Some(Run { due: at(103), from: at(97), to: at(98) }));
        let runs = each.next(at(100), 9);
        assert!(runs.windows(2).all(|it| it[0].to == it[1].from), "they leave no time out: {runs:?}");
        let never = Timetable::read(None, "yesterday", "UTC").unwrap();
        assert!(never.next(at(100), 3).is_empty() && never.due(at(0), at(100), 3).is_empty());
    }

    const MINUTE: i64 = 60_000_000;

    fn at(minutes: i64) -> Moment {
        Moment::from_micros(minutes * MINUTE)
    }

    fn every_ten(range: &str) -> Timetable {
        Timetable::read(Some("*/10 * * * *"), range, "UTC").unwrap()
    }

    #[test]
    fn run_since_the_last_begins_where_what_was_made_last_ended() {
        let table = every_ten("since last run");
        let begins = |due, last, runs_after| table.following(table.run(at(due)).unwrap(), last, at(runs_after)).from;
        let last = |due, range_to: Option<i64>| Some(LastRun { due: at(due), range_to: range_to.map(at) });
        assert_eq!(begins(90, last(80, Some(75)), 1), at(75), "as it begins by itself");
        assert_eq!(begins(90, last(20, Some(15)), 1), at(15));
        assert_eq!(begins(90, last(20, None), 1), at(15), "its end is forgotten: it is that of every such run");
        assert_eq!(begins(90, last(20, Some(15)), 85), at(15), "also after a pause");
        assert_eq!(begins(90, last(80, Some(80)), 1), at(75), "it had another range");
        assert_eq!(begins(90, None, 41), at(35), "where the first that was due would have begun");
        assert_eq!(begins(90, None, 85), at(75));
        let run = table.run(at(93)).unwrap();
        assert_eq!((table.by_hand(run, last(20, Some(15))).from, table.by_hand(run, None).from), (at(15), at(85)));
        let hourly = every_ten("last hour");
        let run = hourly.run(at(90)).unwrap();
        assert_eq!(hourly.following(run, last(20, Some(20)), at(1)), run, "other ranges are what they say");
    }

    #[test]
    fn runs_that_come_next_begin_where_what_was_made_last_ended_unless_one_is_to_be_made_before() {
        let table = every_ten("since last run");
        let last = Some(LastRun { due: at(20), range_to: Some(at(15)) });
        let next = |runs_after| {
            let runs = table.next_following(last, at(runs_after), at(95), 2);
            runs.iter().map(|run| (run.from.as_micros() / MINUTE, run.to.as_micros() / MINUTE)).collect::<Vec<_>>()
        };
        assert_eq!(next(94), [(15, 95), (95, 105)], "resumed a minute ago");
        assert_eq!(next(1), [(85, 95), (95, 105)], "90 is made up for first");
    }

    #[test]
    fn what_is_made_by_hand_is_due_at_no_whole_minute() {
        let millis = |millis| due_by_hand(Moment::from_millis(millis)).as_millis();
        assert_eq!([millis(59_999), millis(60_000), millis(60_001)], [59_999, 60_001, 60_001]);
    }

    #[test]
    fn what_was_due_in_between_is_counted() {
        let table = every_ten("yesterday");
        assert_eq!(table.count_between(at(20), at(90), 99), 6);
        assert_eq!(table.count_between(at(21), at(91), 99), 7);
        assert_eq!(table.count_between(at(20), at(90), 4), 4);
        assert_eq!(table.count_between(at(20), at(30), 99), 0);
    }
}
