//! Runs of the store, merged as they are read, and how far that is.

use std::ops::Range;

use bytes::Bytes;
use report_store::StoreError;
use report_writer::{BadRun, FOOTER_BYTES_MAX, Merge, MergeStep, runs};
use tokio::sync::watch;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::Life;
use crate::write_file::WriteFile;

/// What is held of all runs together while they are merged, bytes; each is read in pieces.
const RUNS_BYTES: u64 = 16 << 20;
/// Of one run at least, and at most.
const PIECE_BYTES: Range<u64> = 16 << 10..1 << 20;

/// An object of the store, and its size, bytes.
pub(super) type Stored = (String, u64);

/// How far merging is: bytes of what slices have counted, and of rows that lay in the store until they were sorted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Merged {
    pub(super) bytes: u64,
    pub(super) bytes_expected: u64,
}

/// Runs that are merged, and what of each has not been read.
pub(super) struct Merging {
    merge: Merge,
    rest: Vec<(String, Range<u64>)>,
    piece_bytes: u64,
    merged: watch::Sender<Merged>,
}

/// Takes a key and its value; false where it wants no more for now.
pub(super) type TakePair<T> = fn(&mut T, &[u8], &[u8]) -> Result<bool, BadRun>;

impl Merged {
    /// As much of a whole as was merged of all.
    pub(super) fn share_of(self, whole: u64) -> u64 {
        let share = u128::from(whole) * u128::from(self.bytes) / u128::from(self.bytes_expected.max(1));
        u64::try_from(share).unwrap_or(u64::MAX).min(whole)
    }
}

impl Merging {
    fn of_runs(rest: Vec<(String, Range<u64>)>, merged: watch::Sender<Merged>) -> Self {
        let each = RUNS_BYTES / (rest.len() as u64).max(1);
        let piece_bytes = each.clamp(PIECE_BYTES.start, PIECE_BYTES.end);
        Self { merge: Merge::new(rest.len()), rest, piece_bytes, merged }
    }

    /// Of one run that is held.
    pub(super) fn of_held(run: &[u8], merged: watch::Sender<Merged>) -> Self {
        let mut merge = Merge::new(1);
        merge.feed(0, run, true);
        Self { merge, rest: Vec::new(), piece_bytes: 0, merged }
    }
}

impl<O: Outside> Life<O> {
    /// Merges, and reads what that waits for, until `take` wants no more; true where all is merged.
    pub(super) async fn advance<T: Send + 'static>(
        &self,
        writer: &WriteFile<'_, O>,
        mut merging: Merging,
        mut to: T,
        take: TakePair<T>,
    ) -> Result<(Merging, T, bool), FileError> {
        loop {
            // It takes a while: not on the threads that wait for sockets.
            let stepping = tokio::task::spawn_blocking(move || {
                let step = merging.merge.step(|key, value| take(&mut to, key, value));
                (merging, to, step)
            });
            let step;
            (merging, to, step) = stepping.await.map_err(|error| failed(error.to_string()))?;
            match step.map_err(broken)? {
                MergeStep::Done => return Ok((merging, to, true)),
                MergeStep::Full => return Ok((merging, to, false)),
                MergeStep::Wants(run) => {
                    let (key, rest) = merging.rest.get_mut(run).ok_or_else(|| broken(BadRun))?;
                    let piece = rest.start..rest.end.min(rest.start + merging.piece_bytes);
                    let bytes = self.read_piece(writer, key, piece.clone()).await?;
                    rest.start = piece.end;
                    merging.merged.send_modify(|merged| merged.bytes += bytes.len() as u64);
                    merging.merge.feed(run, &bytes, rest.is_empty());
                }
            }
        }
    }

    /// The runs of all objects, in their order.
    pub(super) async fn runs_of(
        &self,
        writer: &WriteFile<'_, O>,
        objects: &[Stored],
        merged: &watch::Sender<Merged>,
    ) -> Result<Merging, FileError> {
        let mut all = Vec::new();
        for (key, size_bytes) in objects {
            let end = size_bytes.saturating_sub(FOOTER_BYTES_MAX)..*size_bytes;
            let end = self.read_piece(writer, key, end).await?;
            let of_object = runs(*size_bytes, &end).map_err(broken)?;
            let in_runs: u64 = of_object.iter().map(|run| run.end - run.start).sum();
            merged.send_modify(|merged| merged.bytes += size_bytes.saturating_sub(in_runs));
            all.extend(of_object.into_iter().map(|run| (key.clone(), run)));
        }
        Ok(Merging::of_runs(all, merged.clone()))
    }

    async fn read_piece(&self, writer: &WriteFile<'_, O>, key: &str, piece: Range<u64>) -> Result<Bytes, FileError> {
        let read = || self.outside.read_piece(key, piece.clone());
        let bytes = self.persist(writer, "reading what was counted", read).await?;
        if bytes.len() as u64 == piece.end - piece.start { Ok(bytes) } else { Err(broken(BadRun)) }
    }
}

pub(super) fn failed(reason: String) -> StoreError {
    StoreError::Failed { action: "merging", reason }
}

pub(super) fn broken(bad: BadRun) -> FileError {
    StoreError::Broken(bad.to_string()).into()
}
