//! Section `clickhouse`.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, redacted, seconds, seconds_in_range};

/// How blocks of ingest, of the aggregator and of reports are packed on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not at all: fewest CPU cycles, on both sides.
    #[default]
    None,
    /// LZ4: less than half the bytes, for about a third more CPU of ingest. Where the network is what limits, or costs.
    Lz4,
}

/// Which server, which database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouseConfig {
    /// HTTP interface.
    pub url: String,
    /// Database; letters, digits and underscores.
    pub database: String,
    /// Account.
    pub user: String,
    /// Its password.
    #[serde(serialize_with = "redacted")]
    pub password: Option<SecretString>,
    /// How blocks of ingest and of reports are packed, `none` or `lz4`. Everything else that is read is always LZ4.
    pub compression: Compression,
    /// Longest wait for a statement, 1 to 3600 s.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// Memory of the server that one question of pages, of `flowledger traffic` or of an API's client may take, in bytes, 16 MiB to 1 TiB; one
    /// that would take more is refused and has to be narrowed. Reports and roll-ups have no part in it.
    pub question_memory_max: u64,
}

impl Default for ClickHouseConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8123".to_owned(),
            database: "flowledger".to_owned(),
            user: "default".to_owned(),
            password: None,
            compression: Compression::default(),
            timeout: Duration::from_secs(120),
            question_memory_max: 4 << 30,
        }
    }
}

impl Validate for ClickHouseConfig {
    fn validate(&self) -> Result<(), RangeError> {
        let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if self.database.is_empty() || !is_name(&self.database) {
            return Err(RangeError::new("database", "is not a name of letters, digits and underscores"));
        }
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(RangeError::new("url", "does not begin with http:// or https://"));
        }
        in_range("question_memory_max", self.question_memory_max, 16 << 20..=1 << 40)?;
        seconds_in_range("timeout", self.timeout, 1.0..=3600.0)
    }
}
