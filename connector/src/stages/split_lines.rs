//! Bytes to lines, which end at `\n`.

use bytes::Bytes;

use crate::line::{Content, LINE_BYTES_MAX, LineBuilder};

/// Cuts a stream of bytes, in chunks of any size, into lines. Holds at most one line, and of a long one only its beginning.
#[derive(Debug)]
pub struct LineSplitter {
    builder: LineBuilder,
    start: u64,
    offset: u64,
}

/// One line as it stands in the source.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// Its bytes.
    pub content: Content,
    /// Offset of its first byte.
    pub start: u64,
    /// Offset after its end.
    pub end: u64,
}

impl LineSplitter {
    /// A splitter whose first byte stands at `offset`.
    #[must_use]
    pub fn new(offset: u64) -> Self {
        Self { builder: LineBuilder::default(), start: offset, offset }
    }

    /// Takes the next bytes and hands over the lines that end in them.
    ///
    /// A line that lies in `chunk` as a whole is a piece of it, and not copied.
    pub fn feed(&mut self, chunk: &Bytes, mut on_line: impl FnMut(SourceLine)) {
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', chunk) {
            self.offset += (end + 1 - begin) as u64;
            let is_whole = self.builder.is_empty() && end - begin <= LINE_BYTES_MAX;
            let content = if is_whole {
                let line = &chunk[begin..end];
                let returns = line.iter().rev().take_while(|byte| **byte == b'\r').count();
                Content::Whole(chunk.slice(begin..end - returns))
            } else {
                self.builder.push(&chunk[begin..end]);
                self.builder.finish()
            };
            on_line(self.line(content));
            begin = end + 1;
        }
        self.offset += (chunk.len() - begin) as u64;
        self.builder.push(&chunk[begin..]);
    }

    /// The last line, where it has no end; the source is over.
    pub fn finish(&mut self) -> Option<SourceLine> {
        if self.builder.is_empty() {
            return None;
        }
        let content = self.builder.finish();
        Some(self.line(content))
    }

    /// The line that ends here: what was read of the next one does not count yet.
    fn line(&mut self, content: Content) -> SourceLine {
        let line = SourceLine { content, start: self.start, end: self.offset };
        self.start = self.offset;
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], step: usize) -> Vec<(Vec<u8>, u64, u64)> {
        let mut splitter = LineSplitter::new(10);
        let mut found = Vec::new();
        for chunk in text.chunks(step) {
            splitter.feed(&Bytes::copy_from_slice(chunk), |line| found.push(line));
        }
        found.extend(splitter.finish());
        found.into_iter().map(|line| (line.content.kept().to_vec(), line.start, line.end)).collect()
    }

    #[test]
    fn lines_are_the_same_in_chunks_of_any_size() {
        let text = b"one\r\n\ntwo\rtwo\n\r\nlast";
        let expected = vec![
            (b"one".to_vec(), 10, 15),
            (b"".to_vec(), 15, 16),
            (b"two\rtwo".to_vec(), 16, 24),
            (b"".to_vec(), 24, 26),
            (b"last".to_vec(), 26, 30),
        ];
        for step in 1..=text.len() {
            assert_eq!(lines(text, step), expected, "chunks of {step}");
        }
    }

    #[test]
    fn nothing_is_left_after_a_last_line_with_its_end() {
        assert_eq!(lines(b"a\n", 8).len(), 1);
    }
}
