//! A database of places as large as such a one is for the generated clients: an entry of names in eight languages for each 256 addresses.

use std::net::Ipv4Addr;
use std::path::Path;

use address_lookup::examples;
use serde_json::{Value, json};

/// The networks that hold the generated clients, and as many beside them.
const FIRST: u32 = 1_300_000_000 >> 8;
const NETWORKS: u32 = 100_000;

/// Writes it.
pub(crate) fn write(path: &Path) -> anyhow::Result<()> {
    let networks: Vec<(String, Value)> =
        (0..NETWORKS).map(|number| (Ipv4Addr::from((FIRST + number) << 8).to_string(), entry(number))).collect();
    let networks: Vec<_> = networks.iter().map(|(address, entry)| (address.as_str(), 24, entry.clone())).collect();
    Ok(std::fs::write(path, examples::database("GeoLite2-City", &networks))?)
}

fn entry(number: u32) -> Value {
    let named = |name: &str| {
        let names =
            ["de", "en", "es", "fr", "ja", "pt-BR", "ru", "zh-CN"].map(|language| (language.to_owned(), json!(name)));
        json!({"geoname_id": number, "names": Value::Object(names.into_iter().collect())})
    };
    let mut country = named("Germany");
    country["iso_code"] = json!("DE");
    json!({
        "city": named(&format!("City {}", number % 20_000)), "continent": named("Europe"), "country": country,
        "location": {"accuracy_radius": 20, "latitude": 50.5, "longitude": 6.5, "time_zone": "Europe/Berlin"},
        "postal": {"code": "50667"}, "registered_country": country, "subdivisions": [named("Region")]
    })
}
