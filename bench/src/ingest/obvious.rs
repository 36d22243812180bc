//! The peer: what one would write first. StreamConsumer, apache-avro to a struct, rows collected, the `clickhouse` crate's insert,
//! commit. At least once.

use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::{Message, Offset, TopicPartitionList};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::avro_schemas::CONNECTION_EVENT;
use schemas::connection_event::ConnectionEvent;
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;

/// Its group.
pub(crate) const GROUP: &str = "obvious";
/// Rows of one insert.
const BATCH: usize = 100_000;

/// Runs until it is killed.
pub(crate) async fn run(kafka: &str, registry: &str, clickhouse: &str) -> anyhow::Result<()> {
    service_kit::tls::install();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka).set("group.id", GROUP).set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[CONNECTION_EVENTS.name])?;
    let registry = Registry::new(&RegistryConfig { url: registry.to_owned(), ..RegistryConfig::default() })?;
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: clickhouse.to_owned(), ..ClickHouseConfig::default() });
    let mut decoder = Decoder::<ConnectionEvent>::new(&CONNECTION_EVENT)?;
    let stop = CancellationToken::new();
    let (mut rows, mut offsets, mut number) = (Vec::new(), TopicPartitionList::new(), 0_u64);
    loop {
        let message = tokio::time::timeout(std::time::Duration::from_secs(2), consumer.recv()).await;
        if let Ok(message) = &message {
            let message = message.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
            let Some(decoded) = decoder.decode_with(&registry, message.payload().unwrap_or_default(), &stop).await
            else {
                return Ok(());
            };
            let event = decoded??;
            event.check(Moment::from_millis(message.timestamp().to_millis().unwrap_or(0)))?;
            let (partition, offset) = (message.partition(), message.offset());
            rows.push(ConnectionRow::from_event(event, Source { name: "main", partition, offset }));
            if offsets.set_partition_offset(CONNECTION_EVENTS.name, partition, Offset::Offset(offset + 1)).is_err() {
                offsets.add_partition_offset(CONNECTION_EVENTS.name, partition, Offset::Offset(offset + 1))?;
            }
        }
        if rows.len() >= BATCH || (message.is_err() && !rows.is_empty()) {
            number += 1;
            let token = format!("obvious-{number}");
            insert(&clickhouse, EventTable::Connections, std::mem::take(&mut rows), &token).await?;
            consumer.commit(&offsets, CommitMode::Sync)?;
        }
    }
}
