//! Files of a report that are all there: read back, and told of in a manifest.

use bytes::Bytes;
use clickhouse_io::report::ReportQuery;
use report_life::{Manifest, ManifestFile, ReportState, file_keys, manifest_key};
use report_store::{ReadBack, StoreError};
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::life::Life;
use crate::made::{Made, MadeFile};
use crate::stages::name_file::object_key;
use crate::write_file::WriteFile;

impl<O: Outside> Life<O> {
    /// Holds the report against the roll-ups, reads its files back, which proves that they are there as they were written, and writes beside them
    /// what they are. Up to then it may be cancelled: reading a large file takes long.
    pub(crate) async fn seal(
        &self,
        writer: &WriteFile<'_, O>,
        (request, query): (&ReportRequest, &ReportQuery),
        state: &ReportState,
        made: &Made,
    ) -> Result<(), FileError> {
        let totals = self.hold_totals(writer, request, query, made.written).await?;
        let (key, written) = (object_key(request, state.attempt), made.written);
        let mut files = Vec::new();
        for (key, file) in file_keys(&key, made.files_below(request)).into_iter().zip(&made.files) {
            let ReadBack { size_bytes, sha256, .. } = self.read_as_written(writer, &key, file).await?;
            let name = key.rsplit('/').next().unwrap_or_default().to_owned();
            files.push(ManifestFile { name, size_bytes, sha256, rows: file.rows });
        }
        let came_back: u64 = files.iter().map(|file| file.size_bytes).sum();
        if came_back != written.size_bytes {
            let odd = format!("{came_back} bytes came back of {}", written.size_bytes);
            return Err(StoreError::Broken(odd).into());
        }
        if writer.cancelled.is_cancelled() {
            return Err(FileError::Cancelled);
        }
        let manifest = Manifest { totals: Some(totals), ..Manifest::of(request, written.rows, files, Moment::now()) };
        let mut text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        text.push(b'\n');
        let (key, text) = (manifest_key(&key), Bytes::from(text));
        match self.persist(writer, "writing a manifest", || self.outside.put_file(&key, text.clone())).await {
            // Of who had this attempt before, and died before it could say that it is completed.
            Err(FileError::Store(StoreError::Occupied(occupied))) => {
                let there = self.persist(writer, "reading a manifest", || self.outside.read_file(&key)).await?;
                let there = serde_json::from_slice::<Manifest>(&there);
                let is_of_these = there.is_ok_and(|there| there.is_of_same_files(&manifest));
                if is_of_these { Ok(()) } else { Err(StoreError::Occupied(occupied).into()) }
            }
            written => written,
        }
    }

    /// Reads a file back, which has to be as it was written: another one may have written it, and the store may give other bytes.
    pub(crate) async fn read_as_written(
        &self,
        writer: &WriteFile<'_, O>,
        key: &str,
        file: &MadeFile,
    ) -> Result<ReadBack, FileError> {
        let sizes = file.sizes();
        let reading = self.persist(writer, "reading a file back", || self.outside.read_back(key, &sizes));
        let read = writer.cancelled.run_until_cancelled(reading).await.ok_or(FileError::Cancelled)??;
        if file.is(&read) {
            return Ok(read);
        }
        Err(StoreError::Broken(format!("{key} is not as it was written")).into())
    }

    /// Does what a store that is away holds up; what is broken is not waited for. Only the waits end where it is cancelled: a store's answer may
    /// decide.
    pub(crate) async fn persist<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        writer: &WriteFile<'_, O>,
        action: &'static str,
        work: impl Fn() -> F,
    ) -> Result<T, FileError> {
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            match work().await {
                Ok(done) => return Ok(done),
                Err(error @ (StoreError::Broken(_) | StoreError::NotFound(_) | StoreError::Occupied(_))) => {
                    return Err(error.into());
                }
                Err(error) if begin.elapsed() >= self.config.retry_max => {
                    tracing::warn!(%error, action, "given up");
                    return Err(FileError::Slices(FileError::Store(error).for_an_admin()));
                }
                Err(error) => tracing::warn!(%error, action, "waiting for the store"),
            }
            self.metrics.retries.inc();
            let wait = tokio::time::sleep(backoff.next_wait());
            writer.cancelled.run_until_cancelled(wait).await.ok_or(FileError::Cancelled)?;
        }
    }
}
