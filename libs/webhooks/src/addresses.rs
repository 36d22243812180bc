//! Which addresses anybody may be led to: those of the public internet. The rest is somebody's own network, this machine, or nobody.

use std::net::IpAddr;
use std::sync::LazyLock;

use traffic_query::AddressRange;

/// What of IPv4 is not global unicast, by IANA's registry of special-purpose addresses and that of multicast.
const NOT_PUBLIC_FOUR: [&str; 15] = [
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // carriers' NAT, and metadata of some clouds
    "127.0.0.0/8",     // loopback
    "169.254.0.0/16",  // link-local, and metadata of most clouds
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments, and metadata of one cloud
    "192.0.2.0/24",    // documentation
    "192.88.99.0/24",  // relays of 6to4
    "192.168.0.0/16",  // private
    "198.18.0.0/15",   // benchmarks
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved, and broadcast
];

/// Of IPv6 only this is given out as global unicast: loopback, unique local, link-local, multicast and NAT64 (`64:ff9b::/96`, behind which IPv4
/// of any kind may stand) are outside.
const PUBLIC_SIX: &str = "2000::/3";

/// What of that is none all the same.
const NOT_PUBLIC_SIX: [&str; 4] = [
    "2001::/23",     // protocol assignments: Teredo, which holds IPv4, and others
    "2001:db8::/32", // documentation
    "2002::/16",     // 6to4, which holds IPv4
    "3fff::/20",     // documentation
];

struct Table {
    public_six: Vec<AddressRange>,
    not_public: Vec<AddressRange>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    // Constants, each of which a test has read.
    let read = |text: &&str| text.parse().ok();
    Table {
        public_six: [PUBLIC_SIX].iter().filter_map(read).collect(),
        not_public: NOT_PUBLIC_FOUR.iter().chain(&NOT_PUBLIC_SIX).filter_map(read).collect(),
    }
});

/// Whether the address is one of the public internet. IPv4 mapped into IPv6 is IPv4.
pub(crate) fn is_public(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_in = |ranges: &[AddressRange]| ranges.iter().any(|range| range.contains(address.into()));
    (address.is_ipv4() || is_in(&TABLE.public_six)) && !is_in(&TABLE.not_public)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_range_of_the_table_is_read() {
        assert_eq!((TABLE.public_six.len(), TABLE.not_public.len()), (1, NOT_PUBLIC_FOUR.len() + NOT_PUBLIC_SIX.len()));
    }

    #[test]
    fn addresses_of_nobody_and_of_somebodys_own_network_are_not_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.100.100.200", // metadata
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254", // metadata
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192", // metadata
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe", // NAT64 of metadata
            "64:ff9b::808:808",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:a00:1::",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254", // metadata
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn neighbours_of_those_are_public() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "2a00::1",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        /// The standard library's own words for what they cover.
        #[test]
        fn nothing_that_the_standard_library_knows_as_special_is_public(bits: u32, six: u128) {
            let four = Ipv4Addr::from(bits);
            let special = four.is_private() || four.is_loopback() || four.is_link_local() || four.is_multicast()
                || four.is_broadcast() || four.is_documentation() || four.is_unspecified();
            prop_assert!(!special || !is_public(four.into()));
            prop_assert_eq!(is_public(four.into()), is_public(four.to_ipv6_mapped().into()));
            let six = Ipv6Addr::from(six);
            let special = six.is_unique_local() || six.is_unicast_link_local() || six.is_multicast() || six.is_loopback();
            prop_assert!(!special || !is_public(six.into()));
        }
    }
}
