//! Nothing is overwritten, and an answer that was lost is no error: what lies in a file's place is looked at.

use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions, PutPayload};
use service_kit::retry::Backoff;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::open::RETRY_MAX;
use crate::request::NotDone;
use crate::{Completion, ReportStore, StoreError};

/// What lies in a file's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// These very bytes.
    Same,
    Other,
}

/// A file that is to be where there is none, with these bytes.
pub(crate) struct Patience<'a> {
    store: &'a ReportStore,
    path: &'a Path,
    size_bytes: u64,
    sha256: [u8; 32],
    begin: Instant,
    backoff: Backoff,
}

impl<'a> Patience<'a> {
    pub(crate) fn new(store: &'a ReportStore, path: &'a Path, size_bytes: u64, sha256: [u8; 32]) -> Self {
        Self { store, path, size_bytes, sha256, begin: Instant::now(), backoff: Backoff::default() }
    }

    /// Whether it is there already, where only looking tells.
    pub(crate) async fn is_there_before(&self) -> Result<bool, StoreError> {
        if self.store.refuses_overwriting() {
            return Ok(false);
        }
        self.is_there().await
    }

    async fn is_there(&self) -> Result<bool, StoreError> {
        match self.found().await? {
            Found::Nothing => Ok(false),
            Found::Same => Ok(true),
            Found::Other => Err(StoreError::Occupied(self.path.to_string())),
        }
    }

    async fn found(&self) -> Result<Found, StoreError> {
        match self.store.store.head(self.path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(Found::Nothing),
            Err(error) => return Err(StoreError::during("looking for a file")(error)),
            Ok(found) if found.size != self.size_bytes => return Ok(Found::Other),
            Ok(_) => {}
        }
        let (_, sha256) = self.store.digest_of(self.path).await?;
        Ok(if sha256 == self.sha256 { Found::Same } else { Found::Other })
    }

    /// After a try that did not do it: true where it is done all the same; false, some time later, where it is to be tried again.
    pub(crate) async fn is_done_after(&mut self, not_done: NotDone) -> Result<bool, StoreError> {
        match self.is_there().await {
            Ok(true) => return Ok(true),
            Err(error @ StoreError::Occupied(_)) => return Err(error),
            Ok(false) | Err(_) if not_done.is_final || self.begin.elapsed() >= RETRY_MAX => return Err(not_done.error),
            Ok(false) | Err(_) => {}
        }
        tokio::time::sleep(self.backoff.next_wait()).await;
        Ok(false)
    }
}

impl ReportStore {
    fn refuses_overwriting(&self) -> bool {
        !matches!(&self.completion, Completion::Numbered(numbered) if !numbered.is_conditional)
    }

    /// Writes a file in one request.
    pub(crate) async fn create(&self, path: &Path, file: PutPayload) -> Result<(), StoreError> {
        let mut digest = Sha256::new();
        file.iter().for_each(|piece| digest.update(piece));
        let mut patience = Patience::new(self, path, file.content_length() as u64, digest.finalize().into());
        let mode = if self.refuses_overwriting() { PutMode::Create } else { PutMode::Overwrite };
        if patience.is_there_before().await? {
            return Ok(());
        }
        loop {
            let options = PutOptions { mode: mode.clone(), ..PutOptions::default() };
            let Err(error) = self.store.put_opts(path, file.clone(), options).await else { return Ok(()) };
            if patience.is_done_after(NotDone::during("writing a file")(error)).await? {
                return Ok(());
            }
        }
    }
}
