//! A range as a person enters it, in a zone, to UTC.
//!
//! A local time that occurs twice (clocks go back) means the earlier moment for the beginning and the later one for the end, so
//! that the range holds both. One that does not occur (clocks go forward) moves forward by the gap. Either is said in a note, which
//! whoever entered it gets to see.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::{AmbiguousOffset, TimeZone};
use schemas::times::Moment;

use crate::error::FilterError;

/// Beginning and end in UTC: `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// First moment.
    pub from: Moment,
    /// First moment after it.
    pub to: Moment,
    /// The zone that local times were taken in.
    pub zone: TimeZone,
    /// What was made of local times that do not occur once.
    pub notes: TimeNotes,
}

/// What was made of local times that occur twice or not at all. Each begins with a verb.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeNotes {
    /// Of the beginning.
    pub from: Option<String>,
    /// Of the end.
    pub to: Option<String>,
}

impl TimeNotes {
    /// Those that there are, with the names of their fields.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("from", self.from.as_deref()), ("to", self.to.as_deref())]
            .into_iter()
            .filter_map(|(field, note)| Some((field, note?)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    From,
    To,
}

/// A zone by its IANA name.
///
/// # Errors
/// `zone` where there is none of this name.
pub fn zone(name: &str) -> Result<TimeZone, FilterError> {
    TimeZone::get(name).map_err(|_| FilterError::new("zone", "is not an IANA zone name such as Europe/Berlin"))
}

/// `from` and `to` are local (`2026-11-01T00:00`) or carry an offset; `zone` is an IANA name.
///
/// # Errors
/// The field that is wrong.
pub fn in_utc(from: &str, to: &str, zone: &str) -> Result<TimeRange, FilterError> {
    let zone = self::zone(zone)?;
    let (from, from_note) = moment("from", from, &zone, End::From)?;
    let (to, to_note) = moment("to", to, &zone, End::To)?;
    let range = TimeRange { from, to, zone, notes: TimeNotes { from: from_note, to: to_note } };
    for (field, value) in [("from", range.from), ("to", range.to)] {
        if !(Moment::FIRST..=Moment::END).contains(&value) {
            return Err(FilterError::new(field, "is not from 1970 to 2100"));
        }
    }
    if range.from >= range.to {
        return Err(FilterError::new("to", "is not after from"));
    }
    Ok(range)
}

/// The moment, and what was made of a local time that does not occur once.
fn moment(field: &'static str, text: &str, zone: &TimeZone, end: End) -> Result<(Moment, Option<String>), FilterError> {
    let wrong = || FilterError::new(field, "is not a time such as 2026-11-01T00:00");
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok((Moment::from_micros(timestamp.as_microsecond()), None));
    }
    let local: DateTime = text.parse().map_err(|_| wrong())?;
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let offset = ambiguous.offset();
    let timestamp = match (offset, end) {
        (AmbiguousOffset::Fold { .. }, End::To) => ambiguous.later(),
        (AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } | AmbiguousOffset::Fold { .. }, _) => {
            ambiguous.compatible()
        }
    };
    let timestamp = timestamp.map_err(|_| wrong())?;
    let note = match (offset, end) {
        (AmbiguousOffset::Unambiguous { .. }, _) => None,
        (AmbiguousOffset::Gap { .. }, _) => {
            let meant = zone.to_datetime(timestamp);
            Some(format!("does not occur, as clocks go forward; {meant} is meant"))
        }
        (AmbiguousOffset::Fold { .. }, End::From) => Some(twice("earlier")),
        (AmbiguousOffset::Fold { .. }, End::To) => Some(twice("later")),
    };
    Ok((Moment::from_micros(timestamp.as_microsecond()), note))
}

fn twice(meant: &str) -> String {
    format!("occurs twice, as clocks go back; the {meant} one is meant")
}

/// As RFC 3339 in UTC.
#[must_use]
pub fn rfc3339(moment: Moment) -> String {
    Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default().to_string()
}

/// As headers of HTTP say it: whole seconds, GMT.
#[must_use]
pub fn http_date(moment: Moment) -> String {
    let timestamp = Timestamp::from_microsecond(moment.as_micros()).unwrap_or_default();
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(from: &str, to: &str, zone: &str) -> Result<(String, String), FilterError> {
        in_utc(from, to, zone).map(|range| (rfc3339(range.from), rfc3339(range.to)))
    }

    #[test]
    fn moment_is_told_as_http_tells_it() {
        assert_eq!(http_date(Moment::from_micros(784_111_777_999_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    fn pair(from: &str, to: &str) -> (String, String) {
        (from.to_owned(), to.to_owned())
    }

    #[test]
    fn local_time_is_taken_in_its_zone() {
        let found = utc("2026-11-01T00:00", "2026-11-02T00:00", "Europe/Berlin").unwrap();
        assert_eq!(found, pair("2026-10-31T23:00:00Z", "2026-11-01T23:00:00Z"));
        let found = utc("2026-11-01T00:00:00+05:00", "2026-11-02T00:00:00Z", "Europe/Berlin").unwrap();
        assert_eq!(found, pair("2026-10-31T19:00:00Z", "2026-11-02T00:00:00Z"));
    }

    #[test]
    fn hour_that_occurs_twice_is_in_the_range_with_both() {
        let found = utc("2026-10-25T02:30", "2026-10-25T02:30", "Europe/Berlin").unwrap();
        assert_eq!(found, pair("2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"));
    }

    #[test]
    fn hour_that_does_not_occur_moves_forward() {
        let found = utc("2026-03-29T02:30", "2026-03-29T04:00", "Europe/Berlin").unwrap();
        assert_eq!(found, pair("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"));
    }

    #[test]
    fn what_was_made_of_a_time_that_does_not_occur_once_is_said() {
        let notes = |from, to| {
            let TimeNotes { from, to } = in_utc(from, to, "Europe/Berlin").unwrap().notes;
            (from.unwrap_or_default(), to.unwrap_or_default())
        };
        assert_eq!(notes("2026-10-25T01:59", "2026-10-25T03:00"), pair("", ""));
        assert_eq!(notes("2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00"), pair("", ""), "they say which one");
        let earlier = "occurs twice, as clocks go back; the earlier one is meant";
        let later = "occurs twice, as clocks go back; the later one is meant";
        assert_eq!(notes("2026-10-25T02:30", "2026-10-25T02:15"), pair(earlier, later));
        let moved = "does not occur, as clocks go forward; 2026-03-29T03:30:00 is meant";
        assert_eq!(notes("2026-03-29T02:30", "2026-03-29T04:00"), pair(moved, ""));
        assert_eq!(notes("2026-03-29T01:00", "2026-03-29T02:30"), pair("", moved));
        let both = in_utc("2026-10-25T02:30", "2026-10-25T02:15", "Europe/Berlin").unwrap().notes;
        assert_eq!(both.each().collect::<Vec<_>>(), [("from", earlier), ("to", later)]);
        assert_eq!(TimeNotes { from: None, ..both }.each().collect::<Vec<_>>(), [("to", later)]);
    }

    #[test]
    fn wrong_field_is_named() {
        for (from, to, zone, field) in [
            ("yesterday", "2026-11-02T00:00", "UTC", "from"),
            ("2026-11-01T00:00", "", "UTC", "to"),
            ("2026-11-01T00:00", "2026-11-02T00:00", "Mars/Base", "zone"),
            ("2026-11-02T00:00", "2026-11-01T00:00", "UTC", "to"),
            ("1969-12-31T00:00", "2026-11-01T00:00", "UTC", "from"),
            ("2026-11-01T00:00", "2100-01-01T00:01", "UTC", "to"),
        ] {
            assert_eq!(in_utc(from, to, zone).unwrap_err().field, field, "{from} {to}");
        }
    }
}
