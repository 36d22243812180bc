//! Texts of the whole report, each kept once, and known by a number.

use std::collections::HashMap;
use std::sync::Arc;

use clickhouse_io::native::Texts;

/// What a text takes beside its bytes, roughly.
const BESIDE_BYTES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<[u8]>, u32>,
    texts: Vec<Arc<[u8]>>,
    size_bytes: usize,
}

impl Names {
    /// Puts the numbers of a block's texts into `numbers`, in the place of what was there.
    pub(super) fn numbers(&mut self, texts: &Texts<'_>, numbers: &mut Vec<u32>) {
        numbers.clear();
        numbers.extend(texts.keys().map(|text| self.number(text)));
    }

    #[expect(clippy::cast_possible_truncation, reason = "texts are fewer than 2^32: they fit memory")]
    pub(super) fn number(&mut self, text: &[u8]) -> u32 {
        if let Some(known) = self.numbers.get(text) {
            return *known;
        }
        let (number, kept) = (self.texts.len() as u32, Arc::<[u8]>::from(text));
        self.texts.push(Arc::clone(&kept));
        self.numbers.insert(kept, number);
        self.size_bytes += text.len() + BESIDE_BYTES;
        number
    }

    pub(super) fn text(&self, number: u32) -> &[u8] {
        &self.texts[number as usize]
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}
