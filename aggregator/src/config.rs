//! Section `aggregator`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, seconds, seconds_in_range};

/// How often is counted, and how long connections are remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Static membership: a process that comes back under the same name keeps its partitions.
    pub instance_id: Option<String>,
    /// Changes are written so often, 0.1 to 600 s.
    #[serde(with = "seconds")]
    pub refresh: Duration,
    /// Changes are written at the latest after so many events, 1 to 1 000 000.
    pub events_max: usize,
    /// Changes are written at the latest after so many bytes of events, 1 MiB to 1 GiB; until then nothing more is read.
    pub changes_bytes_max: usize,
    /// Bytes that wait between Kafka and the aggregator, 1 MiB to 1 GiB.
    pub waiting_bytes_max: usize,
    /// A connection whose Connector reports nothing for so long has ended, 60 to 31 536 000 s.
    #[serde(with = "seconds")]
    pub silence_max: Duration,
    /// A connection that ended is remembered so long; late openings in it do not open it again, 60 to 31 536 000 s.
    #[serde(with = "seconds")]
    pub ended_remembered: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            instance_id: None,
            refresh: Duration::from_secs(2),
            events_max: 100_000,
            changes_bytes_max: 64 << 20,
            waiting_bytes_max: 32 << 20,
            silence_max: Duration::from_secs(24 * 3600),
            ended_remembered: Duration::from_secs(24 * 3600),
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        seconds_in_range("refresh", self.refresh, 0.1..=600.0)?;
        in_range("events_max", self.events_max, 1..=1_000_000)?;
        in_range("changes_bytes_max", self.changes_bytes_max, 1 << 20..=1 << 30)?;
        in_range("waiting_bytes_max", self.waiting_bytes_max, 1 << 20..=1 << 30)?;
        seconds_in_range("silence_max", self.silence_max, 60.0..=31_536_000.0)?;
        seconds_in_range("ended_remembered", self.ended_remembered, 60.0..=31_536_000.0)
    }
}
