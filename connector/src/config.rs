//! Section `connector`.

use std::path::PathBuf;
use std::time::Duration;

use schemas::ids::Tenant;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, seconds, seconds_in_range};

/// What one connector reads, for whom, and how.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Tenant of every event that is read. Needed.
    pub tenant: Option<Tenant>,
    /// Version of the log, which is never guessed.
    pub log_version: LogVersion,
    /// Files to follow: paths or glob patterns. A pattern should match rotated files too (`app.log*`).
    pub inputs: Vec<String>,
    /// Also read standard input.
    pub stdin: bool,
    /// What a container's log driver wrapped around each line.
    pub wrapping: Wrapping,
    /// Read everything to its end and end.
    pub once: bool,
    /// Where to begin in files that are there at a start without kept positions. Files that appear later are always read
    /// from their beginning.
    pub start_at: StartAt,
    /// `at_least_once`: positions are kept in the state folder behind Kafka's acknowledgements; after a kill some events come twice.
    /// `exactly_once`: they are kept on Kafka, in one transaction with the events.
    pub delivery: DeliveryMode,
    /// Name of this connector, which no other may have: what positions on Kafka, and the transactional id, are called. Needed for
    /// `exactly_once`; 1 to 100 of letters, digits, `.`, `_` and `-`.
    pub instance: Option<String>,
    /// How often a transaction is committed: so much later its events are seen, 0.02 to 60 s.
    #[serde(with = "seconds")]
    pub transaction_interval: Duration,
    /// When the broker ends a transaction by itself. As long may a connector that was killed, and does not come back, hold up readers;
    /// and as long may Kafka be away before a connector has to be started again, 10 to 900 s.
    #[serde(with = "seconds")]
    pub transaction_max: Duration,
    /// Folder where positions are kept. One connector a folder.
    pub state_dir: PathBuf,
    /// Records on their way that Kafka has not acknowledged yet, 1 to 1000000.
    pub in_flight_max: usize,
    /// Bytes of the lines behind those records, 1 MiB to 4 GiB.
    pub in_flight_bytes_max: usize,
    /// Give each event headers with its line's file and offset, so that a later dead letter can name the line.
    pub position_headers: bool,
    /// Database in MaxMind's format, of cities or countries, where clients are looked up whose lines give no location; none by default. Read
    /// at the start.
    pub geoip_database: Option<PathBuf>,
    /// Wait between two looks at files that did not grow, 0.01 to 60 s.
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
    /// How long a file that no pattern matches any more must stand still before it counts as read to its end, 0 to 3600 s.
    #[serde(with = "seconds")]
    pub rotated_wait: Duration,
    /// Longest wait for acknowledgements after the order to stop, 0 to 3600 s.
    #[serde(with = "seconds")]
    pub drain_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tenant: None,
            log_version: LogVersion::V2,
            inputs: Vec::new(),
            stdin: false,
            wrapping: Wrapping::None,
            once: false,
            start_at: StartAt::Beginning,
            delivery: DeliveryMode::AtLeastOnce,
            instance: None,
            transaction_interval: Duration::from_millis(200),
            transaction_max: Duration::from_secs(60),
            state_dir: PathBuf::from("flowledger-connector"),
            in_flight_max: 10_000,
            in_flight_bytes_max: 64 << 20,
            position_headers: false,
            geoip_database: None,
            poll_interval: Duration::from_millis(200),
            rotated_wait: Duration::from_secs(5),
            drain_max: Duration::from_secs(20),
        }
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), RangeError> {
        if self.tenant.is_none() {
            return Err(RangeError::new("tenant", "is missing"));
        }
        if self.inputs.is_empty() && !self.stdin {
            return Err(RangeError::new("inputs", "is empty and stdin is false: there is nothing to read"));
        }
        for pattern in &self.inputs {
            glob::Pattern::new(pattern)
                .map_err(|error| RangeError::new("inputs", format!("holds a pattern that is none: {}", error.msg)))?;
        }
        self.validate_delivery()?;
        in_range("in_flight_max", self.in_flight_max, 1..=1_000_000)?;
        in_range("in_flight_bytes_max", self.in_flight_bytes_max, 1 << 20..=4 << 30)?;
        seconds_in_range("poll_interval", self.poll_interval, 0.01..=60.0)?;
        seconds_in_range("rotated_wait", self.rotated_wait, 0.0..=3600.0)?;
        seconds_in_range("drain_max", self.drain_max, 0.0..=3600.0)
    }
}

impl Config {
    fn validate_delivery(&self) -> Result<(), RangeError> {
        seconds_in_range("transaction_interval", self.transaction_interval, 0.02..=60.0)?;
        seconds_in_range("transaction_max", self.transaction_max, 10.0..=900.0)?;
        if self.transaction_interval * 2 > self.transaction_max {
            return Err(RangeError::new("transaction_interval", "is more than half of transaction_max"));
        }
        if self.delivery == DeliveryMode::AtLeastOnce {
            return Ok(());
        }
        if self.stdin {
            return Err(RangeError::new("delivery", "is exactly_once, but standard input cannot be read again"));
        }
        let is_sign = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '_' | '-');
        match &self.instance {
            None => Err(RangeError::new("instance", "is missing: exactly_once needs a name")),
            Some(name) if (1..=100).contains(&name.len()) && name.chars().all(is_sign) => Ok(()),
            Some(_) => Err(RangeError::new("instance", "is not 1 to 100 of letters, digits, '.', '_' and '-'")),
        }
    }
}

/// What a kill costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// Events of the last second come twice.
    #[default]
    AtLeastOnce,
    /// Nothing.
    ExactlyOnce,
}

/// Version of a Connector's real-time connection log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogVersion {
    /// Durations in milliseconds.
    #[default]
    V2,
    /// Durations in microseconds.
    V3,
}

impl LogVersion {
    /// As in config and headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// Microseconds in one unit of `connection.duration`.
    #[must_use]
    pub const fn duration_unit_micros(self) -> u64 {
        match self {
            Self::V2 => 1000,
            Self::V3 => 1,
        }
    }
}

/// What stands around each line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wrapping {
    /// Nothing.
    #[default]
    None,
    /// Docker's json-file driver.
    Docker,
    /// Kubernetes' container runtime interface.
    Cri,
}

/// Where reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartAt {
    /// At the first byte.
    #[default]
    Beginning,
    /// After what is there.
    End,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config { tenant: "acme".parse().ok(), inputs: vec!["logs/*.log".to_owned()], ..Config::default() }
    }

    #[test]
    fn config_with_tenant_and_input_is_right() {
        assert_eq!(config().validate(), Ok(()));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |config: Config| config.validate().unwrap_err().to_string();
        assert_eq!(message(Config { tenant: None, ..config() }), "tenant is missing");
        assert!(message(Config { inputs: vec![], ..config() }).starts_with("inputs is empty"));
        assert!(message(Config { inputs: vec!["a[".to_owned()], ..config() }).starts_with("inputs holds a pattern"));
        let exactly_once = || Config { delivery: DeliveryMode::ExactlyOnce, ..config() };
        assert!(message(exactly_once()).starts_with("instance is missing"));
        let named = |name: &str| Config { instance: Some(name.to_owned()), ..exactly_once() };
        assert_eq!(named("site-1.a_b").validate(), Ok(()));
        assert!(
            message(named("a/b")).starts_with("instance is not") && message(named("")).starts_with("instance is not")
        );
        assert!(message(Config { stdin: true, ..named("a") }).starts_with("delivery is exactly_once"));
        assert!(message(Config { in_flight_max: 0, ..config() }).starts_with("in_flight_max is 0"));
    }
}
