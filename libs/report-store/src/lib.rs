//! Files of reports in an object store: a folder, S3 and what speaks it, GCS, Azure.
//!
//! A file is visible only when it is whole, and takes the place of no other: one that is there already with the same bytes was made
//! before an answer was lost. Neither memory nor disk ever holds one: at most a few parts wait. Outages of a minute and more are
//! waited out, and a file that takes hours is read to its end.
//!
//! One that several writers make together is cut into slices, each of which owns numbers of the upload's parts; what is too small for
//! a part, and everything where a store knows no such numbers, is an object beside it until the slices are joined.

mod answers;
mod blocks;
mod config;
mod links;
mod numbered;
mod open;
mod part_sizes;
mod patience;
mod pieces;
mod reading;
mod request;
mod running;
mod slices;
mod staged;
mod upload;
mod waiting;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{BoxStream, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

pub use answers::UploadsPage;
pub use config::{Encryption, StoreConfig};
pub use links::SavedAs;
pub use part_sizes::{PartNumbers, SLICES_MAX};
pub use slices::SliceUpload;
pub use upload::Upload;

use crate::blocks::Blocks;
use crate::numbered::NumberedParts;
use crate::part_sizes::PartSizes;
use crate::pieces::Pieces;
use crate::reading::Asking;
use crate::staged::Staging;

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
    /// Another file lies in its place, and nothing is overwritten.
    #[error("another file lies at {0}, and nothing is overwritten")]
    Occupied(String),
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

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a store gives back of a file; SHA-256 is hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// Bytes.
    pub size_bytes: u64,
    /// Of all of it.
    pub sha256: String,
    /// Of each of its pieces, in order.
    pub pieces: Vec<String>,
}

/// What a store says of a file that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Bytes.
    pub size_bytes: u64,
    /// When it became visible, seconds since 1970 by the store's clock.
    pub written_at_seconds: i64,
    /// What the store itself tells versions apart by.
    pub tag: Option<String>,
}

/// A file's bytes as they come.
pub type FileStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// How a file of several parts becomes visible where there is none.
#[derive(Clone)]
enum Completion {
    /// S3: what completes an upload says so. Slices own numbers of its parts.
    Numbered(NumberedParts),
    /// Azure: what commits blocks says so.
    Blocks(Blocks),
    /// GCS and folders: from a name of its own.
    Staged(Staging),
}

/// The store; cheap to clone.
#[derive(Clone)]
pub struct ReportStore {
    store: Arc<dyn ObjectStore>,
    completion: Completion,
    prefix: Path,
}

impl ReportStore {
    fn path(&self, key: &str) -> Result<Path, StoreError> {
        let parsed = Path::parse(key).map_err(|_| StoreError::BadKey)?;
        if parsed.as_ref().is_empty() || parsed.parts().any(|part| part.as_ref() == "..") {
            return Err(StoreError::BadKey);
        }
        Ok(self.prefix.parts().chain(parsed.parts()).collect())
    }

    /// Begins a file. What overwrites none is seen when it is finished.
    ///
    /// # Errors
    /// When it is not a key of the store.
    pub fn begin(&self, key: &str) -> Result<Upload, StoreError> {
        Ok(Upload::new(self.clone(), self.path(key)?, false, PartSizes::UNKNOWN))
    }

    /// Writes a small file, whole.
    ///
    /// # Errors
    /// [`StoreError::Occupied`] where another file lies in its place; else when the store refuses or stays away.
    pub async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.create(&self.path(key)?, bytes.into()).await
    }

    /// Size, bytes, and SHA-256, hexadecimal, of what the store gives back.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn digest(&self, key: &str) -> Result<(u64, String), StoreError> {
        let (size_bytes, digest) = self.digest_of(&self.path(key)?).await?;
        Ok((size_bytes, hexadecimal(&digest)))
    }

    /// The same, and SHA-256 of each of the pieces of these sizes, in bytes, that it was put together of. Where it is shorter those that are not
    /// whole are not there.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn read_back(&self, key: &str, sizes: &[u64]) -> Result<ReadBack, StoreError> {
        let mut answer = self.read(key, None).await?;
        let (mut size_bytes, mut digest, mut pieces) = (0, Sha256::new(), Pieces::of(sizes));
        while let Some(bytes) = answer.try_next().await? {
            size_bytes += bytes.len() as u64;
            digest.update(&bytes);
            pieces.add(&bytes);
        }
        Ok(ReadBack { size_bytes, sha256: hexadecimal(&digest.finalize()), pieces: pieces.whole() })
    }

    async fn digest_of(&self, path: &Path) -> Result<(u64, [u8; 32]), StoreError> {
        let (mut size_bytes, mut digest, mut pieces) = (0, Sha256::new(), self.read_at(path, None).await?);
        while let Some(piece) = pieces.try_next().await? {
            size_bytes += piece.len() as u64;
            digest.update(&piece);
        }
        Ok((size_bytes, digest.finalize().into()))
    }

    /// Size of a file, bytes.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn size(&self, key: &str) -> Result<u64, StoreError> {
        self.stat(key).await.map(|file| file.size_bytes)
    }

    /// What the store says of a file.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn stat(&self, key: &str) -> Result<StoredFile, StoreError> {
        let found = self.store.head(&self.path(key)?).await.map_err(StoreError::during("looking for a file"))?;
        let written_at_seconds = found.last_modified.timestamp();
        Ok(StoredFile { size_bytes: found.size, written_at_seconds, tag: found.e_tag })
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

    /// A small file, whole.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn get(&self, key: &str) -> Result<Bytes, StoreError> {
        let pieces: Vec<Bytes> = self.read(key, None).await?.try_collect().await?;
        Ok(pieces.concat().into())
    }

    /// The bytes `range` of a file, which are few.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let pieces: Vec<Bytes> = self.read(key, Some(range)).await?.try_collect().await?;
        Ok(pieces.concat().into())
    }

    /// A file, or the bytes `range` of it.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn read(&self, key: &str, range: Option<Range<u64>>) -> Result<FileStream, StoreError> {
        self.read_at(&self.path(key)?, range).await
    }

    async fn read_at(&self, path: &Path, range: Option<Range<u64>>) -> Result<FileStream, StoreError> {
        let (store, path) = (Arc::clone(&self.store), path.clone());
        let ask = move |options| -> Asking {
            let (store, path) = (Arc::clone(&store), path.clone());
            Box::pin(async move { store.get_opts(&path, options).await })
        };
        reading::read(ask, range).await
    }
}
