//! One file on its way into the store.

use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use schemas::report_event::UploadedPart;
use sha2::{Digest, Sha256};

use crate::part_sizes::PartSizes;
use crate::patience::Patience;
use crate::request::NotDone;
use crate::running::Running;
use crate::waiting::Waiting;
use crate::{Completion, ReportStore, StoreError, hexadecimal};

/// A file that is not visible yet. Dropped before it is finished or aborted it leaves its parts to the store's clean-up rule.
pub struct Upload {
    store: ReportStore,
    path: Path,
    /// No other file can have its name.
    is_own: bool,
    /// From the first full part on: what is smaller is one request.
    begun: Option<Begun>,
    sizes: PartSizes,
    waiting: Waiting,
    running: Running,
    /// All parts, where the store tells of them, when they are there.
    done: Vec<UploadedPart>,
    parts: usize,
    size_bytes: u64,
    digest: Sha256,
}

enum Begun {
    Numbered {
        upload_id: String,
    },
    Blocks,
    Whole {
        upload: Box<dyn MultipartUpload>,
        /// Where it is whole, before it is in its place.
        staged: Option<Path>,
        is_whole: bool,
    },
}

impl ReportStore {
    async fn begin_parts(&self, file: &Path, is_own: bool) -> Result<Begun, StoreError> {
        match &self.completion {
            Completion::Numbered(numbered) => Ok(Begun::Numbered { upload_id: numbered.begin(file).await? }),
            Completion::Blocks(_) => Ok(Begun::Blocks),
            Completion::Staged(_) => {
                let staged = (!is_own).then(|| self.staged(file));
                let begin = self.store.put_multipart(staged.as_ref().unwrap_or(file));
                let upload = begin.await.map_err(StoreError::during("beginning an upload"))?;
                Ok(Begun::Whole { upload, staged, is_whole: false })
            }
        }
    }
}

impl Upload {
    pub(crate) fn new(store: ReportStore, path: Path, is_own: bool, sizes: PartSizes) -> Self {
        Self {
            store,
            path,
            is_own,
            begun: None,
            sizes,
            waiting: Waiting::default(),
            running: Running::default(),
            done: Vec::new(),
            parts: 0,
            size_bytes: 0,
            digest: Sha256::new(),
        }
    }

    fn part_size(&self) -> usize {
        self.sizes.after(self.parts)
    }

    /// Adds bytes; waits while enough parts are on their way.
    ///
    /// # Errors
    /// When the store refuses a part or stays away: the upload cannot be finished then.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.waiting.add(bytes);
        self.digest.update(bytes);
        self.size_bytes += bytes.len() as u64;
        while self.waiting.len() >= self.part_size() {
            let part = self.waiting.take(self.part_size());
            self.send(part).await?;
        }
        Ok(())
    }

    async fn send(&mut self, part: PutPayload) -> Result<(), StoreError> {
        if self.begun.is_none() {
            self.begun = Some(self.store.begin_parts(&self.path, self.is_own).await?);
        }
        self.parts += 1;
        let size_bytes = part.content_length();
        let (file, number) = (self.path.clone(), i32::try_from(self.parts).unwrap_or(i32::MAX));
        let put: BoxFuture<'static, Result<Option<UploadedPart>, StoreError>> =
            match (&mut self.begun, &self.store.completion) {
                (Some(Begun::Numbered { upload_id }), Completion::Numbered(numbered)) => {
                    let (numbered, upload_id) = (numbered.clone(), upload_id.clone());
                    Box::pin(async move { numbered.put(&file, &upload_id, number, part).await.map(Some) })
                }
                (Some(Begun::Blocks), Completion::Blocks(blocks)) => {
                    let blocks = blocks.clone();
                    Box::pin(async move { blocks.put(&file, number, part).await.map(Some) })
                }
                (Some(Begun::Whole { upload, .. }), _) => {
                    let put = upload.put_part(part);
                    Box::pin(async move { put.await.map(|()| None).map_err(StoreError::during("uploading a part")) })
                }
                _ => return Err(StoreError::Broken("an upload of another store".to_owned())),
            };
        self.running.send(size_bytes, put).await
    }

    /// Bytes that were added so far.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// SHA-256 of these bytes, hexadecimal: that of the file, when all are there.
    #[must_use]
    pub fn sha256(&self) -> String {
        hexadecimal(&self.digest.clone().finalize())
    }

    /// Makes the file visible, whole. Gives its size, bytes. Where these very bytes lie in its place already, that is success: an answer
    /// was lost, or another one was faster.
    ///
    /// # Errors
    /// [`StoreError::Occupied`] where another file lies in its place; else when the store refuses or stays away.
    pub async fn finish(mut self) -> Result<u64, StoreError> {
        let rest = self.waiting.take_all();
        if self.begun.is_none() {
            return self.store.create(&self.path, rest).await.map(|()| self.size_bytes);
        }
        if rest.content_length() > 0 {
            self.send(rest).await?;
        }
        self.done = self.running.finish().await?;
        let completed = self.complete().await;
        let is_taken = matches!(completed, Ok(false) | Err(StoreError::Occupied(_)));
        // What is not cleared now is when the file's uploads are.
        match (self.begun, &self.store.completion) {
            (Some(Begun::Whole { staged: Some(staged), .. }), _) => {
                let _ = self.store.store.delete(&staged).await;
            }
            (Some(Begun::Numbered { upload_id }), Completion::Numbered(numbered)) if is_taken => {
                let _ = numbered.abort(&self.path, &upload_id).await;
            }
            _ => {}
        }
        completed.map(|_| self.size_bytes)
    }

    /// False where another one's bytes, or an answer that was lost, have done it.
    async fn complete(&mut self) -> Result<bool, StoreError> {
        let (store, path) = (self.store.clone(), self.path.clone());
        let mut patience = Patience::new(&store, &path, self.size_bytes, self.digest.clone().finalize().into());
        if patience.is_there_before().await? {
            return Ok(false);
        }
        loop {
            let Err(not_done) = self.complete_once().await else { return Ok(true) };
            if patience.is_done_after(not_done).await? {
                return Ok(false);
            }
        }
    }

    async fn complete_once(&mut self) -> Result<(), NotDone> {
        match (&mut self.begun, &self.store.completion) {
            (Some(Begun::Numbered { upload_id }), Completion::Numbered(numbered)) => {
                numbered.complete(&self.path, upload_id, &self.done).await
            }
            (Some(Begun::Blocks), Completion::Blocks(blocks)) => blocks.complete(&self.path, &self.done).await,
            (Some(Begun::Whole { upload, staged, is_whole }), _) => {
                let store = &self.store.store;
                if !*is_whole && let Err(error) = upload.complete().await {
                    // It is completed once only; the answer may have been lost.
                    let whole = store.head(staged.as_ref().unwrap_or(&self.path)).await;
                    if whole.ok().is_none_or(|found| found.size != self.size_bytes) {
                        return Err(NotDone { is_final: true, ..NotDone::during("finishing an upload")(error) });
                    }
                }
                *is_whole = true;
                let Some(staged) = staged else { return Ok(()) };
                let copied = store.copy_if_not_exists(staged, &self.path).await;
                copied.map_err(NotDone::during("putting a file in its place"))
            }
            _ => Err(StoreError::Broken("an upload of another store".to_owned()).into()),
        }
    }

    /// Takes back what was uploaded.
    ///
    /// # Errors
    /// When the store does not answer; its clean-up rule does it then.
    pub async fn abort(mut self) -> Result<(), StoreError> {
        self.running.stop().await;
        match (self.begun, &self.store.completion) {
            (Some(Begun::Numbered { upload_id }), Completion::Numbered(numbered)) => {
                numbered.abort(&self.path, &upload_id).await
            }
            (Some(Begun::Whole { mut upload, .. }), _) => {
                upload.abort().await.map_err(StoreError::during("aborting an upload"))
            }
            // Blocks that nobody commits go by themselves.
            _ => Ok(()),
        }
    }
}
