//! The object of a plan: made, or found where it was made and its exporter died before it could say so.
//!
//! What an object will be, its size and SHA-256, is noted on the topic before anybody sees it. So what lies in its place later is known to be
//! the object of this plan, or not. If it is, it counts as it is, of whatever version its exporter was and whatever became of the rows since; it
//! is never made again and never replaced, for readers of the bucket may have read it.

use bucket_syncs::{Packed, Plan, SyncJournal, SyncState};
use report_life::JournalError;
use report_store::{ReportStore, StoreError, Upload};
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type};
use schemas::times::Moment;
use tokio::sync::watch;

use super::step::{AWAY_MAX, StepError, away, signed};
use crate::adapters::Outside;
use crate::write_file::{Piece, WriteFile, Written};

/// Where events of syncs go.
pub(super) trait Notes: Sync {
    /// Returns when it is durable.
    fn append(&self, event: &BucketSyncEvent) -> impl Future<Output = Result<(), JournalError>> + Send;
}

impl Notes for SyncJournal {
    async fn append(&self, event: &BucketSyncEvent) -> Result<(), JournalError> {
        Self::append(self, event).await
    }
}

/// What a plan says, and where it lies.
pub(super) struct Object<'a> {
    pub(super) state: &'a SyncState,
    pub(super) plan: &'a Plan,
    pub(super) bucket: &'a ReportStore,
    pub(super) key: &'a str,
}

impl Object<'_> {
    /// What lies in its place and was noted before; none where nothing lies there, or nothing was ever noted: then whoever finishes one sees
    /// what is there.
    ///
    /// # Errors
    /// [`StoreError::Occupied`] where something else lies there; else when the store refuses or stays away.
    pub(super) async fn found(&self) -> Result<Option<Packed>, StoreError> {
        let packed = &self.plan.packed;
        if packed.is_empty() {
            return Ok(None);
        }
        let there = match tokio::time::timeout(AWAY_MAX, self.bucket.size(self.key)).await {
            Err(_) => return Err(away()),
            Ok(Err(StoreError::NotFound(_))) => return Ok(None),
            Ok(there) => there?,
        };
        let occupied = || StoreError::Occupied(self.key.to_owned());
        if packed.iter().all(|it| it.size_bytes != signed(there)) {
            return Err(occupied());
        }
        let (size_bytes, sha256) = self.bucket.digest(self.key).await?;
        let is_it = |it: &&Packed| it.size_bytes == signed(size_bytes) && it.sha256 == sha256;
        packed.iter().find(is_it).cloned().map(Some).ok_or_else(occupied)
    }

    /// Makes it; none where it would have no rows.
    pub(super) async fn made<O: Outside>(
        &self,
        writer: &WriteFile<'_, O>,
        piece: Piece<'_>,
        notes: &impl Notes,
    ) -> Result<Option<Packed>, StepError> {
        let (progress, _) = watch::channel(Written::default());
        // Rows that were planned may all be copies.
        let filled = writer.fill_where_rows_are(begun(self.bucket, self.key).await?, piece, &progress).await?;
        let Some(upload) = filled else { return Ok(None) };
        let rows = signed(progress.borrow().rows);
        let packed = Packed { rows, size_bytes: signed(upload.size_bytes()), sha256: upload.sha256() };
        // The same again, as of who made it before, is known already.
        if !self.plan.packed.contains(&packed) {
            notes.append(&self.event(Type::Packed, Some(&packed))).await?;
        }
        upload.finish().await?;
        Ok(Some(packed))
    }

    /// That it is there; or, where it would have no rows, that there is none.
    pub(super) fn stored(&self, packed: Option<Packed>) -> BucketSyncEvent {
        let event = self.event(Type::Stored, packed.as_ref());
        BucketSyncEvent { sha256: None, object_key: packed.map(|_| self.key.to_owned()), ..event }
    }

    fn event(&self, event_type: Type, packed: Option<&Packed>) -> BucketSyncEvent {
        BucketSyncEvent {
            number: Some(self.plan.number),
            rows: packed.map(|it| it.rows),
            size_bytes: packed.map(|it| it.size_bytes),
            sha256: packed.map(|it| it.sha256.clone()),
            ..self.state.event(event_type, Moment::now())
        }
    }
}

/// Begins a file, and takes away what an exporter that died has left of it.
pub(super) async fn begun(bucket: &ReportStore, key: &str) -> Result<Upload, StoreError> {
    let beginning = async {
        bucket.abort_uploads(key).await?;
        bucket.begin(key)
    };
    tokio::time::timeout(AWAY_MAX, beginning).await.map_err(|_| away())?
}

#[cfg(test)]
mod tests;
