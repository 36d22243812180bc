//! Real-time connection log lines of a tenant's Connectors to Avro events on Kafka.
//!
//! **Life of a line.** A reader thread follows files ([`adapters`]) and cuts their bytes into lines, which it hands over through
//! a bounded channel. Each line gets a fate ([`pipeline`]): published as an event, written to
//! `connection-lines-dead-letter` with its reason, or passed over. Kafka's acknowledgements are taken in the order of sending,
//! and only behind them moves the position of the line's file.
//!
//! **Guarantee.** With `delivery = "exactly_once"` a line that was read is published, or a dead letter, exactly once for every reader at
//! `read_committed`: its position is committed in the same transaction ([`exactly_once`]). With `at_least_once` it is so at least
//! once: after `kill -9` the next start reads on from the kept position, and lines behind it come a second time. Their `event_id`
//! is the same, which makes that harmless.
//! Outages of Kafka are waited out with bounded memory: when enough is in flight, reading stops. Standard input cannot be read
//! again: what was in flight is lost with the process. So is what a writer truncates before it was acknowledged.
//!
//! **Places.** Where a line gives no location, and a database is configured, the place of its client is published as the event's own. Read again
//! by a connector with another edition, a line may give another place: a copy with the same `event_id`, of which the first counts.
//!
//! **Never.** It never guesses the version of the log, never stops at a line, and never changes one.

pub mod adapters;
mod behind;
mod config;
mod deliver;
mod error;
mod exactly_once;
mod keep;
mod letters;
mod limits;
pub mod line;
mod metrics;
mod pending;
pub mod pipeline;
mod record_writer;
mod run;
pub mod stages;

pub use config::{Config, DeliveryMode, LogVersion, StartAt, Wrapping};
pub use deliver::Summary;
pub use error::{Error, Unreadable, WriteError};
pub use metrics::ConnectorMetrics;

use std::path::Path;
use std::sync::Arc;

use address_lookup::PlaceDatabase;
use kafka_io::KafkaConfig;
use schema_registry::{Registry, RegistryConfig};
use schemas::avro_schemas::{CONNECTION_EVENT, CONNECTOR_POSITION};
use service_kit::config::{RangeError, Validate};
use service_kit::context::ServiceContext;

use adapters::positions::PositionStore;
use adapters::publish::Publisher;
use keep::{Carried, Keeper};
use run::Begin;
use stages::encode_event::EventEncoder;
use stages::look_up_place::PlaceLookup;

/// Reads what `config` names until it is told to stop, or everything is read (`once`, or standard input alone). May run more
/// than once in a process, with a state folder for each.
///
/// The registry is needed only at the start, and Kafka has to say there how large batches may be. An outage of them is waited out.
///
/// # Errors
/// What only a person can put right. Nothing is lost: the next run reads on from the kept positions.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    metrics: ConnectorMetrics,
    context: ServiceContext,
) -> Result<Summary, Error> {
    config.validate()?;
    let tenant = config.tenant.clone().ok_or_else(|| RangeError::new("tenant", "is missing"))?;
    let places = config.geoip_database.as_deref().map(open_places).transpose()?;
    let registry = Registry::new(&registry)?;
    let Some(event) = registry.ensure_patiently(&CONNECTION_EVENT, &context.stop).await else {
        return Ok(Summary::default());
    };
    let events = EventEncoder::new(event?, tenant).with_lookup(places);
    let Some(kafka) = limits::with_batches_that_are_taken(kafka, &context.stop).await else {
        return Ok(Summary::default());
    };
    match config.delivery {
        DeliveryMode::AtLeastOnce => {
            let (store, kept) = PositionStore::open(&config.state_dir)?;
            let keeper = Keeper::Folder(Arc::new(store));
            let begin = Begin { kept, keeper, carried: Carried::default() };
            run::run_with(config, Publisher::new(&kafka, events)?, begin, &metrics, context).await
        }
        DeliveryMode::ExactlyOnce => {
            let Some(position) = registry.ensure_patiently(&CONNECTOR_POSITION, &context.stop).await else {
                return Ok(Summary::default());
            };
            exactly_once::run(config, &kafka, &registry, events, position?, &metrics, context).await
        }
    }
}

fn open_places(path: &Path) -> Result<PlaceLookup, Error> {
    let database = PlaceDatabase::open(path)?;
    tracing::info!(edition = %database.edition(), "clients whose lines give no location are looked up");
    Ok(PlaceLookup::new(Arc::new(database)))
}
