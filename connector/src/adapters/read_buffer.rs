//! Room to read into, handed on as what was read, and taken back when nobody holds a line of it any more: new room for each read would
//! have to be filled with zeros first.

use std::collections::VecDeque;

use bytes::Bytes;

/// Pieces that are remembered, to be taken back.
const GIVEN_MAX: usize = 64;

/// The room of one reader.
pub struct ReadBuffer {
    room: Vec<u8>,
    given: VecDeque<Bytes>,
}

impl ReadBuffer {
    /// Room for so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { room: vec![0; bytes], given: VecDeque::new() }
    }

    /// Where to read to.
    pub fn room(&mut self) -> &mut [u8] {
        &mut self.room
    }

    /// The first `count` bytes of the room: the room itself, and another in its place, where it is full enough; else a copy.
    pub fn take(&mut self, count: usize) -> Bytes {
        let size = self.room.len();
        if count <= size / 2 {
            return Bytes::copy_from_slice(&self.room[..count]);
        }
        let next = self.taken_back(size);
        let mut full = std::mem::replace(&mut self.room, next);
        full.truncate(count);
        let full = Bytes::from(full);
        if self.given.len() == GIVEN_MAX {
            self.given.pop_front();
        }
        self.given.push_back(full.clone());
        full
    }

    /// Nothing is being read: what is remembered need not be kept for the next read.
    pub fn rest(&mut self) {
        self.given.clear();
    }

    /// The oldest piece where nobody else holds it any more, or new room.
    fn taken_back(&mut self, size: usize) -> Vec<u8> {
        let Some(oldest) = self.given.pop_front() else { return vec![0; size] };
        match oldest.try_into_mut() {
            Ok(free) => {
                let mut room = Vec::from(free);
                room.resize(size, 0);
                room
            }
            Err(held) => {
                self.given.push_front(held);
                vec![0; size]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffer: &mut ReadBuffer, sign: u8, count: usize) -> Bytes {
        buffer.room()[..count].fill(sign);
        buffer.take(count)
    }

    #[test]
    fn room_comes_back_only_when_nobody_holds_a_piece_of_it() {
        let mut buffer = ReadBuffer::new(100);
        let first = read(&mut buffer, 1, 100);
        let line = first.slice(10..20);
        let place = first.as_ptr();
        drop(first);
        let second = read(&mut buffer, 2, 90);
        assert_eq!((&line[..], &second[..]), (&[1; 10][..], &[2; 90][..]));
        drop((line, second));
        let third = read(&mut buffer, 3, 80);
        let fourth = read(&mut buffer, 4, 100);
        assert_eq!((&third[..], &fourth[..]), (&[3; 80][..], &[4; 100][..]));
        assert_eq!(fourth.as_ptr(), place, "the first room, whose lines are done");
    }

    #[test]
    fn little_is_copied_out() {
        let mut buffer = ReadBuffer::new(100);
        assert_eq!(&read(&mut buffer, 1, 50)[..], &[1; 50]);
        assert!(buffer.given.is_empty());
    }
}
