//! Pieces of output to lines, for each of a container's streams on its own.

use super::unwrap_container_line::{Piece, Stream};
use crate::line::{Line, LineBuilder};

/// Puts split lines together again. Holds at most one line for each stream.
#[derive(Debug, Default)]
pub struct LineJoiner {
    stdout: OpenLine,
    stderr: OpenLine,
}

/// A line that may have begun.
#[derive(Debug, Default)]
struct OpenLine {
    builder: LineBuilder,
    /// Where its first piece begins; `None` before that.
    start: Option<u64>,
}

impl OpenLine {
    fn push(&mut self, bytes: &[u8], start: u64) {
        self.start.get_or_insert(start);
        self.builder.push(bytes);
    }
}

impl LineJoiner {
    /// Takes the piece that stands in the source from `start` to `end`; the line, where it ends there.
    pub fn feed(&mut self, piece: &Piece<'_>, start: u64, end: u64) -> Option<Line> {
        let open = match piece.stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        open.push(&piece.bytes, start);
        if !piece.ends_line {
            return None;
        }
        let start = open.start.take().unwrap_or(start);
        let content = open.builder.finish();
        Some(Line { content, start, end, next: self.next(end) })
    }

    /// Where to read on after `end`: at the first piece of a line that has begun, or at `end`.
    #[must_use]
    pub fn next(&self, end: u64) -> u64 {
        self.stdout.start.into_iter().chain(self.stderr.start).fold(end, u64::min)
    }

    /// The lines that have begun, which will not go on: the source is over at `end`, and so are they.
    pub fn finish(&mut self, end: u64) -> Vec<Line> {
        let mut open: Vec<OpenLine> = vec![std::mem::take(&mut self.stdout), std::mem::take(&mut self.stderr)];
        open.sort_by_key(|line| line.start);
        open.iter_mut()
            .filter_map(|line| Some(Line { start: line.start?, content: line.builder.finish(), end, next: end }))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::Content;

    fn piece(stream: Stream, text: &str, ends_line: bool) -> Piece<'_> {
        Piece { stream, bytes: text.as_bytes().into(), ends_line }
    }

    fn line(text: &str, start: u64, end: u64, next: u64) -> Line {
        Line { content: Content::Whole(text.to_owned().into()), start, end, next }
    }

    #[test]
    fn split_line_is_put_together_for_each_stream() {
        use Stream::{Stderr, Stdout};
        let mut joiner = LineJoiner::default();
        assert_eq!(joiner.feed(&piece(Stdout, "one ", false), 0, 10), None);
        assert_eq!(joiner.feed(&piece(Stderr, "other", true), 10, 20), Some(line("other", 10, 20, 0)));
        assert_eq!(joiner.feed(&piece(Stderr, "more", false), 20, 30), None);
        assert_eq!(joiner.feed(&piece(Stdout, "line\r", true), 30, 40), Some(line("one line", 0, 40, 20)));
        assert_eq!(joiner.feed(&piece(Stderr, "", true), 40, 50), Some(line("more", 20, 50, 50)));
        assert_eq!(joiner.finish(50), []);
    }

    #[test]
    fn lines_without_an_end_come_in_the_order_of_their_beginnings() {
        let mut joiner = LineJoiner::default();
        assert_eq!(joiner.feed(&piece(Stream::Stderr, "first", false), 0, 10), None);
        assert_eq!(joiner.feed(&piece(Stream::Stdout, "second", false), 10, 20), None);
        assert_eq!(joiner.finish(20), [line("first", 0, 20, 20), line("second", 10, 20, 20)]);
    }
}
