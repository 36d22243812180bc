//! A file that several writers make together, slice by slice.
//!
//! S3 takes parts below 5 MiB at the end of a file only, and a slice may end anywhere. So the first 5 MiB of a slice, or all of it where
//! it is below twice that, are an object of their own; parts follow, all of them large enough. Who joins the slices puts such objects,
//! one or several together, as a part in front of what follows, under the number that each slice keeps free for it.
//!
//! A slice that is a file of its own has an upload of its own, and no such beginning. Its maker begins it; who joins the slices makes it
//! visible.

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use schemas::report_event::UploadedPart;
use schemas::report_slice::StoredSlice;
use service_kit::CancellationToken;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::numbered::NumberedParts;
use crate::part_sizes::{PART_LEAST, PARTS_MAX, PartNumbers, PartSizes};
use crate::running::Running;
use crate::upload::Upload;
use crate::waiting::Waiting;
use crate::{Completion, ReportStore, StoreError, hexadecimal};

/// A slice on its way into the store. Dropped before it is finished it leaves an object and parts that no event names.
pub struct SliceUpload {
    store: ReportStore,
    staged: String,
    to: Destination,
    size_bytes: u64,
}

enum Destination {
    /// All of it becomes one object.
    Object(Box<Upload>),
    /// The beginning becomes an object, the rest parts of an upload.
    Parts(Box<Parts>),
}

struct Parts {
    numbered: NumberedParts,
    file: Path,
    upload_id: String,
    /// The upload is of this slice alone.
    is_own: bool,
    numbers: PartNumbers,
    sizes: PartSizes,
    waiting: Waiting,
    /// None until the beginning is an object.
    staged_bytes: Option<usize>,
    /// Parts that were sent.
    sent: usize,
    running: Running,
    digest: Sha256,
}

impl ReportStore {
    /// Begins a file that is made slice by slice; gives the name of the upload.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn begin_slices(&self, key: &str) -> Result<String, StoreError> {
        let file = self.path(key)?;
        match &self.completion {
            Completion::Numbered(numbered) => numbered.begin(&file).await,
            Completion::Blocks(_) | Completion::Staged(_) => Ok(Uuid::new_v4().to_string()),
        }
    }

    /// Begins a slice of the file, of `expected_bytes`, more or less: its parts are as large as that needs. Two writers of the same slice expect
    /// the same, and take nothing from each other but parts with the same content.
    ///
    /// # Errors
    /// When it is not a key of the store.
    pub fn begin_slice(
        &self,
        key: &str,
        upload_id: &str,
        slice: i32,
        numbers: PartNumbers,
        expected_bytes: u64,
    ) -> Result<SliceUpload, StoreError> {
        let (folder, _) = key.rsplit_once('/').ok_or(StoreError::BadKey)?;
        let staged = format!("{folder}/slices/{slice:05}-{}", Uuid::new_v4());
        let to = match &self.completion {
            // The name is this slice's alone.
            Completion::Blocks(_) | Completion::Staged(_) => {
                let sizes = PartSizes::of(PARTS_MAX, expected_bytes);
                Destination::Object(Box::new(Upload::new(self.clone(), self.path(&staged)?, true, sizes)))
            }
            Completion::Numbered(numbered) => Destination::Parts(Box::new(Parts {
                numbered: numbered.clone(),
                file: self.path(key)?,
                upload_id: upload_id.to_owned(),
                is_own: false,
                numbers,
                sizes: PartSizes::of(numbers.count(), expected_bytes),
                waiting: Waiting::default(),
                staged_bytes: None,
                sent: 0,
                running: Running::default(),
                digest: Sha256::new(),
            })),
        };
        Ok(SliceUpload { store: self.clone(), staged, to, size_bytes: 0 })
    }

    /// Begins a slice that is a file of its own, of `expected_bytes`, more or less. Two writers of it take nothing from each other;
    /// [`Self::join`] makes that of one visible.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn begin_file_slice(
        &self,
        key: &str,
        slice: i32,
        expected_bytes: u64,
    ) -> Result<SliceUpload, StoreError> {
        let upload_id = self.begin_slices(key).await?;
        let mut begun = self.begin_slice(key, &upload_id, slice, PartNumbers::of(0, 1), expected_bytes)?;
        if let Destination::Parts(parts) = &mut begun.to {
            // The last part of a file may be small: nothing is put in front of the first.
            (parts.is_own, parts.staged_bytes) = (true, Some(0));
        }
        Ok(begun)
    }

    /// Makes the file visible, whole, of its slices in order. Gives its size, bytes; none where it was `unwanted` before the store was asked to
    /// show it, and what was copied is gone then. Done again it finds the file there.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where the upload or something of a slice is gone, [`StoreError::Occupied`] where another file lies in its
    /// place; else when the store refuses or stays away.
    pub async fn join(
        &self,
        key: &str,
        upload_id: &str,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> Result<Option<u64>, StoreError> {
        let size_bytes = slices.iter().map(StoredSlice::size_bytes).fold(0, i64::saturating_add);
        let size_bytes = u64::try_from(size_bytes).unwrap_or_default();
        if self.is_there(key, size_bytes).await? {
            return Ok(Some(size_bytes));
        }
        let joined = match &self.completion {
            Completion::Numbered(numbered) => {
                self.join_parts(numbered, &self.path(key)?, upload_id, slices, unwanted).await
            }
            Completion::Blocks(_) | Completion::Staged(_) => self.join_objects(key, size_bytes, slices, unwanted).await,
        };
        let error = match joined {
            Ok(is_joined) => return Ok(is_joined.then_some(size_bytes)),
            Err(error) => error,
        };
        match (self.is_there(key, size_bytes).await, error) {
            (_, error @ StoreError::Occupied(_)) | (Err(error @ StoreError::Occupied(_)), _) => Err(error),
            // The answer was lost, or another one was faster.
            (Ok(true), _) => Ok(Some(size_bytes)),
            (_, StoreError::NotFound(key)) => Err(StoreError::Broken(format!("{key} is gone"))),
            (_, error) => Err(error),
        }
    }

    async fn is_there(&self, key: &str, size_bytes: u64) -> Result<bool, StoreError> {
        match self.size(key).await {
            Ok(found) if found == size_bytes => Ok(true),
            Ok(_) => Err(StoreError::Occupied(key.to_owned())),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// False where it was unwanted before all parts were there.
    async fn join_parts(
        &self,
        numbered: &NumberedParts,
        file: &Path,
        upload_id: &str,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let putting = unwanted.run_until_cancelled(self.parts_of(numbered, file, upload_id, slices)).await;
        let Some(parts) = putting.transpose()? else { return Ok(false) };
        // Not broken off: only the store's answer tells whether there is a file.
        let completed = numbered.complete(file, upload_id, &parts).await;
        completed.map(|()| true).map_err(|not_done| not_done.error)
    }

    /// All parts in order, with what lies beside them.
    async fn parts_of(
        &self,
        numbered: &NumberedParts,
        file: &Path,
        upload_id: &str,
        slices: &[StoredSlice],
    ) -> Result<Vec<UploadedPart>, StoreError> {
        let (mut waiting, mut parts) = (Waiting::default(), Vec::new());
        for (place, slice) in slices.iter().enumerate() {
            if let Some(staged) = &slice.staged_key {
                let mut pieces = self.read(staged, None).await?;
                while let Some(piece) = pieces.try_next().await? {
                    waiting.add(&piece);
                }
            }
            let is_last = place + 1 == slices.len();
            let is_full = !slice.parts.is_empty() || waiting.len() >= PART_LEAST;
            if (is_full || is_last) && !waiting.is_empty() {
                let number = PartNumbers::of(place, slices.len()).first;
                parts.push(numbered.put(file, upload_id, number, waiting.take_all()).await?);
            }
            parts.extend_from_slice(&slice.parts);
        }
        Ok(parts)
    }

    /// False where it was unwanted before all was copied.
    async fn join_objects(
        &self,
        key: &str,
        size_bytes: u64,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> Result<bool, StoreError> {
        let mut file = Upload::new(self.clone(), self.path(key)?, false, PartSizes::of(PARTS_MAX, size_bytes));
        let copied = unwanted.run_until_cancelled(self.copy(slices, &mut file)).await;
        if copied.transpose()?.is_none() {
            // What stays of it goes with all uploads of the file.
            let _ = file.abort().await;
            return Ok(false);
        }
        // Not broken off: only the store's answer tells whether there is a file.
        file.finish().await.map(|_| true)
    }

    async fn copy(&self, slices: &[StoredSlice], file: &mut Upload) -> Result<(), StoreError> {
        for staged in slices.iter().filter_map(|slice| slice.staged_key.as_ref()) {
            let mut pieces = self.read(staged, None).await?;
            while let Some(piece) = pieces.try_next().await? {
                file.write(&piece).await?;
            }
        }
        Ok(())
    }

    /// Aborts an upload that nobody will finish; one that is not there is gone already.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        match &self.completion {
            Completion::Numbered(numbered) => numbered.abort(&self.path(key)?, upload_id).await,
            Completion::Blocks(_) | Completion::Staged(_) => Ok(()),
        }
    }

    /// Takes back every upload of this file that has no end, and what is staged for it: nobody will finish them. Azure's blocks go by
    /// themselves.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn abort_uploads(&self, key: &str) -> Result<(), StoreError> {
        let file = self.path(key)?;
        match &self.completion {
            Completion::Numbered(numbered) => {
                for upload_id in numbered.open(&file).await? {
                    numbered.abort(&file, &upload_id).await?;
                }
                Ok(())
            }
            Completion::Staged(staging) => self.clear_staged(staging, &file).await,
            Completion::Blocks(_) => Ok(()),
        }
    }

    /// Uploads of this file that were begun and have no end, as far as the store tells.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn open_uploads(&self, key: &str) -> Result<usize, StoreError> {
        let file = self.path(key)?;
        match &self.completion {
            Completion::Numbered(numbered) => Ok(numbered.open(&file).await?.len()),
            Completion::Staged(staging) => {
                let (keys, uploads) = self.left_staged(staging, &file).await?;
                Ok(keys.len() + uploads.len())
            }
            Completion::Blocks(_) => Ok(0),
        }
    }
}

impl SliceUpload {
    /// Adds bytes; waits while enough parts are on their way.
    ///
    /// # Errors
    /// When the store refuses a part or stays away: the slice cannot be finished then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.size_bytes += bytes.len() as u64;
        let parts = match &mut self.to {
            Destination::Object(upload) => return upload.write(bytes).await,
            Destination::Parts(parts) => parts,
        };
        parts.waiting.add(bytes);
        parts.digest.update(bytes);
        while parts.waiting.len() >= parts.next_size() + parts.kept_back() {
            let piece = parts.waiting.take(parts.next_size());
            parts.send(&self.store, &self.staged, piece).await?;
        }
        Ok(())
    }

    /// Bytes that were added so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Where all of it lies, once it does, and its SHA-256.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn finish(self) -> Result<StoredSlice, StoreError> {
        let mut parts = match self.to {
            Destination::Object(upload) => {
                let (staged_key, sha256) = (Some(self.staged), Some(upload.sha256()));
                let staged_bytes = signed(upload.finish().await?);
                return Ok(StoredSlice { staged_key, staged_bytes, sha256, ..StoredSlice::default() });
            }
            Destination::Parts(parts) => parts,
        };
        let rest = parts.waiting.take_all();
        // An upload has one part at least.
        if rest.content_length() > 0 || parts.sent == 0 {
            parts.send(&self.store, &self.staged, rest).await?;
        }
        let done = parts.running.finish().await?;
        Ok(StoredSlice {
            staged_key: (!parts.is_own).then_some(self.staged),
            staged_bytes: signed(parts.staged_bytes.unwrap_or(0) as u64),
            parts: done,
            file_upload_id: parts.is_own.then_some(parts.upload_id),
            sha256: Some(hexadecimal(&parts.digest.finalize())),
        })
    }

    /// Takes back what no part of a common upload is; parts that no event names go with that.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn abort(self) -> Result<(), StoreError> {
        match self.to {
            Destination::Object(upload) => upload.abort().await,
            Destination::Parts(mut parts) => {
                parts.running.stop().await;
                if parts.is_own {
                    return parts.numbered.abort(&parts.file, &parts.upload_id).await;
                }
                self.store.delete(&self.staged).await
            }
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Parts {
    /// Size of what is sent next.
    fn next_size(&self) -> usize {
        if self.staged_bytes.is_some() { self.sizes.after(self.sent) } else { PART_LEAST }
    }

    /// What waits beside a part, so that the last one is large enough; that of a whole file need not be.
    fn kept_back(&self) -> usize {
        if self.is_own { 0 } else { PART_LEAST }
    }

    /// The first piece becomes an object, all others parts; of an upload of its own all do.
    async fn send(&mut self, store: &ReportStore, staged: &str, piece: PutPayload) -> Result<(), StoreError> {
        let size_bytes = piece.content_length();
        if self.staged_bytes.is_none() {
            let path = store.path(staged)?;
            store.store.put(&path, piece).await.map_err(StoreError::during("uploading a piece"))?;
            self.staged_bytes = Some(size_bytes);
            return Ok(());
        }
        self.sent += 1;
        if self.sent > self.numbers.count() {
            return Err(StoreError::Broken("a slice is larger than its numbers of parts allow".to_owned()));
        }
        let number = self.numbers.first + i32::try_from(self.sent).unwrap_or(i32::MAX);
        let (numbered, file, upload_id) = (self.numbered.clone(), self.file.clone(), self.upload_id.clone());
        let put = async move { numbered.put(&file, &upload_id, number, piece).await.map(Some) };
        self.running.send(size_bytes, put).await
    }
}
