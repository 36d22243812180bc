//! The HTTP API for reports and recent connections, and the admins' pages.
//!
//! A request's life: its session is looked up by the cookie, the tenant comes from the session and from nowhere else, the handler
//! asks ClickHouse or the book of reports for that tenant, and what another tenant has is as if it were not there.
//!
//! Networks of shown addresses are looked up on the way out ([`Networks`]).
//!
//! What an account does is on the audit log before it is done.
//!
//! Guarantee: no request names its tenant. What changes something needs a header that a foreign page cannot send.

mod adapters;
mod app;
mod audit;
mod client_address;
mod config;
mod connections;
mod error;
mod links;
mod metrics;
mod networks;
mod openapi;
mod routes;
mod session;

use std::sync::Arc;

use audit_log::{AuditBook, Trail};
use bucket_syncs::{SharedSyncs, SyncJournal, follow_syncs};
use clickhouse_io::{ClickHouse, ClickHouseConfig};
use kafka_io::{KafkaConfig, Producer};
use report_life::{Journal, SharedBook, follow};
use report_schedules::{ScheduleJournal, SharedSchedules, follow_schedules};
use report_store::{ReportStore, StoreConfig};
use schema_registry::{Registry, RegistryConfig};
use schemas::audit_event::AuditDoor;
use service_kit::context::ServiceContext;
use service_kit::tasks::TaskGroup;
use tokio::net::TcpListener;
use webhooks::{SharedWebhooks, WebhookJournal, follow_deliveries, follow_webhooks};

pub use config::{Account, Config, Downloads};
pub use error::Error;
pub use networks::{Network, Networks};
pub use openapi::openapi_json;
pub use routes::reports::estimate::estimate_json;
pub use routes::reports::shown::report_json;
pub use routes::schedules::shown::{LastRuns, runs_json, schedule_json};
pub use routes::syncs::sync_json;
pub use routes::traffic::insights::findings_json;
pub use routes::traffic::{connection_json, open_json};
pub use routes::webhooks::shown::{deliveries_json, webhook_json};
pub use session::{HashError, hash_password};

use crate::adapters::Parts;
use crate::app::App;
use crate::connections::Bounds;
use crate::links::Links;

/// Serves on the configured address until the context is told to stop.
///
/// # Errors
/// When the address cannot be listened on, or something happens that only an operator can mend.
pub async fn run(
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    store: StoreConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let listener = TcpListener::bind(config.listen).await?;
    serve(listener, config, kafka, registry, clickhouse, store, context).await
}

/// [`run`] on a listener that is there already.
///
/// # Errors
/// When something happens that only an operator can mend.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    kafka: KafkaConfig,
    registry: RegistryConfig,
    clickhouse: ClickHouseConfig,
    store: StoreConfig,
    context: ServiceContext,
) -> Result<(), Error> {
    let ready = context.readiness.part("console");
    let networks = Networks::open(config.asn_database.as_deref())?;
    let links = Links::open(&config, &store)?;
    if let Some(edition) = networks.edition() {
        tracing::info!(edition, "networks of addresses are shown");
    }
    let registry = Registry::new(&registry)?;
    let producer = Producer::new(&kafka, "flowledger-console")?;
    let Some(journal) = Journal::open(producer.clone(), &registry, &context.stop).await else { return Ok(()) };
    let Some(kept) = ScheduleJournal::open(producer.clone(), &registry, &context.stop).await else { return Ok(()) };
    let Some(of_syncs) = SyncJournal::open(producer.clone(), &registry, &context.stop).await else { return Ok(()) };
    let Some(hooks) = WebhookJournal::open(producer, &registry, &context.stop).await else { return Ok(()) };
    let remember_days = config.limits.remember_days;
    let (book, schedules, audit) = (SharedBook::default(), SharedSchedules::default(), AuditBook::default());
    let (syncs, webhooks) = (SharedSyncs::default(), SharedWebhooks::default());
    let opened = Trail::open(kafka.clone(), &registry, audit.clone(), AuditDoor::Console, &context.stop).await;
    let Some(trail) = opened.transpose()? else { return Ok(()) };
    let parts = Parts {
        kafka: kafka.clone(),
        clickhouse: ClickHouse::new(&clickhouse),
        journal: journal?,
        schedules: kept?,
        syncs: of_syncs?,
        webhooks: hooks?,
        trail: trail.clone(),
    };
    let books = (book.clone(), schedules.clone(), syncs.clone(), webhooks.clone(), audit.clone());
    let app = App::new(config, Arc::new(parts), ReportStore::open(&store)?, links, networks, books, &context);
    let mut tasks = TaskGroup::new(context.stop.clone());
    let (metrics, stop) = (app.metrics.clone(), context.stop.clone());
    let checked = move |finding: &_| audit::found(&metrics, finding);
    let of = || (kafka.clone(), registry.clone());
    let ((of_audit, audit_registry), (of_schedules, schedules_registry)) = (of(), of());
    tasks.spawn("audit log", audit_log::follow(of_audit, audit_registry, audit.clone(), checked, stop.clone()));
    tasks.spawn("schedules", follow_schedules(of_schedules, schedules_registry, schedules.clone(), stop.clone()));
    let ((kafka_of_webhooks, registry_of_webhooks), (kafka_of_deliveries, registry_of_deliveries)) = (of(), of());
    let following = follow_webhooks(kafka_of_webhooks, registry_of_webhooks, webhooks.clone(), stop.clone());
    tasks.spawn("webhooks", following);
    let following = follow_deliveries(kafka_of_deliveries, registry_of_deliveries, webhooks.clone(), stop.clone());
    tasks.spawn("deliveries of webhooks", following);
    let (of_syncs, syncs_registry) = of();
    tasks.spawn("bucket syncs", follow_syncs(of_syncs, syncs_registry, syncs.clone(), stop.clone()));
    tasks.spawn("report events", follow(kafka, registry, book.clone(), remember_days, stop.clone()));
    let caught_up = async {
        tokio::join!(book.caught_up(), schedules.caught_up(), syncs.caught_up());
        tokio::join!(webhooks.caught_up(), audit.caught_up())
    };
    // What cannot be followed says so, and nothing is waited for.
    if tasks.beside(caught_up).await?.is_none() {
        return Ok(());
    }
    tasks.spawn("heads of the audit log", audit::keep_heads(trail, audit, stop));
    tracing::info!(address = %listener.local_addr()?, "the console answers");
    ready.set(true);
    let stopping = context.stop.clone();
    let (drain_max, bounds) = (app.config.drain_max, Bounds::new(app.config.connections_max));
    let (open, router) = (app.metrics.connections.clone(), routes::router(app));
    tasks.spawn("http", async move {
        connections::serve(listener, router, bounds, open, stopping).await;
        Ok::<_, Error>(())
    });
    let ended = tasks.join(drain_max).await;
    ready.set(false);
    Ok(ended?)
}
