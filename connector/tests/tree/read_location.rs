//! Where a client was, as far as the line says so. What is wrong here costs the location, never the line.

use schemas::connection_event::Location;

use super::parse_json::{Json, with_json};

/// Reads `{"geoip":{"city","country","region","lat","lon"}}`, as an object or as a string that holds it. `None` where nothing
/// of it can be read. Latitude and longitude are both there, in range, or both absent.
#[must_use]
pub(super) fn read_location(value: Option<&Json<'_>>) -> Option<Location> {
    match value? {
        Json::Text(text) => with_json(text, of_object)?,
        object => of_object(object),
    }
}

fn of_object(object: &Json<'_>) -> Option<Location> {
    let place = object.get("geoip")?;
    let name = |key| place.get(key).and_then(Json::as_text).map(str::to_owned);
    let degrees = |key, max: f64| place.get(key).and_then(Json::as_number).filter(|degrees| degrees.abs() <= max);
    let (latitude, longitude) = match (degrees("lat", 90.0), degrees("lon", 180.0)) {
        (Some(latitude), Some(longitude)) => (Some(latitude), Some(longitude)),
        (None, _) | (_, None) => (None, None),
    };
    let location =
        Location { city: name("city"), country: name("country"), region: name("region"), latitude, longitude };
    if location == Location::default() { None } else { Some(location) }
}
