//! When something is due: a preset in words, or five fields of cron, in a zone.
//!
//! A time of the day that does not occur (clocks go forward) is due at the moment to which the clock jumped; one that occurs twice (clocks
//! go back) is due once, at the earlier one. What names no hour, as `hourly at :15`, or all 24 of them, as `0 0-23 * * *`,
//! is due each hour that passes.

use std::fmt;
use std::str::FromStr;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use schemas::times::Moment;

/// Days of the week, Monday first; cron counts from Sunday.
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// First words of presets: what begins with one is no cron that is wrong.
const PRESETS: [&str; 4] = ["hourly", "daily", "weekly", "monthly"];
/// Longest text that is read, bytes.
const TEXT_MAX: usize = 100;

/// Moments, without end. Its text is what it was read from, with single blanks.
#[derive(Clone, Debug)]
pub struct When {
    text: String,
    /// Due is what any of them says.
    crons: Vec<Cron>,
    /// Due each hour that passes, whatever the clock calls it.
    names_no_hour: bool,
}

impl When {
    /// The first moment after `moment`; `None` where there is none before 2100.
    #[must_use]
    pub fn next_after(&self, moment: Moment, zone: &TimeZone) -> Option<Moment> {
        let after = second_of(moment)?;
        let next = |cron: &Cron| match self.names_no_hour {
            true => cron.find_next_occurrence(&after.to_zoned(zone.clone()), false).ok().map(|it| it.timestamp()),
            false => {
                let local = zone.to_datetime(after);
                let mut locals = cron.iter_after(local).map_while(|it| occurs_at(it, zone));
                locals.find(|it| *it > after)
            }
        };
        self.crons.iter().filter_map(next).min().map(moment_of).filter(|it| *it < Moment::END)
    }

    /// The last moment until `moment`, which may be the one.
    #[must_use]
    pub fn last_until(&self, moment: Moment, zone: &TimeZone) -> Option<Moment> {
        let until = second_of(moment)?;
        let last = |cron: &Cron| match self.names_no_hour {
            true => cron.find_previous_occurrence(&until.to_zoned(zone.clone()), true).ok().map(|it| it.timestamp()),
            false => {
                // It begins before what it is given.
                let latest = latest_local(until, zone).saturating_add(1.second());
                let mut locals = cron.iter_before(latest).map_while(|it| occurs_at(it, zone));
                locals.find(|it| *it <= until)
            }
        };
        self.crons.iter().filter_map(last).max().map(moment_of).filter(|it| *it >= Moment::FIRST)
    }
}

/// Due is never anything but a whole second.
fn second_of(moment: Moment) -> Option<Timestamp> {
    Timestamp::from_second(moment.as_micros().div_euclid(1_000_000)).ok()
}

fn moment_of(found: Timestamp) -> Moment {
    Moment::from_micros(found.as_microsecond())
}

/// When a clock shows it first, or jumps over it.
fn occurs_at(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { after, .. } => {
            let before_the_jump = after.to_timestamp(local).ok()?;
            zone.following(before_the_jump).next().map(|jump| jump.timestamp())
        }
        AmbiguousOffset::Fold { .. } | AmbiguousOffset::Unambiguous { .. } => ambiguous.earlier().ok(),
    }
}

/// The latest that a clock has shown until then: in an hour that comes a second time, later than what it shows.
fn latest_local(until: Timestamp, zone: &TimeZone) -> DateTime {
    let change = zone.preceding(until.saturating_add(1.second()).unwrap_or(until)).next();
    let before_the_change =
        change.map(|it| zone.to_datetime(it.timestamp().saturating_sub(1.second()).unwrap_or(until)));
    before_the_change.map_or(zone.to_datetime(until), |it| it.max(zone.to_datetime(until)))
}

impl fmt::Display for When {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for When {
    /// What is wrong; reads on after the field's name.
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > TEXT_MAX {
            return Err(format!("is longer than {TEXT_MAX} bytes"));
        }
        let words: Vec<_> = text.split_whitespace().collect();
        let unknown = "is neither such as `hourly at :15`, `daily at 06:00`, `weekly on monday at 06:00` or \
                       `monthly on day 31 at 06:00`, nor five fields of cron";
        let patterns = match preset(&words) {
            Some(patterns) => patterns,
            None if words.len() == 5 && !PRESETS.contains(&words[0]) => vec![words.join(" ")],
            None => return Err(unknown.to_owned()),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let patterns: Vec<_> = patterns.iter().map(|pattern| without_all_hours(pattern, &parser)).collect();
        let parsed = patterns.iter().map(|pattern| parser.parse(pattern)).collect::<Result<_, _>>();
        let when = Self {
            text: words.join(" "),
            crons: parsed.map_err(|error| format!("is no cron: {error}"))?,
            names_no_hour: patterns.iter().all(|it| it.split(' ').nth(1) == Some("*")),
        };
        match when.next_after(Moment::FIRST, &TimeZone::UTC) {
            Some(_) => Ok(when),
            None => Err("never comes".to_owned()),
        }
    }
}

/// The same with `*` for its hours where it names all of them, as `0-23` and `*/1` do.
fn without_all_hours(pattern: &str, parser: &CronParser) -> String {
    let mut fields: Vec<_> = pattern.split(' ').collect();
    if let [_, hours, ..] = fields.as_mut_slice() {
        let before_a_day = DateTime::constant(1999, 12, 31, 23, 59, 59, 0);
        let cron = parser.parse(&format!("0 {hours} * * *"));
        // With fewer the 24th is on a later day.
        let last = cron.ok().and_then(|cron| cron.iter_after(before_a_day).nth(23));
        if last == Some(DateTime::constant(2000, 1, 1, 23, 0, 0, 0)) {
            *hours = "*";
        }
    }
    fields.join(" ")
}

/// The preset's patterns; `None` where it is none.
fn preset(words: &[&str]) -> Option<Vec<String>> {
    match words {
        ["hourly", "at", minute] => {
            let minute = number(minute.strip_prefix(':')?, 2, 59)?;
            Some(vec![format!("{minute} * * * *")])
        }
        ["daily", "at", time] => Some(vec![format!("{} * * *", of_day(time)?)]),
        ["weekly", "on", day, "at", time] => {
            let day = DAYS.iter().position(|name| name == day)? + 1;
            Some(vec![format!("{} * * {day}", of_day(time)?)])
        }
        ["monthly", "on", "day", day, "at", time] => {
            let time = of_day(time)?;
            Some(match number(day, day.len().min(2), 31)? {
                0 => return None,
                day @ 1..=28 => vec![format!("{time} {day} * *")],
                31 => vec![format!("{time} L * *")],
                day => vec![format!("{time} {day} 1,3-12 *"), format!("{time} L 2 *")],
            })
        }
        _ => None,
    }
}

/// `06:30` as cron's first two fields.
fn of_day(time: &str) -> Option<String> {
    let (hour, minute) = time.split_once(':')?;
    Some(format!("{} {}", number(minute, 2, 59)?, number(hour, 2, 23)?))
}

/// Of so many digits.
fn number(text: &str, digits: usize, most: u8) -> Option<u8> {
    let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_one && *number <= most)
}

#[cfg(test)]
mod tests {
    use traffic_query::time_range::rfc3339;

    use super::*;

    fn at(text: &str) -> Moment {
        Moment::from_micros(text.parse::<Timestamp>().unwrap().as_microsecond())
    }

    /// The next ones, local, with their offsets.
    fn next(when: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (when, zone) = (when.parse::<When>().unwrap(), TimeZone::get(zone).unwrap());
        let (mut moment, mut found) = (at(after), Vec::new());
        for _ in 0..count {
            moment = when.next_after(moment, &zone).unwrap();
            let local = Timestamp::from_microsecond(moment.as_micros()).unwrap().to_zoned(zone.clone());
            found.push(local.strftime("%a %Y-%m-%d %H:%M %:z").to_string());
            assert_eq!(when.last_until(moment, &zone), Some(moment));
        }
        found
    }

    #[test]
    fn presets_are_due_at_their_time_in_their_zone() {
        let after = "2026-11-01T10:20:30Z";
        assert_eq!(
            next("hourly at :05", "UTC", after, 2),
            ["Sun 2026-11-01 11:05 +00:00", "Sun 2026-11-01 12:05 +00:00"]
        );
        assert_eq!(next("daily at 06:00", "Asia/Kathmandu", after, 1), ["Mon 2026-11-02 06:00 +05:45"]);
        assert_eq!(next("weekly on sunday at 23:59", "UTC", after, 1), ["Sun 2026-11-01 23:59 +00:00"]);
        assert_eq!(next("weekly on monday at 00:00", "UTC", after, 1), ["Mon 2026-11-02 00:00 +00:00"]);
        assert_eq!(next("monthly on day 1 at 06:00", "UTC", after, 1), ["Tue 2026-12-01 06:00 +00:00"]);
        assert_eq!(next("15 6 * * 1-5", "UTC", after, 1), ["Mon 2026-11-02 06:15 +00:00"]);
    }

    #[test]
    fn month_that_is_shorter_has_its_last_day() {
        for (day, days) in [(29, ["29", "29", "31"]), (30, ["30", "29", "30"]), (31, ["31", "29", "31"])] {
            let found = next(&format!("monthly on day {day} at 06:00"), "UTC", "2028-01-02T00:00:00Z", 3);
            let expected = if day == 29 { ["29", "29", "29"] } else { days };
            assert_eq!(found.iter().map(|it| &it[12..14]).collect::<Vec<_>>(), expected, "{day}");
        }
        assert_eq!(
            next("monthly on day 30 at 06:00", "UTC", "2027-02-01T00:00:00Z", 1),
            ["Sun 2027-02-28 06:00 +00:00"]
        );
    }

    #[test]
    fn time_that_does_not_occur_is_due_when_the_clock_jumps_and_one_that_occurs_twice_is_due_once() {
        let spring = next("daily at 02:30", "Europe/Berlin", "2026-03-28T12:00:00Z", 2);
        assert_eq!(spring, ["Sun 2026-03-29 03:00 +02:00", "Mon 2026-03-30 02:30 +02:00"]);
        let autumn = next("daily at 02:30", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(autumn, ["Sun 2026-10-25 02:30 +02:00", "Mon 2026-10-26 02:30 +01:00"]);
    }

    #[test]
    fn every_hour_that_passes_has_its_run() {
        for when in ["hourly at :30", "30 * * * *", "30 0-23 * * *", "30 */1 * * *", "30 12-23,0-11 * * *"] {
            let spring = next(when, "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
            assert_eq!(spring, ["Sun 2026-03-29 01:30 +01:00", "Sun 2026-03-29 03:30 +02:00"], "{when}");
            let autumn = next(when, "Europe/Berlin", "2026-10-25T00:00:00Z", 3);
            assert_eq!(
                autumn,
                ["Sun 2026-10-25 02:30 +02:00", "Sun 2026-10-25 02:30 +01:00", "Sun 2026-10-25 03:30 +01:00"],
                "{when}"
            );
            assert_eq!(when.parse::<When>().unwrap().to_string(), when, "as it was written");
        }
        // One hour is not named.
        let autumn = next("30 1-23 * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", 2);
        assert_eq!(autumn, ["Sun 2026-10-25 02:30 +02:00", "Sun 2026-10-25 03:30 +01:00"]);
    }

    #[test]
    fn what_is_no_time_is_refused_in_words() {
        for text in [
            "",
            "daily",
            "daily at 6:00",
            "daily at 24:00",
            "daily at 06:60",
            "hourly at 15",
            "weekly on someday at 06:00",
            "monthly on day 0 at 06:00",
            "monthly on day 32 at 06:00",
            "* * * *",
            "* * * * * *",
        ] {
            assert!(text.parse::<When>().unwrap_err().starts_with("is neither such as"), "{text}");
        }
        for text in ["60 * * * *", "* 24 * * *", "a b c d e", "0 0 0 * *"] {
            assert!(text.parse::<When>().unwrap_err().starts_with("is no cron: "), "{text}");
        }
        assert_eq!("0 0 30 2 *".parse::<When>().unwrap_err(), "never comes");
        assert_eq!("* ".repeat(200).parse::<When>().unwrap_err(), "is longer than 100 bytes");
        assert_eq!(" 0  6 * * *".parse::<When>().unwrap().to_string(), "0 6 * * *");
        assert_eq!(rfc3339(Moment::FIRST), "1970-01-01T00:00:00Z");
    }
}
