//! Section `aggregator`.

use std::time::Duration;

use clickhouse_io::NICE_MAX;
use kafka_io::batches::Protocol;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, is_name, seconds, seconds_in_range};

/// How ranges are closed, how often hours are counted, and how long connections are remembered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Names this life of the topic; the same as `ingest.source`.
    pub source: String,
    /// Static membership: a process that comes back under the same name keeps its partitions, and others take them only when it has been away
    /// for 45 s. Where it is not given host name and port of `telemetry.listen` for `protocol` `classic`, and no name for `consumer`; `none`
    /// for no name.
    pub instance_id: Option<String>,
    /// How the group shares partitions out: `classic` (cooperative-sticky) or `consumer` (KIP-848).
    pub protocol: Protocol,
    /// A batch is closed when it has so many events, 1 to 1 000 000; larger with fewer than 8 partitions, as `ingest.batch_rows`.
    pub batch_rows: usize,
    /// A batch is closed when it takes so many bytes in memory, 64 KiB to 1 GiB.
    pub batch_bytes: usize,
    /// A batch is closed when its first event has waited so long, 0.01 to 60 s; four times that where events come from a backlog.
    #[serde(with = "seconds")]
    pub batch_age: Duration,
    /// Memory of all events that are read and not yet durable, in bytes, 1 MiB to 16 GiB; beyond it nothing more is taken. Not in it: the
    /// ids of the last events of each partition, some megabytes each, and blocks that are being inserted.
    pub buffered_bytes_max: usize,
    /// Bytes that the Kafka client fetches in advance, 1 MiB to 1 GiB.
    pub waiting_bytes_max: usize,
    /// Inserts that run at once, 1 to 64; one a partition.
    pub writes_max: usize,
    /// Nice value of the engine's threads that write and count for it, 0 to 19: the higher, the further they
    /// stand behind those of pages. Needs `CAP_SYS_NICE` of the server.
    pub nice: u8,
    /// How long writing what is held may take when the process is told to stop, 0 to 300 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
    /// Hours that are over are looked for so often, 0.1 to 3600 s.
    #[serde(with = "seconds")]
    pub refresh: Duration,
    /// A connection whose Connector reports nothing for so long has ended, 60 to 31 536 000 s.
    #[serde(with = "seconds")]
    pub silence_max: Duration,
    /// A connection that ended is remembered so long, from when its end was counted; late openings in it do not open it again, 60 to 31 536 000 s.
    #[serde(with = "seconds")]
    pub ended_remembered: Duration,
    /// Rows by minute are kept for so many days, 3 to 50, and what ingest has not stored within them is in no hour. What is in the table goes by it too, some time after the start. Where it is not what the
    /// table has, the account needs the right to alter it.
    pub minutes_kept_days: u16,
}

impl Config {
    /// How long rows by minute are kept.
    pub(crate) fn minutes_kept(&self) -> Duration {
        Duration::from_secs(u64::from(self.minutes_kept_days) * 24 * 3600)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: "main".to_owned(),
            instance_id: None,
            protocol: Protocol::Classic,
            batch_rows: 32_768,
            batch_bytes: 64 << 20,
            batch_age: Duration::from_secs(1),
            buffered_bytes_max: 128 << 20,
            waiting_bytes_max: 16 << 20,
            writes_max: 4,
            nice: 0,
            drain_max: Duration::from_secs(20),
            refresh: Duration::from_secs(30),
            silence_max: Duration::from_secs(24 * 3600),
            ended_remembered: Duration::from_secs(24 * 3600),
            minutes_kept_days: 30,
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        is_name("source", &self.source)?;
        in_range("batch_rows", self.batch_rows, 1..=1_000_000)?;
        in_range("batch_bytes", self.batch_bytes, 64 << 10..=1 << 30)?;
        seconds_in_range("batch_age", self.batch_age, 0.01..=60.0)?;
        in_range("buffered_bytes_max", self.buffered_bytes_max, 1 << 20..=16 << 30)?;
        in_range("waiting_bytes_max", self.waiting_bytes_max, 1 << 20..=1 << 30)?;
        in_range("writes_max", self.writes_max, 1..=64)?;
        in_range("nice", self.nice, 0..=NICE_MAX)?;
        seconds_in_range("drain_max", self.drain_max, 0.0..=300.0)?;
        seconds_in_range("refresh", self.refresh, 0.1..=3_600.0)?;
        seconds_in_range("silence_max", self.silence_max, 60.0..=31_536_000.0)?;
        seconds_in_range("ended_remembered", self.ended_remembered, 60.0..=31_536_000.0)?;
        // Notes of hours are kept for 60 days: without them all that is kept by minute would be counted anew.
        in_range("minutes_kept_days", self.minutes_kept_days, 3..=50)
    }
}
