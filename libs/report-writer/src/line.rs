//! One line as it is written: numbers by digit pairs, times, addresses, and texts that are there already.
//!
//! The line has room before it is written: whoever writes says beforehand how much it may become.

use std::io::Write;
use std::net::Ipv6Addr;

use crate::cells::{Cells, SPARE};

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// `0.` to `255.`, and how long each is.
static OCTETS: [([u8; 4], usize); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut number = 0;
    while number < 256 {
        let (hundreds, tens, ones) =
            (b'0' + (number / 100) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8);
        octets[number] = match number {
            0..=9 => ([ones, b'.', 0, 0], 2),
            10..=99 => ([tens, ones, b'.', 0], 3),
            _ => ([hundreds, tens, ones, b'.'], 4),
        };
        number += 1;
    }
    octets
};

/// Digits of the largest number.
pub(crate) const NUMBER_MAX: usize = 20;
/// Characters of the longest address.
pub(crate) const ADDRESS_MAX: usize = 45;
/// Characters of a time.
pub(crate) const TIME: usize = 26;

/// A day's date as text, kept: times come in order, more or less.
#[derive(Debug)]
pub(crate) struct Date {
    day: u64,
    text: [u8; 11],
}

impl Default for Date {
    fn default() -> Self {
        Self { day: 0, text: *b"1970-01-01 " }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Line {
    bytes: Vec<u8>,
    at: usize,
}

impl Line {
    /// Begins a line that will have at most so many bytes.
    #[inline]
    pub(crate) fn begin(&mut self, room: usize) {
        if self.bytes.len() < room + SPARE {
            self.bytes.resize(room + SPARE, 0);
        }
        self.at = 0;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.at]
    }

    #[inline]
    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// The byte that was written last becomes this one.
    #[inline]
    pub(crate) fn replace_last(&mut self, byte: u8) {
        self.bytes[self.at - 1] = byte;
    }

    /// The byte that was written last is taken back where it is this one.
    #[inline]
    pub(crate) fn drop_last(&mut self, byte: u8) {
        self.at -= usize::from(self.bytes[self.at - 1] == byte);
    }

    #[inline]
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.bytes[self.at..self.at + text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    /// A text of a dictionary, with what stands behind it.
    #[inline]
    pub(crate) fn cell(&mut self, cells: &Cells, place: usize) {
        let (from, length) = cells.span(place);
        // A copy of known length is no call; what is too much of it is overwritten.
        if length <= SPARE {
            let room: &mut [u8] = &mut self.bytes[self.at..self.at + SPARE];
            room.copy_from_slice(&cells.bytes()[from..from + SPARE]);
        } else {
            self.bytes[self.at..self.at + length].copy_from_slice(&cells.bytes()[from..from + length]);
        }
        self.at += length;
    }

    #[inline]
    pub(crate) fn number(&mut self, mut number: u64) {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let room = &mut self.bytes[self.at..self.at + digits];
        let mut end = digits;
        while end >= 2 {
            room[end - 2..end].copy_from_slice(&PAIRS[(number % 100) as usize]);
            number /= 100;
            end -= 2;
        }
        if end == 1 {
            room[0] = b'0' + (number % 10) as u8;
        }
        self.at += digits;
    }

    /// Hexadecimal, lower case, with zeros before it up to so many digits.
    pub(crate) fn hex(&mut self, number: u64, digits_min: usize) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = number.checked_ilog2().map_or(1, |bits| bits as usize / 4 + 1).max(digits_min);
        for place in (0..digits).rev() {
            self.byte(DIGITS[(number >> (4 * place) & 0xf) as usize]);
        }
    }

    /// `2024-02-20 20:16:05.92 UTC`: two decimals, truncated. `micros` are those of a moment before 2100.
    #[inline]
    pub(crate) fn time(&mut self, date: &mut Date, micros: u64) {
        let hundredths = micros / 10_000;
        let (day, in_day) = (hundredths / 8_640_000, (hundredths % 8_640_000) as usize);
        if date.day != day {
            *date = Date::of(day);
        }
        self.text(&date.text);
        let [hour, minute] = [PAIRS[in_day / 360_000], PAIRS[in_day / 6_000 % 60]];
        let [second, hundredth] = [PAIRS[in_day / 100 % 60], PAIRS[in_day % 100]];
        self.text(&[
            hour[0],
            hour[1],
            b':',
            minute[0],
            minute[1],
            b':',
            second[0],
            second[1],
            b'.',
            hundredth[0],
            hundredth[1],
        ]);
        self.text(b" UTC");
    }

    /// `2025-07-25T18:19:41.236000+00:00`, of a moment before 2100.
    #[inline]
    pub(crate) fn rfc3339_time(&mut self, date: &mut Date, micros: u64) {
        let (day, in_day) = (micros / 86_400_000_000, micros % 86_400_000_000);
        if date.day != day {
            *date = Date::of(day);
        }
        let (seconds, micros) = ((in_day / 1_000_000) as usize, (in_day % 1_000_000) as usize);
        let [hour, minute, second] = [PAIRS[seconds / 3_600], PAIRS[seconds / 60 % 60], PAIRS[seconds % 60]];
        let [high, middle, low] = [PAIRS[micros / 10_000], PAIRS[micros / 100 % 100], PAIRS[micros % 100]];
        self.text(&date.text[..10]);
        self.text(&[b'T', hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1], b'.']);
        self.text(&[high[0], high[1], middle[0], middle[1], low[0], low[1]]);
        self.text(b"+00:00");
    }

    /// A dotted quad where it is IPv4, else as RFC 5952 has it.
    #[inline]
    pub(crate) fn address(&mut self, octets: &[u8; 16]) {
        const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        if octets[..12] != MAPPED {
            return self.ipv6(*octets);
        }
        for octet in &octets[12..] {
            let (text, length) = &OCTETS[usize::from(*octet)];
            self.bytes[self.at..self.at + 4].copy_from_slice(text);
            self.at += length;
        }
        // The last point.
        self.at -= 1;
    }

    fn ipv6(&mut self, octets: [u8; 16]) {
        let mut room = &mut self.bytes[self.at..];
        let before = room.len();
        // There is room.
        let _ = write!(room, "{}", Ipv6Addr::from(octets));
        self.at += before - room.len();
    }
}

impl Date {
    #[cold]
    fn of(day: u64) -> Self {
        let (year, month, date) = civil_date(day);
        let mut text = [b' '; 11];
        // There is room for a year of four digits.
        let _ = write!(&mut text[..], "{year:04}-{month:02}-{date:02}");
        Self { day, text }
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms").
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;
    use schemas::addresses::Address;
    use schemas::times::Moment;

    use super::*;

    fn written(write: impl Fn(&mut Line)) -> String {
        let mut line = Line::default();
        line.begin(100);
        write(&mut line);
        String::from_utf8(line.bytes().to_vec()).unwrap()
    }

    #[test]
    fn edges_of_numbers_have_their_digits() {
        for power in 0..NUMBER_MAX as u32 {
            for number in [10_u64.pow(power) - 1, 10_u64.pow(power), 10_u64.pow(power) + 1, u64::MAX, 0] {
                assert_eq!(written(|line| line.number(number)), number.to_string());
            }
        }
    }

    proptest! {
        #[test]
        fn number_is_its_digits(number: u64, shift in 0..64_u32) {
            prop_assert_eq!(written(|line| line.number(number >> shift)), (number >> shift).to_string());
        }

        #[test]
        fn hexadecimal_number_is_its_digits(number: u64, shift in 0..64_u32) {
            let number = number >> shift;
            prop_assert_eq!(written(|line| line.hex(number, 1)), format!("{number:x}"));
            prop_assert_eq!(written(|line| line.hex(number, 16)), format!("{number:016x}"));
        }

        #[test]
        fn time_is_truncated_to_two_decimals(micros in 0..Moment::END.as_micros()) {
            let zoned = Timestamp::from_microsecond(micros).unwrap().to_zoned(TimeZone::UTC);
            let expected = format!("{}.{:02} UTC", zoned.strftime("%Y-%m-%d %H:%M:%S"), micros / 10_000 % 100);
            prop_assert_eq!(written(|line| line.time(&mut Date::default(), micros.unsigned_abs())), expected);
        }

        #[test]
        fn time_of_the_envelope_has_six_decimals(micros in 0..Moment::END.as_micros()) {
            let zoned = Timestamp::from_microsecond(micros).unwrap().to_zoned(TimeZone::UTC);
            let expected = zoned.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string();
            let line = |line: &mut Line| line.rfc3339_time(&mut Date::default(), micros.unsigned_abs());
            prop_assert_eq!(written(line), expected);
        }

        #[test]
        fn address_prints_as_it_always_does(high: u64, low: u64, form in 0..4) {
            let octets = match form {
                0 => u128::from(low & 0xffff_ffff) | 0xffff << 32,
                1 => u128::from(low),
                2 => u128::from(high) << 64,
                _ => u128::from(high) << 64 | u128::from(low),
            };
            let octets = octets.to_be_bytes();
            prop_assert_eq!(written(|line| line.address(&octets)), Address::from_octets(octets).to_string());
        }
    }
}
