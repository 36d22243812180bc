//! Networks (autonomous systems) of addresses.

use std::fmt;
use std::path::Path;

use schemas::addresses::Address;
use serde::Deserialize;

use crate::database::{Database, Edition, OpenError};

/// What holds AS numbers in MaxMind's form.
const TYPES: [&str; 2] = ["ASN", "GeoIP2-ISP"];

/// Which networks addresses belong to, as far as a database knows.
#[derive(Debug)]
pub struct NetworkDatabase(Database);

/// A network of the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Network<'a> {
    /// Its AS number.
    #[serde(rename = "autonomous_system_number")]
    pub asn: u32,
    /// Who runs it.
    #[serde(rename = "autonomous_system_organization")]
    pub organisation: Option<&'a str>,
}

/// `AS64496 Example`.
impl fmt::Display for Network<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AS{}", self.asn)?;
        self.organisation.map_or(Ok(()), |name| write!(formatter, " {name}"))
    }
}

impl NetworkDatabase {
    /// Reads a database of AS numbers.
    ///
    /// # Errors
    /// When there is none, or it is damaged or of something else.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Database::open(path, &TYPES).map(Self)
    }

    /// Which issue it is.
    #[must_use]
    pub fn edition(&self) -> &Edition {
        self.0.edition()
    }

    /// The network of an address; `None` where the database does not know it.
    #[must_use]
    pub fn network_of(&self, address: Address) -> Option<Network<'_>> {
        self.0.entry(address)
    }
}
