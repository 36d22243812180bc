//! Where a request comes from: the other side of its connection, or, where that is a proxy that the operator trusts, whom the proxy had it from.
//!
//! `X-Forwarded-For` is read from its end, where each proxy puts the address that it saw. What a trusted proxy has put there is believed, and the
//! first address that is none of theirs is the client's: what stands before it anybody may have written. `Forwarded` (RFC 7239) is not read: few
//! proxies write it, and one that passes on what a stranger wrote into the other of two headers would be believed.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderValue};
use schemas::addresses::parse_address_with_port;
use traffic_query::AddressRange;

/// Where proxies say whom they had a request from.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Proxies that are believed; none of them by default.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies(Vec<AddressRange>);

impl TrustedProxies {
    /// Those of the configuration, which was checked.
    pub(crate) fn new(ranges: &[String]) -> Self {
        Self(ranges.iter().filter_map(|range| range.parse().ok()).collect())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(address.to_canonical().into()))
    }

    /// Who sent a request that came from `peer`. An entry that is no address ends the search: it was the proxy behind it who sent that.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
        let mut client = peer;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut entries = lines.map(HeaderValue::as_bytes).flat_map(|line| line.rsplit(|byte| *byte == b','));
        while self.trusts(client.ip()) {
            let entry = entries.next().and_then(|entry| std::str::from_utf8(entry).ok());
            let Some(address) = entry.and_then(|entry| parse_address_with_port(entry.trim())) else { break };
            // Its port is told by few, and wanted by nobody.
            client = SocketAddr::new(address.to_ip(), 0);
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&[u8]]) -> String {
        let trusted = TrustedProxies::new(&trusted.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        trusted.client(SocketAddr::new(peer.parse().unwrap(), 4711), &headers).ip().to_string()
    }

    const PROXIES: [&str; 2] = ["10.0.0.0/8", "2001:db8::/32"];

    #[test]
    fn peer_that_is_no_trusted_proxy_is_the_client_whatever_it_says() {
        assert_eq!(client(&[], "10.0.0.1", &[b"198.51.100.7"]), "10.0.0.1");
        assert_eq!(client(&PROXIES, "192.0.2.9", &[b"198.51.100.7"]), "192.0.2.9");
        assert_eq!(client(&PROXIES, "192.0.2.9", &[b"198.51.100.7, 10.0.0.1"]), "192.0.2.9");
    }

    #[test]
    fn client_is_the_last_address_that_is_none_of_the_proxies() {
        for (lines, expected) in [
            (&[&b"198.51.100.7"[..]][..], "198.51.100.7"),
            // What a stranger has written stands before it.
            (&[b"203.0.113.66, 198.51.100.7"], "198.51.100.7"),
            (&[b"10.0.0.9,198.51.100.7"], "198.51.100.7"),
            (&[b"198.51.100.7, 10.1.2.3,\t10.0.0.2 "], "198.51.100.7"),
            // Lines of one header are one list.
            (&[b"203.0.113.66", b"198.51.100.7", b"10.0.0.2"], "198.51.100.7"),
            (&[b"198.51.100.7:55000"], "198.51.100.7"),
            (&[b"2a00::7"], "2a00::7"),
            (&[b"[2a00::7]:55000, 2001:db8::5"], "2a00::7"),
            (&[b"::ffff:198.51.100.7"], "198.51.100.7"),
            // All of them are proxies: the first that is told of.
            (&[b"10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        ] {
            assert_eq!(client(&PROXIES, "10.0.0.1", lines), expected, "{lines:?}");
        }
        // A socket that takes both families shows IPv4 so.
        assert_eq!(client(&PROXIES, "::ffff:10.0.0.1", &[b"198.51.100.7"]), "198.51.100.7");
    }

    #[test]
    fn what_is_no_address_is_believed_by_nobody() {
        for line in [&b""[..], b"unknown", b"_hidden", b"10.0.0.300", b"198.51.100.7;x", b"\xff\xfe", b"198.51.100.7,"]
        {
            assert_eq!(client(&PROXIES, "10.0.0.1", &[line]), "10.0.0.1", "{line:?}");
        }
        assert_eq!(client(&PROXIES, "10.0.0.1", &[b"198.51.100.7, unknown, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&PROXIES, "10.0.0.1", &[]), "10.0.0.1");
    }
}
