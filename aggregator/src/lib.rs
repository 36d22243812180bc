//! To be written.
use clickhouse_io::ClickHouseConfig; use kafka_io::KafkaConfig; use schema_registry::RegistryConfig; use service_kit::context::ServiceContext; use service_kit::config::{Validate, RangeError}; use serde::{Serialize, Deserialize};
/// x
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {}
impl Validate for Config { fn validate(&self) -> Result<(), RangeError> { Ok(()) } }
/// x
pub async fn run(_: Config, _: KafkaConfig, _: RegistryConfig, _: ClickHouseConfig, c: ServiceContext) -> Result<(), std::io::Error> { c.stop.cancelled().await; Ok(()) }
