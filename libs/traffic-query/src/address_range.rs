//! A range of addresses in CIDR form, of either family.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use schemas::addresses::Address;

/// All addresses whose first bits are those of one. IPv4 lies in IPv6 as events have it: mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressRange {
    first: Address,
    /// Bits that are fixed, of 128.
    bits: u8,
}

/// Bits of an IPv6 address before the IPv4 address that is mapped into it.
const MAPPED_BITS: u8 = 96;

impl AddressRange {
    /// The lowest address in it.
    #[must_use]
    pub fn first(self) -> Address {
        self.first
    }

    /// The highest.
    #[must_use]
    pub fn last(self) -> Address {
        let free = u128::MAX.checked_shr(u32::from(self.bits)).unwrap_or(0);
        Address::from_octets((u128::from_be_bytes(self.first.octets()) | free).to_be_bytes())
    }

    /// True where it holds the address.
    #[must_use]
    pub fn contains(self, address: Address) -> bool {
        (self.first..=self.last()).contains(&address)
    }
}

impl FromStr for AddressRange {
    type Err = &'static str;

    /// An address, or an address and a number of bits behind a slash. Bits after those are not looked at: `10.1.2.3/8` is `10.0.0.0/8`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| "is no address")?;
        let before = if address.is_ipv4() { MAPPED_BITS } else { 0 };
        let bits = match length {
            None => 128,
            Some(length) if length.len() <= 3 && length.bytes().all(|byte| byte.is_ascii_digit()) => {
                let length: u8 = length.parse().map_err(|_| "has no length from 0 to 128 bits")?;
                before.checked_add(length).filter(|bits| *bits <= 128).ok_or("has more bits than its address")?
            }
            Some(_) => return Err("has no length from 0 to 128 bits"),
        };
        let fixed = !u128::MAX.checked_shr(u32::from(bits)).unwrap_or(0);
        let octets = u128::from_be_bytes(Address::from(address).octets()) & fixed;
        Ok(Self { first: Address::from_octets(octets.to_be_bytes()), bits })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A range that is wider than the mapped addresses has an IPv6 address, whatever that address is.
        if self.bits < MAPPED_BITS {
            return write!(formatter, "{}/{}", Ipv6Addr::from(self.first.octets()), self.bits);
        }
        let address = self.first.to_ip();
        let bits = if address.is_ipv4() { self.bits - MAPPED_BITS } else { self.bits };
        let all = if address.is_ipv4() { 32 } else { 128 };
        if bits == all { address.fmt(formatter) } else { write!(formatter, "{address}/{bits}") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::addresses::parse_bare_address;

    use super::*;

    fn range(text: &str) -> AddressRange {
        text.parse().unwrap()
    }

    #[test]
    fn range_holds_what_begins_with_its_bits() {
        for (text, printed, first, last) in [
            ("10.1.2.3/8", "10.0.0.0/8", "10.0.0.0", "10.255.255.255"),
            ("192.0.2.4", "192.0.2.4", "192.0.2.4", "192.0.2.4"),
            ("0.0.0.0/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255"),
            ("::ffff:192.0.2.4/128", "192.0.2.4", "192.0.2.4", "192.0.2.4"),
            ("2001:db8::1/32", "2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("::/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ] {
            let found = range(text);
            assert_eq!(found.to_string(), printed);
            assert_eq!(Some(found.first()), parse_bare_address(first));
            assert_eq!(Some(found.last()), parse_bare_address(last));
        }
        assert!(range("::/0").contains(parse_bare_address("192.0.2.4").unwrap()));
        assert!(!range("10.0.0.0/9").contains(parse_bare_address("10.128.0.0").unwrap()));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "::/129", "10.0.0/8", "wiki.corp.example", "::/+1"]
        {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_is_the_range_again(octets: [u8; 16], four: [u8; 4], is_four: bool, bits in 0_u8..=128) {
            let address = if is_four { IpAddr::from(four) } else { IpAddr::from(octets) };
            let bits = if is_four { bits.min(32) } else { bits };
            let found = range(&format!("{address}/{bits}"));
            prop_assert_eq!(found, range(&found.to_string()));
            prop_assert!(found.contains(address.into()));
        }
    }
}
