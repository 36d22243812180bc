//! Section `store`.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use service_kit::config::{RangeError, Validate, redacted};

/// Where files of reports lie.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// `file:///folder` or `s3://bucket/prefix`.
    pub url: String,
    /// Endpoint of an S3 store that is not Amazon's: `http://host:port`.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Id of the key; without it the platform's identity is taken.
    pub access_key: Option<String>,
    /// The key.
    #[serde(serialize_with = "redacted")]
    pub secret_key: Option<SecretString>,
    /// Plain HTTP to the endpoint is allowed.
    pub allow_http: bool,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "file:///var/lib/flowledger/reports".to_owned(),
            endpoint: None,
            region: "us-east-1".to_owned(),
            access_key: None,
            secret_key: None,
            allow_http: false,
        }
    }
}

impl Validate for StoreConfig {
    fn validate(&self) -> Result<(), RangeError> {
        let is_folder = self.url.starts_with("file:///");
        let is_bucket =
            self.url.strip_prefix("s3://").is_some_and(|place| !place.is_empty() && !place.starts_with('/'));
        if !is_folder && !is_bucket {
            return Err(RangeError::new("url", "is neither file:///folder nor s3://bucket/prefix"));
        }
        if self.access_key.is_some() != self.secret_key.is_some() {
            return Err(RangeError::new("access_key", "and secret_key are given together or not at all"));
        }
        Ok(())
    }
}
