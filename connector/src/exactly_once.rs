//! Exactly once: a run whose positions are on Kafka, in one transaction with the events.
//!
//! At the start the transactional id is taken over, which fences a connector that was thought dead and ends what it had left open; then
//! positions are read from their topic to its end. The first transaction says where files begin to be read, before a line of them is
//! taken. One that fails is aborted, and everything since the last one is read and done again.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_io::{KafkaConfig, KafkaError, TransactionalProducer, newest_by_key};
use schema_registry::{Decoder, Registry, SchemaId};
use schemas::avro_schemas::CONNECTOR_POSITION;
use schemas::topics::CONNECTOR_POSITIONS;
use service_kit::context::ServiceContext;

use crate::adapters::position_record::ConnectorPosition;
use crate::adapters::positions::{PositionStore, SavedPosition};
use crate::adapters::publish::Publisher;
use crate::config::Config;
use crate::deliver::Summary;
use crate::error::{Error, WriteError};
use crate::keep::{Carried, Keeper, Ledger};
use crate::metrics::ConnectorMetrics;
use crate::record_writer::RecordWriter;
use crate::run::{Begin, run_with};
use crate::stages::encode_event::EventEncoder;

/// How long transactions of other connectors are waited for beyond their own time-out.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between a transaction that failed and the next.
const PAUSE: Duration = Duration::from_millis(500);

/// [`crate::run`] for `delivery = "exactly_once"`. `position` is what the registry calls the schema of positions.
pub(crate) async fn run(
    config: Config,
    kafka: &KafkaConfig,
    registry: &Registry,
    events: EventEncoder,
    position: SchemaId,
    metrics: &ConnectorMetrics,
    context: ServiceContext,
) -> Result<Summary, Error> {
    let instance = config.instance.clone().unwrap_or_default();
    let (store, in_folder) = PositionStore::open(&config.state_dir)?;
    let mut in_folder = in_folder.filter(|_| !store.is_copy());
    let mut topic = PositionTopic { kafka, registry, context: &context, instance: &instance, config: &config };
    let carried = Carried::default();
    loop {
        let before = carried.committed();
        // Before the positions are read: from now on nobody else can move them.
        let Some(producer) = take_over(&instance, &config, kafka, &context).await? else { return Ok(before) };
        let mut publisher = Publisher::transactional(producer.clone(), position, events.clone())?;
        if let Some(files) = &in_folder {
            tracing::info!(files = files.len(), "positions of the state folder are taken over to Kafka");
            let Some(ledger) = topic.read().await? else { return Ok(before) };
            match import(&mut publisher, &ledger, files).await {
                // The next producer ends what this one has left open.
                Err(Error::Kafka(WriteError::DoAgain(reason))) => {
                    tracing::warn!(reason, "positions could not be taken over, and are again");
                    let _ = context.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                    continue;
                }
                imported => imported?,
            }
            save_copy(&store, files.clone())?;
            in_folder = None;
        }
        match write_transactions(&config, &producer, &publisher, &mut topic, &carried, metrics).await {
            // A client can break for good, after an outage too. A new one does what a new start would, where this one got anywhere.
            Err(Error::Kafka(WriteError::Broken(reason))) if carried.committed() != before => {
                tracing::warn!(reason, "the producer is made anew");
                let _ = context.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
            Err(error) => return Err(error),
            Ok(summary) => {
                // For a connector that goes on at least once; this one does not look at it again. Nothing is asked any more: this may be
                // the end because it is told to stop. Where nothing is known, what lies in the folder stays.
                if let Some(files) = carried.positions() {
                    save_copy(&store, files)?;
                }
                return Ok(summary);
            }
        }
    }
}

/// A producer that is the only one under this instance's name; `None`: the connector stops.
async fn take_over(
    instance: &str,
    config: &Config,
    kafka: &KafkaConfig,
    context: &ServiceContext,
) -> Result<Option<TransactionalProducer>, WriteError> {
    let id = format!("flowledger-connector-{instance}");
    let producer = TransactionalProducer::new(kafka, "flowledger-connector", &id, config.transaction_max)
        .map_err(|error| WriteError::Broken(error.to_string()))?;
    match context.stop.run_until_cancelled(producer.take_over()).await {
        None => Ok(None),
        Some(taken) => Ok(taken.map(|()| Some(producer))?),
    }
}

/// Runs until there is nothing more to read, the connector stops, or the producer cannot go on.
async fn write_transactions(
    config: &Config,
    producer: &TransactionalProducer,
    publisher: &Publisher,
    topic: &mut PositionTopic<'_>,
    carried: &Carried,
    metrics: &ConnectorMetrics,
) -> Result<Summary, Error> {
    let context = topic.context;
    loop {
        let Some(ledger) = topic.read().await? else { return Ok(carried.committed()) };
        let committed = ledger.files();
        if let Some(files) = &committed {
            carried.set_positions(files.clone());
        }
        // Where not even the first commit came about, the files are still read from where they were opened first.
        let kept = committed.or_else(|| carried.opened());
        let begin = Begin { kept, keeper: Keeper::Transaction(ledger), carried: carried.clone() };
        match run_with(config.clone(), publisher.clone(), begin, metrics, context.clone()).await {
            Err(Error::Kafka(WriteError::DoAgain(reason))) => {
                tracing::warn!(reason, "a transaction is aborted, and its lines are read again");
                metrics.count_aborted(config.tenant.as_ref());
                producer.abort().await.map_err(WriteError::from)?;
                let _ = context.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
            ended => return ended,
        }
    }
}

fn save_copy(store: &PositionStore, files: Vec<SavedPosition>) -> Result<(), Error> {
    store.save_copy(files).map_err(|reason| Error::Positions { path: store.path(), reason })
}

/// One transaction of nothing but positions.
async fn import(publisher: &mut Publisher, ledger: &Ledger, files: &[SavedPosition]) -> Result<(), Error> {
    let changes = ledger.changes(files);
    if changes.is_empty() {
        return Ok(());
    }
    publisher.begin()?;
    for (key, position) in changes {
        publisher.write_position(&key, position.as_ref()).await?;
    }
    Ok(publisher.commit().await?)
}

/// The positions of one connector, as their topic has them.
struct PositionTopic<'a> {
    kafka: &'a KafkaConfig,
    registry: &'a Registry,
    context: &'a ServiceContext,
    instance: &'a str,
    config: &'a Config,
}

impl PositionTopic<'_> {
    /// What is committed; `None`: the connector is to stop.
    async fn read(&mut self) -> Result<Option<Ledger>, Error> {
        let topic_error = |reason: String| Error::Topic(reason);
        let Some(newest) = self.context.stop.run_until_cancelled(self.newest()).await else { return Ok(None) };
        let newest = newest.map_err(|error| topic_error(error.to_string()))?;
        let prefix = Ledger::prefix(self.instance);
        let mut decoder: Decoder<ConnectorPosition> =
            Decoder::new(&CONNECTOR_POSITION).map_err(|error| topic_error(error.to_string()))?;
        let mut kept = BTreeMap::new();
        for (key, value) in newest.into_iter().filter(|(key, _)| key.starts_with(prefix.as_bytes())) {
            let decoded = decoder.decode_with(self.registry, &value, &self.context.stop).await;
            let Some(decoded) = decoded else { return Ok(None) };
            let position = decoded?.map_err(|error| topic_error(error.to_string()))?;
            kept.insert(String::from_utf8_lossy(&key).into_owned(), SavedPosition::from(position));
        }
        Ok(Some(Ledger::new(self.instance, kept)))
    }

    /// The newest position under each key, of all connectors. Outages are waited out, as everywhere in a connector.
    async fn newest(&self) -> Result<BTreeMap<Bytes, Bytes>, KafkaError> {
        loop {
            match newest_by_key(self.kafka, CONNECTOR_POSITIONS.name, self.config.transaction_max + PATIENCE).await {
                Err(error) if error.is_outage() => {
                    tracing::warn!(%error, "positions cannot be read now, and are asked for again");
                    tokio::time::sleep(PAUSE).await;
                }
                read => return read,
            }
        }
    }
}
