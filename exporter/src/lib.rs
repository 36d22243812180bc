//! Report requests to files in the object store, and mail when they are ready.
//!
//! A report's life: its request is taken from the topic, it waits until ingest has stored what was on Kafka when it was asked for,
//! its range is read as columns, made into lines, sorted in stretches that fit memory, packed, and uploaded in parts; then its
//! receivers get a mail. Each step is an event on `report-events`; the request's offset is committed after the last of them.
//!
//! A large report is cut into slices, which all exporters take from a topic of their own; who has the request joins them
//! (`docs/adr/0036-slices-of-a-report.md`).
//! What schedules make by themselves is asked for here too ([`schedules`]), and is a report like every other then.
//! What reports come to is told to webhooks ([`webhooks`](mod@webhooks)). Bucket syncs ([`syncs`]) use the writers of reports.
//!
//! Guarantee: every request ends as `completed`, as `cancelled` or as `failed` with a reason, or in the dead-letter topic; one that is not allowed both as
//! `failed` and there. A crash at any
//! point leaves the request uncommitted, and the next exporter goes on from what the events say. The file is visible only when it is
//! whole; neither memory nor disk ever holds it. A file that no report names is deleted. A mail may be sent twice, under one Message-ID, where
//! a crash came between sending and noting it; who stops, or loses a partition, notes first what it has sent.

mod adapters;
mod back_off;
mod barrier;
mod begin;
mod clear;
mod config;
mod error;
mod expire;
#[cfg(test)]
mod fakes;
mod file_series;
mod lanes;
mod life;
mod made;
mod mail;
mod mails_waiting;
mod make;
mod merge_groups;
mod metrics;
mod offsets_seen;
mod pack;
mod pipeline;
mod reader;
mod reason;
mod refuse;
mod remind;
mod render;
mod render_thread;
mod schedules;
mod seal;
mod slice;
mod slice_queue;
mod spread;
mod stages;
mod sweep;
mod syncs;
mod tools;
mod totals;
mod webhooks;
mod write_file;

use std::sync::Arc;

use ::webhooks::{SecretKey, SharedWebhooks, WebhookJournal, follow_deliveries};
use bucket_syncs::SyncJournal;
use clickhouse_io::{ClickHouse, ClickHouseConfig, GivingWay};
use kafka_io::{GroupConsumer, GroupOptions, KafkaConfig, Producer};
use report_life::{Journal, SharedBook, follow};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Decoder, Registry, RegistryConfig};
use schemas::report_request::ReportRequest;
use schemas::report_slice::ReportSlice;
use schemas::{avro_schemas, topics};
use service_kit::context::ServiceContext;
use service_kit::tasks::TaskGroup;

pub use config::{Config, MailConfig, MailSecurity};
pub use error::Error;

use crate::adapters::Parts;
use crate::life::Life;
use crate::mail::Mailer;
use crate::metrics::{ExporterMetrics, ScheduleMetrics, SyncMetrics, WebhookMetrics};
use crate::pipeline::Pipeline;
use crate::schedules::{KafkaDesk, Schedules};
use crate::slice_queue::SliceQueue;
use crate::syncs::{Syncs, SyncsParts};
use crate::webhooks::{Outgoing, Sender, Webhooks};

/// The group under which requests are committed.
pub const GROUP: &str = "exporter";
/// The group under which slices are committed.
pub const SLICES_GROUP: &str = "exporter-slices";

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
    let days = config.limits.remember_days;
    let following = follow(kafka.clone(), registry.clone(), book.clone(), days, context.stop.clone());
    tasks.spawn("report events", following);
    // What cannot be followed says so, and nothing is waited for.
    if tasks.beside(book.caught_up()).await?.is_none() {
        return Ok(());
    }
    let Some(of_slices) = registry.ensure_patiently(&avro_schemas::REPORT_SLICE, &context.stop).await else {
        return Ok(());
    };
    let Some(of_requests) = registry.ensure_patiently(&avro_schemas::REPORT_REQUEST, &context.stop).await else {
        return Ok(());
    };
    let (of_requests, of_slices) = (of_requests?, of_slices?);
    let consumer = |group, topic: topics::Topic| {
        GroupConsumer::new(&kafka, &GroupOptions { waiting_records_max: 16, ..GroupOptions::new(group, topic.name) })
    };
    let requests = consumer(GROUP, topics::REPORT_REQUESTS)?;
    let slices = consumer(SLICES_GROUP, topics::REPORT_SLICES)?;
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
    if spawn_webhooks(&mut tasks, &config, (&kafka, &registry), &producer, &book, &context).await?.is_none() {
        return Ok(());
    }
    let Some(sync_journal) = SyncJournal::open(producer.clone(), &registry, &context.stop).await else { return Ok(()) };
    let clickhouse = ClickHouse::new(&clickhouse).bounded_to(config.statement_memory, config.statement_threads);
    let clickhouse = GivingWay::new(clickhouse, config.nice);
    let syncs = SyncsParts {
        journal: sync_journal?,
        decoder: Decoder::new(&avro_schemas::BUCKET_SYNC_EVENT)?,
        registry: registry.clone(),
        clickhouse: clickhouse.clone(),
        destinations: syncs::opened(&config.syncs)?,
        metrics: SyncMetrics::new(&context.metrics),
    };
    let of_syncs = GroupConsumer::new(&kafka, &GroupOptions::new(syncs::GROUP, topics::BUCKET_SYNCS.name))?;
    let outside = Parts {
        book,
        journal,
        slice_queue: SliceQueue::new(producer.clone(), of_slices)?,
        kafka,
        clickhouse,
        store: ReportStore::open(&store)?,
        mailer: Mailer::new(&config)?,
        producer,
        committers: (requests.committer(), slices.committer()),
    };
    let life = Arc::new(Life::new(outside, ExporterMetrics::new(&context.metrics), config.clone()));
    tasks.spawn("bucket syncs", Syncs::new(syncs, Arc::clone(&life), context.stop.clone()).run(of_syncs));
    // Known from the start: what is good does not wait behind strangers' unknown schemas.
    let decoders = (
        Decoder::knowing(&avro_schemas::REPORT_REQUEST, of_requests)?,
        Decoder::knowing(&avro_schemas::REPORT_SLICE, of_slices)?,
    );
    ready.set(true);
    let (stop, expiring) = (context.stop.clone(), Arc::clone(&life));
    tasks.spawn("expiry", async move {
        // Broken off at any point, it is done again.
        stop.run_until_cancelled(expire::expire(&expiring)).await.unwrap_or(Ok(()))
    });
    let (stop, following) = (context.stop.clone(), Arc::clone(&life));
    tasks.spawn("load", async move {
        stop.run_until_cancelled(following.follow_load()).await;
        Ok::<_, Error>(())
    });
    let (stop, reminding) = (context.stop.clone(), Arc::clone(&life));
    tasks.spawn("expiring mails", async move {
        stop.run_until_cancelled(remind::remind(&reminding)).await.unwrap_or(Ok(()))
    });
    let (stop, sweeping) = (context.stop.clone(), Arc::clone(&life));
    tasks.spawn("sweeping", async move {
        stop.run_until_cancelled(sweep::sweep(&sweeping)).await;
        Ok::<_, Error>(())
    });
    let stop = &context.stop;
    let pipeline = Pipeline::<_, ReportRequest>::new(decoders.0, registry.clone(), Arc::clone(&life), stop.clone());
    tasks.spawn("reports", pipeline.run(requests));
    let pipeline = Pipeline::<_, ReportSlice>::new(decoders.1, registry, life, stop.clone());
    tasks.spawn("slices", pipeline.run(slices));
    let ended = tasks.join(config.drain_max).await;
    ready.set(false);
    Ok(ended?)
}

/// Webhooks are told by a task of their own, where the operator has given a key. `None`: told to stop first.
async fn spawn_webhooks(
    tasks: &mut TaskGroup,
    config: &Config,
    (kafka, registry): (&KafkaConfig, &Registry),
    producer: &Producer,
    book: &SharedBook,
    context: &ServiceContext,
) -> Result<Option<()>, Error> {
    let Some(key) = &config.webhooks.key else { return Ok(Some(())) };
    let told = SharedWebhooks::default();
    let of_deliveries = follow_deliveries(kafka.clone(), registry.clone(), told.clone(), context.stop.clone());
    tasks.spawn("deliveries of webhooks", of_deliveries);
    let opened = WebhookJournal::open(producer.clone(), registry, &context.stop).await;
    let caught_up = tasks.beside(told.deliveries_caught_up()).await?;
    let (Some(notes), Some(())) = (opened, caught_up) else { return Ok(None) };
    let webhooks = Webhooks::new(
        Outgoing {
            reports: book.clone(),
            sender: Sender::new(&config.webhooks)?,
            journal: notes?,
            mailer: Mailer::new(config)?,
        },
        (Decoder::new(&avro_schemas::WEBHOOK)?, registry.clone()),
        (told, SecretKey::new(key)),
        (config.console_url.clone(), config.readers()),
        Arc::clone(&context.clock),
        WebhookMetrics::new(&context.metrics),
        context.stop.clone(),
    );
    let held = GroupConsumer::new(kafka, &GroupOptions::new(webhooks::GROUP, topics::WEBHOOKS.name))?;
    tasks.spawn("webhooks", webhooks.run(held));
    Ok(Some(()))
}
