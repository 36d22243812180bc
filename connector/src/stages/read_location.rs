//! Where a client was, as far as the line says so. What is wrong here costs the location, never the line.

use std::borrow::Cow;

use super::scan_json::{Part, Value, scan_object};
use super::take_fields::number;
use super::take_keys::{GeoKeys, LocationKeys, LocationValue};

/// A place. Latitude and longitude are both there, in range, or both absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocationFields<'a> {
    /// City.
    pub city: Option<Cow<'a, str>>,
    /// Country code.
    pub country: Option<Cow<'a, str>>,
    /// Region.
    pub region: Option<Cow<'a, str>>,
    /// Degrees.
    pub latitude: Option<f64>,
    /// Degrees.
    pub longitude: Option<f64>,
}

/// Reads `{"geoip":{"city","country","region","lat","lon"}}`, as an object or as a string that holds it, and hands what can be read
/// of it to `then`; `None` where nothing can.
pub fn with_location<T>(value: LocationValue<'_>, then: impl FnOnce(Option<&LocationFields<'_>>) -> T) -> T {
    match value {
        LocationValue::Object(keys) => then(of_keys(&keys).as_ref()),
        LocationValue::Value(Value::Text(text)) => {
            let text = text.decoded();
            let mut location = Part::<LocationKeys<'_>>::default();
            match (scan_object(&text, &mut location), location) {
                (Some(()), Part::Object(keys)) => then(of_keys(&keys).as_ref()),
                _ => then(None),
            }
        }
        LocationValue::Value(_) | LocationValue::Absent => then(None),
    }
}

fn of_keys<'a>(keys: &LocationKeys<'a>) -> Option<LocationFields<'a>> {
    let Part::Object(GeoKeys { city, country, region, lat, lon }) = keys.geoip else { return None };
    let name = |value| if let Value::Text(text) = value { Some(text.decoded()) } else { None };
    let degrees = |value, max: f64| number(value).filter(|degrees| degrees.abs() <= max);
    let (latitude, longitude) = match (degrees(lat, 90.0), degrees(lon, 180.0)) {
        (Some(latitude), Some(longitude)) => (Some(latitude), Some(longitude)),
        (None, _) | (_, None) => (None, None),
    };
    let location =
        LocationFields { city: name(city), country: name(country), region: name(region), latitude, longitude };
    if location == LocationFields::default() { None } else { Some(location) }
}
