//! The world outside, behind one trait: the seam where fakes take its place in tests.

use std::collections::BTreeMap;

use clickhouse_io::recent::{self, Named, Of};
use clickhouse_io::{ClickHouse, QueryError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kafka_io::{KafkaConfig, KafkaError, admin};
use report_life::{Journal, JournalError};
use schemas::connection_event::ConnectionEvent;
use schemas::ids::Tenant;
use schemas::report_event::ReportEvent;
use schemas::report_request::ReportRequest;
use schemas::topics::CONNECTION_EVENTS;

/// What comes later.
pub(crate) type Later<'a, T, E> = BoxFuture<'a, Result<T, E>>;

/// What requests ask of Kafka and ClickHouse. What writes returns when it is acknowledged.
pub(crate) trait Outside: Send + Sync + 'static {
    /// For each partition of the connection events its last stable offset.
    fn stable_ends(&self) -> Later<'_, BTreeMap<i32, i64>, KafkaError>;
    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError>;
    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError>;
    fn remote_networks<'a>(&'a self, tenant: &'a Tenant) -> Later<'a, Vec<Named>, QueryError>;
    fn users<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError>;
    fn resources<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError>;
    fn connections<'a>(&'a self, tenant: &'a Tenant, of: Of, limit: u32)
    -> Later<'a, Vec<ConnectionEvent>, QueryError>;
}

/// Kafka and ClickHouse.
pub(crate) struct Parts {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) journal: Journal,
}

impl Outside for Parts {
    fn stable_ends(&self) -> Later<'_, BTreeMap<i32, i64>, KafkaError> {
        admin::stable_ends(&self.kafka, CONNECTION_EVENTS.name).boxed()
    }

    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        self.journal.request(request).boxed()
    }

    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError> {
        self.journal.append(event).boxed()
    }

    fn remote_networks<'a>(&'a self, tenant: &'a Tenant) -> Later<'a, Vec<Named>, QueryError> {
        recent::remote_networks(&self.clickhouse, tenant).boxed()
    }

    fn users<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError> {
        recent::users(&self.clickhouse, tenant, search, limit).boxed()
    }

    fn resources<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError> {
        recent::resources(&self.clickhouse, tenant, search, limit).boxed()
    }

    fn connections<'a>(
        &'a self,
        tenant: &'a Tenant,
        of: Of,
        limit: u32,
    ) -> Later<'a, Vec<ConnectionEvent>, QueryError> {
        recent::connections(&self.clickhouse, tenant, of, limit).boxed()
    }
}
