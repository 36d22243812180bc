//! The networks (AS) of addresses that are shown. Looked up when an answer is made, and counted by nothing.

use std::path::Path;

use address_lookup::{NetworkDatabase, OpenError};
use schemas::addresses::{Address, parse_bare_address};
use serde::Serialize;
use traffic_query::Dimension;
use utoipa::ToSchema;

/// The database of `console.asn_database`; without it nothing has a network.
#[derive(Debug, Default)]
pub struct Networks(Option<NetworkDatabase>);

/// The network of an address, as far as the configured database knows.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Network {
    /// AS number.
    asn: u32,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
}

/// The database that networks come from.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct NetworkEdition {
    /// As the file has it, `GeoLite2-ASN`.
    database_type: String,
    /// When it was built.
    built_at: String,
}

impl Networks {
    /// Reads the database, where one is configured.
    ///
    /// # Errors
    /// When it is not there, damaged, or of something else.
    pub fn open(path: Option<&Path>) -> Result<Self, OpenError> {
        path.map(NetworkDatabase::open).transpose().map(Self)
    }

    /// Which database answers; `None`: none is configured.
    #[must_use]
    pub fn edition(&self) -> Option<String> {
        self.0.as_ref().map(|database| database.edition().to_string())
    }

    /// An address as a person reads it, with its network behind it where that is known.
    #[must_use]
    pub fn described(&self, address: Address) -> String {
        let network = self.0.as_ref().and_then(|database| database.network_of(address));
        network.map_or_else(|| address.to_string(), |network| format!("{address} ({network})"))
    }

    /// The same of a key of this dimension; what is no address stays as it is.
    #[must_use]
    pub fn described_key(&self, dimension: Dimension, key: &str) -> String {
        let address = address_in(&[dimension], &[key]);
        address.map_or_else(|| key.to_owned(), |address| self.described(address))
    }

    pub(crate) fn of(&self, address: Option<Address>) -> Option<Network> {
        let network = self.0.as_ref()?.network_of(address?)?;
        Some(Network { asn: network.asn, organisation: network.organisation.map(str::to_owned) })
    }

    /// That of the client's address among the keys of a group.
    #[must_use]
    pub fn of_keys(&self, dimensions: &[Dimension], keys: &[String]) -> Option<Network> {
        self.of(address_in(dimensions, keys))
    }

    /// What an answer with addresses of clients says of where their networks come from.
    pub(crate) fn source(&self) -> Option<NetworkEdition> {
        let edition = self.0.as_ref()?.edition();
        Some(NetworkEdition { database_type: edition.database_type.clone(), built_at: edition.built_at.to_string() })
    }

    /// The same for groups by these dimensions: only addresses of clients have networks.
    pub(crate) fn source_for(&self, dimensions: &[Dimension]) -> Option<NetworkEdition> {
        self.source().filter(|_| dimensions.contains(&Dimension::ClientAddress))
    }
}

fn address_in(dimensions: &[Dimension], keys: &[impl AsRef<str>]) -> Option<Address> {
    let client = dimensions.iter().position(|dimension| *dimension == Dimension::ClientAddress)?;
    parse_bare_address(keys.get(client)?.as_ref())
}
