//! Report requests to files in the object store, and mail when they are ready.
//!
//! A report's life: its request is taken from the topic, it waits until ingest has stored what was on Kafka when it was asked for,
//! its range is read as columns, made into lines, sorted in stretches that fit memory, packed, and uploaded in parts; then its
//! receivers get a mail. Each step is an event on `report-events`; the request's offset is committed after the last of them.
//!
//! What schedules make by themselves is asked for here too ([`schedules`]), and is a report like every other then.
//!
//! Guarantee: every request ends as `completed`, as `cancelled` or as `failed` with a reason, or in the dead-letter topic. A crash at any
//! point leaves the request uncommitted, and the next exporter goes on from what the events say. The file is visible only when it is
//! whole; neither memory nor disk ever holds it. A file that no report names is deleted. A mail may be sent twice where a crash came
//! between sending and noting it.

mod adapters;
mod config;
mod error;
mod expire;
#[cfg(test)]
mod fakes;
mod lanes;
mod life;
mod mail;
mod make;
mod metrics;
mod pack;
mod pipeline;
mod render;
mod schedules;
mod stages;
mod tools;
mod write_file;

use std::sync::Arc;

use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{GroupConsumer, GroupOptions, KafkaConfig, Producer};
use report_life::{Journal, SharedBook, follow};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::{avro_schemas, topics};
use service_kit::context::ServiceContext;
use service_kit::tasks::TaskGroup;

pub use config::{Config, MailConfig, MailSecurity};
pub use error::Error;

use crate::adapters::Parts;
use crate::life::Life;
use crate::mail::Mailer;
use crate::metrics::{ExporterMetrics, ScheduleMetrics};
use crate::pipeline::Pipeline;
use crate::schedules::{KafkaDesk, Schedules};

/// The group under which requests are committed.
pub const GROUP: &str = "exporter";

/// Runs until the context is told to stop. Reports that run then are made anew by the next exporter.
///
/// # Errors
/// When something happens that only an operator can mend.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    store: StoreConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let ready = context.readiness.part("exporter");
    let registry = Registry::new(&registry)?;
    let producer = Producer::new(&kafka, "flowledger-exporter")?;
    let Some(journal) = Journal::open(producer.clone(), &registry, &context.stop).await else { return Ok(()) };
    let book = SharedBook::default();
    let mut tasks = TaskGroup::new(context.stop.clone());
    tasks.spawn("report events", follow(kafka.clone(), registry.clone(), book.clone(), context.stop.clone()));
    if context.stop.run_until_cancelled(book.caught_up()).await.is_none() {
        return Ok(());
    }
    let options = GroupOptions { waiting_records_max: 16, ..GroupOptions::new(GROUP, topics::REPORT_REQUESTS.name) };
    let consumer = GroupConsumer::new(&kafka, &options)?;
    let journal = journal?;
    let desk = KafkaDesk { book: book.clone(), journal: journal.clone(), kafka: kafka.clone() };
    let schedules = Schedules::new(
        desk,
        (Decoder::new(&avro_schemas::REPORT_SCHEDULE)?, registry.clone()),
        (config.owners.clone(), config.catch_up_max),
        Arc::clone(&context.clock),
        ScheduleMetrics::new(&context.metrics),
        context.stop.clone(),
    );
    let due = GroupConsumer::new(&kafka, &GroupOptions::new(schedules::GROUP, topics::REPORT_SCHEDULES.name))?;
    tasks.spawn("schedules", schedules.run(due));
    let outside = Parts {
        book,
        journal,
        kafka,
        clickhouse: ClickHouse::new(&clickhouse),
        store: ReportStore::open(&store)?,
        mailer: Mailer::new(&config)?,
        producer,
        committer: consumer.committer(),
    };
    let life = Arc::new(Life::new(outside, ExporterMetrics::new(&context.metrics), config.clone()));
    let decoder = Decoder::new(&avro_schemas::REPORT_REQUEST)?;
    ready.set(true);
    let (stop, expiring) = (context.stop.clone(), Arc::clone(&life));
    tasks.spawn("expiry", async move {
        // Broken off at any point, it is done again.
        stop.run_until_cancelled(expire::expire(&expiring)).await.unwrap_or(Ok(()))
    });
    let pipeline = Pipeline::new(decoder, registry, life, context.stop.clone());
    tasks.spawn("reports", pipeline.run(consumer));
    let ended = tasks.join(config.drain_max).await;
    ready.set(false);
    Ok(ended?)
}
