//! Times and ranges over zones and changes of clocks, against a plain evaluation: every minute that passes is looked at.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use report_life::LastRun;
use report_schedules::{RelativeRange, Timetable, When};
use schemas::times::Moment;

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
const ALL_HOURS: &str = "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23";

/// Zones, and a moment within some days of which clocks change, or a day is left out.
const CHANGES: [(&str, &str); 12] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    // At midnight.
    ("Africa/Cairo", "2026-04-23T22:00:00Z"),
    ("America/Santiago", "2026-04-05T03:00:00Z"),
    // By half an hour.
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    // A day that does not occur.
    ("Pacific/Apia", "2011-12-30T10:00:00Z"),
    ("Asia/Kathmandu", "2026-06-01T00:00:00Z"),
    ("UTC", "2028-02-29T00:00:00Z"),
    ("Europe/London", "2026-03-29T01:00:00Z"),
];

fn moment(seconds: i64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

/// What names hours and minutes: as text, and whether a local time is one of it.
#[derive(Clone, Debug)]
struct Named {
    text: String,
    hours: Option<BTreeSet<i8>>,
    minutes: BTreeSet<i8>,
    /// From Sunday; all where there is none.
    weekday: Option<i8>,
    /// The last one of shorter months.
    month_day: Option<i8>,
}

impl Named {
    fn holds(&self, local: DateTime) -> bool {
        let day = local.date();
        self.minutes.contains(&local.minute())
            && self.hours.as_ref().is_none_or(|hours| hours.contains(&local.hour()))
            && self.weekday.is_none_or(|weekday| day.weekday().to_sunday_zero_offset() == weekday)
            && self.month_day.is_none_or(|number| day.day() == number.min(day.days_in_month()))
    }

    /// All that is due in `[from, to)`: minute by minute.
    fn due(&self, zone: &TimeZone, from: i64, to: i64) -> Vec<i64> {
        let mut due = BTreeSet::new();
        if self.hours.is_none() {
            let is_due = |second: &i64| {
                let local = Timestamp::from_second(*second).unwrap().to_zoned(zone.clone()).datetime();
                local.second() == 0 && self.holds(local)
            };
            due.extend((from..to).step_by(60).filter(is_due));
        } else {
            let day = |second| {
                Timestamp::from_second(second).unwrap().to_zoned(zone.clone()).date().to_datetime(Default::default())
            };
            let mut local = day(from - 2 * DAY);
            while local < day(to + 2 * DAY) {
                if self.holds(local) {
                    let ambiguous = zone.to_ambiguous_timestamp(local);
                    let at = match ambiguous.offset() {
                        // The moment at which the clock jumps.
                        AmbiguousOffset::Gap { .. } => {
                            let before = ambiguous.earlier().unwrap();
                            zone.following(before - 50.hours())
                                .map(|it| it.timestamp())
                                .find(|it| zone.to_datetime(*it) > local)
                                .unwrap()
                        }
                        _ => ambiguous.earlier().unwrap(),
                    };
                    due.insert(at.as_second());
                }
                local = local.checked_add(1.minute()).unwrap();
            }
        }
        due.into_iter().filter(|it| (from..to).contains(it)).collect()
    }
}

fn named() -> impl Strategy<Value = Named> {
    let set = |most: i8| prop::collection::btree_set(0..=most, 1..4);
    let joined = |set: &BTreeSet<i8>| set.iter().map(i8::to_string).collect::<Vec<_>>().join(",");
    // All hours are none that is named, however they are written.
    let all = prop::sample::select(vec!["*", "0-23", "*/1", "0-11,12-23", ALL_HOURS]);
    let fields = move |(hours, minutes, weekday): (Option<BTreeSet<i8>>, BTreeSet<i8>, Option<i8>), all: &str| {
        let hour = hours.as_ref().map_or(all.to_owned(), joined);
        let day = weekday.map_or("*".to_owned(), |it: i8| it.to_string());
        Named { text: format!("{} {hour} * * {day}", joined(&minutes)), hours, minutes, weekday, month_day: None }
    };
    let preset = |(hour, minute, weekday, month_day): (i8, i8, i8, Option<i8>)| {
        let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let (hours, minutes) = (Some(BTreeSet::from([hour])), BTreeSet::from([minute]));
        match month_day {
            Some(day) => {
                let text = format!("monthly on day {day} at {hour:02}:{minute:02}");
                Named { text, hours, minutes, weekday: None, month_day }
            }
            None => {
                let day = days[usize::try_from(weekday).unwrap()];
                let text = format!("weekly on {day} at {hour:02}:{minute:02}");
                Named { text, hours, minutes, weekday: Some(weekday), month_day }
            }
        }
    };
    let any_hours = (prop::option::of(set(23)), set(59), prop::option::weighted(0.3, 0_i8..7));
    // Around which clocks change.
    let early_hours = (prop::option::weighted(0.9, set(3)), set(59), Just(None));
    prop_oneof![
        (any_hours, all.clone()).prop_map(move |(it, all)| fields(it, all)),
        (early_hours, all).prop_map(move |(it, all)| fields(it, all)),
        (0_i8..24, 0_i8..60, 0_i8..7, prop::option::of(1_i8..32)).prop_map(preset),
    ]
}

fn around() -> impl Strategy<Value = (TimeZone, i64)> {
    (prop::sample::select(CHANGES.to_vec()), -3 * DAY..2 * DAY).prop_map(|((zone, change), shift)| {
        let change = change.parse::<Timestamp>().unwrap().as_second();
        (TimeZone::get(zone).unwrap(), (change + shift).div_euclid(MINUTE) * MINUTE)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(std::env::var("CASES").map_or(300, |it| it.parse().unwrap())))]

    #[test]
    fn what_is_due_is_what_a_plain_evaluation_finds(named in named(), (zone, from) in around(), days in 1_i64..6) {
        let to = from + days * DAY;
        let expected = named.due(&zone, from, to);
        let when: When = named.text.parse().unwrap();
        let mut forward = Vec::new();
        let mut at = moment(from - 1);
        while let Some(next) = when.next_after(at, &zone).filter(|it| *it < moment(to)) {
            prop_assert!(next > at, "{}: {next:?}", named.text);
            forward.push(next.as_micros() / 1_000_000);
            at = next;
        }
        prop_assert_eq!(&forward, &expected, "forward: {} {:?}", named.text, zone.iana_name());
        let mut backward = Vec::new();
        let mut at = moment(to - 1);
        while let Some(last) = when.last_until(at, &zone).filter(|it| *it >= moment(from)) {
            prop_assert!(last <= at, "{}: {last:?}", named.text);
            backward.push(last.as_micros() / 1_000_000);
            at = Moment::from_micros(last.as_micros() - 1);
        }
        backward.reverse();
        prop_assert_eq!(&backward, &expected, "backward: {} {:?}", named.text, zone.iana_name());
    }

    /// Ranges of whole days follow each other without gap or overlap, whatever clocks do; so do those since the last run.
    #[test]
    fn ranges_of_runs_that_follow_each_other_are_without_gap(
        named in named(), (zone, from) in around(), is_daily in any::<bool>(),
    ) {
        let (text, range) = if is_daily { ("daily at 06:00", "yesterday") } else { (named.text.as_str(), "since last run") };
        let table = Timetable::read(Some(text), range, zone.iana_name().unwrap()).unwrap();
        let runs = table.next(moment(from), 6);
        for pair in runs.windows(2) {
            prop_assert!(pair[0].to <= pair[0].due && pair[0].from < pair[0].to);
            // The run of a day that does not occur has what that of the next day has.
            let is_once_more = (pair[0].from, pair[0].to) == (pair[1].from, pair[1].to);
            prop_assert!(pair[0].to == pair[1].from || is_once_more, "{text} {pair:?}");
        }
    }

    /// However many runs are passed over before one that is made up for, those that are made leave no time out, and have none twice.
    #[test]
    fn ranges_since_the_last_run_are_without_gap_whichever_runs_are_made(
        named in named(), (zone, from) in around(), is_made in prop::collection::vec(any::<bool>(), 8),
    ) {
        let table = Timetable::read(Some(&named.text), "since last run", zone.iana_name().unwrap()).unwrap();
        let (runs, after) = (table.next(moment(from), is_made.len()), moment(from));
        let (mut last, mut ended) = (None, runs.first().map(|run| run.from));
        for run in runs.into_iter().zip(is_made).filter_map(|(run, is_made)| is_made.then_some(run)) {
            let run = table.following(run, last, after);
            prop_assert_eq!(Some(run.from), ended, "{}", named.text);
            ended = Some(run.to);
            last = Some(LastRun { due: run.due, range_to: (run.due.as_micros() % 7 > 0).then_some(run.to) });
        }
    }

    #[test]
    fn range_ends_when_it_is_due_at_the_latest_and_is_never_empty(
        (zone, due) in around(),
        range in prop::sample::select(vec![
            "today", "yesterday", "this week", "last week", "this month", "last month", "this year", "last year",
            "last 1 hours", "last 24 hours", "last 7 days",
        ]),
    ) {
        let range: RelativeRange = range.parse().unwrap();
        let (from, to) = range.seen_from(moment(due), &zone, None).unwrap();
        prop_assert!(from < to && to <= moment(due));
    }
}
