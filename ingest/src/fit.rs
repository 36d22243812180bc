//! Refuses to start where stored rows, topic and registry do not fit each other.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use clickhouse_io::{ClickHouse, stored};
use kafka_io::{KafkaConfig, KafkaError, admin};
use schema_registry::{Decoder, Registry, RegistryError, SchemaId};
use schemas::connection_event::ConnectionEvent;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::error::Error;

/// Checks all three. Waits while Kafka is away. `None`: told to stop first.
pub(crate) async fn check(
    kafka: &KafkaConfig,
    registry: &Registry,
    clickhouse: &ClickHouse,
    decoder: &mut Decoder<ConnectionEvent>,
    source: &str,
    stop: &CancellationToken,
) -> Option<Result<(), Error>> {
    let (ends, samples) = match until_stopped(stop, Backoff::default(), || asked(kafka)).await? {
        Ok(found) => found,
        Err(error) => return Some(Err(error.into())),
    };
    let highest = match stored::highest_offsets(clickhouse, source).await {
        Ok(highest) => highest,
        Err(error) => return Some(Err(error.into())),
    };
    for (partition, stored) in highest {
        let end = ends.get(&partition).copied().unwrap_or(0);
        if stored >= end {
            let source_name = source.to_owned();
            return Some(Err(Error::StoredAheadOfTopic { partition, source_name, stored, end }));
        }
    }
    let ids: BTreeSet<SchemaId> = samples.iter().filter_map(|value| SchemaId::of_value(value)).collect();
    Some(registry_fits(registry, decoder, ids).await)
}

async fn asked(kafka: &KafkaConfig) -> Attempt<(BTreeMap<i32, i64>, Vec<Bytes>), KafkaError> {
    let topic = CONNECTION_EVENTS.name;
    let found = async { Ok((admin::stable_ends(kafka, topic).await?, admin::sample_values(kafka, topic).await?)) };
    match found.await {
        Ok(found) => Attempt::Done(found),
        Err(error) => {
            tracing::warn!(%error, "waiting for Kafka");
            Attempt::Again(error)
        }
    }
}

/// One id that fits is enough: single records with odd ids are dead letters, not a reason to stand still.
async fn registry_fits(
    registry: &Registry,
    decoder: &mut Decoder<ConnectionEvent>,
    ids: BTreeSet<SchemaId>,
) -> Result<(), Error> {
    let mut misfits = Vec::new();
    for id in ids {
        match registry.fetch(id).await {
            Ok(schema) => match decoder.learn(id, &schema) {
                Ok(()) => return Ok(()),
                Err(mismatch) => misfits.push(mismatch.to_string()),
            },
            Err(error @ RegistryError::NoSuchSchema(_)) => misfits.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    match misfits.into_iter().next() {
        None => Ok(()),
        Some(reason) => Err(Error::RegistryDoesNotFit { reason }),
    }
}
