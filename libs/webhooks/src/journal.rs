//! Writes webhooks and what became of deliveries to their topics.

use std::sync::Arc;

use kafka_io::{OutRecord, Producer};
use report_life::JournalError;
use schema_registry::{Encoder, Registry};
use schemas::avro_schemas::{WEBHOOK, WEBHOOK_DELIVERY};
use schemas::webhook::Webhook;
use schemas::webhook_delivery::WebhookDelivery;
use service_kit::CancellationToken;

/// Cheap to clone.
#[derive(Clone)]
pub struct WebhookJournal {
    producer: Producer,
    webhooks: Arc<Encoder<Webhook>>,
    deliveries: Arc<Encoder<WebhookDelivery>>,
}

impl WebhookJournal {
    /// A journal; waits while the registry is away. `None`: told to stop first.
    pub async fn open(
        producer: Producer,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Option<Result<Self, JournalError>> {
        let webhook = match registry.ensure_patiently(&WEBHOOK, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let delivery = match registry.ensure_patiently(&WEBHOOK_DELIVERY, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let encoders = || Ok((Encoder::new(webhook, &WEBHOOK)?, Encoder::new(delivery, &WEBHOOK_DELIVERY)?));
        Some(encoders().map(|(webhooks, deliveries)| Self {
            producer,
            webhooks: Arc::new(webhooks),
            deliveries: Arc::new(deliveries),
        }))
    }

    /// Keeps a webhook as it is now, in the place of what it was; returns when it is acknowledged.
    ///
    /// # Errors
    /// When it is refused. An outage of Kafka is waited out: put a deadline around where that must not be.
    pub async fn keep(&self, webhook: &Webhook) -> Result<(), JournalError> {
        let (key, value) = (webhook.webhook_id.to_string(), self.webhooks.encode(webhook)?);
        self.send(WEBHOOK.topic.name, &key, &value).await
    }

    /// Notes what became of a delivery; returns when it is acknowledged.
    ///
    /// # Errors
    /// As [`WebhookJournal::keep`].
    pub async fn append(&self, delivery: &WebhookDelivery) -> Result<(), JournalError> {
        let (key, value) = (delivery.webhook_id.to_string(), self.deliveries.encode(delivery)?);
        self.send(WEBHOOK_DELIVERY.topic.name, &key, &value).await
    }

    async fn send(&self, topic: &str, key: &str, value: &[u8]) -> Result<(), JournalError> {
        self.producer.send(OutRecord { topic, key: key.as_bytes(), payload: value, headers: &[] }).await?;
        Ok(())
    }
}
