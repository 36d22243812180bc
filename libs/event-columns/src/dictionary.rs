//! Dictionaries that are built while rows come in: of texts, and of numbers.

use clickhouse_io::native::push_text;

use crate::cursor::{MASKS, PADDING};
use crate::places::{Hashes, Places};
use crate::stage::Span;

/// Texts up to this length are compared as four words: their bytes, zeros, and the length in the last byte.
const SHORT_MAX: usize = PADDING - 1;
/// Words of what is no short text: no length is 255.
const NOT_SHORT: [u64; 4] = [u64::MAX; 4];
/// The place of what is absent, in a dictionary that knows absence.
pub(crate) const ABSENT: u32 = 0;

/// The different texts of a column, in the order in which they came, and for each row the place of its text.
#[derive(Clone, Debug)]
pub(crate) struct TextDictionary {
    hashes: Hashes,
    places: Places,
    /// Words of short texts; [`NOT_SHORT`] for others.
    words: Vec<[u64; 4]>,
    /// Length and bytes of each text, as a block has them.
    keys: Vec<u8>,
    /// Where each text's bytes begin among the keys, and where they end.
    spans: Vec<(u32, u32)>,
    pub(crate) rows: Vec<u32>,
    knows_absence: bool,
}

impl TextDictionary {
    /// A dictionary; one that knows absence has place [`ABSENT`] for it.
    pub(crate) fn new(knows_absence: bool) -> Self {
        let mut dictionary = Self {
            hashes: Hashes::new(),
            places: Places::new(),
            words: Vec::new(),
            keys: Vec::new(),
            spans: Vec::new(),
            rows: Vec::new(),
            knows_absence,
        };
        dictionary.clear();
        dictionary
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.words.clear();
        self.keys.clear();
        self.spans.clear();
        self.rows.clear();
        if self.knows_absence {
            // No hash leads there, so no text is found there.
            self.append(b"", NOT_SHORT);
        }
    }

    /// Different texts, absence included where it is known.
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn knows_absence(&self) -> bool {
        self.knows_absence
    }

    /// The text of a place.
    pub(crate) fn text(&self, place: u32) -> &[u8] {
        let (begin, end) = self.spans[place as usize];
        &self.keys[begin as usize..end as usize]
    }

    /// Length and text of a place, as a block has them.
    pub(crate) fn key(&self, place: u32) -> &[u8] {
        let place = place as usize;
        let begin = if place == 0 { 0 } else { self.spans[place - 1].1 };
        &self.keys[begin as usize..self.spans[place].1 as usize]
    }

    /// Appends rows. Texts point into `bytes`, which have [`PADDING`] behind every text.
    pub(crate) fn append_rows(&mut self, texts: &[Span], bytes: &[u8]) {
        self.rows.reserve(texts.len());
        for text in texts {
            let place = if *text == Span::NONE { ABSENT } else { self.place(*text, bytes) };
            self.rows.push(place);
        }
    }

    #[inline(always)]
    fn place(&mut self, text: Span, bytes: &[u8]) -> u32 {
        let (begin, length) = (text.begin as usize, text.length as usize);
        let window = bytes.get(begin..).and_then(<[u8]>::first_chunk::<PADDING>);
        match window {
            Some(window) if length <= SHORT_MAX => {
                let words = short(window, length);
                let hash = self.hashes.hash(words);
                let found = self.places.find(hash, |place| self.words[place as usize] == words);
                found.unwrap_or_else(|| self.add(text.of(bytes), hash, words))
            }
            _ => self.long(text.of(bytes)),
        }
    }

    #[inline(never)]
    fn long(&mut self, text: &[u8]) -> u32 {
        let hash = self.hashes.hash_bytes(text);
        self.places.find(hash, |place| self.text(place) == text).unwrap_or_else(|| self.add(text, hash, NOT_SHORT))
    }

    #[cold]
    #[inline(never)]
    fn add(&mut self, text: &[u8], hash: u32, words: [u64; 4]) -> u32 {
        let place = self.append(text, words);
        self.places.add(hash, place);
        place
    }

    // A range's rows and bytes are bounded far below 2^32.
    #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
    fn append(&mut self, text: &[u8], words: [u64; 4]) -> u32 {
        push_text(&mut self.keys, text);
        let end = self.keys.len() as u32;
        self.spans.push((end - text.len() as u32, end));
        self.words.push(words);
        (self.spans.len() - 1) as u32
    }

    /// What it takes in memory, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        self.keys.len() + self.spans.len() * 40 + self.rows.len() * 4 + self.places.size_bytes()
    }
}

/// A short text as four words.
#[inline(always)]
fn short(window: &[u8; PADDING], length: usize) -> [u64; 4] {
    let (bytes, _) = window.as_chunks::<8>();
    let mask = &MASKS[length];
    let mut words: [u64; 4] = std::array::from_fn(|at| u64::from_le_bytes(bytes[at]) & mask[at]);
    words[3] |= (length as u64) << 56;
    words
}

/// The different numbers of a column that may be absent, by their bits, and for each row the place of its number.
#[derive(Clone, Debug)]
pub(crate) struct NumberDictionary {
    hashes: Hashes,
    places: Places,
    /// Place [`ABSENT`] holds 0 for what is absent.
    pub(crate) numbers: Vec<u64>,
    pub(crate) rows: Vec<u32>,
}

impl NumberDictionary {
    pub(crate) fn new() -> Self {
        Self { hashes: Hashes::new(), places: Places::new(), numbers: vec![0], rows: Vec::new() }
    }

    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.numbers.truncate(1);
        self.rows.clear();
    }

    /// Appends rows.
    pub(crate) fn append_rows(&mut self, numbers: impl Iterator<Item = Option<u64>>) {
        for number in numbers {
            let place = number.map_or(ABSENT, |number| self.place(number));
            self.rows.push(place);
        }
    }

    #[inline(always)]
    fn place(&mut self, number: u64) -> u32 {
        let hash = self.hashes.hash([number, 0, 0, 0]);
        let found = self.places.find(hash, |place| self.numbers[place as usize] == number);
        found.unwrap_or_else(|| {
            #[expect(clippy::cast_possible_truncation, reason = "a range is bounded")]
            let place = self.numbers.len() as u32;
            self.numbers.push(number);
            self.places.add(hash, place);
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary_of(texts: &[Option<&str>], knows_absence: bool) -> TextDictionary {
        let mut bytes = Vec::new();
        let mut spans = Vec::new();
        for text in texts {
            let begin = u32::try_from(bytes.len()).unwrap();
            spans.push(text.map_or(Span::NONE, |it| Span { begin, length: u32::try_from(it.len()).unwrap() }));
            bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
            bytes.extend_from_slice(&[b'#'; PADDING]);
        }
        let mut dictionary = TextDictionary::new(knows_absence);
        dictionary.append_rows(&spans, &bytes);
        dictionary
    }

    #[test]
    fn texts_that_are_nearly_the_same_have_places_of_their_own() {
        let long = "x".repeat(200);
        let at_limits: Vec<String> = (30..34).map(|length| "y".repeat(length)).collect();
        let mut texts = vec!["", "\0", "\0\0", "a", "a\0", &long, &long[..199]];
        texts.extend(at_limits.iter().map(String::as_str));
        // 32 bytes that look like a short text and its length.
        let disguised = format!("a{}\u{1}", "\0".repeat(30));
        texts.push(&disguised);
        let twice: Vec<Option<&str>> = texts.iter().chain(&texts).map(|text| Some(*text)).collect();
        let dictionary = dictionary_of(&twice, false);
        assert_eq!(dictionary.len(), texts.len());
        for (row, text) in dictionary.rows.iter().zip(&twice) {
            assert_eq!(dictionary.text(*row), text.unwrap().as_bytes());
        }
        assert_eq!(dictionary.key(3), b"\x01a");
    }

    #[test]
    fn absence_is_not_the_empty_text() {
        let dictionary = dictionary_of(&[Some(""), None, Some("a"), None], true);
        assert_eq!(dictionary.rows, [1, ABSENT, 2, ABSENT]);
        assert_eq!(dictionary.key(ABSENT), b"\0");
    }

    #[test]
    fn numbers_are_told_apart_by_their_bits() {
        let mut dictionary = NumberDictionary::new();
        dictionary.append_rows([Some(0), None, Some((-0.0_f64).to_bits()), Some(0)].into_iter());
        assert_eq!(dictionary.rows, [1, ABSENT, 2, 1]);
        dictionary.clear();
        dictionary.append_rows([Some(7)].into_iter());
        assert_eq!((dictionary.rows, dictionary.numbers), (vec![1], vec![0, 7]));
    }
}
