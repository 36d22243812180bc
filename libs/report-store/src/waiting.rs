//! Bytes that wait until they are enough for a part. They lie in pieces of one size and go as these: one buffer of a part's size that grows and
//! is cut would keep up to twice as much, for as long as the part is on its way.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use object_store::PutPayload;

/// Size of a piece, bytes.
const PIECE: usize = 1 << 20;

#[derive(Default)]
pub(crate) struct Waiting {
    pieces: VecDeque<Bytes>,
    /// The last piece, which has room.
    filling: BytesMut,
    size_bytes: usize,
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        self.size_bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size_bytes == 0
    }

    pub(crate) fn add(&mut self, mut bytes: &[u8]) {
        self.size_bytes += bytes.len();
        while !bytes.is_empty() {
            if self.filling.is_empty() {
                self.filling = BytesMut::with_capacity(PIECE);
            }
            let (fits, rest) = bytes.split_at(bytes.len().min(PIECE - self.filling.len()));
            self.filling.extend_from_slice(fits);
            bytes = rest;
            if self.filling.len() == PIECE {
                self.close_piece();
            }
        }
    }

    /// The first `size_bytes`, or all where there are fewer.
    pub(crate) fn take(&mut self, size_bytes: usize) -> PutPayload {
        let mut wanted = size_bytes.min(self.size_bytes);
        self.size_bytes -= wanted;
        let mut taken = Vec::new();
        while wanted > 0 {
            let Some(mut piece) = self.pieces.pop_front() else {
                self.close_piece();
                continue;
            };
            if piece.len() > wanted {
                self.pieces.push_front(piece.split_off(wanted));
            }
            wanted -= piece.len();
            taken.push(piece);
        }
        taken.into_iter().collect()
    }

    pub(crate) fn take_all(&mut self) -> PutPayload {
        self.take(self.size_bytes)
    }

    fn close_piece(&mut self) {
        self.pieces.push_back(self.filling.split().freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_taken_in_order_and_never_more_than_there_is() {
        let all: Vec<u8> = (0..5 * PIECE + 3).map(|it| u8::try_from(it % 251).unwrap()).collect();
        for (added, taken) in
            [(7, PIECE), (PIECE, 1), (PIECE / 3, 2 * PIECE + 1), (all.len(), all.len()), (3 * PIECE, PIECE)]
        {
            let (mut waiting, mut found) = (Waiting::default(), Vec::new());
            for bytes in all.chunks(added) {
                waiting.add(bytes);
                while waiting.len() >= taken + 5 {
                    let part = waiting.take(taken);
                    assert_eq!(part.content_length(), taken, "{added} {taken}");
                    part.iter().for_each(|piece| found.extend_from_slice(piece));
                }
            }
            assert_eq!(waiting.len(), all.len() - found.len());
            waiting.take_all().iter().for_each(|piece| found.extend_from_slice(piece));
            assert!(found == all && waiting.is_empty(), "{added} {taken}");
            assert_eq!(waiting.take(1).content_length(), 0);
        }
    }

    #[test]
    fn a_part_keeps_little_more_than_its_bytes() {
        let mut waiting = Waiting::default();
        (0..9 * PIECE / 1000).for_each(|_| waiting.add(&[7; 1000]));
        let part = waiting.take(8 * PIECE);
        assert_eq!(part.iter().map(Bytes::len).max(), Some(PIECE));
        assert!(waiting.pieces.iter().map(Bytes::len).sum::<usize>() + waiting.filling.capacity() <= 2 * PIECE);
    }
}
