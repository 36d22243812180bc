//! Section `webhooks`: the same for console, exporter and command line.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, in_range, redacted, seconds, seconds_in_range};
use traffic_query::AddressRange;

/// Shortest key, bytes.
const KEY_MIN: usize = 32;

/// Where webhooks may lead, and of what their secrets are made.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhooksConfig {
    /// Of which all secrets are made, 32 bytes or more; without it there are no webhooks.
    #[serde(serialize_with = "redacted")]
    pub key: Option<SecretString>,
    /// Webhooks of a tenant, 1 to 100; more are refused.
    pub per_tenant_max: usize,
    /// How long a receiver may take to answer, 1 to 60 s.
    #[serde(with = "seconds")]
    pub answer_max: Duration,
    /// How long the secret before signs too when there is another one, 0 to 604 800 s.
    #[serde(with = "seconds")]
    pub former_secret: Duration,
    /// A certificate to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// What may be called beside the public internet.
    pub allow: Vec<AllowedConfig>,
}

/// Addresses that are not public, or a port or plain HTTP, that may be called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowedConfig {
    /// An address or a CIDR range.
    pub addresses: String,
    /// Port.
    #[serde(default = "https")]
    pub port: u16,
    /// Without TLS too.
    #[serde(default)]
    pub http: bool,
}

fn https() -> u16 {
    443
}

impl Default for WebhooksConfig {
    fn default() -> Self {
        Self {
            key: None,
            per_tenant_max: 10,
            answer_max: Duration::from_secs(15),
            former_secret: Duration::from_secs(24 * 3600),
            ca_file: None,
            allow: Vec::new(),
        }
    }
}

impl Validate for WebhooksConfig {
    fn validate(&self) -> Result<(), RangeError> {
        if self.key.as_ref().is_some_and(|key| key.expose_secret().len() < KEY_MIN) {
            return Err(RangeError::new("key", "is shorter than 32 bytes"));
        }
        in_range("per_tenant_max", self.per_tenant_max, 1..=100)?;
        seconds_in_range("answer_max", self.answer_max, 1.0..=60.0)?;
        seconds_in_range("former_secret", self.former_secret, 0.0..=604_800.0)?;
        if self.allow.iter().any(|it| it.addresses.parse::<AddressRange>().is_err()) {
            return Err(RangeError::new("allow.addresses", "is neither an address nor a CIDR range"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_out_of_its_range_is_refused_with_its_key() {
        let refused = |change: fn(&mut WebhooksConfig)| {
            let mut config = WebhooksConfig::default();
            assert_eq!(config.validate(), Ok(()));
            change(&mut config);
            config.validate().unwrap_err().to_string()
        };
        assert_eq!(refused(|it| it.key = Some("short".into())), "key is shorter than 32 bytes");
        assert_eq!(refused(|it| it.per_tenant_max = 0), "per_tenant_max is 0, not from 1 to 100");
        assert_eq!(refused(|it| it.answer_max = Duration::from_secs(61)), "answer_max is 61, not from 1 to 60");
        let wrong = |it: &mut WebhooksConfig| {
            it.allow = vec![AllowedConfig { addresses: "everything".to_owned(), port: 443, http: false }];
        };
        assert_eq!(refused(wrong), "allow.addresses is neither an address nor a CIDR range");
    }

    #[test]
    fn key_is_neither_printed_nor_logged() {
        let config = WebhooksConfig { key: Some("not-to-be-seen".repeat(3).into()), ..WebhooksConfig::default() };
        for shown in [serde_json::to_string(&config).unwrap(), format!("{config:?}")] {
            assert!(!shown.contains("not-to-be-seen"), "{shown}");
        }
    }
}
