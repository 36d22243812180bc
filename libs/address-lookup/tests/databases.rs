//! Databases as files: what they say of addresses, and which are refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use address_lookup::{NetworkDatabase, Place, PlaceDatabase, examples};
use proptest::prelude::*;
use schemas::addresses::{Address, parse_bare_address};
use serde_json::json;

fn address(text: &str) -> Address {
    parse_bare_address(text).unwrap()
}

/// The file of a database in a folder of its own.
fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made-up.mmdb");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn places(bytes: &[u8]) -> PlaceDatabase {
    PlaceDatabase::open(&file(bytes).1).unwrap()
}

#[test]
fn place_is_city_country_code_and_largest_part_of_the_country() {
    let database = places(&examples::places());
    let cologne = Place { city: Some("Köln"), country: Some("DE"), region: Some("North Rhine-Westphalia") };
    for known in ["192.0.2.4", "::ffff:192.0.2.127", "2001:db8:ffff::1"] {
        assert_eq!(database.place_of(address(known)), Some(cologne), "{known}");
    }
    let austria = Place { country: Some("AT"), ..Place::default() };
    assert_eq!(database.place_of(address("192.0.2.128")), Some(austria));
}

#[test]
fn address_that_is_not_in_the_database_has_no_place() {
    let database = places(&examples::places());
    // The one before the last has an entry that says no more than the continent.
    for unknown in ["10.0.0.7", "192.168.1.1", "127.0.0.1", "fd00:10::7", "::1", "198.51.100.7", "203.0.113.9", "::"] {
        assert_eq!(database.place_of(address(unknown)), None, "{unknown}");
    }
}

#[test]
fn network_is_a_number_and_who_runs_it() {
    let database = NetworkDatabase::open(&file(&examples::networks()).1).unwrap();
    let text = |known: &str| database.network_of(address(known)).map(|network| network.to_string());
    assert_eq!(text("192.0.2.4").as_deref(), Some("AS64496 Example Net"));
    assert_eq!(text("2001:db8::5").as_deref(), Some("AS64496 Example Net"));
    assert_eq!(text("203.0.113.7").as_deref(), Some("AS4200000001"));
    assert_eq!((text("203.0.113.8"), text("10.0.0.1")), (None, None));
    assert_eq!(database.edition().to_string(), "GeoLite2-ASN of 2026-11-17T00:00:00Z");
}

#[test]
fn entry_of_another_form_than_its_type_says_is_none() {
    let odd = [("192.0.2.0", 25, json!({"country": {"iso_code": 49}})), ("192.0.2.128", 25, json!("Köln"))];
    let database = places(&examples::database("DBIP-City-Lite", &odd));
    assert_eq!(database.place_of(address("192.0.2.1")), None);
    assert_eq!(database.place_of(address("192.0.2.129")), None);
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let refusal = |path: &Path| {
        let error = PlaceDatabase::open(path).unwrap_err().to_string();
        error.replace(&path.parent().unwrap().display().to_string(), "")
    };
    let of = |bytes: &[u8]| {
        let (_folder, path) = file(bytes);
        refusal(&path)
    };
    let (folder, path) = file(b"");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(
        refusal(&path),
        "/made-up.mmdb cannot be read (No such file or directory (os error 2)): put a database there that has City or Country or \
         Enterprise in its type, or take the setting away"
    );
    assert!(refusal(folder.path()).contains("cannot be read"));
    let whole = examples::places();
    for damaged in [&b""[..], b"PK\x03\x04 is a zip", &whole[..whole.len() / 2], &whole[whole.len() / 2..]] {
        assert!(
            of(damaged).starts_with("/made-up.mmdb is no database in MaxMind's format, or damaged: fetch it again")
        );
    }
    assert_eq!(
        of(&examples::networks()),
        "/made-up.mmdb is of type \"GeoLite2-ASN\": one that has City or Country or Enterprise in its type is needed"
    );
    let error = NetworkDatabase::open(&file(&whole).1).unwrap_err().to_string();
    assert!(
        error.ends_with("of type \"GeoLite2-City\": one that has ASN or GeoIP2-ISP in its type is needed"),
        "{error}"
    );
}

proptest! {
    /// Whatever a disk or a download did: it is refused, or it answers.
    #[test]
    fn damage_is_no_crash(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), last: [u8; 16]) {
        let mut bytes = examples::places();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(database) = PlaceDatabase::open(&file(&bytes).1) {
            for address in [address("192.0.2.4"), address("2001:db8::1"), Address::from_octets(last)] {
                let _answered = database.place_of(address);
            }
        }
    }
}
