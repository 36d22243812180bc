//! Where a record lay: what a letter is known by.

use std::fmt;
use std::str::FromStr;

/// Where a record lay.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Configured name of this life of the topic; empty on letters of versions that did not write it.
    pub source_name: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Place {
    /// The key of the letter and of its markers.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}-{}", self.partition, self.offset)
    }
}

impl fmt::Display for Place {
    /// What people name it by: `main/3-118`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source_name.is_empty() {
            return formatter.write_str(&self.key());
        }
        write!(formatter, "{}/{}", self.source_name, self.key())
    }
}

/// How a person names a letter: `3-118`, or `main/3-118` where several lives of the topic have that offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceName {
    source_name: Option<String>,
    partition: i32,
    offset: i64,
}

impl PlaceName {
    /// True where it names this place.
    #[must_use]
    pub fn names(&self, place: &Place) -> bool {
        (self.partition, self.offset) == (place.partition, place.offset)
            && self.source_name.as_ref().is_none_or(|name| *name == place.source_name)
    }
}

impl fmt::Display for PlaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.source_name {
            write!(formatter, "{name}/")?;
        }
        write!(formatter, "{}-{}", self.partition, self.offset)
    }
}

/// Not the name of a letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a letter is named by the partition and offset it came from, 3-118, or with the source, main/3-118")]
pub struct NoPlaceName;

impl FromStr for PlaceName {
    type Err = NoPlaceName;

    fn from_str(text: &str) -> Result<Self, NoPlaceName> {
        let (source_name, place) = match text.rsplit_once('/') {
            Some((name, place)) => (Some(name.to_owned()), place),
            None => (None, text),
        };
        let (partition, offset) = place.split_once('-').ok_or(NoPlaceName)?;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(partition) || !is_number(offset) {
            return Err(NoPlaceName);
        }
        let partition = partition.parse().map_err(|_| NoPlaceName)?;
        Ok(Self { source_name, partition, offset: offset.parse().map_err(|_| NoPlaceName)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letter_is_named_by_partition_and_offset_and_if_need_be_by_source() {
        let place =
            Place { source_name: "main".to_owned(), topic: "connection-events".to_owned(), partition: 3, offset: 118 };
        for (text, names) in [("3-118", true), ("main/3-118", true), ("main-2/3-118", false), ("3-119", false)] {
            let name: PlaceName = text.parse().unwrap();
            assert_eq!((name.names(&place), name.to_string().as_str()), (names, text));
        }
        assert_eq!(place.to_string(), "main/3-118");
        for text in ["", "3", "3-", "-1", "3--1", "x-1", "3-99999999999999999999"] {
            assert_eq!(text.parse::<PlaceName>(), Err(NoPlaceName), "{text}");
        }
    }
}
