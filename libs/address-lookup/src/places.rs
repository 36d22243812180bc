//! Places of addresses.

use std::path::Path;

use schemas::addresses::Address;
use serde::Deserialize;

use crate::database::{Database, Edition, OpenError};

/// What holds places in MaxMind's form, of MaxMind and of others who follow it.
const TYPES: [&str; 3] = ["City", "Country", "Enterprise"];

/// Where addresses are, as far as a database knows.
#[derive(Debug)]
pub struct PlaceDatabase(Database);

/// Where an address is: at least one of these is there. Names are English. Latitude and longitude are left out on purpose: events
/// carry what their Connector said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'a> {
    /// City.
    pub city: Option<&'a str>,
    /// Country code (ISO 3166-1).
    pub country: Option<&'a str>,
    /// The largest part of the country: a state, a province.
    pub region: Option<&'a str>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, default)]
    city: Named<'a>,
    #[serde(borrow, default)]
    country: Country<'a>,
    /// The largest first.
    #[serde(borrow, default)]
    subdivisions: Vec<Named<'a>>,
}

#[derive(Default, Deserialize)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Default, Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    names: Names<'a>,
}

#[derive(Default, Deserialize)]
struct Names<'a> {
    en: Option<&'a str>,
}

impl PlaceDatabase {
    /// Reads a database of cities or countries.
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

    /// The place of an address; `None` where the database does not know it.
    #[must_use]
    pub fn place_of(&self, address: Address) -> Option<Place<'_>> {
        let Entry { city, country, subdivisions } = self.0.entry(address)?;
        let region = subdivisions.first().and_then(|largest| largest.names.en);
        let place = Place { city: city.names.en, country: country.iso_code, region };
        (place != Place::default()).then_some(place)
    }
}
