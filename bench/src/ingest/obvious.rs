//! The peer: what one would write first. StreamConsumer, apache-avro or serde_json to a struct, rows collected, the `clickhouse` crate's
//! insert, commit. At least once. apache-avro in the two ways that it has: by its tree of values, as its documentation shows, and
//! straight into the struct, which it can where the writer's schema is the reader's.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Schema, from_value};
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

use crate::ingest::json_event::JsonEvent;
use crate::ingest::stage::JSON_EVENTS;
use crate::transcode::WIRE_FORMAT;

/// Rows of one insert.
const BATCH: usize = 100_000;

/// How events lie on the topic.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// Avro, read into a tree of values.
    Avro,
    /// Avro, read straight into the struct.
    AvroDirect,
    Json,
}

impl Form {
    /// Name of its process.
    pub(crate) fn peer(self) -> &'static str {
        match self {
            Self::Avro => "peer_obvious_consumer",
            Self::AvroDirect => "peer_obvious_consumer_direct",
            Self::Json => "peer_obvious_consumer_json",
        }
    }

    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Avro => "obvious",
            Self::AvroDirect => "obvious-direct",
            Self::Json => "obvious-json",
        }
    }

    pub(crate) fn topic(self) -> &'static str {
        match self {
            Self::Avro | Self::AvroDirect => CONNECTION_EVENTS.name,
            Self::Json => JSON_EVENTS.name,
        }
    }
}

/// Runs until it is killed.
pub(crate) async fn run([kafka, registry, clickhouse]: [String; 3], form: Form) -> anyhow::Result<()> {
    service_kit::tls::install();
    let topic = form.topic();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka).set("group.id", form.group()).set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    let consumer: StreamConsumer = config.create()?;
    consumer.subscribe(&[topic])?;
    let registry = Registry::new(&RegistryConfig { url: registry, ..RegistryConfig::default() })?;
    let clickhouse = ClickHouse::new(&ClickHouseConfig { url: clickhouse, ..ClickHouseConfig::default() });
    let mut decoder = Decoder::<ConnectionEvent>::new(&CONNECTION_EVENT)?;
    let schema = Schema::parse_str(CONNECTION_EVENT.schema)?;
    let reader = GenericDatumReader::builder(&schema).human_readable(false).build()?;
    let stop = CancellationToken::new();
    let (mut rows, mut offsets, mut number) = (Vec::new(), TopicPartitionList::new(), 0_u64);
    loop {
        let message = tokio::time::timeout(std::time::Duration::from_secs(2), consumer.recv()).await;
        if let Ok(message) = &message {
            let message = message.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
            let payload = message.payload().unwrap_or_default();
            let event: ConnectionEvent = match form {
                Form::Avro => {
                    let mut body = payload.get(WIRE_FORMAT..).unwrap_or_default();
                    from_value(&reader.read_value(&mut body)?)?
                }
                Form::AvroDirect => {
                    let Some(decoded) = decoder.decode_with(&registry, payload, &stop).await else { return Ok(()) };
                    decoded??
                }
                Form::Json => serde_json::from_slice::<JsonEvent>(payload)?.into(),
            };
            event.check(Moment::from_millis(message.timestamp().to_millis().unwrap_or(0)))?;
            let (partition, offset) = (message.partition(), message.offset());
            rows.push(ConnectionRow::from_event(event, Source { name: "main", partition, offset }));
            if offsets.set_partition_offset(topic, partition, Offset::Offset(offset + 1)).is_err() {
                offsets.add_partition_offset(topic, partition, Offset::Offset(offset + 1))?;
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
