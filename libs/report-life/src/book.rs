//! All reports in memory, kept up to date by following the topic.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kafka_io::{ConsumeError, Followed, KafkaConfig, KafkaError, TopicFollower};
use schema_registry::{Decoder, Registry, RegistryError};
use schemas::ids::{ReportId, Tenant};
use schemas::report_event::ReportEvent;
use schemas::times::Moment;
use schemas::{avro_schemas, topics};
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};
use tokio::sync::{broadcast, watch};

use crate::limits::Usage;
use crate::state::ReportState;

/// Changes that wait for a listener; one that is slower misses some and reads the book again.
const CHANGES_WAITING: usize = 256;

/// The book; cheap to clone. A tenant sees its own reports only: another's is as if it were not there.
#[derive(Clone)]
pub struct SharedBook {
    reports: Arc<RwLock<BTreeMap<ReportId, ReportState>>>,
    changes: broadcast::Sender<(Tenant, ReportId)>,
    caught_up: watch::Sender<bool>,
}

impl Default for SharedBook {
    fn default() -> Self {
        Self {
            reports: Arc::default(),
            changes: broadcast::channel(CHANGES_WAITING).0,
            caught_up: watch::channel(false).0,
        }
    }
}

impl SharedBook {
    /// Takes one event.
    pub fn apply(&self, event: &ReportEvent) {
        let mut reports = self.reports.write().unwrap_or_else(PoisonError::into_inner);
        reports
            .entry(event.report_id)
            .and_modify(|state| state.apply(event))
            .or_insert_with(|| ReportState::begun_by(event));
        drop(reports);
        let _ = self.changes.send((event.tenant.clone(), event.report_id));
    }

    /// One report of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, id: ReportId) -> Option<ReportState> {
        self.of_any_tenant(id).filter(|state| state.tenant == *tenant)
    }

    /// One report, for services that act for all tenants.
    #[must_use]
    pub fn of_any_tenant(&self, id: ReportId) -> Option<ReportState> {
        self.reports.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Reports of a tenant, newest first: ids are in order of time.
    #[must_use]
    pub fn list(&self, tenant: &Tenant, limit: usize) -> Vec<ReportState> {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner);
        reports.values().rev().filter(|state| state.tenant == *tenant).take(limit).cloned().collect()
    }

    /// What a tenant has used of its limits, beside `report` and what came after it.
    #[must_use]
    pub fn usage(&self, tenant: &Tenant, report: Option<ReportId>, now: Moment) -> Usage {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner);
        Usage::of(reports.values().filter(|state| state.tenant == *tenant), report, now)
    }

    /// Reports whose files are to be deleted by now.
    #[must_use]
    pub fn due(&self, now: Moment) -> Vec<ReportState> {
        let reports = self.reports.read().unwrap_or_else(PoisonError::into_inner);
        reports.values().filter(|state| state.is_due(now)).cloned().collect()
    }

    /// Tells of every change from now on.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<(Tenant, ReportId)> {
        self.changes.subscribe()
    }

    /// Waits until the report is as is wanted; gives it as it is then.
    pub async fn wait_for(&self, id: ReportId, wanted: impl Fn(&ReportState) -> bool) -> ReportState {
        let mut changes = self.changes();
        loop {
            if let Some(state) = self.of_any_tenant(id).filter(&wanted) {
                return state;
            }
            // Changes that were missed are looked after as well; the sender lives as long as `self`.
            while matches!(changes.recv().await, Ok((_, changed)) if changed != id) {}
        }
    }

    /// Waits until everything that lay on the topic at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Why the book is not kept up to date any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Kafka cannot be used as it is.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The consumer cannot go on.
    #[error(transparent)]
    Consume(#[from] ConsumeError),
    /// The registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Our own schema cannot be parsed.
    #[error(transparent)]
    Schema(#[from] schema_registry::DecodeError),
}

/// Keeps the book up to date until told to stop. Events that cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedBook,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let mut decoder = Decoder::<ReportEvent>::new(&avro_schemas::REPORT_EVENT)?;
    let topic = topics::REPORT_EVENTS.name;
    let begun = until_stopped(&stop, Backoff::default(), || async {
        match TopicFollower::from_beginning(&kafka, topic).await {
            Ok(follower) => Attempt::Done(follower),
            Err(error) => {
                tracing::warn!(%error, "waiting for Kafka");
                Attempt::Again(error)
            }
        }
    })
    .await;
    let Some(begun) = begun else { return Ok(()) };
    let mut follower = begun?;
    loop {
        let Some(followed) = stop.run_until_cancelled(follower.next()).await else { return Ok(()) };
        let record = match followed? {
            Followed::CaughtUp => {
                book.caught_up.send_replace(true);
                continue;
            }
            Followed::Record(record) => record,
        };
        let value = record.payload.unwrap_or_default();
        match decoder.decode_with(&registry, &value, &stop).await {
            None => return Ok(()),
            Some(decoded) => match decoded? {
                Ok(event) => book.apply(&event),
                Err(error) => {
                    tracing::warn!(%error, partition = %record.partition, offset = record.offset, "report event skipped");
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use schemas::report_event::ReportEventType;

    use super::*;

    #[tokio::test]
    async fn change_that_is_waited_for_is_seen_among_any_number_of_others() {
        let (book, id, tenant) = (SharedBook::default(), ReportId::generate(), "acme".parse::<Tenant>().unwrap());
        let event = |id, event_type| ReportEvent::new(id, tenant.clone(), event_type, Moment::FIRST);
        book.apply(&event(id, ReportEventType::Requested));
        let waiting = book.wait_for(id, |state| state.cancel_requested);
        let changing = async {
            // First, so that it is among those that were missed.
            book.apply(&event(id, ReportEventType::CancelRequested));
            for _ in 0..2 * CHANGES_WAITING {
                book.apply(&event(ReportId::generate(), ReportEventType::Requested));
            }
        };
        assert!(tokio::join!(waiting, changing).0.cancel_requested);
        assert_eq!(book.wait_for(id, |state| state.cancel_requested).await.id, id, "it is so already");
    }

    #[test]
    fn tenant_sees_its_own_reports_only() {
        let book = SharedBook::default();
        let (acme, globex): (Tenant, Tenant) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let (first, second) = (ReportId::generate(), ReportId::generate());
        for (id, tenant) in [(first, &acme), (second, &globex)] {
            book.apply(&ReportEvent::new(id, tenant.clone(), ReportEventType::Requested, Moment::FIRST));
        }
        assert_eq!(book.list(&acme, 9).iter().map(|state| state.id).collect::<Vec<_>>(), [first]);
        assert!(book.get(&acme, second).is_none());
        assert!(book.get(&globex, second).is_some());
    }
}
