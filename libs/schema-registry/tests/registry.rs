//! Against a real registry: the given one (`FLOWLEDGER_TEST_REGISTRY`), or one of the test's own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use local_parts::{SchemaRegistry, Silent, given};
use schema_registry::{DecodeError, Decoder, Encoder, Registry, RegistryConfig, RegistryError, SchemaId, WriterSchema};
use schemas::avro_schemas::{COMPATIBILITY, CONNECTION_EVENT, Subject};
use serde::{Deserialize, Serialize};
use service_kit::CancellationToken;

const OLD: &str = r#"{"type": "record", "name": "Visit", "fields": [{"name": "place", "type": "string"}, {"name": "gone", "type": "int", "default": 0}]}"#;
const NEW: &str = r#"{"type": "record", "name": "Visit", "fields": [{"name": "place", "type": "string"}, {"name": "hours", "type": "int", "default": 1}]}"#;
/// A field without a default cannot be read from what was written before.
const MISFIT: &str = r#"{"type": "record", "name": "Visit", "fields": [{"name": "street", "type": "string"}]}"#;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OldVisit {
    place: String,
    gone: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Visit {
    place: String,
    hours: i32,
}

struct Given {
    url: String,
    _own: Option<(SchemaRegistry, tempfile::TempDir)>,
}

async fn registry() -> Given {
    if let Some(url) = given::registry() {
        return Given { url, _own: None };
    }
    let folder = tempfile::tempdir().unwrap();
    let own = SchemaRegistry::start(folder.path(), None, &Silent).await.unwrap();
    Given { url: own.url(), _own: Some((own, folder)) }
}

fn client(url: &str, register: bool) -> Registry {
    Registry::new(&RegistryConfig { url: url.to_owned(), register, ..RegistryConfig::default() }).unwrap()
}

/// A subject that no other run has.
fn subject(schema: &'static str) -> Subject {
    let name = format!("visits-{}-value", uuid::Uuid::new_v4());
    Subject { name: Box::leak(name.into_boxed_str()), schema, ..CONNECTION_EVENT }
}

#[tokio::test]
async fn schema_is_registered_once_with_its_compatibility_and_found_by_who_only_looks() {
    let given = registry().await;
    let (writer, looker) = (client(&given.url, true), client(&given.url, false));
    let visits = subject(OLD);
    assert!(matches!(looker.ensure(&visits).await, Err(RegistryError::NotRegistered(name)) if name == visits.name));
    let id = writer.ensure(&visits).await.unwrap();
    assert_eq!(writer.ensure(&visits).await.unwrap(), id);
    assert_eq!(looker.ensure(&visits).await.unwrap(), id);
    let url = format!("{}/config/{}", given.url, visits.name);
    let setting = reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap();
    assert!(setting.text().await.unwrap().contains(COMPATIBILITY));

    let misfit = Subject { schema: MISFIT, ..visits };
    match writer.ensure(&misfit).await {
        Err(RegistryError::NotCompatible { subject, reason }) => {
            assert_eq!(subject, visits.name);
            assert!(!reason.is_empty());
        }
        other => panic!("{other:?}"),
    }
    assert!(writer.ensure(&Subject { schema: NEW, ..visits }).await.unwrap() != id);
}

#[tokio::test]
async fn value_of_an_old_schema_is_read_with_the_new_one_and_unknown_ids_are_named() {
    let given = registry().await;
    let registry = client(&given.url, true);
    let old = subject(OLD);
    let new = Subject { schema: NEW, ..old };
    let old_id = registry.ensure(&old).await.unwrap();
    let new_id = registry.ensure(&new).await.unwrap();
    let place = || "Berlin".to_owned();
    let before = Encoder::new(old_id, &old).unwrap().encode(&OldVisit { place: place(), gone: 3 }).unwrap();
    let today = Encoder::new(new_id, &new).unwrap().encode(&Visit { place: place(), hours: 7 }).unwrap();

    let stop = CancellationToken::new();
    let mut decoder = Decoder::<Visit>::new(&new).unwrap();
    assert_eq!(decoder.decode(&before), Err(DecodeError::UnknownSchema(old_id)));
    let mut read = async |value: &[u8]| decoder.decode_with(&registry, value, &stop).await.unwrap().unwrap();
    assert_eq!(read(&before).await, Ok(Visit { place: place(), hours: 1 }));
    assert_eq!(read(&today).await, Ok(Visit { place: place(), hours: 7 }));

    // An id that nobody gave out, and one of another subject: never readable, and said why.
    let stranger = SchemaId::new(2_000_000_000);
    let mut value = today.clone();
    value[1..5].copy_from_slice(&stranger.get().to_be_bytes());
    assert!(matches!(registry.fetch(stranger).await, Err(RegistryError::NoSuchSchema(id)) if id == stranger));
    for _ in 0..2 {
        let error = read(&value).await.unwrap_err();
        assert!(error.to_string().contains("knows no schema 2000000000"), "{error}");
    }
    let other = registry.ensure(&subject(r#""string""#)).await.unwrap();
    value[1..5].copy_from_slice(&other.get().to_be_bytes());
    let error = read(&value).await.unwrap_err();
    assert!(error.to_string().contains("cannot be read as subject"), "{error}");
}

#[tokio::test]
async fn registry_that_is_away_is_waited_for_and_known_schemas_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut own = SchemaRegistry::start(folder.path(), None, &Silent).await.unwrap();
    let registry = client(&own.url(), true);
    let visits = subject(NEW);
    let id = registry.ensure(&visits).await.unwrap();
    let value = Encoder::new(id, &visits).unwrap().encode(&Visit { place: "Oslo".to_owned(), hours: 2 }).unwrap();
    let mut knows = Decoder::<Visit>::new(&visits).unwrap();
    knows.learn(id, &WriterSchema(NEW.to_owned())).unwrap();
    let mut learns = Decoder::<Visit>::new(&visits).unwrap();

    own.kill();
    assert!(registry.fetch(id).await.is_err_and(|error| error.is_passing()));
    let stop = CancellationToken::new();
    assert!(knows.decode_with(&registry, &value, &stop).await.unwrap().unwrap().is_ok());
    let waits = tokio::spawn(async move {
        let stop = CancellationToken::new();
        learns.decode_with(&registry, &value, &stop).await.unwrap().unwrap()
    });
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert!(!waits.is_finished(), "nobody could have answered");
    own.restart().await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap().hours, 2);
}

#[tokio::test]
async fn who_waits_for_a_registry_can_be_told_to_stop() {
    // Nobody listens there.
    let registry = client("http://127.0.0.1:9", true);
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(registry.wait_ready(&stop).await.is_none());
    assert!(registry.ensure_patiently(&CONNECTION_EVENT, &stop).await.is_none());
}
