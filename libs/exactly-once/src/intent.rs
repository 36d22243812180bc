//! What is written beside a committed offset before a range is inserted.

use serde::{Deserialize, Serialize};

/// Longest note that Kafka keeps beside an offset by default, UTF-16 units. Ours are ASCII.
pub const NOTE_UNITS_MAX: usize = 4096;
/// Most refused records of one range: so many fit into a note, whatever their distances.
pub const REFUSED_MAX: usize = 150;
/// Longest name of a source, bytes.
const SOURCE_MAX: usize = 400;
/// Form of the note. What a newer form would say is not guessed.
const FORM: u32 = 1;

/// Names where records come from: the configured source, the topic and the partition. Tokens begin with it, so it must be another
/// one for a topic that was made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source(String);

/// A source's name cannot stand in a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "source {0:?}: 1 to {SOURCE_MAX} printable ASCII characters other than blank, quote, backslash and ~ are allowed"
)]
pub struct BadSource(String);

impl Source {
    /// Checks a name such as `main/connection-events/3`.
    ///
    /// # Errors
    /// When it is empty, longer than 400 bytes, or holds anything but printable ASCII without blank, quotes, backslash and `~`.
    pub fn new(name: impl Into<String>) -> Result<Self, BadSource> {
        let name = name.into();
        let is_fine = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'~');
        if name.is_empty() || name.len() > SOURCE_MAX || !name.bytes().all(is_fine) {
            return Err(BadSource(name));
        }
        Ok(Self(name))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The token of a range: no two intents have the same, also where the same offsets are cut the same way once more. So nothing
    /// that was inserted before can make the store swallow it.
    pub(crate) fn token(&self, first: i64, last: i64, created_ms: i64) -> String {
        format!("{}/{first}-{last}@{created_ms}", self.0)
    }
}

/// A range that is about to be inserted. It stands beside the committed offset `first`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// First offset.
    pub first: i64,
    /// Last offset.
    pub last: i64,
    /// How many rows it has: a range that has others when it is done again is another one.
    pub rows: u64,
    /// Offsets that were refused, ascending: refused they stay when the range is done again.
    pub refused: Vec<i64>,
    /// Token of the insert.
    pub token: String,
    /// Version of what makes rows of records.
    pub encoder: u32,
    /// When it was written, Unix milliseconds.
    pub created_ms: i64,
}

/// What stands beside a committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing: no range was begun here.
    Empty,
    /// A range was begun.
    Intent(Intent),
    /// Somebody wrote what we cannot read: another form of the note, or garbage. A range may have been begun.
    Unreadable,
}

/// An intent does not fit beside an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the note of a range is {0} characters long, and {NOTE_UNITS_MAX} are kept")]
pub struct NoteTooLong(pub usize);

/// As it is written: distances instead of offsets.
#[derive(Serialize, Deserialize)]
struct Written {
    v: u32,
    last: i64,
    rows: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    refused: Vec<i64>,
    token: String,
    encoder: u32,
    created: i64,
}

impl Intent {
    /// The note. With at most [`REFUSED_MAX`] refused and a token of a [`Source`] it always fits.
    ///
    /// # Errors
    /// When it is longer than is kept: Kafka would refuse it, or drop the connection, which looks like an outage.
    pub fn to_note(&self) -> Result<String, NoteTooLong> {
        let mut before = self.first;
        let refused = self.refused.iter().map(|offset| offset - std::mem::replace(&mut before, *offset)).collect();
        let (token, encoder, created) = (self.token.clone(), self.encoder, self.created_ms);
        let written = Written { v: FORM, last: self.last, rows: self.rows, refused, token, encoder, created };
        // Numbers and texts always serialize.
        let note = serde_json::to_string(&written).unwrap_or_default();
        let units = note.encode_utf16().count();
        if units > NOTE_UNITS_MAX { Err(NoteTooLong(units)) } else { Ok(note) }
    }
}

impl Note {
    /// Reads what stands beside the committed offset `first`.
    #[must_use]
    pub fn read(first: i64, note: &str) -> Self {
        if note.is_empty() {
            return Self::Empty;
        }
        Self::read_intent(first, note).map_or(Self::Unreadable, Self::Intent)
    }

    fn read_intent(first: i64, note: &str) -> Option<Intent> {
        let written: Written = serde_json::from_str(note).ok()?;
        let mut refused = Vec::with_capacity(written.refused.len());
        let mut before = first;
        for (nth, distance) in written.refused.into_iter().enumerate() {
            before = before.checked_add(distance)?;
            if distance < i64::from(nth > 0) || before > written.last {
                return None;
            }
            refused.push(before);
        }
        let fits = written.v == FORM && written.last >= first && written.last < i64::MAX && !written.token.is_empty();
        fits.then_some(Intent {
            first,
            last: written.last,
            rows: written.rows,
            refused,
            token: written.token,
            encoder: written.encoder,
            created_ms: written.created,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const READABLE: &str = r#"{"v":1,"last":9,"rows":3,"refused":[0,2],"token":"t","encoder":1,"created":0}"#;

    #[test]
    fn intent_is_read_relative_to_the_offset_that_it_stands_beside() {
        let Note::Intent(intent) = Note::read(5, READABLE) else { panic!("not read") };
        assert_eq!((intent.first, intent.last, intent.refused), (5, 9, vec![5, 7]));
        assert_eq!(Note::read(5, ""), Note::Empty);
    }

    #[test]
    fn what_is_no_intent_is_unreadable_and_not_taken_for_nothing() {
        let others = [
            "{}".to_owned(),
            "somebody else's".to_owned(),
            READABLE.replace(r#""v":1"#, r#""v":2"#),
            READABLE.replace(r#""token":"t""#, r#""token":"""#),
            READABLE.replace("[0,2]", "[0,0]"),
            READABLE.replace("[0,2]", "[-1]"),
            READABLE.replace("[0,2]", "[0,9]"),
            READABLE.replace("[0,2]", "[9223372036854775807]"),
            READABLE.replace(r#""last":9"#, r#""last":9223372036854775807"#),
            // A last offset before the first: a note that was left beside another offset.
            READABLE.replace(r#""last":9"#, r#""last":4"#),
        ];
        for note in others {
            assert_eq!(Note::read(5, &note), Note::Unreadable, "{note}");
        }
    }

    #[test]
    fn note_that_is_too_long_is_not_written() {
        let intent = Intent {
            first: 0,
            last: 9,
            rows: 10,
            refused: Vec::new(),
            token: "t".repeat(4096),
            encoder: 1,
            created_ms: 0,
        };
        assert!(matches!(intent.to_note(), Err(NoteTooLong(4097..))));
    }

    #[test]
    fn source_is_what_a_token_and_a_note_can_hold() {
        for bad in ["", "a b", "a\"b", "a\\b", "a~b", "ä", &"x".repeat(401)] {
            assert_eq!(Source::new(bad), Err(BadSource(bad.to_owned())));
        }
        assert_eq!(Source::new("main/t/3").unwrap().token(5, 9, 12), "main/t/3/5-9@12");
    }

    proptest! {
        #[test]
        fn note_comes_back_and_fits(
            first in 0..i64::MAX / 2,
            refused in prop::collection::btree_set(0..i64::MAX / 4, 0..=REFUSED_MAX),
        ) {
            let refused: Vec<i64> = refused.into_iter().map(|distance| first + distance).collect();
            let last = refused.last().copied().unwrap_or(first);
            let token = Source::new("s".repeat(400)).unwrap().token(first, last, i64::MAX);
            let intent = Intent { first, last, rows: u64::MAX, refused, token, encoder: u32::MAX, created_ms: i64::MAX };
            let note = intent.to_note();
            prop_assert!(note.is_ok(), "{:?}", note);
            prop_assert_eq!(Note::read(first, &note.unwrap()), Note::Intent(intent));
        }

        #[test]
        fn any_note_can_be_looked_at(first in any::<i64>(), note in ".{0,60}") {
            prop_assert!(!matches!(Note::read(first, &note), Note::Intent(_)));
        }
    }
}
