//! All syncs in memory, kept up to date by following their topic.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use kafka_io::KafkaConfig;
use report_life::{FollowError, follow_topic};
use schema_registry::Registry;
use schemas::avro_schemas::BUCKET_SYNC_EVENT;
use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::ids::{SyncId, Tenant};
use service_kit::CancellationToken;
use tokio::sync::watch;

use crate::state::{SyncState, take};

/// The book; cheap to clone. A tenant sees its own syncs only: another's is as if it were not there.
#[derive(Clone)]
pub struct SharedSyncs {
    syncs: Arc<RwLock<BTreeMap<SyncId, SyncState>>>,
    caught_up: watch::Sender<bool>,
}

impl Default for SharedSyncs {
    fn default() -> Self {
        Self { syncs: Arc::default(), caught_up: watch::channel(false).0 }
    }
}

impl SharedSyncs {
    /// Takes the next event.
    pub fn apply(&self, event: &BucketSyncEvent) {
        take(&mut self.syncs.write().unwrap_or_else(PoisonError::into_inner), event);
    }

    /// One sync of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, id: SyncId) -> Option<SyncState> {
        let syncs = self.syncs.read().unwrap_or_else(PoisonError::into_inner);
        syncs.get(&id).filter(|it| it.tenant == *tenant).cloned()
    }

    /// Syncs of a tenant, oldest first.
    #[must_use]
    pub fn list(&self, tenant: &Tenant) -> Vec<SyncState> {
        let syncs = self.syncs.read().unwrap_or_else(PoisonError::into_inner);
        syncs.values().filter(|it| it.tenant == *tenant).cloned().collect()
    }

    /// Waits until everything that lay on the topic at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up.subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Keeps the book up to date until told to stop. Events that cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow_syncs(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedSyncs,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let told = |followed: Option<BucketSyncEvent>| match followed {
        Some(event) => book.apply(&event),
        None => _ = book.caught_up.send_replace(true),
    };
    follow_topic(&kafka, &registry, &BUCKET_SYNC_EVENT, &stop, told).await
}
