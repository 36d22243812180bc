//! Kafka and ClickHouse in memory: fail or hang where they are told to, and note who asked for what.

use std::collections::BTreeMap;
use std::sync::Mutex;

use clickhouse_io::QueryError;
use clickhouse_io::recent::{Named, Of};
use futures_util::FutureExt;
use kafka_io::{KafkaError, ProduceError};
use report_life::JournalError;
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::report_event::ReportEvent;
use schemas::report_request::ReportRequest;

use crate::adapters::{Later, Outside};

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
    /// Tenant and question.
    pub(super) queries: Mutex<Vec<(String, String)>>,
}

impl World {
    pub(super) fn was_touched(&self) -> bool {
        let is_empty = self.requests.lock().unwrap().is_empty() && self.events.lock().unwrap().is_empty();
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
fn named(what: &str, tenant: &Tenant) -> Vec<Named> {
    vec![Named { id: i64::MAX.cast_unsigned(), name: format!("{what} of {tenant}") }]
}

impl Outside for std::sync::Arc<World> {
    fn stable_ends(&self) -> Later<'_, BTreeMap<i32, i64>, KafkaError> {
        match *self.kafka_fault.lock().unwrap() {
            Some(Fault::Hangs) => std::future::pending().boxed(),
            Some(Fault::Fails) | None => std::future::ready(Ok(BTreeMap::from([(0, 7), (1, 9)]))).boxed(),
        }
    }

    fn request<'a>(&'a self, request: &'a ReportRequest) -> Later<'a, (), JournalError> {
        let (world, request) = (Self::clone(self), request.clone());
        self.write(move || world.requests.lock().unwrap().push(request))
    }

    fn append<'a>(&'a self, event: &'a ReportEvent) -> Later<'a, (), JournalError> {
        let (world, event) = (Self::clone(self), event.clone());
        self.write(move || world.events.lock().unwrap().push(event))
    }

    fn remote_networks<'a>(&'a self, tenant: &'a Tenant) -> Later<'a, Vec<Named>, QueryError> {
        self.ask(tenant, "remote networks".to_owned(), named("Lab", tenant))
    }

    fn users<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError> {
        self.ask(tenant, format!("users {search:?} {limit}"), named("Jane", tenant))
    }

    fn resources<'a>(&'a self, tenant: &'a Tenant, search: &'a str, limit: u32) -> Later<'a, Vec<Named>, QueryError> {
        self.ask(tenant, format!("resources {search:?} {limit}"), named("Wiki", tenant))
    }

    fn connections<'a>(
        &'a self,
        tenant: &'a Tenant,
        of: Of,
        limit: u32,
    ) -> Later<'a, Vec<ConnectionEvent>, QueryError> {
        let mut event = connection(EventType::ClosedConnection, "c-1", 1_793_500_000_123);
        event.remote_network_name = format!("Lab of {tenant}");
        self.ask(tenant, format!("connections {of:?} {limit}"), vec![event])
    }
}
