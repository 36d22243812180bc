//! The order of the stages; the only file that names them all.
//!
//! Bytes of a source → [`split_lines`] → [`unwrap_container_line`] → [`join_split_lines`](crate::stages::join_split_lines) →
//! a [`Line`] → [`find_analytics`] → [`read_event`] → a [`Fate`] → [`encode_event`](crate::stages::encode_event) where it is an event,
//! with [`look_up_place`](crate::stages::look_up_place) where its line gives no location.
//!
//! [`split_lines`]: crate::stages::split_lines

use bytes::Bytes;
use schemas::ids::Tenant;

use crate::config::{LogVersion, Wrapping};
use crate::error::Unreadable;
use crate::line::{Content, Line, Reached};
use crate::stages::find_analytics::find_analytics;
use crate::stages::join_split_lines::LineJoiner;
use crate::stages::read_event::{EventFields, read_event};
use crate::stages::split_lines::{LineSplitter, SourceLine};
use crate::stages::unwrap_container_line::unwrap_container_line;

/// The first half: bytes of one source to lines. Holds at most one line, or one for each of a container's streams.
#[derive(Debug)]
pub struct LineSource {
    wrapping: Wrapping,
    splitter: LineSplitter,
    joiner: LineJoiner,
    end: u64,
    /// Lines that end up to here are done, and are passed over.
    done: u64,
}

impl LineSource {
    /// A source that is read on from where it is done.
    #[must_use]
    pub fn new(wrapping: Wrapping, Reached { offset, done }: Reached) -> Self {
        Self { wrapping, splitter: LineSplitter::new(offset), joiner: LineJoiner::default(), end: offset, done }
    }

    /// Takes the next bytes and hands over the lines that end in them.
    pub fn feed(&mut self, chunk: &Bytes, mut on_line: impl FnMut(Line)) {
        let Self { wrapping, splitter, joiner, end, done } = self;
        *end += chunk.len() as u64;
        splitter.feed(chunk, |line| {
            if let Some(line) = joined(*wrapping, joiner, line).filter(|line| line.end > *done) {
                on_line(line);
            }
        });
    }

    /// The source is over: what is left is lines too.
    pub fn finish(&mut self, mut on_line: impl FnMut(Line)) {
        let last = self.splitter.finish().and_then(|line| joined(self.wrapping, &mut self.joiner, line));
        let mut lines = self.joiner.finish(self.end);
        lines.extend(last);
        // All of them end here, so what is done is told by their beginnings: after each, reading goes on at the next one.
        let mut next = self.end;
        for line in lines.iter_mut().rev() {
            line.next = next;
            next = line.start;
        }
        // A line that ended here by itself says nothing of them.
        lines.into_iter().filter(|line| line.end >= self.done).for_each(&mut on_line);
    }
}

fn joined(wrapping: Wrapping, joiner: &mut LineJoiner, line: SourceLine) -> Option<Line> {
    let SourceLine { content, start, end } = line;
    let content = match (wrapping, content) {
        (Wrapping::None, content) | (_, content @ (Content::Long(_) | Content::NotWrapped(_))) => content,
        (Wrapping::Docker | Wrapping::Cri, Content::Whole(bytes)) => match unwrap_container_line(wrapping, &bytes) {
            Some(piece) => return joiner.feed(&piece, start, end),
            None => Content::NotWrapped(bytes),
        },
    };
    Some(Line { content, start, end, next: joiner.next(end) })
}

/// What becomes of a line: exactly one of these, so read = published + unreadable + passed over.
#[must_use = "a line without a fate is a lost line"]
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all are events, and none is kept")]
pub enum Fate<'a> {
    /// It reports a connection, and is published.
    Event(EventFields<'a>),
    /// It should report one, and cannot be read: a dead letter.
    Unreadable(Unreadable),
    /// It reports none.
    PassedOver,
}

/// The second half: a line to its fate.
#[derive(Clone, Debug)]
pub struct LineReader {
    tenant: Tenant,
    version: LogVersion,
}

impl LineReader {
    /// A reader of one tenant's lines.
    #[must_use]
    pub fn new(tenant: Tenant, version: LogVersion) -> Self {
        Self { tenant, version }
    }

    /// Reads one line.
    pub fn fate_of<'a>(&self, content: &'a Content) -> Fate<'a> {
        let read = find_analytics(content)
            .and_then(|json| json.map(|json| read_event(json, &self.tenant, self.version)).transpose());
        match read {
            Ok(Some(event)) => Fate::Event(event),
            Ok(None) => Fate::PassedOver,
            Err(reason) => Fate::Unreadable(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(wrapping: Wrapping, text: &str) -> Vec<(String, u64, u64)> {
        lines_from(Reached::default(), wrapping, text)
    }

    /// Text, start and next of each line that is read on.
    fn lines_from(reached: Reached, wrapping: Wrapping, text: &str) -> Vec<(String, u64, u64)> {
        let mut source = LineSource::new(wrapping, reached);
        let mut lines = Vec::new();
        let rest = &text.as_bytes()[usize::try_from(reached.offset).unwrap()..];
        source.feed(&Bytes::copy_from_slice(rest), |line| lines.push(line));
        source.finish(|line| lines.push(line));
        let text = |line: &Line| String::from_utf8_lossy(line.content.kept()).into_owned();
        lines.iter().map(|line| (text(line), line.start, line.next)).collect()
    }

    #[test]
    fn docker_lines_are_unwrapped_and_joined() {
        let parts = [
            r#"{"log":"one ","stream":"stdout"}"#,
            r#"{"log":"line\r\n","stream":"stdout"}"#,
            "ANALYTICS",
            r#"{"log":"end","stream":"stderr"}"#,
        ];
        let end = |count: usize| (parts[..count].join("\n").len() + 1) as u64;
        let found = lines(Wrapping::Docker, &parts.join("\n"));
        assert_eq!(found[0], ("one line".to_owned(), 0, end(2)));
        assert_eq!(found[1], ("ANALYTICS".to_owned(), end(2), end(3)));
        assert_eq!(found[2], ("end".to_owned(), end(3), end(4) - 1));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn cri_lines_are_unwrapped_and_joined() {
        let found = lines(Wrapping::Cri, "T stdout P one \nT stderr F two\nT stdout F line\n");
        assert_eq!(found, [("two".to_owned(), 16, 0), ("one line".to_owned(), 0, 47)]);
    }

    #[test]
    fn reading_on_after_any_line_gives_the_lines_behind_it_and_no_other() {
        let texts = [
            "T stdout P one \nT stderr F two\nT stdout F line\n",
            "T stderr P a\nT stdout P b\nT stderr F c\nT stdout P d\nT stderr P e\nT stdout F f\nT stderr F g\n",
            "T stdout P never \nT stderr F two\nT stderr P ended\nno wrapping",
            "T stdout P never \nT stderr F two\n",
        ];
        for text in texts {
            let mut source = LineSource::new(Wrapping::Cri, Reached::default());
            let (mut all, mut reached) = (lines(Wrapping::Cri, text), Vec::new());
            source.feed(&Bytes::from_static(text.as_bytes()), |line| reached.push(line.reached()));
            source.finish(|line| reached.push(line.reached()));
            assert!(all.len() > 1 && all.len() == reached.len(), "{all:?}");
            for reached in reached {
                all.remove(0);
                assert_eq!(lines_from(reached, Wrapping::Cri, text), all, "{reached:?} of {text}");
            }
        }
    }
}
