//! Networks of shown addresses.

use address_lookup::examples;
use serde_json::{Value, json};

use super::fixture::Console;
use crate::networks::Networks;

/// Every answer that shows addresses of clients, and the place of one in it.
const SHOWN: [(&str, &str); 9] = [
    ("/users/7/connections", "/connections/0"),
    ("/resources/7/connections", "/connections/0"),
    ("/traffic/connections", "/connections/0"),
    ("/traffic/connections/019f2f5d-72c8-8123-8000-0123456789ab", "/events/0"),
    ("/traffic/open", "/connections/0"),
    (
        "/traffic/series?from=2026-11-01T00:00Z&to=2026-11-02T00:00Z&bucket=hour&split=user&split=client_address",
        "/series/0",
    ),
    ("/traffic/top?by=client_address&by=user", "/groups/0"),
    ("/traffic/facets?of=client_address", "/facets/0/groups/0"),
    ("/traffic/insights/new_client_addresses", "/findings/0"),
];

fn console(database: &[u8]) -> Console {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), database).unwrap();
    Console::with("http://console", Networks::open(Some(file.path())).unwrap())
}

async fn answer(console: &Console, path: &str) -> Value {
    let cookie = console.sign_in("acme").await;
    let answer = console.get(&format!("/api/v1{path}"), &cookie).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.json()
}

/// What an answer says of where its networks come from: beside the list, or in each facet.
fn edition(answer: &Value) -> &Value {
    answer.get("client_networks").unwrap_or(&answer["facets"][0]["client_networks"])
}

#[tokio::test]
async fn address_that_is_shown_has_its_network_and_the_answer_says_whence() {
    let console = console(&examples::networks());
    for (path, place) in SHOWN {
        let answer = answer(&console, path).await;
        let network = json!({"asn": 64_496, "organisation": "Example Net"});
        assert_eq!(answer.pointer(place).unwrap()["client_network"], network, "{path}: {answer}");
        let whence = json!({"database_type": "GeoLite2-ASN", "built_at": "2026-11-17T00:00:00Z"});
        assert_eq!(edition(&answer), &whence, "{path}");
    }
}

#[tokio::test]
async fn network_that_is_not_known_is_left_out() {
    let console = console(&examples::database("GeoLite2-ASN", &[]));
    for (path, place) in SHOWN {
        let answer = answer(&console, path).await;
        assert_eq!(answer.pointer(place).unwrap().get("client_network"), None, "{path}");
        assert!(edition(&answer).is_object(), "{path}");
    }
}

#[tokio::test]
async fn without_addresses_or_a_database_nothing_is_said_of_networks() {
    let with = console(&examples::networks());
    for path in ["/traffic/top?by=user", "/traffic/facets?of=country", "/traffic/insights/new_countries", "/users"] {
        let answer = answer(&with, path).await.to_string();
        assert!(!answer.contains("client_network"), "{path}: {answer}");
    }
    let without = Console::new();
    for (path, _) in SHOWN {
        let answer = answer(&without, path).await.to_string();
        assert!(!answer.contains("client_network"), "{path}: {answer}");
    }
}
