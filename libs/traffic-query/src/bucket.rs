//! Points in time of answers, by the clock of a zone.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan, Unit, Zoned};
use schemas::times::Moment;

use crate::words::words;

words! {
    /// Width of a point in time.
    Bucket {
        /// A minute.
        Minute = "minute",
        /// An hour.
        Hour = "hour",
        /// A day of the filter's zone, of 23 to 25 hours where clocks change.
        Day = "day",
        /// A week of the zone, from Monday.
        Week = "week",
        /// A month of the zone.
        Month = "month",
    }
}

/// Most points in time of one answer.
pub const BUCKETS_MAX: usize = 2_000;

impl Bucket {
    /// A width that gives a range some dozens to hundreds of points.
    #[must_use]
    pub fn for_range(from: Moment, to: Moment) -> Self {
        const HOUR_MICROS: i64 = 3_600_000_000;
        match to.as_micros() - from.as_micros() {
            ..=21_600_000_000 => Self::Minute,
            width if width <= 14 * 24 * HOUR_MICROS => Self::Hour,
            _ => Self::Day,
        }
    }

    /// Beginnings of the buckets that `[from, to)` touches, in order; the first may lie before `from`. `None` where there are more than
    /// [`BUCKETS_MAX`].
    #[must_use]
    pub fn starts(self, from: Moment, to: Moment, zone: &TimeZone) -> Option<Vec<Moment>> {
        let mut at = self.floor(&zoned(from, zone)?)?;
        let mut starts = Vec::new();
        loop {
            let start = moment(&at);
            if start >= to {
                return Some(starts);
            }
            if starts.len() == BUCKETS_MAX {
                return None;
            }
            starts.push(start);
            at = self.next(&at)?;
        }
    }

    /// The bucket that a moment lies in: its beginning, and that of the next one, as [`Self::starts`] has them.
    #[must_use]
    pub fn around(self, inside: Moment, zone: &TimeZone) -> Option<(Moment, Moment)> {
        let mut at = self.floor(&zoned(inside, zone)?)?;
        loop {
            let next = self.next(&at)?;
            // Where clocks go back by half an hour, an hour on the clock may have ended before.
            if moment(&next) > inside {
                return Some((moment(&at), moment(&next)));
            }
            at = next;
        }
    }

    fn next(self, at: &Zoned) -> Option<Zoned> {
        let step: Span = match self {
            Self::Minute => 1.minute(),
            Self::Hour => 1.hour(),
            Self::Day => 1.day(),
            Self::Week => 1.week(),
            Self::Month => 1.month(),
        };
        // A day may begin later than at midnight, where clocks change then.
        self.floor(&at.checked_add(step).ok()?)
    }

    fn floor(self, at: &Zoned) -> Option<Zoned> {
        match self {
            Self::Month => at.first_of_month().ok()?.start_of_day().ok(),
            Self::Week => at.checked_sub(at.weekday().to_monday_zero_offset().days()).ok()?.start_of_day().ok(),
            Self::Day => at.start_of_day().ok(),
            // In an hour that occurs twice the local time alone does not say which; its distance from the full hour does.
            Self::Hour => at.checked_sub(since_full(at.time(), Unit::Hour)).ok(),
            Self::Minute => at.checked_sub(since_full(at.time(), Unit::Minute)).ok(),
        }
    }
}

fn zoned(moment: Moment, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::from_microsecond(moment.as_micros()).ok()?.to_zoned(zone.clone()))
}

fn moment(at: &Zoned) -> Moment {
    Moment::from_micros(at.timestamp().as_microsecond())
}

/// Time since the last full hour or minute on the clock.
fn since_full(time: Time, unit: Unit) -> Span {
    let minutes = if unit == Unit::Hour { time.minute() } else { 0 };
    Span::new().minutes(minutes).seconds(time.second()).nanoseconds(time.subsec_nanosecond())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time_range::{in_utc, rfc3339};

    fn starts(bucket: Bucket, from: &str, to: &str, zone: &str) -> Vec<String> {
        let range = in_utc(from, to, zone).unwrap();
        bucket.starts(range.from, range.to, &range.zone).unwrap().into_iter().map(rfc3339).collect()
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first_by_the_clock_of_the_zone() {
        assert_eq!(
            starts(Bucket::Week, "2026-10-21T10:00", "2026-11-02T00:01", "Europe/Berlin"),
            ["2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z", "2026-11-01T23:00:00Z"]
        );
        assert_eq!(
            starts(Bucket::Month, "2026-01-31T10:00", "2026-04-01T00:00", "Europe/Berlin"),
            ["2025-12-31T23:00:00Z", "2026-01-31T23:00:00Z", "2026-02-28T23:00:00Z"]
        );
    }

    proptest! {
        /// Lord Howe changes by half an hour, Santiago at midnight, and Apia once left out a day.
        #[test]
        fn moment_lies_in_the_last_bucket_that_has_begun(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "Asia/Kathmandu"]),
            bucket in prop::sample::select(Bucket::ALL.to_vec()),
            (hour, before, inside) in (0..900_000_i64, 0..100_000_i64, 0..10_000_000_000_i64),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let from = Moment::from_micros(hour * 3_600_000_000 + before * 1_000);
            let inside = Moment::from_micros(from.as_micros() + inside);
            let starts = bucket.starts(from, Moment::from_micros(inside.as_micros() + 1), &zone).unwrap();
            let (start, next) = bucket.around(inside, &zone).unwrap();
            prop_assert_eq!(Some(&start), starts.last());
            prop_assert!(start <= inside && inside < next);
        }

        #[test]
        fn half_hours_of_lord_howe_are_told_apart(minutes in 0..600_i64, later in 0..300_i64) {
            let zone = TimeZone::get("Australia/Lord_Howe").unwrap();
            // Clocks went back at 15:00 UTC, half an hour.
            let from = Moment::from_micros((1_775_304_000 + minutes * 60) * 1_000_000);
            let inside = Moment::from_micros(from.as_micros() + later * 60_000_000);
            let starts = Bucket::Hour.starts(from, Moment::from_micros(inside.as_micros() + 1), &zone).unwrap();
            prop_assert_eq!(Some(Bucket::Hour.around(inside, &zone).unwrap().0), starts.last().copied());
        }
    }
}
