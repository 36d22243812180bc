//! Texts of a dictionary, rendered once: quoted where it has to be, guarded where it is wanted, with what stands behind.

use clickhouse_io::native::Texts;

/// Bytes behind the last text, so that a copy of so many from any text is within bounds.
pub(crate) const SPARE: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Cells {
    bytes: Vec<u8>,
    spans: Vec<(u32, u32)>,
    longest: usize,
}

impl Cells {
    /// Takes the place of what was here before.
    pub(crate) fn fill(&mut self, texts: &Texts<'_>, guard: bool) {
        self.fill_with(texts.keys(), |out, key| {
            push_cell(out, key, guard);
            out.push(b',');
        });
    }

    /// Each text as `render` appends it, with what stands around it.
    pub(crate) fn fill_with<'a>(
        &mut self,
        keys: impl Iterator<Item = &'a [u8]>,
        mut render: impl FnMut(&mut Vec<u8>, &'a [u8]),
    ) {
        self.bytes.clear();
        self.spans.clear();
        self.longest = 0;
        for key in keys {
            let from = self.bytes.len();
            render(&mut self.bytes, key);
            let length = self.bytes.len() - from;
            self.longest = self.longest.max(length);
            // A block has 256 MiB at most, and what is written of a byte has six at most.
            #[expect(clippy::cast_possible_truncation, reason = "below 2^32")]
            self.spans.push((from as u32, length as u32));
        }
        self.bytes.extend_from_slice(&[0; SPARE]);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a text begins, and its length with what stands behind it.
    #[inline]
    pub(crate) fn span(&self, place: usize) -> (usize, usize) {
        let (from, length) = self.spans[place];
        (from as usize, length as usize)
    }

    /// Length of the longest text.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }
}

/// Appends a text as a cell: in quotes where it holds a comma, a quote, or a line end, and with an apostrophe before it where a
/// spreadsheet would take it for a formula and that is to be prevented.
pub(crate) fn push_cell(out: &mut Vec<u8>, text: &[u8], guard: bool) {
    let guarded: &[u8] = if guard && is_formula(text) { b"'" } else { b"" };
    if !needs_quotes(text) {
        out.extend_from_slice(guarded);
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    out.extend_from_slice(guarded);
    for byte in text {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

pub(crate) fn needs_quotes(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'))
}

fn is_formula(text: &[u8]) -> bool {
    matches!(text.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell(text: &str, guard: bool) -> String {
        let mut out = Vec::new();
        push_cell(&mut out, text.as_bytes(), guard);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cell_is_quoted_only_where_it_has_to_be() {
        for (text, rendered) in [
            ("plain", "plain"),
            (" padded ", " padded "),
            ("=SUM(A1)", "=SUM(A1)"),
            ("tab\there", "tab\there"),
            ("dc, frankfurt", "\"dc, frankfurt\""),
            ("Lab \"B\"", "\"Lab \"\"B\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("carriage\rreturn", "\"carriage\rreturn\""),
            ("", ""),
        ] {
            assert_eq!(cell(text, false), rendered);
        }
    }

    #[test]
    fn what_would_be_a_formula_is_guarded_where_that_is_wanted() {
        for (text, rendered) in [
            ("=1+2", "'=1+2"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@me", "'@me"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("=a,b", "\"'=a,b\""),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(cell(text, true), rendered);
        }
    }

    proptest! {
        #[test]
        fn cell_parses_back(text in any::<String>()) {
            let rendered = cell(&text, false);
            let parsed = match rendered.strip_prefix('"') {
                Some(inner) => inner.strip_suffix('"').unwrap().replace("\"\"", "\""),
                None => rendered,
            };
            prop_assert_eq!(parsed, text);
        }
    }
}
