//! Structured logs.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::config::{RangeError, Validate};

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

/// Section `telemetry`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Form of the log lines on standard error: `pretty` or `json`.
    pub format: LogFormat,
    /// Which lines, as `tracing` filters say it: `info`, `info,ingest=debug`.
    pub filter: String,
    /// Address of the operator's port: `/metrics`, `/healthz`, `/readyz`. Port 0: any free one.
    pub listen: std::net::SocketAddr,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Pretty,
            filter: "info".to_owned(),
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 9464)),
        }
    }
}

impl Validate for TelemetryConfig {
    fn validate(&self) -> Result<(), RangeError> {
        match EnvFilter::try_new(&self.filter) {
            Ok(_) => Ok(()),
            Err(_) => Err(RangeError::new("filter", "is not a tracing filter such as `info,ingest=debug`")),
        }
    }
}

/// Sends this process's logs to standard error. The environment's `RUST_LOG` wins over the config. Called again it does
/// nothing.
pub fn init(config: &TelemetryConfig) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(&config.filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match config.format {
        LogFormat::Pretty => builder.with_target(true).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if installed.is_err() {
        tracing::trace!("a subscriber is installed already");
    }
}
