//! `flowledger migrate`: topics, schemas and tables, made or brought up to date.

use anyhow::Context;
use schemas::topics::{self, Topic};
use schemas::{avro_schemas, migrations};
use service_kit::CancellationToken;

use crate::cli::CommonOptions;
use crate::config::Config;
use crate::services::loaded;

pub(crate) async fn run(options: CommonOptions) -> anyhow::Result<()> {
    let Some(config) = loaded(&options, |_| Ok(()))? else { return Ok(()) };
    service_kit::telemetry::init(&config.telemetry);
    let stop = crate::stop::on_signal()?;
    migrate(&config, &stop).await
}

/// Waits for the parts and brings each of them up to date. Run again it changes nothing.
pub(crate) async fn migrate(config: &Config, stop: &CancellationToken) -> anyhow::Result<()> {
    let wanted: Vec<Topic> = topics::ALL
        .iter()
        .map(|topic| match topic.name {
            name if name == topics::CONNECTION_EVENTS.name => {
                Topic { partitions: config.topics.connection_events_partitions, ..*topic }
            }
            _ => *topic,
        })
        .collect();
    for made in kafka_io::admin::ensure_topics(&config.kafka, &wanted, config.topics.replication)
        .await
        .context("topics cannot be made")?
    {
        tracing::info!(topic = ?made, "topic");
    }
    let registry = schema_registry::Registry::new(&config.registry)?;
    for subject in avro_schemas::ALL {
        let id = registry.ensure_patiently(subject, stop).await.context("told to stop")??;
        tracing::info!(subject = subject.name, schema = id.get(), "schema");
    }
    let clickhouse = clickhouse_io::ClickHouse::new(&config.clickhouse);
    for applied in
        clickhouse_io::migrate::migrate(&clickhouse, migrations::ALL).await.context("tables cannot be made")?
    {
        tracing::info!(migration = ?applied, "table");
    }
    Ok(())
}
