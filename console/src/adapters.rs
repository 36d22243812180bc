//! The world outside, behind one trait: the seam where fakes take its place in tests.

use audit_log::{Act, Trail, TrailError};
use bucket_syncs::SyncJournal;
use clickhouse_io::traffic::{self, Count, Findings, Names, Open, Page, Searched, Series, Top};
use clickhouse_io::{ClickHouse, QueryError};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use kafka_io::{KafkaConfig, KafkaError};
use report_life::{Journal, JournalError, barrier};
use report_schedules::ScheduleJournal;
use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::connection_event::ConnectionEvent;
use schemas::event_id::EventId;
use schemas::ids::Tenant;
use schemas::report_event::ReportEvent;
use schemas::report_request::{BarrierOffset, ReportRequest};
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use schemas::webhook::Webhook;
use schemas::webhook_delivery::WebhookDelivery;
use traffic_query::{InsightQuery, Measure, SeriesQuery, TopQuery, TrafficFilter};
use webhooks::WebhookJournal;

/// What comes later.
pub(crate) type Later<'a, T, E> = BoxFuture<'a, Result<T, E>>;

/// What requests ask of Kafka and ClickHouse. What writes returns when it is acknowledged.
pub(crate) trait Outside: Send + Sync + 'static {
    /// That of a report that is asked for now.
    fn barrier(&self) -> Later<'_, Vec<BarrierOffset>, KafkaError>;
    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError>;
    /// Asks for a report again.
    fn request_again<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError>;
    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError>;
    /// Keeps a schedule as it is now.
    fn keep<'a>(&'a self, schedule: &'a ReportSchedule) -> Later<'a, (), JournalError>;
    /// Keeps a webhook as it is now.
    fn keep_webhook<'a>(&'a self, webhook: &'a Webhook) -> Later<'a, (), JournalError>;
    /// Asks for something to be told again.
    fn redeliver<'a>(&'a self, delivery: &'a WebhookDelivery) -> Later<'a, (), JournalError>;
    /// Writes what somebody does to a bucket sync.
    fn append_sync<'a>(&'a self, event: &'a BucketSyncEvent) -> Later<'a, (), JournalError>;
    /// Puts what an account does on the audit log.
    fn note(&self, act: Act) -> Later<'_, (), TrailError>;
    fn search<'a>(
        &'a self,
        tenant: &'a Tenant,
        searched: Searched,
        text: &'a str,
        limit: u32,
    ) -> Later<'a, Names, QueryError>;
    fn recent<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Later<'a, Page, QueryError>;
    fn connection<'a>(&'a self, tenant: &'a Tenant, event: EventId) -> Later<'a, Vec<ConnectionEvent>, QueryError>;
    fn open<'a>(&'a self, tenant: &'a Tenant, filter: &'a TrafficFilter, limit: u32) -> Later<'a, Open, QueryError>;
    fn series<'a>(&'a self, tenant: &'a Tenant, query: &'a SeriesQuery) -> Later<'a, Series, QueryError>;
    fn top<'a>(&'a self, tenant: &'a Tenant, query: &'a TopQuery) -> Later<'a, Top, QueryError>;
    fn insight<'a>(&'a self, tenant: &'a Tenant, query: &'a InsightQuery) -> Later<'a, Findings, QueryError>;
    fn count<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        measures: &'a [Measure],
    ) -> Later<'a, Count, QueryError>;
}

/// Kafka and ClickHouse.
pub(crate) struct Parts {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) journal: Journal,
    pub(crate) schedules: ScheduleJournal,
    pub(crate) webhooks: WebhookJournal,
    pub(crate) syncs: SyncJournal,
    pub(crate) trail: Trail,
}

impl Outside for Parts {
    fn barrier(&self) -> Later<'_, Vec<BarrierOffset>, KafkaError> {
        barrier(&self.kafka).boxed()
    }

    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        self.journal.request(request).boxed()
    }

    fn request_again<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        self.journal.request_again(request).boxed()
    }

    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError> {
        self.journal.append(event).boxed()
    }

    fn keep<'a>(&'a self, schedule: &'a ReportSchedule) -> Later<'a, (), JournalError> {
        self.schedules.keep(schedule).boxed()
    }

    fn keep_webhook<'a>(&'a self, webhook: &'a Webhook) -> Later<'a, (), JournalError> {
        self.webhooks.keep(webhook).boxed()
    }

    fn redeliver<'a>(&'a self, delivery: &'a WebhookDelivery) -> Later<'a, (), JournalError> {
        self.webhooks.append(delivery).boxed()
    }

    fn append_sync<'a>(&'a self, event: &'a BucketSyncEvent) -> Later<'a, (), JournalError> {
        self.syncs.append(event).boxed()
    }

    fn note(&self, act: Act) -> Later<'_, (), TrailError> {
        let trail = self.trail.clone();
        async move { trail.note(act).await }.boxed()
    }

    fn search<'a>(
        &'a self,
        tenant: &'a Tenant,
        searched: Searched,
        text: &'a str,
        limit: u32,
    ) -> Later<'a, Names, QueryError> {
        traffic::search(&self.clickhouse, tenant, searched, text, limit, Moment::now()).boxed()
    }

    fn recent<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Later<'a, Page, QueryError> {
        traffic::recent(&self.clickhouse, tenant, filter, before, limit).boxed()
    }

    fn connection<'a>(&'a self, tenant: &'a Tenant, event: EventId) -> Later<'a, Vec<ConnectionEvent>, QueryError> {
        traffic::connection(&self.clickhouse, tenant, event).boxed()
    }

    fn open<'a>(&'a self, tenant: &'a Tenant, filter: &'a TrafficFilter, limit: u32) -> Later<'a, Open, QueryError> {
        traffic::open(&self.clickhouse, tenant, filter, limit).boxed()
    }

    fn series<'a>(&'a self, tenant: &'a Tenant, query: &'a SeriesQuery) -> Later<'a, Series, QueryError> {
        traffic::series(&self.clickhouse, tenant, query, Moment::now()).boxed()
    }

    fn top<'a>(&'a self, tenant: &'a Tenant, query: &'a TopQuery) -> Later<'a, Top, QueryError> {
        traffic::top(&self.clickhouse, tenant, query, Moment::now()).boxed()
    }

    fn insight<'a>(&'a self, tenant: &'a Tenant, query: &'a InsightQuery) -> Later<'a, Findings, QueryError> {
        traffic::insight(&self.clickhouse, tenant, query, Moment::now()).boxed()
    }

    fn count<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        measures: &'a [Measure],
    ) -> Later<'a, Count, QueryError> {
        traffic::count(&self.clickhouse, tenant, filter, measures, Moment::now()).boxed()
    }
}
