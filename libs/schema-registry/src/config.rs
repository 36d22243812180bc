//! Section `registry`.

use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, redacted, seconds, seconds_in_range};

/// Where schema ids come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Base of the Confluent REST API, without a slash at the end.
    pub url: String,
    /// True: writers register their schema at start. False: they only look it up, and do not start where it is missing.
    pub register: bool,
    /// Account, where the registry asks for one.
    pub user: Option<String>,
    /// Its password.
    #[serde(serialize_with = "redacted")]
    pub password: Option<SecretString>,
    /// Longest wait for one answer, 0.1 to 60 s.
    #[serde(with = "seconds")]
    pub timeout: Duration,
}

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8081".to_owned(),
            register: true,
            user: None,
            password: None,
            timeout: Duration::from_secs(10),
        }
    }
}

impl Validate for RegistryConfig {
    fn validate(&self) -> Result<(), RangeError> {
        if !self.url.starts_with("http://") && !self.url.starts_with("https://") {
            return Err(RangeError::new("url", "does not begin with http:// or https://"));
        }
        seconds_in_range("timeout", self.timeout, 0.1..=60.0)
    }
}
