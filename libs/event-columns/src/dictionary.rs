//! Dictionaries that are built while rows come in: of texts, and of numbers.

use clickhouse_io::native::push_text;

use crate::cursor::{MASKS, WINDOW};
use crate::places::{Hashes, Places};
use crate::stage::Span;

/// Texts up to this length are compared as four words: their bytes, zeros, and the length and one in the last byte.
const SHORT_MAX: usize = WINDOW - 1;
/// Words of a text that is not short: no length is 254.
const LONG: [u64; 4] = [u64::MAX; 4];
/// What stands for such a text among the words: not the same, so that it is never found by its words.
const NOT_BY_WORDS: [u64; 4] = [0; 4];
/// Words of what is absent: no length is 253.
const NONE: [u64; 4] = [0, 0, 0, 254 << 56];
/// Texts that are looked up together.
const TOGETHER: usize = 16;
/// The place of what is absent, in a dictionary that knows absence.
pub(crate) const ABSENT: u32 = 0;

/// The different texts of a column, in the order in which they came, and for each row the place of its text.
#[derive(Clone, Debug)]
pub(crate) struct TextDictionary {
    hashes: Hashes,
    places: Places,
    /// Words of short texts and of what is absent; [`NOT_BY_WORDS`] for others.
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
            self.add(b"", self.hashes.hash(NONE), NONE);
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

    /// Appends rows. Texts point into `bytes`, which have [`WINDOW`] bytes behind every text.
    ///
    /// Some are looked up together, so that the memory that each needs is on its way while the others are compared.
    pub(crate) fn append_rows(&mut self, texts: &[Span], bytes: &[u8]) {
        let begin = self.rows.len();
        let mut rows = std::mem::take(&mut self.rows);
        rows.resize(begin + texts.len(), ABSENT);
        for (texts, rows) in texts.chunks(TOGETHER).zip(rows[begin..].chunks_mut(TOGETHER)) {
            let (mut words, mut hashes, mut places) = ([[0; 4]; TOGETHER], [0; TOGETHER], [ABSENT; TOGETHER]);
            for ((words, hash), text) in words.iter_mut().zip(&mut hashes).zip(texts) {
                *words = short(*text, bytes);
                *hash = self.hashes.hash(*words);
            }
            for (place, hash) in places.iter_mut().zip(&hashes).take(texts.len()) {
                *place = self.places.first_slot(*hash).place_if(*hash);
            }
            for ((((row, text), words), hash), place) in rows.iter_mut().zip(texts).zip(&words).zip(&hashes).zip(places)
            {
                let known = self.words.get(place as usize).unwrap_or(&NOT_BY_WORDS);
                let found = is_same(known, words);
                *row = if found { place } else { self.place(*text, bytes, *words, *hash) };
            }
        }
        self.rows = rows;
    }

    /// The place of a text that does not stand in the slot where its hash leads first.
    #[inline(never)]
    fn place(&mut self, text: Span, bytes: &[u8], words: [u64; 4], hash: u32) -> u32 {
        let text = text.of(bytes);
        if words == LONG {
            let hash = self.hashes.hash_bytes(text);
            let found = self.places.find(hash, |place| self.text(place) == text);
            return found.unwrap_or_else(|| self.add(text, hash, NOT_BY_WORDS));
        }
        let found = self.places.find(hash, |place| is_same(&self.words[place as usize], &words));
        found.unwrap_or_else(|| self.add(text, hash, words))
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

    /// What it takes in memory, bytes: what it has room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        let words = self.words.capacity() * 32 + self.keys.capacity() + self.spans.capacity() * 8;
        words + self.rows.capacity() * 4 + self.places.memory_bytes()
    }

    /// What its texts and rows take, bytes, roughly.
    pub(crate) fn size_bytes(&self) -> usize {
        self.keys.len() + self.spans.len() * 40 + self.rows.len() * 4 + self.places.size_bytes()
    }
}

/// A text as four words, so far as it is short: its bytes, zeros, and its length and one in the last byte.
#[inline(always)]
fn short(text: Span, bytes: &[u8]) -> [u64; 4] {
    let length = text.length as usize;
    let window = bytes.get(text.begin as usize..).and_then(<[u8]>::first_chunk::<WINDOW>);
    match window {
        Some(window) if length <= SHORT_MAX => {
            let (bytes, _) = window.as_chunks::<8>();
            let mask = &MASKS[length];
            let mut words: [u64; 4] = std::array::from_fn(|at| u64::from_le_bytes(bytes[at]) & mask[at]);
            words[3] |= (length as u64 + 1) << 56;
            words
        }
        _ if text == Span::NONE => NONE,
        _ => LONG,
    }
}

/// Word by word: as bytes they would be stored and loaded again.
#[inline(always)]
fn is_same(left: &[u64; 4], right: &[u64; 4]) -> bool {
    (left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2]) | (left[3] ^ right[3]) == 0
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

    /// What it takes in memory, bytes: what it has room for.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.numbers.capacity() * 8 + self.rows.capacity() * 4 + self.places.memory_bytes()
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
            bytes.extend_from_slice(&[b'#'; WINDOW]);
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
