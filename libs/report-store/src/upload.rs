//! One file on its way into the store.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt};
use tokio::task::JoinSet;

use crate::StoreError;

/// Size of the first parts, bytes.
pub(crate) const PART_MIN: usize = 8 << 20;
/// After so many parts of one size the next ones are twice as large: ten thousand parts hold more than five TiB.
const PARTS_OF_ONE_SIZE: usize = 1_000;
/// Parts that are on their way at once.
pub(crate) const PARTS_RUNNING: usize = 2;

/// A file that is not visible yet. Dropped before it is finished or aborted it leaves its parts to the store's clean-up rule.
pub struct Upload {
    store: Arc<dyn ObjectStore>,
    path: Path,
    upload: Box<dyn MultipartUpload>,
    waiting: BytesMut,
    /// Tasks, so that parts go on while nobody writes.
    running: JoinSet<object_store::Result<()>>,
    parts: usize,
    size_bytes: u64,
}

impl Upload {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, path: Path, upload: Box<dyn MultipartUpload>) -> Self {
        Self { store, path, upload, waiting: BytesMut::new(), running: JoinSet::new(), parts: 0, size_bytes: 0 }
    }

    fn part_size(&self) -> usize {
        PART_MIN << (self.parts / PARTS_OF_ONE_SIZE)
    }

    /// Adds bytes; waits while enough parts are on their way.
    ///
    /// # Errors
    /// When the store refuses a part or stays away: the upload cannot be finished then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.extend_from_slice(bytes);
        self.size_bytes += bytes.len() as u64;
        while self.waiting.len() >= self.part_size() {
            let part = self.waiting.split_to(self.part_size()).freeze();
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> Result<(), StoreError> {
        while self.running.len() >= PARTS_RUNNING {
            self.one_done().await?;
        }
        self.running.spawn(self.upload.put_part(part.into()));
        self.parts += 1;
        Ok(())
    }

    async fn one_done(&mut self) -> Result<(), StoreError> {
        const ACTION: &str = "uploading a part";
        match self.running.join_next().await {
            None => Ok(()),
            Some(Ok(done)) => done.map_err(StoreError::during(ACTION)),
            Some(Err(lost)) => Err(StoreError::Failed { action: ACTION, reason: lost.to_string() }),
        }
    }

    /// Bytes that were added so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Makes the file visible, whole. Gives its size, bytes.
    ///
    /// # Errors
    /// When the store refuses or stays away. An answer that was lost is looked for: a file of this size in its place is success.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        if !self.waiting.is_empty() || self.parts == 0 {
            let last = self.waiting.split().freeze();
            self.send(last).await?;
        }
        while !self.running.is_empty() {
            self.one_done().await?;
        }
        match self.upload.complete().await {
            Ok(_) => Ok(self.size_bytes),
            Err(error) => match self.store.head(&self.path).await {
                Ok(found) if found.size == self.size_bytes => Ok(self.size_bytes),
                _ => Err(StoreError::during("finishing an upload")(error)),
            },
        }
    }

    /// Takes back what was uploaded.
    ///
    /// # Errors
    /// When the store does not answer; its clean-up rule does it then.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        self.running.shutdown().await;
        self.upload.abort().await.map_err(StoreError::during("aborting an upload"))
    }
}
