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
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::numbered::NumberedParts;
use crate::upload::{PART_MIN, PARTS_RUNNING, Upload};
use crate::waiting::Waiting;
use crate::{Completion, ReportStore, StoreError};

/// The most slices of a file: each has ten numbers then.
pub const SLICES_MAX: usize = 1_000;
/// The most parts of an upload.
const PARTS_MAX: usize = 10_000;
/// The least part that is not the last one of a file, bytes.
const PART_LEAST: usize = 5 << 20;
/// A slice's parts are doubled in size after each tenth of its numbers: with the fewest numbers it holds four GiB.
const STEPS: usize = 10;

/// Numbers of parts that are one slice's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartNumbers {
    /// The first one, which is kept free for who joins the slices.
    pub first: i32,
    /// The last one.
    pub last: i32,
}

impl PartNumbers {
    /// Of slice `slice`, from 0, of `slices`, at most [`SLICES_MAX`].
    #[must_use]
    pub fn of(slice: usize, slices: usize) -> Self {
        let each = PARTS_MAX / slices.max(1);
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Self { first: number(slice * each + 1), last: number((slice + 1) * each) }
    }
}

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
    waiting: Waiting,
    /// None until the beginning is an object.
    staged_bytes: Option<usize>,
    sent: i32,
    running: JoinSet<Result<UploadedPart, StoreError>>,
    done: Vec<UploadedPart>,
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

    /// Begins a slice of the file. Two writers of the same slice take nothing from each other but parts with the same content.
    ///
    /// # Errors
    /// When it is not a key of the store.
    pub fn begin_slice(
        &self,
        key: &str,
        upload_id: &str,
        slice: i32,
        numbers: PartNumbers,
    ) -> Result<SliceUpload, StoreError> {
        let (folder, _) = key.rsplit_once('/').ok_or(StoreError::BadKey)?;
        let staged = format!("{folder}/slices/{slice:05}-{}", Uuid::new_v4());
        let to = match &self.completion {
            // The name is this slice's alone.
            Completion::Blocks(_) | Completion::Staged(_) => Destination::Object(Box::new(self.begin_own(&staged)?)),
            Completion::Numbered(numbered) => Destination::Parts(Box::new(Parts {
                numbered: numbered.clone(),
                file: self.path(key)?,
                upload_id: upload_id.to_owned(),
                is_own: false,
                numbers,
                waiting: Waiting::default(),
                staged_bytes: None,
                sent: 0,
                running: JoinSet::new(),
                done: Vec::new(),
            })),
        };
        Ok(SliceUpload { store: self.clone(), staged, to, size_bytes: 0 })
    }

    /// Begins a slice that is a file of its own. Two writers of it take nothing from each other; [`Self::join`] makes that of one visible.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn begin_file_slice(&self, key: &str, slice: i32) -> Result<SliceUpload, StoreError> {
        let upload_id = self.begin_slices(key).await?;
        let mut begun = self.begin_slice(key, &upload_id, slice, PartNumbers::of(0, 1))?;
        if let Destination::Parts(parts) = &mut begun.to {
            // The last part of a file may be small: nothing is put in front of the first.
            (parts.is_own, parts.staged_bytes) = (true, Some(0));
        }
        Ok(begun)
    }

    /// Makes the file visible, whole, of its slices in order. Gives its size, bytes. Done again it finds the file there.
    ///
    /// # Errors
    /// [`StoreError::Broken`] where the upload or something of a slice is gone, [`StoreError::Occupied`] where another file lies in its
    /// place; else when the store refuses or stays away.
    pub async fn join(&self, key: &str, upload_id: &str, slices: &[StoredSlice]) -> Result<u64, StoreError> {
        let size_bytes = slices.iter().map(StoredSlice::size_bytes).sum::<i64>();
        let size_bytes = u64::try_from(size_bytes).unwrap_or_default();
        if self.is_there(key, size_bytes).await? {
            return Ok(size_bytes);
        }
        let joined = match &self.completion {
            Completion::Numbered(numbered) => self.join_parts(numbered, &self.path(key)?, upload_id, slices).await,
            Completion::Blocks(_) | Completion::Staged(_) => self.join_objects(key, slices).await,
        };
        let Err(error) = joined else { return Ok(size_bytes) };
        match (self.is_there(key, size_bytes).await, error) {
            (_, error @ StoreError::Occupied(_)) | (Err(error @ StoreError::Occupied(_)), _) => Err(error),
            // The answer was lost, or another one was faster.
            (Ok(true), _) => Ok(size_bytes),
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

    async fn join_parts(
        &self,
        numbered: &NumberedParts,
        file: &Path,
        upload_id: &str,
        slices: &[StoredSlice],
    ) -> Result<(), StoreError> {
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
        numbered.complete(file, upload_id, &parts).await.map_err(|not_done| not_done.error)
    }

    async fn join_objects(&self, key: &str, slices: &[StoredSlice]) -> Result<(), StoreError> {
        let mut file = self.begin(key)?;
        for staged in slices.iter().filter_map(|slice| slice.staged_key.as_ref()) {
            let mut pieces = self.read(staged, None).await?;
            while let Some(piece) = pieces.try_next().await? {
                file.write(&piece).await?;
            }
        }
        file.finish().await.map(drop)
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
        // So much is always kept back that the last part is large enough.
        while parts.waiting.len() >= parts.next_size() + PART_LEAST {
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

    /// Where all of it lies, once it does.
    ///
    /// # Errors
    /// When the store refuses or stays away.
    pub async fn finish(self) -> Result<StoredSlice, StoreError> {
        let mut parts = match self.to {
            Destination::Object(upload) => {
                let staged_bytes = signed(upload.finish().await?);
                return Ok(StoredSlice { staged_key: Some(self.staged), staged_bytes, ..StoredSlice::default() });
            }
            Destination::Parts(parts) => parts,
        };
        let rest = parts.waiting.take_all();
        parts.send(&self.store, &self.staged, rest).await?;
        while !parts.running.is_empty() {
            parts.one_done().await?;
        }
        parts.done.sort_unstable_by_key(|part| part.number);
        Ok(StoredSlice {
            staged_key: (!parts.is_own).then_some(self.staged),
            staged_bytes: signed(parts.staged_bytes.unwrap_or(0) as u64),
            parts: parts.done,
            file_upload_id: parts.is_own.then_some(parts.upload_id),
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
                parts.running.shutdown().await;
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
        if self.staged_bytes.is_none() {
            return PART_LEAST;
        }
        let sent = usize::try_from(self.sent).unwrap_or_default();
        let numbers = usize::try_from(self.numbers.last - self.numbers.first).unwrap_or_default();
        PART_MIN << (sent * STEPS / (numbers + 1)).min(STEPS)
    }

    /// The first piece becomes an object, all others parts; of an upload of its own all do.
    async fn send(&mut self, store: &ReportStore, staged: &str, piece: PutPayload) -> Result<(), StoreError> {
        if self.staged_bytes.is_none() {
            let size_bytes = piece.content_length();
            let path = store.path(staged)?;
            store.store.put(&path, piece).await.map_err(StoreError::during("uploading a piece"))?;
            self.staged_bytes = Some(size_bytes);
            return Ok(());
        }
        self.sent += 1;
        let number = self.numbers.first + self.sent;
        if number > self.numbers.last {
            return Err(StoreError::Broken("a slice is larger than its numbers of parts allow".to_owned()));
        }
        while self.running.len() >= PARTS_RUNNING {
            self.one_done().await?;
        }
        let (numbered, file, upload_id) = (self.numbered.clone(), self.file.clone(), self.upload_id.clone());
        self.running.spawn(async move { numbered.put(&file, &upload_id, number, piece).await });
        Ok(())
    }

    async fn one_done(&mut self) -> Result<(), StoreError> {
        match self.running.join_next().await {
            None => {}
            Some(Ok(put)) => self.done.push(put?),
            Some(Err(lost)) => {
                return Err(StoreError::Failed { action: "uploading a part", reason: lost.to_string() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_slices_are_apart_and_within_what_a_store_takes() {
        for slices in [1, 2, 3, 7, 999, SLICES_MAX] {
            let numbers: Vec<_> = (0..slices).map(|slice| PartNumbers::of(slice, slices)).collect();
            assert!(numbers.windows(2).all(|two| two[0].last + 1 == two[1].first), "{slices}");
            assert!(numbers[0].first == 1 && numbers[slices - 1].last <= 10_000, "{slices}");
            assert!(numbers.iter().all(|it| it.last - it.first >= 9), "{slices}");
        }
    }
}
