//! What a letter holds of a record that the dead-letter topic does not take whole: no record is too large to be refused.

use schemas::sha256;

use crate::letter::Letter;

/// So much of the value is kept, as of lines.
const VALUE_KEPT_BYTES: usize = 64 << 10;
/// So much of the headers, those that come first; and of the key, which is a number where the publisher did right.
const HEADERS_KEPT_BYTES: usize = 64 << 10;
const KEY_KEPT_BYTES: usize = 1 << 10;

/// What is said of a record whose letter holds only its beginning. The whole one lies where it was refused, as long as Kafka keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Length of the record's value, bytes.
    pub length: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Letter<'_> {
    /// The same with the beginning of its record; `None` beside it: that is all of it.
    pub(crate) fn beginning(&self) -> (Self, Option<Cut>) {
        let mut left = HEADERS_KEPT_BYTES;
        let fits = |(name, value): &&(&str, &[u8])| match left.checked_sub(name.len() + value.len()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let headers = self.headers.iter().take_while(fits).count();
        let beginning = Self {
            payload: first(self.payload, VALUE_KEPT_BYTES),
            key: self.key.map(|key| first(key, KEY_KEPT_BYTES)),
            headers: &self.headers[..headers],
            ..*self
        };
        let is_whole = beginning.payload.len() == self.payload.len()
            && beginning.key.map(<[u8]>::len) == self.key.map(<[u8]>::len)
            && headers == self.headers.len();
        let cut =
            (!is_whole).then(|| Cut { length: self.payload.len() as u64, sha256: sha256::hexadecimal(self.payload) });
        (beginning, cut)
    }
}

fn first(bytes: &[u8], most: usize) -> &[u8] {
    &bytes[..bytes.len().min(most)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::tests::letter;

    #[test]
    fn small_letter_is_its_own_beginning() {
        let value = vec![7; VALUE_KEPT_BYTES];
        let small = Letter { payload: &value, headers: &[("trace", b"7")], ..letter(118) };
        let (beginning, cut) = small.beginning();
        assert_eq!((beginning.payload.len(), beginning.headers.len(), cut), (VALUE_KEPT_BYTES, 1, None));
    }

    #[test]
    fn whatever_is_large_is_cut_and_said_so() {
        let (value, key, header) = (vec![7; VALUE_KEPT_BYTES + 1], vec![8; 1 << 20], vec![9; HEADERS_KEPT_BYTES]);
        let headers: [(&str, &[u8]); 3] = [("trace", b"7"), ("large", &header), ("behind", b"")];
        let large = Letter { payload: &value, key: Some(&key), headers: &headers, ..letter(118) };
        let (beginning, cut) = large.beginning();
        assert_eq!(beginning.payload, &value[..VALUE_KEPT_BYTES]);
        assert_eq!((beginning.key.unwrap().len(), beginning.headers), (KEY_KEPT_BYTES, &headers[..1]));
        assert_eq!((beginning.offset, beginning.reason), (118, large.reason));
        let cut = cut.unwrap();
        assert_eq!((cut.length, &cut.sha256), (value.len() as u64, &sha256::hexadecimal(&value)));
        for one in [
            Letter { payload: &value, ..letter(1) },
            Letter { key: Some(&key), ..letter(1) },
            Letter { headers: &headers, ..letter(1) },
        ] {
            assert!(one.beginning().1.is_some());
        }
    }
}
