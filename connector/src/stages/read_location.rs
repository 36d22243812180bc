//! Where a client was, as far as the line says so. What is wrong here costs the location, never the line.

use schemas::connection_event::Location;

use super::parse_json::{Json, with_json};

/// Reads `{"geoip":{"city","country","region","lat","lon"}}`, as an object or as a string that holds it. `None` where nothing
/// of it can be read. Latitude and longitude are both there, in range, or both absent.
#[must_use]
pub fn read_location(value: Option<&Json<'_>>) -> Option<Location> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> Option<Location> {
        with_json(text, |json| read_location(Some(json))).expect("JSON")
    }

    #[test]
    fn object_and_text_give_the_same() {
        let object = r#"{"geoip":{"city":"Köln","country":"DE","region":null,"lat":50.93,"lon":7}}"#;
        let found = location(object);
        assert_eq!(
            found,
            Some(Location {
                city: Some("Köln".to_owned()),
                country: Some("DE".to_owned()),
                region: None,
                latitude: Some(50.93),
                longitude: Some(7.0),
            })
        );
        assert_eq!(location(&serde_json::to_string(object).unwrap()), found);
    }

    #[test]
    fn one_number_without_the_other_is_none() {
        for numbers in [r#""lat":1"#, r#""lat":91,"lon":1"#, r#""lat":"1","lon":1"#, r#""lat":true,"lon":1"#] {
            let found = location(&format!(r#"{{"geoip":{{"city":"Omaha",{numbers}}}}}"#)).unwrap();
            assert_eq!((found.city.as_deref(), found.latitude, found.longitude), (Some("Omaha"), None, None));
        }
    }

    #[test]
    fn anything_else_is_no_location() {
        for text in ["7", "[]", r#""not json""#, r#"{"geoip":null}"#, r#"{"geoip":{}}"#, r#""{\"geoip\":NaN}""#] {
            assert_eq!(location(text), None, "{text}");
        }
    }
}
