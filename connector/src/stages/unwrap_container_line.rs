//! A line of a container's log to the piece of output that it holds.
//!
//! Docker's json-file driver writes `{"log":"…\n","stream":"stdout","time":"…"}` and splits output lines above 16 KiB: only
//! the last piece ends with `\n`. Kubernetes' CRI writes `TIME STREAM TAGS CONTENT`, where the first tag is `P` for a piece
//! that goes on and `F` for the last one.

use std::borrow::Cow;

use serde::Deserialize;

use crate::config::Wrapping;

/// Which of a container's outputs a piece comes from. Lines are put together for each on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a line of a container's log holds.
#[derive(Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Where the container wrote it.
    pub stream: Stream,
    /// What it wrote, without the line's end.
    pub bytes: Cow<'a, [u8]>,
    /// True where the line ends after it.
    pub ends_line: bool,
}

#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    stream: Stream,
}

/// Takes the wrapping off; `None` where `line` is not wrapped so.
#[must_use]
pub fn unwrap_container_line(wrapping: Wrapping, line: &[u8]) -> Option<Piece<'_>> {
    match wrapping {
        Wrapping::None => Some(Piece { stream: Stream::Stdout, bytes: Cow::Borrowed(line), ends_line: true }),
        Wrapping::Docker => unwrap_docker(line),
        Wrapping::Cri => unwrap_cri(line),
    }
}

fn unwrap_docker(line: &[u8]) -> Option<Piece<'_>> {
    let DockerLine { log, stream } = serde_json::from_slice(line).ok()?;
    let ends_line = log.ends_with('\n');
    let bytes = match log {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text).as_bytes()),
        Cow::Owned(mut text) => {
            text.truncate(text.len() - usize::from(ends_line));
            Cow::Owned(text.into_bytes())
        }
    };
    Some(Piece { stream, bytes, ends_line })
}

fn unwrap_cri(line: &[u8]) -> Option<Piece<'_>> {
    let mut words = line.splitn(4, |byte| *byte == b' ');
    let (_time, stream, tags) = (words.next()?, words.next()?, words.next()?);
    let stream = match stream {
        b"stdout" => Stream::Stdout,
        b"stderr" => Stream::Stderr,
        _ => return None,
    };
    let ends_line = match tags.split(|byte| *byte == b':').next()? {
        b"F" => true,
        b"P" => false,
        _ => return None,
    };
    Some(Piece { stream, bytes: Cow::Borrowed(words.next().unwrap_or_default()), ends_line })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(wrapping: Wrapping, line: &str) -> Option<(Stream, String, bool)> {
        let piece = unwrap_container_line(wrapping, line.as_bytes())?;
        Some((piece.stream, String::from_utf8(piece.bytes.into_owned()).ok()?, piece.ends_line))
    }

    #[test]
    fn docker_piece_is_the_text_of_its_log_key() {
        let line =
            r#"{"log":"say \"hi\" \u00e9\n","stream":"stderr","attrs":{"tag":"x"},"time":"2026-11-01T00:00:00Z"}"#;
        assert_eq!(piece(Wrapping::Docker, line), Some((Stream::Stderr, "say \"hi\" é".to_owned(), true)));
        let part = r#"{"log":"goes on","stream":"stdout"}"#;
        assert_eq!(piece(Wrapping::Docker, part), Some((Stream::Stdout, "goes on".to_owned(), false)));
    }

    #[test]
    fn cri_piece_is_what_follows_its_tags() {
        let line = |rest: &str| piece(Wrapping::Cri, &format!("2026-11-01T00:00:00.123456789Z stdout {rest}"));
        assert_eq!(line("F a  b "), Some((Stream::Stdout, "a  b ".to_owned(), true)));
        assert_eq!(line("P:x:y part"), Some((Stream::Stdout, "part".to_owned(), false)));
        assert_eq!(line("F"), Some((Stream::Stdout, String::new(), true)));
        assert_eq!(line("X a"), None);
    }

    #[test]
    fn line_without_the_wrapping_is_no_piece() {
        for wrapping in [Wrapping::Docker, Wrapping::Cri] {
            for line in ["", "ANALYTICS {}", "{\"log\":\"x\"}", "a b c d", "{\"log\":\"x\",\"stream\":\"stdlog\"}"] {
                assert_eq!(piece(wrapping, line), None, "{line}");
            }
        }
    }
}
