//! Standard input, or anything else that is read once from its beginning to its end.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;

use super::{FromSource, SourceId};
use crate::config::Wrapping;
use crate::line::Reached;
use crate::pipeline::LineSource;

/// The source that standard input is. Files are numbered from 1.
pub const STDIN: SourceId = SourceId(0);
/// Its name in headers and keys.
pub const STDIN_NAME: &str = "-";

/// Reads `input` to its end, and hands its lines over until `emit` says that nobody wants more. A last line without its end is
/// a line. There is no position: nobody can read a pipe again.
///
/// # Errors
/// Those of reading.
pub fn read_stream(
    mut input: impl Read,
    wrapping: Wrapping,
    mut emit: impl FnMut(FromSource) -> bool,
) -> io::Result<()> {
    let mut source = LineSource::new(wrapping, Reached::default());
    let mut buffer = vec![0; 64 * 1024];
    let (name, reached) = (Arc::from(STDIN_NAME), Reached::default());
    let mut is_wanted = emit(FromSource::Opened { source: STDIN, name, mark: None, reached, file: None });
    while is_wanted {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut lines = Vec::new();
        source.feed(&Bytes::copy_from_slice(&buffer[..count]), |line| lines.push(line));
        is_wanted = emit(FromSource::Read { source: STDIN, lines, bytes: count as u64, fingerprint: None });
    }
    if is_wanted {
        let mut lines = Vec::new();
        source.finish(|line| lines.push(line));
        emit(FromSource::Read { source: STDIN, lines, bytes: 0, fingerprint: None });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_of_a_stream_needs_no_end() {
        let mut lines = Vec::new();
        read_stream(&b"one\ntwo"[..], Wrapping::None, |message| {
            if let FromSource::Read { lines: read, .. } = message {
                lines.extend(read.into_iter().map(|line| line.content.kept().to_vec()));
            }
            true
        })
        .unwrap();
        assert_eq!(lines, [b"one".to_vec(), b"two".to_vec()]);
    }
}
