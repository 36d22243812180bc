//! Section `ingest`.

use std::time::Duration;

use clickhouse_io::NICE_MAX;
use exactly_once::Delivery;
use kafka_io::batches::Protocol;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, is_name, seconds, seconds_in_range};

/// How batches are closed, and how much may wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Names this life of the topic. A topic that was made anew has the old offsets again: give it another name.
    pub source: String,
    /// What is promised of each event: `exactly_once`, or `at_least_once`, which writes no intents beside offsets and counts nothing
    /// at the assignment. After a crash rows of the last range of each partition may then be there twice; copies share their event id.
    pub delivery: Delivery,
    /// Static membership: a process that comes back under the same name keeps its partitions, and others take them only when it has been away
    /// for 45 s. Where it is not given host name and port of `telemetry.listen` for `protocol` `classic`, and no name for `consumer`; `none`
    /// for no name.
    pub instance_id: Option<String>,
    /// A batch is closed when it has so many events, 1 to 1 000 000. A process with fewer than 8 partitions fills larger ones, up to
    /// eight times: all its batches together hold as many.
    pub batch_rows: usize,
    /// A batch is closed when it takes so many bytes in memory, 64 KiB to 1 GiB.
    pub batch_bytes: usize,
    /// A batch is closed when its first event has waited so long, 0.01 to 60 s; four times that where events come from a backlog.
    #[serde(with = "seconds")]
    pub batch_age: Duration,
    /// Memory of all events that are read and not yet durable, in bytes, 1 MiB to 16 GiB; beyond it nothing more is taken.
    pub buffered_bytes_max: usize,
    /// Bytes that the Kafka client fetches in advance, 1 MiB to 1 GiB.
    pub waiting_bytes_max: usize,
    /// Inserts that run at once, 1 to 64; one a partition.
    pub writes_max: usize,
    /// Nice value of the engine's threads that write for it, 0 to 19: the higher, the further they
    /// stand behind those of pages. Needs `CAP_SYS_NICE` of the server.
    pub nice: u8,
    /// How the group shares partitions out: `classic` (cooperative-sticky) or `consumer` (KIP-848).
    pub protocol: Protocol,
    /// How long writing what is held may take when the process is told to stop, 0 to 300 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: "main".to_owned(),
            delivery: Delivery::ExactlyOnce,
            instance_id: None,
            batch_rows: 32_768,
            batch_bytes: 64 << 20,
            batch_age: Duration::from_millis(500),
            buffered_bytes_max: 128 << 20,
            waiting_bytes_max: 16 << 20,
            writes_max: 8,
            nice: 0,
            protocol: Protocol::Classic,
            drain_max: Duration::from_secs(20),
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
        seconds_in_range("drain_max", self.drain_max, 0.0..=300.0)
    }
}
