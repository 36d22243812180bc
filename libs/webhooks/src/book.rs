//! All webhooks and their deliveries in memory, kept up to date by following their topics.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use kafka_io::KafkaConfig;
use report_life::{FollowError, follow_topic};
use schema_registry::Registry;
use schemas::avro_schemas::{WEBHOOK, WEBHOOK_DELIVERY};
use schemas::ids::{Tenant, WebhookId};
use schemas::webhook::{Webhook, WebhookState};
use schemas::webhook_delivery::WebhookDelivery;
use service_kit::CancellationToken;
use tokio::sync::watch;

use crate::deliveries::Deliveries;

/// The book; cheap to clone. A tenant sees its own webhooks only: another's is as if it were not there.
#[derive(Clone)]
pub struct SharedWebhooks {
    webhooks: Arc<RwLock<BTreeMap<WebhookId, Webhook>>>,
    deliveries: Arc<RwLock<HashMap<WebhookId, Deliveries>>>,
    /// Webhooks, and deliveries.
    caught_up: [watch::Sender<bool>; 2],
}

impl Default for SharedWebhooks {
    fn default() -> Self {
        let caught_up = [watch::channel(false).0, watch::channel(false).0];
        Self { webhooks: Arc::default(), deliveries: Arc::default(), caught_up }
    }
}

impl SharedWebhooks {
    /// Takes what the topic says of a webhook: the last word counts.
    pub fn apply(&self, webhook: Webhook) {
        let mut webhooks = self.webhooks.write().unwrap_or_else(PoisonError::into_inner);
        if webhook.state == WebhookState::Deleted {
            webhooks.remove(&webhook.webhook_id);
            self.deliveries.write().unwrap_or_else(PoisonError::into_inner).remove(&webhook.webhook_id);
        } else {
            webhooks.insert(webhook.webhook_id, webhook);
        }
    }

    /// Takes what became of a delivery, in whatever order and however often that comes.
    pub fn apply_delivery(&self, delivery: WebhookDelivery) {
        let mut deliveries = self.deliveries.write().unwrap_or_else(PoisonError::into_inner);
        deliveries.entry(delivery.webhook_id).or_default().apply(delivery);
    }

    /// One webhook of a tenant.
    #[must_use]
    pub fn get(&self, tenant: &Tenant, id: WebhookId) -> Option<Webhook> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        webhooks.get(&id).filter(|it| it.tenant == *tenant).cloned()
    }

    /// Webhooks of a tenant, oldest first.
    #[must_use]
    pub fn list(&self, tenant: &Tenant) -> Vec<Webhook> {
        let webhooks = self.webhooks.read().unwrap_or_else(PoisonError::into_inner);
        webhooks.values().filter(|it| it.tenant == *tenant).cloned().collect()
    }

    /// Shows what a webhook was told.
    pub fn deliveries<T>(&self, id: WebhookId, shown: impl FnOnce(&Deliveries) -> T) -> T {
        let deliveries = self.deliveries.read().unwrap_or_else(PoisonError::into_inner);
        shown(deliveries.get(&id).unwrap_or(&Deliveries::default()))
    }

    /// Waits until everything that lay on both topics at the start is in the book.
    pub async fn caught_up(&self) {
        // The sender lives as long as `self`.
        let _ = self.caught_up[0].subscribe().wait_for(|caught_up| *caught_up).await;
        self.deliveries_caught_up().await;
    }

    /// Waits until all deliveries that lay on their topic at the start are in the book.
    pub async fn deliveries_caught_up(&self) {
        let _ = self.caught_up[1].subscribe().wait_for(|caught_up| *caught_up).await;
    }
}

/// Keeps the webhooks of the book up to date until told to stop. Those that cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow_webhooks(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedWebhooks,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let told = |followed| match followed {
        Some(webhook) => book.apply(webhook),
        None => _ = book.caught_up[0].send_replace(true),
    };
    follow_topic(&kafka, &registry, &WEBHOOK, &stop, told).await
}

/// Keeps the deliveries of the book up to date until told to stop. Records that cannot be read are skipped and logged.
///
/// # Errors
/// When the topic cannot be followed any more.
pub async fn follow_deliveries(
    kafka: KafkaConfig,
    registry: Registry,
    book: SharedWebhooks,
    stop: CancellationToken,
) -> Result<(), FollowError> {
    let told = |followed| match followed {
        Some(delivery) => book.apply_delivery(delivery),
        None => _ = book.caught_up[1].send_replace(true),
    };
    follow_topic(&kafka, &registry, &WEBHOOK_DELIVERY, &stop, told).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::deleted;
    use crate::change::tests::{at, made_now};
    use crate::deliveries::tests::{completed, first_of};

    #[test]
    fn tenant_has_its_own_webhooks_until_they_are_deleted() {
        let (book, acme) = (SharedWebhooks::default(), made_now());
        let globex: Tenant = "globex".parse().unwrap();
        book.apply(acme.clone());
        book.apply(Webhook { tenant: globex.clone(), ..made_now() });
        assert_eq!(book.list(&acme.tenant), std::slice::from_ref(&acme));
        assert_eq!(book.list(&globex).len(), 1);
        assert!(book.get(&globex, acme.webhook_id).is_none());
        let delivery = first_of(&acme, &completed(at(20)));
        let noted = crate::asked_again(&delivery, "admin", at(21));
        book.apply_delivery(noted);
        assert_eq!(book.deliveries(acme.webhook_id, |it| it.page(None, 9).deliveries.len()), 1);
        book.apply(deleted(acme.clone(), "admin", at(25)));
        assert!(book.get(&acme.tenant, acme.webhook_id).is_none());
        assert_eq!(book.deliveries(acme.webhook_id, |it| it.page(None, 9).deliveries.len()), 0);
    }
}
