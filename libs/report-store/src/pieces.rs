//! SHA-256 of each piece of a file that comes in other ones.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use crate::hexadecimal;

pub(crate) struct Pieces {
    /// What has not come yet, of each that is not whole, bytes.
    left: VecDeque<u64>,
    /// Of the first of them, as far as it has come.
    digest: Sha256,
    whole: Vec<String>,
}

impl Pieces {
    /// Those of these sizes, bytes.
    pub(crate) fn of(sizes: &[u64]) -> Self {
        let left = sizes.iter().copied().collect();
        let mut pieces = Self { left, digest: Sha256::new(), whole: Vec::new() };
        // Where nothing ever comes those without a byte are there.
        pieces.add(&[]);
        pieces
    }

    /// What comes next; behind the last piece it is none's.
    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        while let Some(left) = self.left.front_mut() {
            let own = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
            let (own, rest) = bytes.split_at(own);
            self.digest.update(own);
            *left -= own.len() as u64;
            if *left > 0 {
                return;
            }
            self.whole.push(hexadecimal(&self.digest.finalize_reset()));
            self.left.pop_front();
            bytes = rest;
        }
    }

    /// SHA-256 of each that came whole, in order.
    pub(crate) fn whole(self) -> Vec<String> {
        self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(bytes: &[u8]) -> String {
        hexadecimal(&Sha256::digest(bytes))
    }

    #[test]
    fn each_piece_has_its_own_wherever_what_comes_is_cut() {
        let bytes: Vec<u8> = (0..=99).collect();
        let expected = [&bytes[..0], &bytes[..1], &bytes[1..60], &bytes[60..60], &bytes[60..98], &[]].map(sha256);
        for cut in [1, 2, 7, 59, 60, 61, 100] {
            let mut pieces = Pieces::of(&[0, 1, 59, 0, 38, 0]);
            bytes.chunks(cut).for_each(|some| pieces.add(some));
            assert_eq!(pieces.whole(), expected, "{cut}");
        }
    }

    #[test]
    fn piece_that_did_not_come_whole_has_none() {
        let mut pieces = Pieces::of(&[2, 3, 0]);
        pieces.add(b"abcd");
        assert_eq!(pieces.whole(), [sha256(b"ab")]);
        assert_eq!(Pieces::of(&[0, 0, 1]).whole(), [sha256(b""), sha256(b"")]);
        assert!(Pieces::of(&[]).whole().is_empty());
    }
}
