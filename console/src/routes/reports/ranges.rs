//! Parts of a file: which bytes are asked for, and of which version of it.

use std::ops::Range;

use axum::http::header::{IF_RANGE, RANGE};
use axum::http::{HeaderMap, HeaderValue};
use report_store::StoredFile;
use schemas::times::Moment;
use sha2::{Digest, Sha256};
use traffic_query::time_range::http_date;

use crate::error::Refusal;

/// Digits of a tag; each is four bits.
const TAG_DIGITS: usize = 32;

/// What a file is known again by. No file is overwritten, but a report that is made anew has another one under the same URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// `ETag`, a strong one: the same tag, the same bytes.
    pub(super) tag: String,
    /// `Last-Modified`.
    pub(super) written: String,
}

impl Version {
    pub(super) fn new(key: &str, file: &StoredFile) -> Self {
        let StoredFile { size_bytes, written_at_seconds, tag } = file;
        let said = format!("{key}\n{size_bytes}\n{written_at_seconds}\n{}", tag.as_deref().unwrap_or_default());
        let digits: String = Sha256::digest(said).iter().map(|byte| format!("{byte:02x}")).collect();
        let written = Moment::from_micros(written_at_seconds.saturating_mul(1_000_000));
        Self { tag: format!("\"{}\"", &digits[..TAG_DIGITS]), written: http_date(written) }
    }

    /// Whether `If-Range` allows a part: it is not there, or names this version. A weak tag names none.
    fn is_meant(&self, if_range: Option<&HeaderValue>) -> bool {
        if_range.is_none_or(|said| said == self.tag.as_str() || said == self.written.as_str())
    }
}

/// The bytes that are asked for; `None`: the whole file. Who goes on with a file that is another one now gets all of it.
pub(super) fn asked_for(headers: &HeaderMap, version: &Version, size: u64) -> Result<Option<Range<u64>>, Refusal> {
    let text = headers.get(RANGE).and_then(|value| value.to_str().ok());
    match text {
        Some(text) if version.is_meant(headers.get(IF_RANGE)) => byte_range(text, size),
        _ => Ok(None),
    }
}

/// The one range that a `Range` header asks for; `None` where it asks for what is not served in part: then the whole file is.
fn byte_range(text: &str, size: u64) -> Result<Option<Range<u64>>, Refusal> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    if last.contains(',') {
        return Ok(None);
    }
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.is_empty() => first..size,
        (Err(_), Ok(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Ok(None),
    };
    if range.is_empty() { Err(Refusal::OutsideOfFile) } else { Ok(Some(range)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tag: &str) -> StoredFile {
        StoredFile { size_bytes: 10, written_at_seconds: 784_111_777, tag: Some(tag.to_owned()) }
    }

    #[test]
    fn one_range_is_served_and_others_are_not() {
        assert_eq!(byte_range("bytes=0-9", 100), Ok(Some(0..10)));
        assert_eq!(byte_range("bytes=90-", 100), Ok(Some(90..100)));
        assert_eq!(byte_range("bytes=-5", 100), Ok(Some(95..100)));
        assert_eq!(byte_range("bytes=90-500", 100), Ok(Some(90..100)));
        assert_eq!(byte_range("bytes=100-", 100), Err(Refusal::OutsideOfFile));
        assert_eq!(byte_range("bytes=0-1,5-6", 100), Ok(None));
        assert_eq!(byte_range("lines=0-1", 100), Ok(None));
    }

    #[test]
    fn version_is_another_one_where_anything_of_the_file_is() {
        let version = Version::new("acme/1.csv", &file("a"));
        assert_eq!(version, Version::new("acme/1.csv", &file("a")));
        assert_eq!(version.written, "Sun, 06 Nov 1994 08:49:37 GMT");
        let others = [
            Version::new("acme/2.csv", &file("a")),
            Version::new("acme/1.csv", &file("b")),
            Version::new("acme/1.csv", &StoredFile { size_bytes: 11, ..file("a") }),
            Version::new("acme/1.csv", &StoredFile { written_at_seconds: 784_111_778, ..file("a") }),
        ];
        assert!(others.iter().all(|other| other.tag != version.tag));
    }

    #[test]
    fn part_is_given_of_the_version_that_is_meant() {
        let version = Version::new("acme/1.csv", &file("a"));
        let asked = |if_range: Option<&str>| {
            let mut headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=5-"))]);
            headers.extend(if_range.map(|said| (IF_RANGE, said.parse().unwrap())));
            asked_for(&headers, &version, 10).unwrap()
        };
        for meant in [None, Some(version.tag.as_str()), Some("Sun, 06 Nov 1994 08:49:37 GMT")] {
            assert_eq!(asked(meant), Some(5..10), "{meant:?}");
        }
        for other in
            [format!("W/{}", version.tag), "\"another\"".to_owned(), "Sun, 06 Nov 1994 08:49:38 GMT".to_owned()]
        {
            assert_eq!(asked(Some(&other)), None, "{other}");
        }
        assert_eq!(asked_for(&HeaderMap::new(), &version, 10), Ok(None));
    }
}
