//! Refuses to start where stored rows, topic and registry do not fit each other. Whoever is away is waited for.

use std::collections::{BTreeMap, BTreeSet};

use clickhouse_io::{ClickHouse, stored};
use kafka_io::{KafkaConfig, KafkaError, admin};
use range_pipeline::{again_or_fail, below_ends};
use schema_registry::{Decoder, Registry, RegistryError, SchemaId};
use schemas::connection_event::ConnectionEvent;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::error::Error;

/// Checks all three. `None`: told to stop first.
pub(crate) async fn check(
    kafka: &KafkaConfig,
    registry: &Registry,
    clickhouse: &ClickHouse,
    decoder: &mut Decoder<ConnectionEvent>,
    source: &str,
    stop: &CancellationToken,
) -> Option<Result<(), Error>> {
    if let Err(error) = rows_fit(kafka, clickhouse, source, stop).await? {
        return Some(Err(error));
    }
    let samples = asked_of_kafka(stop, || admin::sample_values(kafka, CONNECTION_EVENTS.name)).await?;
    let samples = match samples {
        Ok(samples) => samples,
        Err(error) => return Some(Err(error.into())),
    };
    let ids: BTreeSet<SchemaId> = samples.iter().filter_map(|value| SchemaId::of_value(value)).collect();
    registry_fits(registry, decoder, ids, stop).await
}

/// Other members store meanwhile what has come meanwhile. So a row behind the end says nothing before the end is asked for once more: rows
/// and ends only grow, and of the right topic a row that was there before lies below an end that is there now.
async fn rows_fit(
    kafka: &KafkaConfig,
    clickhouse: &ClickHouse,
    source: &str,
    stop: &CancellationToken,
) -> Option<Result<(), Error>> {
    let ends = match stable_ends(kafka, stop).await? {
        Ok(ends) => ends,
        Err(error) => return Some(Err(error.into())),
    };
    let behind =
        until_stopped(stop, Backoff::default(), async || match stored::at_or_behind(clickhouse, source, &ends).await {
            Ok(behind) => Attempt::Done(behind),
            Err(error) => again_or_fail(error),
        });
    let behind = match behind.await? {
        Ok(behind) if behind.is_empty() => return Some(Ok(())),
        Ok(behind) => behind,
        Err(error) => return Some(Err(error)),
    };
    match stable_ends(kafka, stop).await? {
        Ok(ends) => Some(below_ends(&behind, &ends, source).map_err(Error::from)),
        Err(error) => Some(Err(error.into())),
    }
}

async fn stable_ends(kafka: &KafkaConfig, stop: &CancellationToken) -> Option<Result<BTreeMap<i32, i64>, KafkaError>> {
    asked_of_kafka(stop, || admin::stable_ends(kafka, CONNECTION_EVENTS.name)).await
}

async fn asked_of_kafka<T, R: Future<Output = Result<T, KafkaError>>>(
    stop: &CancellationToken,
    question: impl Fn() -> R,
) -> Option<Result<T, KafkaError>> {
    until_stopped(stop, Backoff::default(), async || match question().await {
        Ok(answer) => Attempt::Done(answer),
        Err(error) => {
            tracing::warn!(%error, "waiting for Kafka");
            Attempt::Again(error)
        }
    })
    .await
}

/// One id that fits is enough: single records with odd ids are dead letters, not a reason to stand still.
async fn registry_fits(
    registry: &Registry,
    decoder: &mut Decoder<ConnectionEvent>,
    ids: BTreeSet<SchemaId>,
    stop: &CancellationToken,
) -> Option<Result<(), Error>> {
    let mut misfits = Vec::new();
    for id in ids {
        let fetched = until_stopped(stop, Backoff::default(), async || match registry.fetch(id).await {
            Ok(schema) => Attempt::Done(schema),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, schema = id.get(), "waiting for the schema registry");
                Attempt::Again(error)
            }
            Err(error) => Attempt::Fail(error),
        });
        match fetched.await? {
            Ok(schema) => match decoder.learn(id, &schema) {
                Ok(()) => return Some(Ok(())),
                Err(mismatch) => misfits.push(mismatch.to_string()),
            },
            Err(error @ RegistryError::NoSuchSchema(_)) => misfits.push(error.to_string()),
            Err(error) => return Some(Err(error.into())),
        }
    }
    match misfits.into_iter().next() {
        None => Some(Ok(())),
        Some(reason) => Some(Err(Error::RegistryDoesNotFit { reason })),
    }
}
