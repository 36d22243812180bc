//! Where a webhook may lead. Who may define one is no operator: without this, it would call whatever the exporter can reach.

use std::net::IpAddr;

use traffic_query::{AddressRange, FilterError};
use url::{Host, Url};

use crate::addresses::is_public;
use crate::config::AllowedConfig;

/// Longest URL, bytes.
const URL_MAX: usize = 2_048;
/// Ports that every public address may be called on.
const PORTS: [u16; 2] = [443, 8443];

/// Where what is sent goes, as far as its URL says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    url: Url,
    port: u16,
}

impl Target {
    /// The URL, in its normal form.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name that is to be resolved, or the address that it names itself.
    ///
    /// # Errors
    /// The address.
    pub fn name(&self) -> Result<&str, IpAddr> {
        match self.url.host() {
            Some(Host::Domain(name)) => Ok(name),
            Some(Host::Ipv4(address)) => Err(address.into()),
            Some(Host::Ipv6(address)) => Err(address.into()),
            // A URL that was checked has one.
            None => Ok(""),
        }
    }
}

/// What an operator lets through beside the public internet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    addresses: AddressRange,
    port: u16,
    http: bool,
}

/// Says where a webhook may lead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    allowed: Vec<Allowed>,
}

impl Guard {
    /// With what an operator lets through; ranges that cannot be read let nothing through.
    #[must_use]
    pub fn new(allowed: &[AllowedConfig]) -> Self {
        let read =
            |it: &AllowedConfig| Some(Allowed { addresses: it.addresses.parse().ok()?, port: it.port, http: it.http });
        Self { allowed: allowed.iter().filter_map(read).collect() }
    }

    /// Reads a URL. What its name resolves to is looked at when something is sent: [`Guard::permits`].
    ///
    /// # Errors
    /// What is wrong with field `url`.
    pub fn read(&self, text: &str) -> Result<Target, FilterError> {
        let wrong = |reason: &str| FilterError { field: "url".to_owned(), reason: reason.to_owned() };
        if text.len() > URL_MAX {
            return Err(wrong("is longer than 2048 bytes"));
        }
        let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
        let is_http = url.scheme() == "http";
        if url.scheme() != "https" && !(is_http && self.allowed.iter().any(|it| it.http)) {
            return Err(wrong("does not begin with https://"));
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err(wrong("has an account, a password or a fragment"));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        let target = Target { url, port };
        if !PORTS.contains(&port) && !self.allowed.iter().any(|it| it.port == port) {
            return Err(wrong("has a port that is neither 443 nor 8443, nor one that the operator allows"));
        }
        match target.name() {
            Err(address) if !self.permits(&target, address) => Err(wrong("has an address that may not be called")),
            Ok("") => Err(wrong("has no host")),
            Ok(_) | Err(_) => Ok(target),
        }
    }

    /// Whether what goes to the target may be sent to this address.
    #[must_use]
    pub fn permits(&self, target: &Target, address: IpAddr) -> bool {
        let is_http = target.url.scheme() == "http";
        let by_operator =
            |it: &Allowed| it.addresses.contains(address.into()) && it.port == target.port && (it.http || !is_http);
        let by_all = !is_http && PORTS.contains(&target.port) && is_public(address);
        by_all || self.allowed.iter().any(by_operator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowing(addresses: &str, port: u16, http: bool) -> Guard {
        Guard::new(&[AllowedConfig { addresses: addresses.to_owned(), port, http }])
    }

    #[test]
    fn url_leads_to_the_public_internet_over_tls() {
        let guard = Guard::default();
        for right in [
            "https://acme.example/hook?token=1",
            "https://acme.example:8443",
            "https://1.1.1.1/",
            "HTTPS://Acme.Example",
        ] {
            assert!(guard.read(right).is_ok(), "{right}");
        }
        let long = format!("https://acme.example/{}", "x".repeat(URL_MAX));
        for wrong in [
            "",
            "acme.example",
            "http://acme.example",
            "http://acme.example:443",
            "ftp://acme.example",
            "file:///etc/passwd",
            "https://",
            "https://user:password@acme.example",
            "https://user@acme.example",
            "https://acme.example/#part",
            "https://acme.example:22",
            "https://acme.example:9092",
            "https://acme.example:0",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f.0.0.1/",
            "https://0177.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            &long,
        ] {
            assert_eq!(guard.read(wrong).unwrap_err().field, "url", "{wrong}");
        }
    }

    #[test]
    fn address_behind_a_name_is_held_to_the_same() {
        let guard = Guard::default();
        let target = guard.read("https://acme.example/hook").unwrap();
        assert_eq!((target.name(), target.port()), (Ok("acme.example"), 443));
        assert!(guard.permits(&target, "1.1.1.1".parse().unwrap()));
        for address in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fe80::1"] {
            assert!(!guard.permits(&target, address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn operator_lets_through_an_address_on_a_port_and_no_more() {
        let guard = allowing("10.1.0.0/16", 9000, true);
        let target = guard.read("http://hooks.internal:9000/x").unwrap();
        assert!(guard.permits(&target, "10.1.2.3".parse().unwrap()));
        for address in ["10.2.0.1", "127.0.0.1", "1.1.1.1"] {
            assert!(!guard.permits(&target, address.parse().unwrap()), "{address}");
        }
        for wrong in ["http://10.1.2.3:9001/", "http://10.1.2.3/", "https://10.1.2.3/", "http://10.2.0.1:9000/"] {
            assert!(guard.read(wrong).is_err(), "{wrong}");
        }
        let public = guard.read("http://acme.example/").unwrap_err();
        assert!(public.reason.contains("port"), "port 80 is nobody's: {}", public.reason);
        let over_tls = allowing("127.0.0.1", 9443, false);
        assert!(over_tls.read("https://127.0.0.1:9443/").is_ok());
        assert!(over_tls.read("http://127.0.0.1:9443/").is_err());
    }
}
