//! Records of rows: words, as bytes, so that they are sorted as lines are.

/// Writes the words over what was there.
pub(super) fn pack<const WORDS: usize>(record: &mut Vec<u8>, words: [u64; WORDS]) {
    record.clear();
    record.extend(words.iter().flat_map(|word| word.to_le_bytes()));
}

/// The words again.
///
/// # Panics
/// When it is another record.
pub(super) fn unpack<const WORDS: usize>(record: &[u8]) -> [u64; WORDS] {
    let (words, _) = record.as_chunks::<8>();
    std::array::from_fn(|place| u64::from_le_bytes(words[place]))
}

/// Two halves of a word.
pub(super) fn word(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// The halves of a word.
#[expect(clippy::cast_possible_truncation, reason = "the halves are what is wanted")]
pub(super) fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
