//! Locations come as JSON in a string, with a backslash before each quote, and the same few come again and again: what each of them
//! is in Avro is kept by its text.

use super::encode_event;
use super::read_location::with_location;
use super::scan_json::Value;
use super::take_keys::LocationValue;

/// Places that are kept. Each has one seat, from which the next one with the same hash drives it.
const SEATS: usize = 1024;
/// Longest text that is kept, bytes. With its Avro a seat takes about twice that at most.
const TEXT_MAX: usize = 512;

/// What locations are in Avro, for those that were seen lately.
#[derive(Clone, Debug)]
pub struct KnownPlaces {
    seats: Vec<Seat>,
}

#[derive(Clone, Debug, Default)]
struct Seat {
    /// As it stands in the line.
    raw: String,
    avro: Vec<u8>,
}

impl Default for KnownPlaces {
    fn default() -> Self {
        Self { seats: vec![Seat::default(); SEATS] }
    }
}

impl KnownPlaces {
    /// Appends a location, or that there is none.
    pub fn encode(&mut self, value: LocationValue<'_>, out: &mut Vec<u8>) {
        let raw = match value {
            LocationValue::Value(Value::Text(text)) if (1..=TEXT_MAX).contains(&text.raw().len()) => text.raw(),
            _ => return with_location(value, |location| encode_event::location(out, location)),
        };
        let seat = &mut self.seats[seat_of(raw)];
        if seat.raw != raw {
            seat.avro.clear();
            with_location(value, |location| encode_event::location(&mut seat.avro, location));
            seat.raw.clear();
            seat.raw.push_str(raw);
        }
        out.extend_from_slice(&seat.avro);
    }
}

/// A hash of the text, eight bytes at a time. Whoever makes all texts collide gains nothing but slowness.
fn seat_of(raw: &str) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = raw.as_bytes().as_chunks::<8>();
    let mut hash = raw.len() as u64;
    for word in words {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    for byte in rest {
        hash = (hash.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    // The upper bits are the mixed ones.
    (hash >> 54) as usize % SEATS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::scan_json::{Part, scan_object};
    use crate::stages::take_keys::EventKeys;

    fn encoded(places: &mut KnownPlaces, location: &str) -> Vec<u8> {
        let line = format!("{{\"location\":{location}}}");
        let mut event = Part::<EventKeys<'_>>::default();
        scan_object(&line, &mut event).expect("JSON");
        let Part::Object(keys) = event else { panic!("an object: {line}") };
        let mut out = Vec::new();
        places.encode(keys.location, &mut out);
        out
    }

    #[test]
    fn object_and_text_give_the_same_at_once_and_again() {
        let object = r#"{"geoip":{"city":"Köln","country":"DE","region":null,"lat":50.93,"lon":7}}"#;
        let text = serde_json::to_string(object).unwrap();
        let mut places = KnownPlaces::default();
        let first = encoded(&mut places, object);
        assert!(first.len() > 20, "{first:?}");
        for _ in 0..3 {
            assert_eq!(encoded(&mut places, &text), first);
        }
    }

    #[test]
    fn anything_else_is_no_location() {
        let mut places = KnownPlaces::default();
        for text in ["7", "[]", "null", r#""""#, r#""not json""#, r#"{"geoip":null}"#, r#"{"geoip":{}}"#] {
            assert_eq!(encoded(&mut places, text), [0], "{text}");
        }
        assert_eq!(encoded(&mut places, r#""{\"geoip\":NaN}""#), [0]);
    }

    #[test]
    fn two_places_in_one_seat_are_not_taken_for_each_other() {
        let mut places = KnownPlaces::default();
        let place = |number: usize| {
            serde_json::to_string(&format!(r#"{{"geoip":{{"lat":{},"lon":{}}}}}"#, number % 90, number / 90)).unwrap()
        };
        for number in (0..4_000).chain(0..4_000) {
            let found = encoded(&mut places, &place(number));
            let degrees = |at: usize| f64::from_le_bytes(*found[at..].first_chunk().unwrap());
            assert_eq!((degrees(5), degrees(14)), ((number % 90) as f64, (number / 90) as f64));
        }
    }

    #[test]
    fn location_that_comes_twice_counts_as_it_came_last() {
        let mut places = KnownPlaces::default();
        assert_eq!(encoded(&mut places, r#"{"geoip":{"lat":1,"lon":1}},"location":null"#), [0]);
    }
}
