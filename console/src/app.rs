//! What all requests share.

use std::sync::Arc;

use clickhouse_io::ClickHouse;
use kafka_io::KafkaConfig;
use report_life::{Journal, SharedBook};
use report_store::ReportStore;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;

use crate::config::Config;
use crate::metrics::ConsoleMetrics;
use crate::session::Sessions;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) config: Arc<Config>,
    pub(crate) kafka: Arc<KafkaConfig>,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) store: ReportStore,
    pub(crate) journal: Journal,
    pub(crate) book: SharedBook,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) metrics: ConsoleMetrics,
    pub(crate) stop: CancellationToken,
}

impl App {
    pub(crate) fn new(
        config: Config,
        kafka: KafkaConfig,
        clickhouse: ClickHouse,
        store: ReportStore,
        journal: Journal,
        book: SharedBook,
        context: &ServiceContext,
    ) -> Self {
        let sessions = Sessions::new(config.accounts.clone(), config.session_max, Arc::clone(&context.clock));
        Self {
            config: Arc::new(config),
            kafka: Arc::new(kafka),
            clickhouse,
            store,
            journal,
            book,
            sessions: Arc::new(sessions),
            metrics: ConsoleMetrics::new(&context.metrics),
            stop: context.stop.clone(),
        }
    }
}
