//! An IP address as events carry it: 16 bytes, IPv4 mapped to IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// An IPv4 or IPv6 address without zone. `::ffff:192.0.2.1` and `192.0.2.1` are the same address and print as the latter;
/// IPv6 prints as RFC 5952.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(#[serde(with = "crate::fixed16")] [u8; 16]);

impl Address {
    /// From 16 bytes in network order.
    #[must_use]
    pub const fn from_octets(octets: [u8; 16]) -> Self {
        Self(octets)
    }

    /// 16 bytes in network order.
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        self.0
    }

    /// The address in its own family.
    #[must_use]
    pub fn to_ip(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(four) => four.into(),
            IpAddr::V6(six) => Self(six.octets()),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self(address.to_ipv6_mapped().octets())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(formatter)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(formatter)
    }
}

/// The address that a text is, without a port and without a zone; `None` for anything else.
#[must_use]
pub fn parse_bare_address(text: &str) -> Option<Address> {
    text.parse::<IpAddr>().ok().map(Address::from)
}

/// The address of a text that may carry a port, which is cut off: `192.0.2.1:443`, `[2001:db8::1]:443`, `[2001:db8::1]`.
/// `None` where no address is left.
#[must_use]
pub fn parse_address_with_port(text: &str) -> Option<Address> {
    let is_port = |port: &str| (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(inside) = text.strip_prefix('[') {
        let (address, rest) = inside.split_once(']')?;
        let whole = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return if whole { parse_bare_address(address) } else { None };
    }
    match text.split_once(':') {
        Some((address, port)) if is_port(port) => parse_bare_address(address),
        _ => parse_bare_address(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_is_cut_off_and_the_mapped_form_is_ipv4() {
        for (text, printed) in [
            ("192.0.2.1:443", "192.0.2.1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[192.0.2.1]:99999", "192.0.2.1"),
            ("[2001:DB8:0:0:1::1]", "2001:db8::1:0:0:1"),
            ("::ffff:192.0.2.77", "192.0.2.77"),
            ("::", "::"),
            ("::1.2.3.4", "::102:304"),
        ] {
            assert_eq!(parse_address_with_port(text).map(|address| address.to_string()).as_deref(), Some(printed));
        }
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in [
            "",
            ":443",
            "192.0.2.1:https",
            "192.0.2.1:123456",
            "192.0.2.1:",
            "10.20.0.300",
            "010.0.0.1",
            "fe80::1%eth0",
            "[::1]x",
            "[::1",
            "1::2:3:4:5:6:7:8",
            "wiki.corp.example",
        ] {
            assert_eq!(parse_address_with_port(text), None, "{text}");
        }
    }
}
