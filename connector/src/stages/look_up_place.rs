//! The place of a client whose line gives none, in Avro, from a database that was read at the start. The same clients come again and again,
//! and a look-up costs a third of a line: what was found is kept by address.

use std::sync::Arc;

use address_lookup::{Place, PlaceDatabase};
use schemas::addresses::Address;

use super::encode_event;
use super::read_location::LocationFields;

/// Clients that are kept. Each has one seat, from which the next one with the same hash drives it.
const SEATS: usize = 4096;

/// Looks addresses up.
#[derive(Clone, Debug)]
pub struct PlaceLookup {
    database: Arc<PlaceDatabase>,
    seats: Vec<Seat>,
}

#[derive(Clone, Debug, Default)]
struct Seat {
    address: Option<Address>,
    is_found: bool,
    avro: Vec<u8>,
}

impl PlaceLookup {
    /// A look-up in this database.
    #[must_use]
    pub fn new(database: Arc<PlaceDatabase>) -> Self {
        Self { database, seats: vec![Seat::default(); SEATS] }
    }

    /// Appends the location of an address, or that there is none; true where there is one.
    pub fn encode(&mut self, address: Address, out: &mut Vec<u8>) -> bool {
        let seat = &mut self.seats[seat_of(address)];
        if seat.address != Some(address) {
            let location = self.database.place_of(address).map(location_of);
            seat.avro.clear();
            encode_event::location(&mut seat.avro, location.as_ref());
            seat.address = Some(address);
            seat.is_found = location.is_some();
        }
        out.extend_from_slice(&seat.avro);
        seat.is_found
    }
}

fn location_of(place: Place<'_>) -> LocationFields<'_> {
    let Place { city, country, region } = place;
    let (city, country, region) = (city.map(Into::into), country.map(Into::into), region.map(Into::into));
    LocationFields { city, country, region, latitude: None, longitude: None }
}

/// The upper bits of a product, which are the mixed ones. Whoever makes addresses collide gains nothing but slowness.
fn seat_of(address: Address) -> usize {
    const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    (u128::from_be_bytes(address.octets()).wrapping_mul(FACTOR) >> 116) as usize % SEATS
}

#[cfg(test)]
mod tests {
    use address_lookup::examples;
    use schemas::addresses::parse_bare_address;
    use serde_json::json;

    use super::*;
    use crate::config::LogVersion;
    use crate::stages::encode_event::tests::{decode, encoder};
    use crate::stages::encode_event::{EventEncoder, Looked};
    use crate::stages::read_event::read_event;

    fn lookup(database: &[u8]) -> PlaceLookup {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), database).unwrap();
        PlaceLookup::new(Arc::new(PlaceDatabase::open(file.path()).unwrap()))
    }

    fn encoded(encoder: &mut EventEncoder, client: &str, location: &str) -> (Vec<u8>, Looked) {
        let line = format!(
            r#"{{"event_type":"denied_access","timestamp":5,"connection":{{"id":"c","protocol":"tcp","client_ip":"{client}"}},
            "connector":{{"id":"1","name":""}},"remote_network":{{"id":"77","name":""}},"resource":{{"id":"3","address":""}},
            "user":{{"id":"4","email":""}}{location}}}"#
        );
        let event = read_event(&line, &"acme".parse().unwrap(), LogVersion::V2).unwrap();
        let mut value = Vec::new();
        let looked = encoder.encode(&event, &mut value);
        (value, looked)
    }

    /// City, country, region, latitude.
    fn place(value: &[u8]) -> (String, String, String, Option<f64>) {
        let place = decode(value).location.unwrap_or_default();
        let text = Option::unwrap_or_default;
        (text(place.city), text(place.country), text(place.region), place.latitude)
    }

    #[test]
    fn client_is_looked_up_where_its_line_gives_no_location() {
        let mut encoder = encoder().with_lookup(Some(lookup(&examples::places())));
        let nothing = [
            "",
            r#","location":null"#,
            r#","location":"""#,
            r#","location":7"#,
            r#","location":"not json""#,
            r#","location":{"geoip":{}}"#,
            r#","location":"{\"geoip\":{\"lat\":91,\"lon\":1}}""#,
        ];
        for location in nothing {
            let (value, looked) = encoded(&mut encoder, "[::ffff:192.0.2.4]:443", location);
            let cologne = ("Köln".to_owned(), "DE".to_owned(), "North Rhine-Westphalia".to_owned(), None);
            assert_eq!((place(&value), looked), (cologne, Looked::Found), "{location}");
        }
        let (value, looked) = encoded(&mut encoder, "192.0.2.200", "");
        assert_eq!((place(&value).1, looked), ("AT".to_owned(), Looked::Found));
    }

    #[test]
    fn location_of_the_line_wins_whatever_it_holds() {
        let mut encoder = encoder().with_lookup(Some(lookup(&examples::places())));
        for (location, city, latitude) in [
            (r#"{"geoip":{"city":"Omaha"}}"#, "Omaha", None),
            (r#""{\"geoip\":{\"city\":\"Omaha\"}}""#, "Omaha", None),
            (r#"{"geoip":{"lat":1.5,"lon":2}}"#, "", Some(1.5)),
            (r#"{"geoip":{"city":"","lat":91,"lon":2}}"#, "", None),
        ] {
            let (value, looked) = encoded(&mut encoder, "192.0.2.4", &format!(r#","location":{location}"#));
            let own = (city.to_owned(), String::new(), String::new(), latitude);
            assert_eq!((place(&value), looked), (own, Looked::Not), "{location}");
        }
    }

    #[test]
    fn client_that_the_database_does_not_know_has_no_location() {
        let mut encoder = encoder().with_lookup(Some(lookup(&examples::places())));
        for client in ["10.0.0.7", "fd00::1", "203.0.113.9", "10.0.0.7"] {
            let (value, looked) = encoded(&mut encoder, client, "");
            assert_eq!((decode(&value).location, looked), (None, Looked::NotFound), "{client}");
        }
        assert_eq!(encoded(&mut encoder, "", "").1, Looked::Not);
    }

    #[test]
    fn another_edition_gives_another_place_to_the_same_event() {
        let moved = [("192.0.2.0", 24, json!({"country": {"iso_code": "CH"}}))];
        let of = |database: &[u8]| {
            let mut encoder = encoder().with_lookup(Some(lookup(database)));
            decode(&encoded(&mut encoder, "192.0.2.4", "").0)
        };
        let (first, again) = (of(&examples::places()), of(&examples::database("GeoLite2-Country", &moved)));
        assert_eq!(again.location.as_ref().unwrap().country.as_deref(), Some("CH"));
        assert_ne!(first.location, again.location);
        assert_eq!(first.event_id, again.event_id, "a copy, of which the first counts");
    }

    #[test]
    fn two_clients_in_one_seat_are_not_taken_for_each_other() {
        let networks: Vec<_> =
            (0..200).map(|it| (format!("198.18.{it}.0"), json!({"country": {"iso_code": it.to_string()}}))).collect();
        let networks: Vec<_> = networks.iter().map(|(address, entry)| (address.as_str(), 24, entry.clone())).collect();
        let mut lookup = lookup(&examples::database("GeoLite2-Country", &networks));
        let clients = || (0..200).flat_map(|it| (0..50).map(move |host| (it, format!("198.18.{it}.{host}"))));
        for (number, client) in clients().chain(clients()) {
            let mut out = Vec::new();
            assert!(lookup.encode(parse_bare_address(&client).unwrap(), &mut out));
            assert!(String::from_utf8_lossy(&out).contains(&number.to_string()), "{client}: {out:?}");
        }
    }
}
