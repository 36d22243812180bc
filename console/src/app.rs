//! What all requests share.

use std::sync::Arc;

use audit_log::AuditBook;
use bucket_syncs::SharedSyncs;
use report_life::SharedBook;
use report_schedules::{Owners, SharedSchedules};
use report_store::ReportStore;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;
use webhooks::SharedWebhooks;

use crate::adapters::Outside;
use crate::client_address::TrustedProxies;
use crate::config::Config;
use crate::links::Links;
use crate::metrics::ConsoleMetrics;
use crate::networks::Networks;
use crate::routes::reports::changes::Streams;
use crate::session::Sessions;

/// What is followed: reports, schedules, bucket syncs, webhooks and the audit log.
pub(crate) type Books = (SharedBook, SharedSchedules, SharedSyncs, SharedWebhooks, AuditBook);

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    pub(crate) trusted_proxies: Arc<TrustedProxies>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) store: ReportStore,
    /// Where files are not streamed.
    pub(crate) links: Option<Links>,
    pub(crate) networks: Arc<Networks>,
    pub(crate) book: SharedBook,
    pub(crate) schedules: SharedSchedules,
    pub(crate) webhooks: SharedWebhooks,
    pub(crate) syncs: SharedSyncs,
    pub(crate) owners: Arc<Owners>,
    pub(crate) audit: AuditBook,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) streams: Streams,
    pub(crate) metrics: ConsoleMetrics,
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(
        config: Config,
        outside: Arc<dyn Outside>,
        store: ReportStore,
        links: Option<Links>,
        networks: Networks,
        (book, schedules, syncs, webhooks, audit): Books,
        context: &ServiceContext,
    ) -> Self {
        let sessions = Sessions::new(config.accounts.clone(), config.session_max, Arc::clone(&context.clock));
        Self {
            owners: Arc::new(config.owners()),
            trusted_proxies: Arc::new(TrustedProxies::new(&config.trusted_proxies)),
            config: Arc::new(config),
            outside,
            store,
            links,
            networks: Arc::new(networks),
            book,
            schedules,
            webhooks,
            syncs,
            audit,
            sessions: Arc::new(sessions),
            streams: Streams::default(),
            metrics: ConsoleMetrics::new(&context.metrics),
            stop: context.stop.clone(),
        }
    }
}
