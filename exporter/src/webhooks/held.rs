//! The webhooks of the partitions that are ours.

use std::collections::{BTreeMap, HashMap};

use kafka_io::Partition;
use schemas::ids::WebhookId;
use schemas::webhook::{Webhook, WebhookState};

#[derive(Default)]
struct Ours {
    /// All that lay there was read: before, a webhook may have been changed since what was read of it.
    is_read: bool,
    webhooks: BTreeMap<WebhookId, Webhook>,
}

#[derive(Default)]
pub(super) struct Held(HashMap<i32, Ours>);

impl Held {
    pub(super) fn begin(&mut self, partitions: &[Partition]) {
        self.0.extend(partitions.iter().map(|it| (it.number, Ours::default())));
    }

    pub(super) fn give_up(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.0.remove(&partition.number);
        }
    }

    pub(super) fn is_read(&mut self, partition: i32) {
        if let Some(ours) = self.0.get_mut(&partition) {
            ours.is_read = true;
        }
    }

    /// The webhook as it is now.
    pub(super) fn take(&mut self, partition: i32, webhook: Webhook) {
        let Some(ours) = self.0.get_mut(&partition) else { return };
        if webhook.state == WebhookState::Deleted {
            ours.webhooks.remove(&webhook.webhook_id);
        } else {
            ours.webhooks.insert(webhook.webhook_id, webhook);
        }
    }

    /// Those of which nothing is left to be read.
    pub(super) fn webhooks(&self) -> impl Iterator<Item = &Webhook> {
        self.0.values().filter(|ours| ours.is_read).flat_map(|ours| ours.webhooks.values())
    }
}
