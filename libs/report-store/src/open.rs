//! The store that a URL names.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ClientConfigKey, ClientOptions, RetryConfig};
use secrecy::ExposeSecret;

use crate::blocks::Blocks;
use crate::config::{Place, StoreConfig};
use crate::numbered::NumberedParts;
use crate::staged::Staging;
use crate::{Completion, ReportStore, StoreError};

/// How long a store that is away is waited for within one request.
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(180);
/// How long a store may be silent, before it answers and within its answer. Shorter than the other, so that who waits for nothing is asked again.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// What the environment may say of connections, such as `AWS_PROXY_URL`. How long a request may take is not among it.
const FROM_ENVIRONMENT: [ClientConfigKey; 18] = [
    ClientConfigKey::AllowInvalidCertificates,
    ClientConfigKey::NoSystemCertificates,
    ClientConfigKey::ConnectTimeout,
    ClientConfigKey::ReadTimeout,
    ClientConfigKey::DefaultContentType,
    ClientConfigKey::Http1Only,
    ClientConfigKey::Http2KeepAliveInterval,
    ClientConfigKey::Http2KeepAliveTimeout,
    ClientConfigKey::Http2KeepAliveWhileIdle,
    ClientConfigKey::Http2MaxFrameSize,
    ClientConfigKey::Http2Only,
    ClientConfigKey::PoolIdleTimeout,
    ClientConfigKey::PoolMaxIdlePerHost,
    ClientConfigKey::ProxyUrl,
    ClientConfigKey::ProxyCaCertificate,
    ClientConfigKey::ProxyExcludes,
    ClientConfigKey::RandomizeAddresses,
    ClientConfigKey::UserAgent,
];
const GCS_ENDPOINT: &str = "https://storage.googleapis.com";

#[expect(clippy::needless_pass_by_value, reason = "what an error is mapped by")]
fn wrong(error: object_store::Error) -> StoreError {
    StoreError::NotConfigured(error.to_string())
}

fn retry() -> RetryConfig {
    RetryConfig { max_retries: 1_000, retry_timeout: RETRY_MAX, ..RetryConfig::default() }
}

/// A request takes as long as its bytes flow: a time for all of it would count those of a large file, too. Connecting has its own time.
fn options(config: &StoreConfig, told: impl Fn(ClientConfigKey) -> Option<String>) -> ClientOptions {
    let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(SILENCE_MAX);
    let told = FROM_ENVIRONMENT.into_iter().filter_map(|key| Some((key, told(key)?)));
    told.fold(options, |options, (key, value)| options.with_config(key, value)).with_allow_http(config.allow_http)
}

/// What is written is on the disk, names too, before it is said to be there: what a file is the end of will not come again.
fn folder_client(folder: &str) -> Result<LocalFileSystem, StoreError> {
    Ok(LocalFileSystem::new_with_prefix(folder).map_err(wrong)?.with_fsync(true))
}

fn s3_client(config: &StoreConfig) -> AmazonS3Builder {
    let builder = AmazonS3Builder::from_env();
    let options = options(config, |key| builder.get_config_value(&AmazonS3ConfigKey::Client(key)));
    builder.with_client_options(options).with_retry(retry())
}

fn gcs_client(config: &StoreConfig) -> GoogleCloudStorageBuilder {
    let builder = GoogleCloudStorageBuilder::from_env();
    let options = options(config, |key| builder.get_config_value(&GoogleConfigKey::Client(key)));
    builder.with_client_options(options).with_retry(retry())
}

fn azure_client(config: &StoreConfig) -> MicrosoftAzureBuilder {
    let builder = MicrosoftAzureBuilder::from_env();
    let options = options(config, |key| builder.get_config_value(&AzureConfigKey::Client(key)));
    builder.with_client_options(options).with_retry(retry())
}

impl ReportStore {
    /// Opens the store; connects when it is first used. A folder is made when it is not there. Without keys of its own a client takes
    /// those of the platform that it runs on.
    ///
    /// # Errors
    /// When the configuration names no store.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let no_form = || StoreError::NotConfigured(format!("{} names no store", config.url));
        match Place::of(&config.url).ok_or_else(no_form)? {
            Place::Folder(folder) => Self::folder(&folder),
            Place::S3 { bucket, prefix } => Self::s3(config, &bucket, &prefix),
            Place::Gcs { bucket, prefix } => Self::gcs(config, &bucket, &prefix),
            Place::Azure { container, account, prefix } => Self::azure(config, &container, account, &prefix),
        }
    }

    fn folder(folder: &str) -> Result<Self, StoreError> {
        let cannot = |error| StoreError::NotConfigured(format!("folder {folder}: {error}"));
        std::fs::create_dir_all(folder).map_err(cannot)?;
        let store = Arc::new(folder_client(folder)?);
        Ok(Self { store, completion: Completion::Staged(Staging::Folder), prefix: Path::default() })
    }

    fn s3(config: &StoreConfig, bucket: &str, prefix: &str) -> Result<Self, StoreError> {
        service_kit::tls::install();
        let mut builder = s3_client(config).with_bucket_name(bucket).with_region(&config.region);
        if let Some(endpoint) = &config.endpoint {
            // Goes before one of the environment, which `with_endpoint` would not: a link would lead elsewhere.
            builder =
                builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint).with_virtual_hosted_style_request(false);
        }
        if let (Some(key), Some(secret)) = (&config.access_key, &config.secret_key) {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.expose_secret());
        }
        // Headers of what begins a file; parts and what completes them need none.
        for (key, value) in [
            ("aws_server_side_encryption", config.encryption.map(|it| it.header().to_owned())),
            ("aws_sse_kms_key_id", config.kms_key.clone()),
            ("aws_sse_bucket_key_enabled", config.bucket_key.map(|is_shared| is_shared.to_string())),
        ] {
            if let Some(value) = value {
                builder = builder.with_config(key.parse::<AmazonS3ConfigKey>().map_err(wrong)?, value);
            }
        }
        let store = Arc::new(builder.build().map_err(wrong)?);
        let numbered = NumberedParts::new(Arc::clone(&store), config.conditional_writes)?;
        Ok(Self { store, completion: Completion::Numbered(numbered), prefix: parsed(prefix)? })
    }

    fn gcs(config: &StoreConfig, bucket: &str, prefix: &str) -> Result<Self, StoreError> {
        service_kit::tls::install();
        let mut builder = gcs_client(config).with_bucket_name(bucket);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_base_url(endpoint);
        }
        if let Some(file) = &config.key_file {
            builder = builder.with_service_account_path(file);
        }
        let store = Arc::new(builder.build().map_err(wrong)?);
        let endpoint = config.endpoint.as_deref().unwrap_or(GCS_ENDPOINT);
        let staging = Staging::gcs(Arc::clone(&store), endpoint, bucket)?;
        Ok(Self { store, completion: Completion::Staged(staging), prefix: parsed(prefix)? })
    }

    fn azure(config: &StoreConfig, container: &str, account: Option<String>, prefix: &str) -> Result<Self, StoreError> {
        service_kit::tls::install();
        let mut builder = azure_client(config).with_container_name(container);
        if let Some(account) = account.or_else(|| config.account.clone()) {
            builder = builder.with_account(account);
        }
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint.clone());
        }
        if let Some(key) = &config.secret_key {
            builder = builder.with_access_key(key.expose_secret());
        }
        let of = |key| builder.get_config_value(&key);
        let (account, endpoint) = (of(AzureConfigKey::AccountName), of(AzureConfigKey::Endpoint));
        let store = Arc::new(builder.build().map_err(wrong)?);
        let account = account.unwrap_or_default();
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
        let blocks = Blocks::new(Arc::clone(&store), &endpoint, container, account)?;
        Ok(Self { store, completion: Completion::Blocks(blocks), prefix: parsed(prefix)? })
    }
}

fn parsed(prefix: &str) -> Result<Path, StoreError> {
    Path::parse(prefix.trim_matches('/')).map_err(|_| StoreError::BadKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let client = format!("{:?}", folder_client(&folder.path().display().to_string()).unwrap());
        assert!(client.contains("fsync: true"), "{client}");
    }

    /// What each kind of client is told of this.
    fn told(key: ClientConfigKey) -> [Option<String>; 3] {
        let config = StoreConfig { allow_http: true, ..StoreConfig::default() };
        [
            s3_client(&config).get_config_value(&AmazonS3ConfigKey::Client(key)),
            gcs_client(&config).get_config_value(&GoogleConfigKey::Client(key)),
            azure_client(&config).get_config_value(&AzureConfigKey::Client(key)),
        ]
    }

    #[test]
    fn requests_take_as_long_as_their_bytes_flow_and_silence_ends_them() {
        assert!(told(ClientConfigKey::Timeout).iter().all(Option::is_none));
        for (key, expected) in [
            (ClientConfigKey::ReadTimeout, "1m 30s"),
            (ClientConfigKey::ConnectTimeout, "5s"),
            (ClientConfigKey::AllowHttp, "true"),
        ] {
            assert!(told(key).iter().all(|it| it.as_deref() == Some(expected)), "{key:?}: {:?}", told(key));
        }
        assert!(SILENCE_MAX < RETRY_MAX, "who waits for nothing is asked once more");
    }

    #[test]
    fn what_the_environment_says_of_connections_is_kept() {
        let told = |key| match key {
            ClientConfigKey::ProxyUrl => Some("http://proxy.example".to_owned()),
            ClientConfigKey::Timeout => Some("7s".to_owned()),
            _ => None,
        };
        let options = options(&StoreConfig::default(), told);
        let kept = |key| options.get_config_value(&key);
        assert_eq!(kept(ClientConfigKey::ProxyUrl).as_deref(), Some("http://proxy.example"));
        assert_eq!(
            (kept(ClientConfigKey::Timeout), kept(ClientConfigKey::AllowHttp)),
            (None, Some("false".to_owned()))
        );
    }
}
