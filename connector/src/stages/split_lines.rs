//! Bytes to lines, which end at `\n`.

use crate::line::{Content, LineBuilder};

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
    pub fn feed(&mut self, chunk: &[u8], mut on_line: impl FnMut(SourceLine)) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            self.offset += part.len() as u64;
            match part.strip_suffix(b"\n") {
                None => self.builder.push(part),
                Some(rest) => {
                    self.builder.push(rest);
                    on_line(self.take());
                }
            }
        }
    }

    /// The last line, where it has no end; the source is over.
    pub fn finish(&mut self) -> Option<SourceLine> {
        if self.builder.is_empty() { None } else { Some(self.take()) }
    }

    fn take(&mut self) -> SourceLine {
        let line = SourceLine { content: self.builder.finish(), start: self.start, end: self.offset };
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
            splitter.feed(chunk, |line| found.push(line));
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
