//! Section `kafka`.

use std::collections::BTreeMap;

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError as ClientError;
use serde::{Deserialize, Serialize, Serializer};

/// Which brokers, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port`, several with commas between.
    pub bootstrap_servers: String,
    /// librdkafka's own settings, passed on to every client. What the guarantees rest on cannot be set here.
    #[serde(serialize_with = "without_secrets")]
    pub properties: BTreeMap<String, String>,
}

/// Setting of the client: how many bytes of records go together.
const BATCH_BYTES: &str = "batch.size";
/// Its default.
const BATCH_BYTES_DEFAULT: usize = 1_000_000;

/// Parts of the names of librdkafka's settings that hold a secret.
const SECRET_NAMES: [&str; 6] = ["password", "secret", "key.pem", "keystore", "oauthbearer.config", "assertion"];

fn without_secrets<S: Serializer>(properties: &BTreeMap<String, String>, serializer: S) -> Result<S::Ok, S::Error> {
    let is_secret = |name: &str| SECRET_NAMES.iter().any(|part| name.contains(part));
    serializer.collect_map(properties.iter().map(|(name, value)| (name, if is_secret(name) { "***" } else { value })))
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self { bootstrap_servers: "127.0.0.1:9092".to_owned(), properties: BTreeMap::new() }
    }
}

impl KafkaConfig {
    /// With batches of at most so many bytes before compression, for a topic that takes no larger ones: a batch that is refused is refused
    /// with every record in it. A record that is larger by itself is sent alone.
    #[must_use]
    pub fn with_batches_within(mut self, bytes: usize) -> Self {
        let own = self.properties.get(BATCH_BYTES).and_then(|value| value.parse().ok());
        if bytes < own.unwrap_or(BATCH_BYTES_DEFAULT) {
            self.properties.insert(BATCH_BYTES.to_owned(), bytes.max(1).to_string());
        }
        self
    }

    /// The client's settings: the operator's, then `fixed`, which win.
    pub(crate) fn client(&self, fixed: &[(&str, &str)]) -> ClientConfig {
        let mut client = ClientConfig::new();
        for (key, value) in &self.properties {
            client.set(key, value);
        }
        client
            .set("bootstrap.servers", &self.bootstrap_servers)
            // Metrics go to our own operators only.
            .set("enable.metrics.push", "false")
            .set("reconnect.backoff.max.ms", "2000")
            .set_log_level(RDKafkaLogLevel::Warning);
        for (key, value) in fixed {
            client.set(*key, *value);
        }
        client
    }
}

/// The client library's log, into ours.
pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        // A broker that is away is reported as an error again and again; whoever waits for it says so too.
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => tracing::trace!(target: "librdkafka", facility, "{message}"),
    }
}

/// A context that only logs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Logging;

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        tracing::debug!(target: "librdkafka", %error, "{reason}");
    }
}

impl rdkafka::consumer::ConsumerContext for Logging {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_become_smaller_and_never_larger() {
        let batches = |own: Option<&str>, bytes: usize| {
            let properties = own.map(|own| (BATCH_BYTES.to_owned(), own.to_owned())).into_iter().collect();
            let config = KafkaConfig { properties, ..KafkaConfig::default() }.with_batches_within(bytes);
            config.properties.get(BATCH_BYTES).cloned()
        };
        assert_eq!(batches(None, 262_144).as_deref(), Some("262144"));
        assert_eq!(batches(None, 1_048_588), None);
        assert_eq!(batches(Some("4000"), 262_144).as_deref(), Some("4000"));
        assert_eq!(batches(Some("2000000"), 1_048_588).as_deref(), Some("1048588"));
    }
}
