//! A range as seen from a moment, such as `last week`: half-open, in a zone, with weeks that begin on Monday.
//!
//! Days, weeks, months and years are those of the zone, however many hours they have, and follow each other without gap; hours are those
//! that pass.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use schemas::times::Moment;

use crate::when::When;

const HOUR: i64 = 3_600_000_000;
/// How long before it is due the range of a run `since last run` ends: what ended last is on its way then, and would be in neither run.
const SETTLE: i64 = 5 * 60_000_000;
/// Most hours and days.
const COUNT_MAX: u16 = 9_000;

/// What of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Which time before the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelativeRange {
    /// So many hours until the moment.
    Hours(u16),
    /// So many whole days before the one of the moment.
    Days(u16),
    /// The whole unit before the one of the moment.
    Last(Unit),
    /// From the beginning of the unit until the moment; where the moment is that beginning, the whole unit before it.
    This(Unit),
    /// From where the run before ended, as if that was made: each ends some minutes before it is due, and begins where that one did.
    SinceLastRun,
}

/// Those without a number.
const NAMES: [(&str, RelativeRange); 10] = [
    ("last hour", RelativeRange::Hours(1)),
    ("today", RelativeRange::This(Unit::Day)),
    ("yesterday", RelativeRange::Last(Unit::Day)),
    ("this week", RelativeRange::This(Unit::Week)),
    ("last week", RelativeRange::Last(Unit::Week)),
    ("this month", RelativeRange::This(Unit::Month)),
    ("last month", RelativeRange::Last(Unit::Month)),
    ("this year", RelativeRange::This(Unit::Year)),
    ("last year", RelativeRange::Last(Unit::Year)),
    ("since last run", RelativeRange::SinceLastRun),
];

impl RelativeRange {
    /// Beginning and end as seen from `due`; `None` where there is none, as before the first run.
    #[must_use]
    pub fn seen_from(self, due: Moment, zone: &TimeZone, when: Option<&When>) -> Option<(Moment, Moment)> {
        let just_before = |moment: Moment| Moment::from_micros(moment.as_micros() - 1);
        let (from, to) = match self {
            Self::Hours(count) => (Moment::from_micros(due.as_micros() - i64::from(count) * HOUR), due),
            Self::Days(count) => {
                let day = date_of(due, zone)?;
                (beginning(day.checked_sub(i32::from(count).days()).ok()?, zone)?, beginning(day, zone)?)
            }
            Self::Last(unit) => {
                let end = beginning(first_of(unit, date_of(due, zone)?)?, zone)?;
                // Not the day before by its number: some zones have left one out.
                (beginning(first_of(unit, date_of(just_before(end), zone)?)?, zone)?, end)
            }
            Self::This(unit) => (beginning(first_of(unit, date_of(just_before(due), zone)?)?, zone)?, due),
            Self::SinceLastRun => (settled(when?.last_until(just_before(due), zone)?), settled(due)),
        };
        Some((from.max(Moment::FIRST), to)).filter(|(from, to)| from < to)
    }
}

/// Where the range of a run `since last run` ends.
pub(crate) fn settled(due: Moment) -> Moment {
    Moment::from_micros(due.as_micros() - SETTLE)
}

fn date_of(moment: Moment, zone: &TimeZone) -> Option<Date> {
    Some(Timestamp::from_microsecond(moment.as_micros()).ok()?.to_zoned(zone.clone()).date())
}

/// Its first moment: also of a day whose midnight does not occur, or occurs twice.
fn beginning(day: Date, zone: &TimeZone) -> Option<Moment> {
    Some(Moment::from_micros(day.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond()))
}

fn first_of(unit: Unit, day: Date) -> Option<Date> {
    match unit {
        Unit::Day => Some(day),
        Unit::Week => day.checked_sub(i32::from(day.weekday().to_monday_zero_offset()).days()).ok(),
        Unit::Month => Some(day.first_of_month()),
        Unit::Year => Some(day.first_of_year()),
    }
}

impl fmt::Display for RelativeRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hours(count) if *count != 1 => write!(formatter, "last {count} hours"),
            Self::Days(count) => write!(formatter, "last {count} days"),
            Self::Hours(_) | Self::Last(_) | Self::This(_) | Self::SinceLastRun => {
                let name = NAMES.iter().find(|(_, range)| range == self).map_or("", |(name, _)| name);
                formatter.write_str(name)
            }
        }
    }
}

impl FromStr for RelativeRange {
    /// What is wrong; reads on after the field's name.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // One word at a terminal: `last-month`.
        let spaced = if text.contains(char::is_whitespace) { text.to_owned() } else { text.replace('-', " ") };
        let words: Vec<_> = spaced.split_whitespace().collect();
        if let Some((_, range)) = NAMES.iter().find(|(name, _)| *name == words.join(" ")) {
            return Ok(*range);
        }
        let counted = match words[..] {
            ["last", count, "hours"] => count.parse().ok().map(Self::Hours),
            ["last", count, "days"] => count.parse().ok().map(Self::Days),
            _ => None,
        };
        counted.filter(|it| matches!(it, Self::Hours(1..=COUNT_MAX) | Self::Days(1..=COUNT_MAX))).ok_or_else(|| {
            let names: Vec<_> = NAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("is none of {}, `last 24 hours` and `last 7 days`", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use traffic_query::time_range::rfc3339;

    use super::*;

    fn seen(range: &str, zone: &str, due: &str) -> String {
        let (range, zone) = (range.parse::<RelativeRange>().unwrap(), TimeZone::get(zone).unwrap());
        let due = Moment::from_micros(due.parse::<Timestamp>().unwrap().as_microsecond());
        let when = "daily at 06:00".parse::<When>().unwrap();
        let (from, to) = range.seen_from(due, &zone, Some(&when)).unwrap();
        format!("{} {}", rfc3339(from), rfc3339(to))
    }

    #[test]
    fn ranges_are_those_of_the_zones_calendar() {
        // Thursday, 10:00 in Berlin.
        let due = "2026-11-05T09:00:00Z";
        for (range, found) in [
            ("today", "2026-11-04T23:00:00Z 2026-11-05T09:00:00Z"),
            ("yesterday", "2026-11-03T23:00:00Z 2026-11-04T23:00:00Z"),
            ("last 7 days", "2026-10-28T23:00:00Z 2026-11-04T23:00:00Z"),
            ("this week", "2026-11-01T23:00:00Z 2026-11-05T09:00:00Z"),
            // 169 hours: clocks went back on its Sunday.
            ("last week", "2026-10-25T23:00:00Z 2026-11-01T23:00:00Z"),
            ("this month", "2026-10-31T23:00:00Z 2026-11-05T09:00:00Z"),
            ("last month", "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z"),
            ("this year", "2025-12-31T23:00:00Z 2026-11-05T09:00:00Z"),
            ("last year", "2024-12-31T23:00:00Z 2025-12-31T23:00:00Z"),
            ("last 24 hours", "2026-11-04T09:00:00Z 2026-11-05T09:00:00Z"),
            ("last hour", "2026-11-05T08:00:00Z 2026-11-05T09:00:00Z"),
            ("since last run", "2026-11-05T04:55:00Z 2026-11-05T08:55:00Z"),
        ] {
            assert_eq!(seen(range, "Europe/Berlin", due), found, "{range}");
            let parsed = range.parse::<RelativeRange>().unwrap();
            assert_eq!(parsed.to_string(), range);
            assert_eq!(range.replace(' ', "-").parse(), Ok(parsed), "as one word");
        }
    }

    #[test]
    fn day_of_a_change_of_clocks_has_its_own_length() {
        let yesterday = |due| seen("yesterday", "Europe/Berlin", due);
        assert_eq!(yesterday("2026-03-30T04:00:00Z"), "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
        assert_eq!(yesterday("2026-10-26T05:00:00Z"), "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
        // Clocks go forward at midnight: the day begins at one o'clock.
        assert_eq!(seen("today", "Africa/Cairo", "2026-04-24T04:00:00Z"), "2026-04-23T22:00:00Z 2026-04-24T04:00:00Z");
    }

    #[test]
    fn hour_is_one_that_passed_whatever_clocks_do() {
        // It occurs twice; and it was half past one an hour before.
        assert_eq!(
            seen("last hour", "Europe/Berlin", "2026-10-25T01:15:00Z"),
            "2026-10-25T00:15:00Z 2026-10-25T01:15:00Z"
        );
        assert_eq!(
            seen("last-hour", "Europe/Berlin", "2026-03-29T01:30:00Z"),
            "2026-03-29T00:30:00Z 2026-03-29T01:30:00Z"
        );
        // Months with a change of clocks in them, as one word.
        assert_eq!(
            seen("last-month", "America/New_York", "2026-12-01T04:59:00Z"),
            "2026-10-01T04:00:00Z 2026-11-01T04:00:00Z"
        );
        assert_eq!(
            seen("last-month", "America/New_York", "2026-12-01T05:00:00Z"),
            "2026-11-01T04:00:00Z 2026-12-01T05:00:00Z"
        );
    }

    #[test]
    fn at_its_beginning_a_day_or_month_is_the_one_that_ended() {
        assert_eq!(seen("today", "UTC", "2026-11-05T00:00:00Z"), "2026-11-04T00:00:00Z 2026-11-05T00:00:00Z");
        assert_eq!(seen("this month", "UTC", "2026-11-01T00:00:00Z"), "2026-10-01T00:00:00Z 2026-11-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_range_is_refused_in_words() {
        for text in [
            "",
            "-",
            "tomorrow",
            "last 0 days",
            "last 9001 hours",
            "last -1 days",
            "last-two-days",
            "last 1 weeks",
            "last-7 days",
        ] {
            assert!(text.parse::<RelativeRange>().unwrap_err().starts_with("is none of `last hour`, "), "{text}");
        }
    }
}
