//! What a member consumes, and how.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};

use crate::config::KafkaConfig;

/// How a group shares its partitions out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Its members do, by cooperative-sticky: partitions that stay are read on meanwhile.
    #[default]
    Classic,
    /// Its coordinator does (KIP-848; Kafka 4). The client that this crate is built with has bugs there: after some of them the consumer
    /// has to be made anew.
    Consumer,
}

/// What a member consumes, and how.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// Group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// How the group shares its partitions out; the same for all its members.
    pub protocol: Protocol,
    /// Static membership: a process that comes back under the same name keeps its partitions.
    pub instance_id: Option<String>,
    /// Most bytes that lie fetched in the client, over all partitions. One answer of the broker more may lie there, see
    /// [`Self::answer_bytes_max`].
    pub prefetch_bytes_max: usize,
    /// Most bytes of one answer of the broker, compressed as they lie there.
    pub answer_bytes_max: usize,
    /// Most bytes of one partition in an answer, compressed as they lie there.
    pub partition_bytes_max: usize,
    /// How long revoked partitions are held for the caller.
    pub revoke_wait: Duration,
    /// librdkafka's own settings for this consumer. What the guarantees rest on cannot be set here.
    pub properties: BTreeMap<String, String>,
}

impl BatchOptions {
    /// Usual bounds: 32 MiB, answers of 8 MiB with 1 MiB a partition, 10 s.
    #[must_use]
    pub fn new(group: &str, topic: &str) -> Self {
        Self {
            group: group.to_owned(),
            topic: topic.to_owned(),
            protocol: Protocol::default(),
            instance_id: None,
            prefetch_bytes_max: 32 << 20,
            answer_bytes_max: 8 << 20,
            partition_bytes_max: 1 << 20,
            revoke_wait: Duration::from_secs(10),
            properties: BTreeMap::new(),
        }
    }

    /// The client's settings.
    pub(super) fn client(&self, config: &KafkaConfig) -> ClientConfig {
        let prefetch = (self.prefetch_bytes_max / 1024).clamp(1024, 2_097_151).to_string();
        let answer = self.answer_bytes_max.clamp(1 << 20, 1 << 30);
        let partition = self.partition_bytes_max.clamp(1 << 16, answer).to_string();
        let answer = answer.to_string();
        let mut fixed = vec![
            ("group.id", self.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            // Where to begin is always said; an offset that is not there is the caller's to decide on.
            ("auto.offset.reset", "error"),
            ("isolation.level", "read_committed"),
            ("enable.partition.eof", "true"),
            ("fetch.queue.backoff.ms", "5"),
            ("queued.min.messages", "1000000"),
            ("queued.max.messages.kbytes", &prefetch),
            ("fetch.max.bytes", &answer),
            ("fetch.message.max.bytes", &partition),
        ];
        match self.protocol {
            Protocol::Classic => fixed.push(("partition.assignment.strategy", "cooperative-sticky")),
            Protocol::Consumer => fixed.push(("group.protocol", "consumer")),
        }
        if let Some(instance) = &self.instance_id {
            fixed.push(("group.instance.id", instance));
        }
        let config = KafkaConfig {
            bootstrap_servers: config.bootstrap_servers.clone(),
            properties: config.properties.clone().into_iter().chain(self.properties.clone()).collect(),
        };
        config.client(&fixed)
    }
}
