//! Connection events to the hourly roll-up and the set of open connections.
//!
//! An event's life: it is decoded as ingest decodes it, marks the hour of its Remote Network as changed, and changes the entry of
//! its connection. From time to time, when ingest has stored what was read, the changed hours are counted anew from the raw rows,
//! the entries are written, and then the offsets are committed.
//!
//! Guarantee: the roll-up equals GROUP BY over the raw rows, each fact once, whatever is read again after a crash: counting again
//! gives the same. What breaks the contract is passed over and counted; ingest dead-letters it.

mod adapters;
mod config;
mod error;
mod metrics;
mod pipeline;
mod stages;

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{GroupConsumer, GroupOptions, KafkaConfig};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::{avro_schemas, topics};
use service_kit::context::ServiceContext;

pub use config::Config;
pub use error::Error;

use crate::adapters::Parts;
use crate::metrics::AggregatorMetrics;
use crate::pipeline::Pipeline;

/// The group under which offsets are committed.
pub const GROUP: &str = "aggregator";

/// Runs until the context is told to stop. What was not written then is read again at the next start.
///
/// # Errors
/// When something happens that only an operator can mend.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let ready = context.readiness.part("aggregator");
    let (registry, clickhouse) = (Registry::new(&registry)?, ClickHouse::new(&clickhouse));
    let Some(waited) = clickhouse.wait_ready(&context.stop).await else { return Ok(()) };
    waited?;
    let decoder = Decoder::new(&avro_schemas::CONNECTION_EVENT)?;
    let options = GroupOptions {
        instance_id: config.instance_id.clone(),
        waiting_bytes_max: config.waiting_bytes_max,
        ..GroupOptions::new(GROUP, topics::CONNECTION_EVENTS.name)
    };
    let consumer = GroupConsumer::new(&kafka, &options)?;
    let metrics = AggregatorMetrics::new(&context.metrics);
    ready.set(true);
    let outside = Parts { kafka, clickhouse, committer: consumer.committer() };
    let pipeline = Pipeline::new(config, outside, decoder, registry, metrics, context.stop.clone());
    let ended = pipeline.run(consumer).await;
    ready.set(false);
    ended
}
