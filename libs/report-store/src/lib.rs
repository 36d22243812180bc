//! Files of reports in an object store: a folder, or S3 and what speaks it.
//!
//! A file comes as a multipart upload and is visible only when it is whole. Neither memory nor disk ever holds one: at most a
//! few parts wait. Outages of a minute and more are waited out.
//!
//! One that several writers make together is cut into slices, each of which owns numbers of the upload's parts; what is too small for
//! a part, and everything where a store knows no such numbers, is an object beside it until the slices are joined.

mod config;
mod numbered;
mod slices;
mod upload;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

pub use config::StoreConfig;
pub use slices::{PartNumbers, SLICES_MAX, SliceUpload};
pub use upload::Upload;

use crate::numbered::NumberedParts;

/// How long a store that is away is waited for within one request.
const RETRY_MAX: Duration = Duration::from_secs(180);

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no store.
    #[error("store: {0}")]
    NotConfigured(String),
    /// There is no such file.
    #[error("the store has no file {0}")]
    NotFound(String),
    /// A key that leads out of the store, or is empty.
    #[error("not a key of the store")]
    BadKey,
    /// An upload that will never become a file: it is gone, or its parts are not those that were told of.
    #[error("the upload cannot be finished: {0}")]
    Broken(String),
    /// Anything else; trying again may help.
    #[error("store: {action}: {reason}")]
    Failed {
        /// What was tried.
        action: &'static str,
        /// The beginning of what the store said.
        reason: String,
    },
}

impl StoreError {
    fn during(action: &'static str) -> impl FnOnce(object_store::Error) -> Self {
        move |error| match error {
            object_store::Error::NotFound { path, .. } => Self::NotFound(path),
            other => Self::Failed { action, reason: brief(&other.to_string()) },
        }
    }
}

/// The beginning of what a store said.
fn brief(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(300).collect()
}

/// A file's bytes as they come.
pub type FileStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// The store; cheap to clone.
#[derive(Clone)]
pub struct ReportStore {
    store: Arc<dyn ObjectStore>,
    /// Where the store knows numbers of parts.
    numbered: Option<NumberedParts>,
    prefix: Path,
}

impl ReportStore {
    /// Opens the store; connects when it is first used. A folder is made when it is not there.
    ///
    /// # Errors
    /// When the configuration names no store.
    pub fn open(config: &StoreConfig) -> Result<Self, StoreError> {
        let wrong = |reason: String| StoreError::NotConfigured(reason);
        if let Some(folder) = config.url.strip_prefix("file://") {
            std::fs::create_dir_all(folder).map_err(|error| wrong(format!("folder {folder}: {error}")))?;
            let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| wrong(error.to_string()))?;
            return Ok(Self { store: Arc::new(store), numbered: None, prefix: Path::default() });
        }
        let place =
            config.url.strip_prefix("s3://").ok_or_else(|| wrong("url is neither file:// nor s3://".to_owned()))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        service_kit::tls::install();
        let retry = RetryConfig { max_retries: 1_000, retry_timeout: RETRY_MAX, ..RetryConfig::default() };
        // Without keys of its own the client takes those of the platform it runs on.
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_region(&config.region)
            .with_allow_http(config.allow_http)
            .with_retry(retry);
        if let Some(endpoint) = &config.endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        if let (Some(key), Some(secret)) = (&config.access_key, &config.secret_key) {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.expose_secret());
        }
        let store = Arc::new(builder.build().map_err(|error| wrong(error.to_string()))?);
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|_| StoreError::BadKey)?;
        let numbered = Some(NumberedParts::new(Arc::clone(&store))?);
        Ok(Self { store, numbered, prefix })
    }

    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let parsed = Path::parse(key).map_err(|_| StoreError::BadKey)?;
        if parsed.as_ref().is_empty() || parsed.parts().any(|part| part.as_ref() == "..") {
            return Err(StoreError::BadKey);
        }
        Ok(self.prefix.parts().chain(parsed.parts()).collect())
    }

    /// Begins a file; one that is there is replaced when this one is finished.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn begin(&self, key: &str) -> Result<Upload, StoreError> {
        let path = self.path(key)?;
        let upload = self.store.put_multipart(&path).await.map_err(StoreError::during("beginning an upload"))?;
        Ok(Upload::new(Arc::clone(&self.store), path, upload))
    }

    /// Writes a small file, whole.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(key)?;
        self.store.put(&path, bytes.into()).await.map(drop).map_err(StoreError::during("writing a file"))
    }

    /// Size, bytes, and SHA-256, hexadecimal, of what the store gives back.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn digest(&self, key: &str) -> Result<(u64, String), StoreError> {
        let (mut size_bytes, mut digest, mut pieces) = (0, Sha256::new(), self.read(key, None).await?);
        while let Some(piece) = pieces.try_next().await? {
            size_bytes += piece.len() as u64;
            digest.update(&piece);
        }
        Ok((size_bytes, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// Size of a file, bytes.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn size(&self, key: &str) -> Result<u64, StoreError> {
        let found = self.store.head(&self.path(key)?).await.map_err(StoreError::during("looking for a file"))?;
        Ok(found.size)
    }

    /// Keys of the files whose keys begin with `prefix` and a slash, in no order.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let own = self.prefix.parts().count();
        let listed = self.store.list(Some(&self.path(prefix)?));
        let keys = listed.map_ok(|found| found.location.parts().skip(own).collect::<Path>().to_string());
        keys.try_collect().await.map_err(StoreError::during("listing files"))
    }

    /// Deletes a file; one that is not there is deleted already.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.store.delete(&self.path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(StoreError::during("deleting a file")(error)),
        }
    }

    /// A file, or the bytes `range` of it.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<FileStream, StoreError> {
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found =
            self.store.get_opts(&self.path(key)?, options).await.map_err(StoreError::during("reading a file"))?;
        let stream = found.into_stream().map(|piece| piece.map_err(StoreError::during("reading a file")));
        Ok(stream.boxed())
    }
}
