//! `flowledger.toml`: one tree, each section defined by the crate that uses it.

use schemas::topics;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range};

/// The whole configuration. Every section and every field has a default.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Logs and the operator's port.
    pub(crate) telemetry: service_kit::telemetry::TelemetryConfig,
    /// Kafka.
    pub(crate) kafka: kafka_io::KafkaConfig,
    /// How topics are made by `flowledger migrate`.
    pub(crate) topics: TopicsConfig,
    /// Schema registry.
    pub(crate) registry: schema_registry::RegistryConfig,
    /// ClickHouse.
    pub(crate) clickhouse: clickhouse_io::ClickHouseConfig,
    /// Object store of the reports.
    pub(crate) store: report_store::StoreConfig,
    /// Limits of a tenant's reports.
    pub(crate) limits: report_life::Limits,
    /// Webhooks.
    pub(crate) webhooks: webhooks::WebhooksConfig,
    /// Bucket syncs.
    pub(crate) syncs: bucket_syncs::Config,
    /// Connector.
    pub(crate) connector: connector::Config,
    /// Ingest.
    pub(crate) ingest: ingest::Config,
    /// Aggregator.
    pub(crate) aggregator: aggregator::Config,
    /// Exporter.
    pub(crate) exporter: exporter::Config,
    /// Console.
    pub(crate) console: console::Config,
}

/// Section `topics`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TopicsConfig {
    /// Copies of each partition, 1 to 7.
    pub(crate) replication: i32,
    /// Partitions of `connection-events`: a multiple of 16, 16 to 1024.
    pub(crate) connection_events_partitions: i32,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self { replication: 1, connection_events_partitions: topics::CONNECTION_EVENTS.partitions }
    }
}

impl Validate for TopicsConfig {
    fn validate(&self) -> Result<(), RangeError> {
        in_range("replication", self.replication, 1..=7)?;
        in_range("connection_events_partitions", self.connection_events_partitions, 16..=1024)?;
        if self.connection_events_partitions % 16 == 0 {
            Ok(())
        } else {
            Err(RangeError::new("connection_events_partitions", "is not a multiple of 16"))
        }
    }
}

/// Sections that are shared. A service's own section is checked where the service starts: a machine that runs only ingest
/// needs no tenant for a connector.
impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        self.telemetry.validate().map_err(|error| error.at("telemetry"))?;
        self.topics.validate().map_err(|error| error.at("topics"))?;
        self.registry.validate().map_err(|error| error.at("registry"))?;
        self.clickhouse.validate().map_err(|error| error.at("clickhouse"))?;
        self.store.validate().map_err(|error| error.at("store"))?;
        self.limits.validate().map_err(|error| error.at("limits"))?;
        self.syncs.validate().map_err(|error| error.at("syncs"))?;
        self.webhooks.validate().map_err(|error| error.at("webhooks"))
    }
}
