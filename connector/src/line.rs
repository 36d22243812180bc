//! One log line, in bounded memory whatever its length.

use std::sync::LazyLock;

use bytes::Bytes;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What stands before an event's JSON.
pub const ANALYTICS_PREFIX: &[u8] = b"ANALYTICS ";
/// Longest line that is read, in bytes, without its end.
pub const LINE_BYTES_MAX: usize = 512 * 1024;
/// How much of a longer one is kept for its dead letter, in bytes.
pub const LONG_LINE_HEAD_BYTES: usize = 64 * 1024;

/// A line with its place in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its bytes.
    pub content: Content,
    /// Offset of its first byte in the source; of its first part where it was split.
    pub start: u64,
    /// Offset after its end. Lines of a source come in the order of their ends.
    pub end: u64,
    /// Where to read on when this line and all lines before it are done.
    pub next: u64,
}

impl Line {
    /// How far its source is done when this line and all lines before it are.
    #[must_use]
    pub fn reached(&self) -> Reached {
        Reached { offset: self.next, done: self.end }
    }
}

/// How far a source is done, and so where to read on in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Everything before is done.
    pub offset: u64,
    /// So are lines that end up to here. It is behind `offset` while a line of a container's other stream has begun: what lies between is read
    /// again for its sake, and the lines that end there are passed over.
    #[serde(default)]
    pub done: u64,
}

impl Reached {
    /// Everything before `offset` is done, and no line has begun there.
    #[must_use]
    pub fn at(offset: u64) -> Self {
        Self { offset, done: offset }
    }

    /// Up to here lines have their fates: of what lies behind `offset` only the beginning of a line is read again.
    #[must_use]
    pub fn end(self) -> u64 {
        self.offset.max(self.done)
    }
}

/// The bytes of a line, without `\r` and `\n` at the end: a piece of what was read, or bytes of its own where it was in several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// All of them.
    Whole(Bytes),
    /// The beginning of a line that is longer than [`LINE_BYTES_MAX`].
    Long(LongLine),
    /// A line of a container's log that is not wrapped as the config says; all of it.
    NotWrapped(Bytes),
}

/// What is known of a line that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongLine {
    /// Its first [`LONG_LINE_HEAD_BYTES`] bytes.
    pub head: Vec<u8>,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of all of it.
    pub sha256: [u8; 32],
    /// True where [`ANALYTICS_PREFIX`] stands anywhere in it.
    pub has_prefix: bool,
}

impl Content {
    /// Takes the line out of what was read with it, which is not held for its sake from then on.
    pub(crate) fn detach(&mut self) {
        if let Self::Whole(bytes) | Self::NotWrapped(bytes) = self {
            *bytes = Bytes::copy_from_slice(bytes);
        }
    }

    /// The bytes that are kept: all, or the beginning.
    #[must_use]
    pub fn kept(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) | Self::NotWrapped(bytes) => bytes,
            Self::Long(long) => &long.head,
        }
    }
}

/// Where [`ANALYTICS_PREFIX`] begins in `bytes`.
#[must_use]
pub fn find_prefix(bytes: &[u8]) -> Option<usize> {
    static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(ANALYTICS_PREFIX));
    if bytes.starts_with(ANALYTICS_PREFIX) { Some(0) } else { FINDER.find(bytes) }
}

/// Puts a line together from pieces. Holds at most [`LINE_BYTES_MAX`] bytes and one piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineBuilder {
    bytes: Vec<u8>,
    long: Option<LongTail>,
    /// Carriage returns at the end so far: part of the line only if something follows.
    returns: u64,
    begun: bool,
}

/// The part of a long line that is only counted, hashed and searched.
#[derive(Clone, Debug)]
struct LongTail {
    hash: Sha256,
    length: u64,
    has_prefix: bool,
    /// The last bytes, where a prefix may have begun.
    seam: Vec<u8>,
}

impl LineBuilder {
    /// True while nothing was pushed.
    pub(crate) fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Adds bytes, none of which is a line feed.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        self.begun |= !piece.is_empty();
        let body = piece.len() - piece.iter().rev().take_while(|byte| **byte == b'\r').count();
        if body > 0 {
            self.push_returns();
            self.append(&piece[..body]);
        }
        self.returns += (piece.len() - body) as u64;
    }

    /// The line; the builder is empty again.
    pub(crate) fn finish(&mut self) -> Content {
        let Self { bytes, long, .. } = std::mem::take(self);
        match long {
            None => Content::Whole(bytes.into()),
            Some(tail) => Content::Long(LongLine {
                head: bytes,
                length: tail.length,
                sha256: tail.hash.finalize().into(),
                has_prefix: tail.has_prefix,
            }),
        }
    }

    fn push_returns(&mut self) {
        const RETURNS: [u8; 4096] = [b'\r'; 4096];
        while self.returns > 0 {
            let count = self.returns.min(RETURNS.len() as u64);
            self.returns -= count;
            self.append(&RETURNS[..usize::try_from(count).unwrap_or(RETURNS.len())]);
        }
    }

    fn append(&mut self, part: &[u8]) {
        if let Some(tail) = &mut self.long {
            tail.append(part);
            return;
        }
        self.bytes.extend_from_slice(part);
        if self.bytes.len() > LINE_BYTES_MAX {
            self.long = Some(LongTail::of(&self.bytes));
            self.bytes.truncate(LONG_LINE_HEAD_BYTES);
            self.bytes.shrink_to_fit();
        }
    }
}

impl LongTail {
    fn of(beginning: &[u8]) -> Self {
        let mut tail = Self { hash: Sha256::new(), length: 0, has_prefix: false, seam: Vec::new() };
        tail.append(beginning);
        tail
    }

    fn append(&mut self, part: &[u8]) {
        self.hash.update(part);
        self.length += part.len() as u64;
        if !self.has_prefix {
            self.seam.extend_from_slice(part);
            self.has_prefix = find_prefix(&self.seam).is_some();
            let kept = self.seam.len().min(ANALYTICS_PREFIX.len() - 1);
            self.seam = self.seam.split_off(self.seam.len() - kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(pieces: &[&[u8]]) -> Content {
        let mut builder = LineBuilder::default();
        for piece in pieces {
            builder.push(piece);
        }
        builder.finish()
    }

    #[test]
    fn carriage_returns_count_only_where_something_follows() {
        assert_eq!(built(&[b"a\r", b"\r"]), Content::Whole(b"a"[..].into()));
        assert_eq!(built(&[b"a\r", b"\rb\r"]), Content::Whole(b"a\r\rb"[..].into()));
        assert_eq!(built(&[b"\r\r"]), Content::Whole(Bytes::new()));
    }

    #[test]
    fn line_of_the_greatest_length_is_whole() {
        let line = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(built(&[&line, b"\r\r\r"]), Content::Whole(line.into()));
    }

    #[test]
    fn longer_line_is_known_by_head_length_and_hash() {
        let mut line = vec![b'x'; LINE_BYTES_MAX + 1];
        line.extend_from_slice(b"ANALYTICS \r.");
        for step in [1000, 7, LINE_BYTES_MAX, usize::MAX] {
            let pieces: Vec<&[u8]> = line.chunks(step.min(line.len())).collect();
            let Content::Long(long) = built(&pieces) else { panic!("a long line") };
            assert_eq!(long.head, line[..LONG_LINE_HEAD_BYTES]);
            assert_eq!(long.length, line.len() as u64);
            assert_eq!(long.sha256, <[u8; 32]>::from(Sha256::digest(&line)));
            assert!(long.has_prefix, "step {step}");
        }
    }

    #[test]
    fn long_line_without_the_prefix_says_so() {
        let Content::Long(long) = built(&[&vec![b'x'; LINE_BYTES_MAX], b"ANALYTICS", b"\r "]) else { panic!("long") };
        assert!(!long.has_prefix);
    }
}
