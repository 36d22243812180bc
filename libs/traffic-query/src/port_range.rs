//! A range of ports.

use std::fmt;
use std::str::FromStr;

/// Ports from `first` to `last`, both in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// The lowest.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// True where it holds the port.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl FromStr for PortRange {
    type Err = &'static str;

    /// `443` or `8000-8999`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| -> Result<u16, &'static str> {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number).ok_or("is no port from 0 to 65535, nor two with a hyphen")
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self { first: port(first)?, last: port(last)? };
        if range.first <= range.last { Ok(range) } else { Err("begins above its end") }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(formatter)
        } else {
            write!(formatter, "{}-{}", self.first, self.last)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_port_or_two_with_a_hyphen() {
        for text in ["0", "443", "8000-8999", "0-65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        assert_eq!("443-443".parse(), "443".parse::<PortRange>());
        for text in ["", "-", "65536", "1-", "-1", "+1", "2-1", "http"] {
            assert!(text.parse::<PortRange>().is_err(), "{text}");
        }
    }
}
