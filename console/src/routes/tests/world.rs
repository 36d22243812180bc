//! Kafka and ClickHouse in memory: fail or hang where they are told to, and note who asked for what.

use std::sync::Mutex;

use audit_log::{Act, TrailError};
use clickhouse_io::QueryError;
use clickhouse_io::traffic::{
    Count, Finding, Findings, Group, Line, Named, Names, Open, OpenConnection, Page, Searched, Series, Source, Top,
};
use futures_util::FutureExt;
use kafka_io::{KafkaError, ProduceError};
use report_life::JournalError;
use schemas::addresses::parse_bare_address;
use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::connection_event::{ConnectionEvent, EventType, Location};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::report_event::ReportEvent;
use schemas::report_request::{BarrierOffset, ReportRequest};
use schemas::report_schedule::ReportSchedule;
use schemas::webhook::Webhook;
use schemas::webhook_delivery::WebhookDelivery;
use traffic_query::{Dimension, InsightQuery, Measure, SeriesQuery, TopQuery, TrafficFilter};

use crate::adapters::{Later, Outside};

/// From where everybody connects.
const CLIENT: &str = "192.0.2.4";

/// What is wrong with a part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Fails,
    Hangs,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) kafka_fault: Mutex<Option<Fault>>,
    pub(super) clickhouse_fault: Mutex<Option<Fault>>,
    pub(super) requests: Mutex<Vec<ReportRequest>>,
    pub(super) events: Mutex<Vec<ReportEvent>>,
    pub(super) schedules: Mutex<Vec<ReportSchedule>>,
    pub(super) webhooks: Mutex<Vec<Webhook>>,
    pub(super) deliveries: Mutex<Vec<WebhookDelivery>>,
    pub(super) syncs: Mutex<Vec<BucketSyncEvent>>,
    /// What was put on the audit log.
    pub(super) acts: Mutex<Vec<Act>>,
    /// What every measure of a range as a whole is.
    pub(super) counted: Mutex<u128>,
    /// Tenant and question.
    pub(super) queries: Mutex<Vec<(String, String)>>,
}

impl World {
    pub(super) fn was_touched(&self) -> bool {
        let is_empty = self.requests.lock().unwrap().is_empty()
            && self.events.lock().unwrap().is_empty()
            && self.schedules.lock().unwrap().is_empty()
            && self.webhooks.lock().unwrap().is_empty()
            && self.deliveries.lock().unwrap().is_empty()
            && self.syncs.lock().unwrap().is_empty();
        !is_empty || !self.queries.lock().unwrap().is_empty()
    }

    fn write(&self, write: impl FnOnce() + Send + 'static) -> Later<'_, (), JournalError> {
        match *self.kafka_fault.lock().unwrap() {
            Some(Fault::Hangs) => return std::future::pending().boxed(),
            Some(Fault::Fails) => {
                let error = ProduceError::Fatal("broker-7.internal said no".to_owned());
                return std::future::ready(Err(error.into())).boxed();
            }
            None => write(),
        }
        std::future::ready(Ok(())).boxed()
    }

    fn ask<T: Send + 'static>(&self, tenant: &Tenant, question: String, answer: T) -> Later<'_, T, QueryError> {
        self.queries.lock().unwrap().push((tenant.to_string(), question));
        match *self.clickhouse_fault.lock().unwrap() {
            Some(Fault::Hangs) => std::future::pending().boxed(),
            Some(Fault::Fails) => {
                let error = QueryError::Refused { code: 60, reason: "no table on click-3.internal".to_owned() };
                std::future::ready(Err(error)).boxed()
            }
            None => std::future::ready(Ok(answer)).boxed(),
        }
    }
}

/// One name, which tells whose it is. Its id is the largest there is.
fn named(what: &str, tenant: &Tenant) -> Names {
    let names = vec![Named { id: i64::MAX.to_string(), name: format!("{what} of {tenant}") }];
    Names { names, source: Source::Rollup }
}

impl Outside for std::sync::Arc<World> {
    fn barrier(&self) -> Later<'_, Vec<BarrierOffset>, KafkaError> {
        let barrier = [(0, 7), (1, 9)].map(|(partition, offset)| BarrierOffset { partition, offset });
        match *self.kafka_fault.lock().unwrap() {
            Some(Fault::Hangs) => std::future::pending().boxed(),
            Some(Fault::Fails) | None => std::future::ready(Ok(barrier.to_vec())).boxed(),
        }
    }

    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        let (world, request) = (Self::clone(self), request.clone());
        self.write(move || world.requests.lock().unwrap().push(request))
    }

    fn request_again<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        self.request(request)
    }

    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError> {
        let (world, event) = (Self::clone(self), event.clone());
        self.write(move || world.events.lock().unwrap().push(event))
    }

    fn keep<'a>(&'a self, schedule: &'a ReportSchedule) -> Later<'a, (), JournalError> {
        let (world, schedule) = (Self::clone(self), schedule.clone());
        self.write(move || world.schedules.lock().unwrap().push(schedule))
    }

    fn keep_webhook<'a>(&'a self, webhook: &'a Webhook) -> Later<'a, (), JournalError> {
        let (world, webhook) = (Self::clone(self), webhook.clone());
        self.write(move || world.webhooks.lock().unwrap().push(webhook))
    }

    fn redeliver<'a>(&'a self, delivery: &'a WebhookDelivery) -> Later<'a, (), JournalError> {
        let (world, delivery) = (Self::clone(self), delivery.clone());
        self.write(move || world.deliveries.lock().unwrap().push(delivery))
    }

    fn append_sync<'a>(&'a self, event: &'a BucketSyncEvent) -> Later<'a, (), JournalError> {
        let (world, event) = (Self::clone(self), event.clone());
        self.write(move || world.syncs.lock().unwrap().push(event))
    }

    fn note(&self, act: Act) -> Later<'_, (), TrailError> {
        match *self.kafka_fault.lock().unwrap() {
            Some(Fault::Hangs) => return std::future::pending().boxed(),
            Some(Fault::Fails) => {
                let error = ProduceError::Fatal("broker-7.internal said no".to_owned());
                return std::future::ready(Err(error.into())).boxed();
            }
            None => self.acts.lock().unwrap().push(act),
        }
        std::future::ready(Ok(())).boxed()
    }

    fn search<'a>(
        &'a self,
        tenant: &'a Tenant,
        searched: Searched,
        text: &'a str,
        limit: u32,
    ) -> Later<'a, Names, QueryError> {
        let what = if searched == Searched::Users { "Jane" } else { "Wiki" };
        self.ask(tenant, format!("{searched:?} {text:?} {limit}"), named(what, tenant))
    }

    fn recent<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Later<'a, Page, QueryError> {
        let event = event_of(tenant);
        let page = Page { next: Some(event.event_id), connections: vec![event] };
        let before = before.map(|it| it.to_string()).unwrap_or_default();
        self.ask(tenant, format!("recent {} {before} {limit}", written(filter)), page)
    }

    fn connection<'a>(&'a self, tenant: &'a Tenant, event: EventId) -> Later<'a, Vec<ConnectionEvent>, QueryError> {
        self.ask(tenant, format!("connection {event}"), vec![event_of(tenant)])
    }

    fn open<'a>(&'a self, tenant: &'a Tenant, filter: &'a TrafficFilter, limit: u32) -> Later<'a, Open, QueryError> {
        let event = event_of(tenant);
        let connection = OpenConnection {
            opened_at: event.start_time,
            connection_id: event.connection_id,
            connector: event.connector_id.get(),
            remote_network: (event.remote_network_id.get(), event.remote_network_name),
            resource: (event.resource_id.get(), event.resource_address),
            user: event.user.map(|user| (user.id.get(), user.email)),
            service_account: None,
            client_ip: event.client_ip,
            protocol: event.protocol,
        };
        self.ask(tenant, format!("open {} {limit}", written(filter)), Open { total: 2, connections: vec![connection] })
    }

    fn series<'a>(&'a self, tenant: &'a Tenant, query: &'a SeriesQuery) -> Later<'a, Series, QueryError> {
        let starts = query.starts().to_vec();
        let line = |keys, value| Line { keys, values: vec![vec![value]; starts.len()] };
        let keys = query.groups().by().iter().map(|it| key_of(*it, tenant)).collect();
        let lines = vec![line(Some(keys), 7), line(None, u128::MAX >> 64)];
        let question = format!("series {} {:?} {}", written(query.filter()), starts, groups(query.groups()));
        self.ask(tenant, question, Series { starts, lines, source: Source::Raw, missing_max: None })
    }

    fn top<'a>(&'a self, tenant: &'a Tenant, query: &'a TopQuery) -> Later<'a, Top, QueryError> {
        let keys = query.by().iter().map(|it| key_of(*it, tenant)).collect();
        let group = Group { keys, values: vec![7] };
        let top = Top { groups: vec![group], others: Some(vec![1]), source: Source::Rollup, missing_max: None };
        self.ask(tenant, format!("top {} {}", written(query.filter()), groups(query)), top)
    }

    fn insight<'a>(&'a self, tenant: &'a Tenant, query: &'a InsightQuery) -> Later<'a, Findings, QueryError> {
        let insight = query.insight();
        let finding = Finding {
            subject: insight.subject().iter().map(|it| key_of(*it, tenant)).collect(),
            values: vec![7; insight.values().len()],
            seen_at: None,
            examples: Vec::new(),
        };
        let question = format!("insight {} {} {}", insight.name(), written(query.filter()), query.limit());
        self.ask(tenant, question, Findings { findings: vec![finding], source: Source::Rollup })
    }

    fn count<'a>(
        &'a self,
        tenant: &'a Tenant,
        filter: &'a TrafficFilter,
        measures: &'a [Measure],
    ) -> Later<'a, Count, QueryError> {
        let names: Vec<_> = measures.iter().map(|it| it.name()).collect();
        let values = vec![*self.counted.lock().unwrap(); measures.len()];
        let count = Count { values, source: Source::Rollup, is_settled: true };
        self.ask(tenant, format!("count {} {names:?}", written(filter)), count)
    }
}

fn event_of(tenant: &Tenant) -> ConnectionEvent {
    let event = connection(EventType::ClosedConnection, "c-1", 1_793_500_000_123);
    let client_ip = parse_bare_address(CLIENT);
    let (city, country) = (Some("Berlin".to_owned()), Some("DE".to_owned()));
    let location = Location { city, country, region: None, latitude: Some(52.52), longitude: Some(13.405) };
    ConnectionEvent { remote_network_name: format!("Lab of {tenant}"), client_ip, location: Some(location), ..event }
}

fn key_of(dimension: Dimension, tenant: &Tenant) -> String {
    if dimension == Dimension::ClientAddress { CLIENT.to_owned() } else { format!("{} of {tenant}", dimension.name()) }
}

fn written(filter: &TrafficFilter) -> String {
    filter.to_pairs().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn groups(query: &TopQuery) -> String {
    let by: Vec<_> = query.by().iter().map(|it| it.name()).collect();
    let measures: Vec<_> = query.measures().iter().map(|it| it.name()).collect();
    format!("by {by:?} {measures:?} {}", query.limit())
}
