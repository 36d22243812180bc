//! Files and slices on their way into the store in memory.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use report_store::StoreError;
use schemas::report_slice::StoredSlice;

use super::World;
use crate::adapters::{FileBeingWritten, Uploaded};

/// A file, visible when it is finished.
pub(crate) struct FakeFile {
    pub(super) world: Arc<World>,
    pub(super) upload: (String, String),
    pub(super) bytes: Vec<u8>,
}

impl FileBeingWritten for FakeFile {
    type Finished = Uploaded;

    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.world.fault("write", &self.world.write_faults)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn finish(self) -> Result<Uploaded, StoreError> {
        let uploaded = Uploaded { size_bytes: self.size_bytes(), sha256: digest_of(&self.bytes) };
        self.world.file_step().await;
        self.world.uploads_open.fetch_sub(1, Ordering::Relaxed);
        self.world.uploads.lock().unwrap().remove(&self.upload);
        let mut files = self.world.files.lock().unwrap();
        match files.get(&self.upload.0) {
            Some(there) if *there == self.bytes => {}
            Some(_) => return Err(StoreError::Occupied(self.upload.0)),
            None => {
                self.world.note("file".to_owned());
                files.insert(self.upload.0, self.world.stored(self.bytes));
            }
        }
        Ok(uploaded)
    }

    async fn abort(self) -> Result<(), StoreError> {
        self.world.aborted.fetch_add(1, Ordering::Relaxed);
        self.world.uploads.lock().unwrap().remove(&self.upload);
        self.world.uploads_open.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Stands for a SHA-256.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// A slice, which becomes an object beside the file.
pub(crate) struct FakeSlice {
    pub(super) world: Arc<World>,
    pub(super) key: String,
    /// Where it is a file of its own: the upload that is its own.
    pub(super) upload: Option<(String, String)>,
    pub(super) bytes: Vec<u8>,
}

impl FileBeingWritten for FakeSlice {
    type Finished = StoredSlice;

    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.world.fault("write", &self.world.write_faults)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn finish(self) -> Result<StoredSlice, StoreError> {
        let (staged_bytes, sha256) = (i64::try_from(self.bytes.len()).unwrap(), Some(digest_of(&self.bytes)));
        self.world.files.lock().unwrap().insert(self.key.clone(), self.world.stored(self.bytes));
        let file_upload_id = self.upload.map(|(_, id)| id);
        Ok(StoredSlice { staged_key: Some(self.key), staged_bytes, parts: Vec::new(), file_upload_id, sha256 })
    }

    async fn abort(self) -> Result<(), StoreError> {
        if let Some(upload) = self.upload {
            self.world.uploads.lock().unwrap().remove(&upload);
        }
        Ok(())
    }
}
