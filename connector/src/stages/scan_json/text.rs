//! Strings of JSON: where they end, whether they are right, and what they say.

use std::borrow::Cow;

/// A string that was found right, as it stands in the line between its quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Text<'a> {
    raw: &'a str,
    has_escapes: bool,
}

impl<'a> Text<'a> {
    /// A string that stands for itself.
    #[must_use]
    pub const fn plain(raw: &'a str) -> Self {
        Self { raw, has_escapes: false }
    }

    /// What it says; borrowed where it has no escapes.
    #[must_use]
    #[inline]
    pub fn decoded(self) -> Cow<'a, str> {
        if self.has_escapes { self.decoded_slowly() } else { Cow::Borrowed(self.raw) }
    }

    #[cold]
    fn decoded_slowly(self) -> Cow<'a, str> {
        let mut text = String::with_capacity(self.raw.len());
        self.decode_into(&mut text);
        Cow::Owned(text)
    }

    /// As it stands in the line: two strings that stand alike say the same.
    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.raw
    }

    /// True where there is nothing in it: no escape stands for nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    fn decode_into(self, out: &mut String) {
        let mut rest = self.raw;
        while let Some(at) = rest.find('\\') {
            out.push_str(&rest[..at]);
            let (decoded, length) = escape(&rest.as_bytes()[at..]).unwrap_or(('\u{fffd}', 2));
            out.push(decoded);
            rest = &rest[at + length..];
        }
        out.push_str(rest);
    }
}

/// The string whose opening quote stands at `open`, and the place behind its closing quote; `None` where it is not right.
pub(super) fn text_at(text: &str, open: usize) -> Option<(Text<'_>, usize)> {
    let bytes = text.as_bytes();
    let start = open + 1;
    let (mut at, mut has_escapes) = (start, false);
    loop {
        at = end_of_plain(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some((Text { raw: text.get(start..at)?, has_escapes }, at + 1)),
            b'\\' => {
                has_escapes = true;
                // Quotes first: a location is full of them.
                at += if bytes.get(at + 1) == Some(&b'"') { 2 } else { escape(&bytes[at..])?.1 };
            }
            // A control character.
            _ => return None,
        }
    }
}

/// Where the first quote, backslash or control character stands from `at` on: eight bytes at a time.
fn end_of_plain(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest byte that is zero has its highest bit in the result; what is marked above it may be wrong.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let controls = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c)) | controls) & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)) {
        at += 1;
    }
    at
}

/// The character of the escape that `bytes` begin with, and its length; `None` where it is none, or half a surrogate pair.
fn escape(bytes: &[u8]) -> Option<(char, usize)> {
    let character = match bytes.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(bytes),
        _ => return None,
    };
    Some((character, 2))
}

fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let first = hexadecimal(bytes.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        // A second half alone is no character.
        return Some((char::from_u32(first)?, 6));
    }
    if bytes.get(6..8)? != b"\\u" {
        return None;
    }
    let second = hexadecimal(bytes.get(8..12)?)?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10 | (second - 0xdc00)))?, 12))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}
