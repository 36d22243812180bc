//! Connection events from Kafka to ClickHouse, each exactly once.
//!
//! An event's life: it arrives in its partition's order, is decoded into the columns of its partition's range and held against the
//! contract: it is a row, or it is refused. The range is closed by rows, bytes or age. From there on it is the protocol's
//! (`exactly-once`): the range's intent goes beside the committed offset, what is refused goes to the dead-letter topic, the rows go
//! into ClickHouse as one block a table under the intent's token, and the offset moves behind the range.
//!
//! Guarantee: every event on Kafka is stored once or dead-lettered, never both, through crashes, rebalances and lost answers;
//! each is counted. Offsets move after data is durable. What waits in memory is bounded whatever the backlog.

mod adapters;
mod block;
mod config;
mod error;
mod fit;
mod job;

use clickhouse_io::write::EventTable;
use clickhouse_io::{ClickHouse, ClickHouseConfig};
use event_columns::ENCODER_VERSION;
use exactly_once::{BeginGate, Limits};
use kafka_io::{KafkaConfig, Producer};
use range_pipeline::{BEGIN_MAX, RangeMetrics, Settings, TopicCheck, check_timeout, token_life};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::{avro_schemas, topics};
use service_kit::context::ServiceContext;

pub use adapters::StoreFailure;
pub use config::Config;
pub use error::Error;

use crate::adapters::ClickHouseStore;
use crate::block::Pool;
use crate::job::{EventRows, IngestJob};

/// The group under which offsets are committed; reports wait for it.
pub const GROUP: &str = "ingest";
/// What metrics call records that are no rows.
const REFUSED: &str = "dead_lettered";

/// Runs until the context is told to stop; then writes and commits what it holds.
///
/// # Errors
/// When stored rows, topic, tables and registry do not fit, or something happens that only an operator can mend.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let ready = context.readiness.part("ingest");
    let metrics = RangeMetrics::new(&context.metrics, GROUP, REFUSED);
    check_timeout(clickhouse.timeout)?;
    let (registry, clickhouse) = (Registry::new(&registry)?, ClickHouse::new(&clickhouse));
    let mut decoder = Decoder::new(&avro_schemas::CONNECTION_EVENT)?;
    let Some(clickhouse) = clickhouse.wait_ready_giving_way(config.nice, &context.stop).await else { return Ok(()) };
    let clickhouse = clickhouse?;
    let Some(waited) = registry.wait_ready(&context.stop).await else { return Ok(()) };
    waited?;
    let Some(fits) = fit::check(&kafka, &registry, &clickhouse, &mut decoder, &config.source, &context.stop).await
    else {
        return Ok(());
    };
    fits?;
    let tables = [EventTable::Connections.name(), EventTable::ConnectionOpenings.name()];
    let Some(token_life) = token_life(&clickhouse, &tables, &context.stop).await else { return Ok(()) };
    let token_life = token_life?;
    let store = ClickHouseStore {
        topic: TopicCheck::new(&clickhouse, &kafka, topics::CONNECTION_EVENTS.name, &config.source, &metrics),
        clickhouse,
        dead_letters: Producer::new(&kafka, "flowledger-ingest")?,
        kafka: kafka.clone(),
        source: config.source.as_str().into(),
        partition: 0,
        inserts: BeginGate::new(config.writes_max, BEGIN_MAX),
        metrics: metrics.clone(),
    };
    let job = IngestJob { rows: EventRows(Pool::new(&config.source)), store };
    let settings = Settings {
        group: GROUP,
        topic: topics::CONNECTION_EVENTS.name,
        source: config.source,
        delivery: config.delivery,
        instance_id: config.instance_id,
        protocol: config.protocol,
        limits: Limits { rows: config.batch_rows, bytes: config.batch_bytes, age: config.batch_age },
        buffered_bytes_max: config.buffered_bytes_max,
        waiting_bytes_max: config.waiting_bytes_max,
        drain_max: config.drain_max,
        encoder: ENCODER_VERSION,
        token_life,
    };
    let run =
        range_pipeline::run(&settings, &kafka, &registry, &job, &metrics, &context, |is_ready| ready.set(is_ready));
    Ok(run.await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_kit::metrics::Metrics;

    #[test]
    fn alert_rules_and_their_page_use_names_that_the_program_has() {
        let metrics = Metrics::new();
        let _ranges = RangeMetrics::new(&metrics, GROUP, REFUSED);
        for text in [
            include_str!("../../deploy/alerts.yml"),
            include_str!("../../deploy/alerts.test.yml"),
            include_str!("../../docs/operations.md"),
        ] {
            assert_eq!(metrics.unknown_in(text, "flowledger_ingest_"), std::collections::BTreeSet::new());
        }
    }
}
