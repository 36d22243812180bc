//! Connection events to roll-ups and the set of open connections.
//!
//! An event's life: it arrives in its partition's order, is read and held against the contract as in ingest, and becomes a few numbers of
//! its range. A closed range is counted into groups by minute, and these go into ClickHouse by the protocol of `exactly-once`: each
//! row names the offsets it was counted from, so that counted offsets can be counted. Openings and ends change the set of open
//! connections on the way; doing that again changes nothing.
//!
//! An hour that is over is counted from the raw rows, when ingest has stored what the minutes were counted from, and again when late
//! events come: totals with a version, where each fact counts once. A day that is over is put together from its hours, and again when one
//! of them was. What was counted by an older definition than this program's is counted anew beside that, the newest first.
//!
//! Guarantee: each offset is in the roll-up by minute once; an hour equals GROUP BY over the raw rows, each fact once, whatever is read
//! again after a crash. Copies count once by minute too where they come soon after each other. What breaks the contract is passed
//! over and counted; ingest dead-letters it.

mod block;
mod changes;
mod config;
mod copies;
mod error;
mod groups;
mod job;
mod metrics;
mod rows;
mod seal;
mod store;

use clickhouse_io::rollup::MINUTES_TABLE;
use clickhouse_io::{ClickHouse, ClickHouseConfig};
use event_columns::ENCODER_VERSION;
use exactly_once::{BeginGate, Delivery, Limits, TokenLife};
use kafka_io::KafkaConfig;
use range_pipeline::{BEGIN_MAX, RangeMetrics, Settings, TopicCheck, check_timeout, token_life};
use schema_registry::{Registry, RegistryConfig};
use schemas::topics::CONNECTION_EVENTS;
use service_kit::context::ServiceContext;

pub use config::Config;
pub use error::Error;
pub use store::StoreFailure;

use crate::block::Pool;
use crate::job::{AggregatorJob, MinuteFill};
use crate::metrics::AggregatorMetrics;
use crate::store::RollupStore;

/// The group under which offsets are committed.
pub const GROUP: &str = "aggregator";
/// What metrics call records that are no rows: their dead letters are ingest's.
const REFUSED: &str = "passed_over";
/// Version of what becomes of events here, beside that of what is read from records; raised as [`ENCODER_VERSION`] is. Of what hours and days count the
/// version is `rollup::DEFINITION`.
const COUNTS_VERSION: u32 = 2;

/// Runs until the context is told to stop; then writes and commits what it holds.
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
    let ranges = RangeMetrics::new(&context.metrics, GROUP, REFUSED);
    let metrics = AggregatorMetrics::new(&context.metrics);
    check_timeout(clickhouse.timeout)?;
    let (registry, clickhouse) = (Registry::new(&registry)?, ClickHouse::new(&clickhouse));
    let Some(clickhouse) = clickhouse.wait_ready_giving_way(config.nice, &context.stop).await else { return Ok(()) };
    let clickhouse = clickhouse?;
    let Some(waited) = registry.wait_ready(&context.stop).await else { return Ok(()) };
    waited?;
    let Some(life) = token_life(&clickhouse, &[MINUTES_TABLE], &context.stop).await else { return Ok(()) };
    let settings = settings(&config, life?);
    let job = AggregatorJob {
        fill: MinuteFill(Pool::new(metrics.copies.clone())),
        store: RollupStore {
            clickhouse: clickhouse.clone(),
            source: config.source.as_str().into(),
            partition: 0,
            topic: TopicCheck::new(&clickhouse, &kafka, CONNECTION_EVENTS.name, &config.source, &ranges),
            inserts: BeginGate::new(config.writes_max, BEGIN_MAX),
            metrics: ranges.clone(),
        },
    };
    let outside = seal::Parts { kafka: kafka.clone(), clickhouse, source: config.source.clone() };
    let counting =
        range_pipeline::run(&settings, &kafka, &registry, &job, &ranges, &context, |is_ready| ready.set(is_ready));
    let sealing = seal::run(&config, &outside, &metrics, &context.stop);
    // Whichever fails ends the other: what is not committed is done again at the next start.
    tokio::try_join!(async { counting.await.map_err(Error::from) }, async { sealing.await.map_err(Error::from) })?;
    Ok(())
}

fn settings(config: &Config, token_life: TokenLife) -> Settings {
    Settings {
        group: GROUP,
        topic: CONNECTION_EVENTS.name,
        // Tokens of ingest's ranges are of the same offsets.
        source: format!("rollup.{}", config.source),
        delivery: Delivery::ExactlyOnce,
        instance_id: config.instance_id.clone(),
        protocol: config.protocol,
        limits: Limits { rows: config.batch_rows, bytes: config.batch_bytes, age: config.batch_age },
        buffered_bytes_max: config.buffered_bytes_max,
        waiting_bytes_max: config.waiting_bytes_max,
        drain_max: config.drain_max,
        encoder: ENCODER_VERSION * 1_000 + COUNTS_VERSION,
        token_life,
    }
}
