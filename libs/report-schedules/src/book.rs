//! All schedules in memory, kept up to date by following their topic.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kafka_io::KafkaConfig;
use report_life::{FollowError, follow_topic};
use schema_registry::Registry;
use schemas::avro_schemas::REPORT_SCHEDULE;
use schemas::ids::{ScheduleId, Tenant};
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use service_kit::CancellationToken;
use tokio::sync::watch;

/// The book; cheap to clone. A tenant sees its own schedules only: another's is as if it were not there.
#[derive(Clone)]
pub struct SharedSchedules {
    schedules: Arc<RwLock<BTreeMap<ScheduleId, ReportSchedule>>>,
    caught_up: watch::Sender<bool>,
}

impl Default for SharedSchedules {
    fn default() -> Self {
        Self { schedules: Arc::default(), caught_up: watch::channel(false).0 }
    }
}

impl SharedSchedules {
    /// Takes what the topic says of a schedule: the last word counts.
    pub fn apply(&self, schedule: ReportSchedule) {
        let mut schedules = self.schedules.write().unwrap_or_else(PoisonError::into_inner);
        if schedule.state == ScheduleState::Deleted {
            schedules.remove(&schedule.schedule_id);
        } else {
            schedules.insert(schedule.schedule_id, schedule);
        }
    }

    /// One schedule of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, id: ScheduleId) -> Option<ReportSchedule> {
        let schedules = self.schedules.read().unwrap_or_else(PoisonError::into_inner);
        schedules.get(&id).filter(|it| it.tenant == *tenant).cloned()
    }

    /// Schedules of a tenant, oldest first.
    #[must_use]
    pub fn list(&self, tenant: &Tenant) -> Vec<ReportSchedule> {
        let schedules = self.schedules.read().unwrap_or_else(PoisonError::into_inner);
        schedules.values().filter(|it| it.tenant == *tenant).cloned().collect()
    }

    /// Waits until everything that lay on the topic at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Keeps the book up to date until told to stop. Schedules that cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow_schedules(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedSchedules,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let told = |followed| match followed {
        Some(schedule) => book.apply(schedule),
        None => _ = book.caught_up.send_replace(true),
    };
    follow_topic(&kafka, &registry, &REPORT_SCHEDULE, &stop, told).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::deleted;
    use crate::change::tests::{at, weekly};

    #[test]
    fn tenant_has_its_own_schedules_until_they_are_deleted() {
        let (book, acme) = (SharedSchedules::default(), weekly());
        let globex: Tenant = "globex".parse().unwrap();
        book.apply(acme.clone());
        book.apply(ReportSchedule { tenant: globex.clone(), ..weekly() });
        assert_eq!(book.list(&acme.tenant), std::slice::from_ref(&acme));
        assert_eq!(book.list(&globex).len(), 1);
        assert!(book.get(&globex, acme.schedule_id).is_none());
        book.apply(deleted(acme.clone(), "admin", at(5)));
        assert!(book.get(&acme.tenant, acme.schedule_id).is_none());
    }
}
