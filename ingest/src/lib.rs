//! Connection events from Kafka to ClickHouse.
//!
//! An event's life: it arrives in its partition's order, is decoded and held against the contract, and becomes a row of the
//! partition's batch or a reject. The batch is closed by rows, bytes or age; its rejects go to the dead-letter topic and its rows
//! into ClickHouse as one block a table, with a token made of source, partition and offsets. When both are durable, and never
//! before, the partition's offset is committed.
//!
//! Guarantee: every event is stored or dead-lettered at least once; each is counted. After a crash a batch may be stored twice
//! under other tokens: readers drop copies by event id. What waits in memory is bounded whatever the backlog.

mod adapters;
mod config;
mod error;
mod fit;
mod metrics;
mod pipeline;
mod stages;

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{GroupConsumer, GroupOptions, KafkaConfig, Producer};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::{avro_schemas, topics};
use service_kit::context::ServiceContext;

pub use config::Config;
pub use error::Error;

use crate::adapters::{ClickHouseRows, DeadLetterTopic, GroupOffsets};
use crate::metrics::IngestMetrics;
use crate::pipeline::{Pipeline, Ports};

/// The group under which offsets are committed; reports wait for it.
pub const GROUP: &str = "ingest";

/// Runs until the context is told to stop; then writes and commits what it holds.
///
/// # Errors
/// When stored rows, topic and registry do not fit, or something happens that only an operator can mend.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let ready = context.readiness.part("ingest");
    let metrics = IngestMetrics::new(&context.metrics);
    let (registry, clickhouse) = (Registry::new(&registry)?, ClickHouse::new(&clickhouse));
    let mut decoder = Decoder::new(&avro_schemas::CONNECTION_EVENT)?;
    let Some(waited) = clickhouse.wait_ready(&context.stop).await else { return Ok(()) };
    waited?;
    let Some(waited) = registry.wait_ready(&context.stop).await else { return Ok(()) };
    waited?;
    let Some(fits) = fit::check(&kafka, &registry, &clickhouse, &mut decoder, &config.source, &context.stop).await
    else {
        return Ok(());
    };
    fits?;
    let options = GroupOptions {
        instance_id: config.instance_id.clone(),
        waiting_bytes_max: config.waiting_bytes_max,
        ..GroupOptions::new(GROUP, topics::CONNECTION_EVENTS.name)
    };
    let consumer = GroupConsumer::new(&kafka, &options)?;
    let ports = Ports {
        rows: ClickHouseRows::new(clickhouse),
        dead_letters: DeadLetterTopic::new(Producer::new(&kafka, "flowledger-ingest")?, &config.source),
        offsets: GroupOffsets::new(consumer.committer()),
    };
    ready.set(true);
    let ended = Pipeline::new(config, decoder, registry, ports, metrics, context).run(consumer).await;
    ready.set(false);
    ended
}
