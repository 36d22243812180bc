//! Confluent wire format: the five bytes in front of an Avro body.

use std::fmt;

/// What a registry calls a schema; part of every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SchemaId(u32);

impl SchemaId {
    /// The id of this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The five bytes that stand before the body.
    #[must_use]
    pub const fn prefix(self) -> [u8; 5] {
        let [first, second, third, fourth] = self.0.to_be_bytes();
        [0, first, second, third, fourth]
    }

    /// The schema id of a value in wire format; `None` where it is none. Says nothing about the body.
    #[must_use]
    pub fn of_value(value: &[u8]) -> Option<Self> {
        split(value).map(|(id, _)| id)
    }
}

impl fmt::Display for SchemaId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Id and body of a value; `None` where it is not in wire format.
pub(crate) fn split(value: &[u8]) -> Option<(SchemaId, &[u8])> {
    let (prefix, body) = value.split_first_chunk::<5>()?;
    let [0, id @ ..] = *prefix else { return None };
    Some((SchemaId(u32::from_be_bytes(id)), body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_stands_big_endian_after_a_zero() {
        let value = [&SchemaId::new(258).prefix()[..], b"body"].concat();
        assert_eq!(value[..5], [0, 0, 0, 1, 2]);
        assert_eq!(split(&value), Some((SchemaId::new(258), &b"body"[..])));
    }

    #[test]
    fn anything_else_is_not_wire_format() {
        for value in [&b""[..], &[0, 0, 0, 1], &[1, 0, 0, 0, 1, 7]] {
            assert_eq!(split(value), None);
        }
    }
}
