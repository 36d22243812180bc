//! JSON's texts, and degrees as the contract has them.

use std::io::Write;

/// Digits behind the point.
const DEGREE_DIGITS: usize = 6;

/// Appends a text in quotes, with the escapes that JSON needs and no others.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    // Pieces that stand for themselves, each with what has to be escaped behind it.
    for piece in text.split_inclusive(|byte| needs_escape(*byte)) {
        match piece.split_last() {
            Some((last, before)) if needs_escape(*last) => {
                out.extend_from_slice(before);
                push_escape(out, *last);
            }
            _ => out.extend_from_slice(piece),
        }
    }
    out.push(b'"');
}

fn needs_escape(byte: u8) -> bool {
    byte < b' ' || matches!(byte, b'"' | b'\\')
}

fn push_escape(out: &mut Vec<u8>, byte: u8) {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        other => {
            // A vector takes everything.
            let _ = write!(out, "\\u{other:04x}");
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// Appends a number of degrees, given as the bytes of a double: six digits, zeros at the end off but one, and no minus before zero.
pub(crate) fn degrees(out: &mut Vec<u8>, bytes: &[u8]) {
    let number = bytes.try_into().map_or(0.0, f64::from_le_bytes);
    let begin = out.len();
    let _ = write!(out, "{number:.DEGREE_DIGITS$}");
    while out.ends_with(b"0") && !out.ends_with(b".0") {
        out.pop();
    }
    if out[begin..] == *b"-0.0" {
        out.remove(begin);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text.as_bytes());
        String::from_utf8(out).unwrap()
    }

    fn degrees_of(number: f64) -> String {
        let mut out = b"before".to_vec();
        degrees(&mut out, &number.to_le_bytes());
        String::from_utf8(out).unwrap().split_off(6)
    }

    #[test]
    fn only_what_json_needs_is_escaped() {
        for (text, rendered) in [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("München 🏠 \u{202e}/", "\"München 🏠 \u{202e}/\""),
            ("Lab \"B\"", r#""Lab \"B\"""#),
            ("back\\slash", r#""back\\slash""#),
            ("\n\r\t\u{8}\u{c}\0\u{1f}\u{7f}", "\"\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\""),
        ] {
            assert_eq!(string(text), rendered);
        }
    }

    #[test]
    fn degrees_have_six_decimals_at_most_and_one_at_least() {
        for (number, text) in [
            (41.25, "41.25"),
            (-96.0, "-96.0"),
            (0.0, "0.0"),
            (-0.000_000_1, "0.0"),
            (50.930_000_4, "50.93"),
            (174.766_666_67, "174.766667"),
            (100.0, "100.0"),
        ] {
            assert_eq!(degrees_of(number), text);
        }
    }

    proptest! {
        #[test]
        fn string_is_that_of_a_json_library(text: String) {
            prop_assert_eq!(string(&text), serde_json::to_string(&text).unwrap());
        }
    }
}
