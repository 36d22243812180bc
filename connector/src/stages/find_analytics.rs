//! Which lines report a connection, and where their JSON stands.

use crate::error::Unreadable;
use crate::line::{ANALYTICS_PREFIX, Content, find_prefix};

/// The text behind the first `ANALYTICS ` of a line. `None`: the line has none and is passed over.
///
/// # Errors
/// A line that should report a connection, and is too long, not wrapped as it should be, or no UTF-8 there.
pub fn find_analytics(content: &Content) -> Result<Option<&str>, Unreadable> {
    match content {
        Content::Long(long) if long.has_prefix => Err(Unreadable::TooLong),
        Content::Long(_) => Ok(None),
        Content::NotWrapped(bytes) => find_prefix(bytes).map_or(Ok(None), |_| Err(Unreadable::NotWrapped)),
        Content::Whole(bytes) => {
            let Some(at) = find_prefix(bytes) else { return Ok(None) };
            let json = &bytes[at + ANALYTICS_PREFIX.len()..];
            simdutf8::basic::from_utf8(json).map(Some).map_err(|_| Unreadable::NotUtf8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::LongLine;

    fn whole(bytes: &[u8]) -> Content {
        Content::Whole(bytes.to_vec().into())
    }

    #[test]
    fn json_begins_after_the_first_prefix() {
        assert_eq!(
            find_analytics(&whole(b"12:00 INFO ANALYTICS {\"a\":\"ANALYTICS \"}")),
            Ok(Some("{\"a\":\"ANALYTICS \"}"))
        );
        assert_eq!(find_analytics(&whole(b"ANALYTICS ")), Ok(Some("")));
    }

    #[test]
    fn line_without_the_prefix_is_passed_over() {
        assert_eq!(find_analytics(&whole(b"ANALYTICS")), Ok(None));
        assert_eq!(find_analytics(&whole(b"\xff analytics {}")), Ok(None));
    }

    #[test]
    fn only_the_json_has_to_be_utf8() {
        assert_eq!(find_analytics(&whole(b"\xff ANALYTICS {}")), Ok(Some("{}")));
        assert_eq!(find_analytics(&whole(b"ANALYTICS {\xff}")), Err(Unreadable::NotUtf8));
    }

    #[test]
    fn long_line_is_unreadable_only_with_the_prefix() {
        let long = |has_prefix| Content::Long(LongLine { head: vec![], length: 600_000, sha256: [0; 32], has_prefix });
        assert_eq!(find_analytics(&long(true)), Err(Unreadable::TooLong));
        assert_eq!(find_analytics(&long(false)), Ok(None));
    }

    #[test]
    fn line_that_is_not_wrapped_is_unreadable_only_with_the_prefix() {
        assert_eq!(find_analytics(&Content::NotWrapped("ANALYTICS {}".into())), Err(Unreadable::NotWrapped));
        assert_eq!(find_analytics(&Content::NotWrapped("hello".into())), Ok(None));
    }
}
