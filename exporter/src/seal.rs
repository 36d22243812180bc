//! Files of a report that are all there: read back, and told of in a manifest.

use bytes::Bytes;
use clickhouse_io::report::ReportQuery;
use report_life::{Manifest, ManifestFile, ReportState, file_keys, manifest_key};
use report_store::StoreError;
use schemas::report_request::ReportRequest;
use schemas::times::Moment;
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::error::FileError;
use crate::file_series::WholeFile;
use crate::life::Life;
use crate::make::signed;
use crate::stages::name_file::{files_below, object_key};
use crate::write_file::{WriteFile, Written};

/// What an attempt has made.
pub(crate) struct Made {
    pub(crate) written: Written,
    /// Each file, where the report is split.
    pub(crate) files: Option<Vec<WholeFile>>,
}

impl From<Written> for Made {
    fn from(written: Written) -> Self {
        Self { written, files: None }
    }
}

impl Made {
    /// How many files lie below the report's key; none where its one file lies at it.
    pub(crate) fn files_below(&self, request: &ReportRequest) -> Option<i64> {
        match &self.files {
            Some(files) => Some(signed(files.len() as u64)),
            None => files_below(request, signed(self.written.slices)),
        }
    }
}

impl<O: Outside> Life<O> {
    /// Holds the report against the roll-ups, reads its files back, which proves that they are there, and writes beside them what they are. Up to
    /// then it may be cancelled: reading a large file takes long.
    pub(crate) async fn seal(
        &self,
        writer: &WriteFile<'_, O>,
        (request, query): (&ReportRequest, &ReportQuery),
        state: &ReportState,
        made: &Made,
    ) -> Result<(), FileError> {
        let totals = self.hold_totals(writer, request, query, made.written).await?;
        let (key, written) = (object_key(request, state.attempt), made.written);
        let (mut files, mut came_back) = (Vec::new(), 0);
        for (number, key) in file_keys(&key, made.files_below(request)).into_iter().enumerate() {
            let reading = || self.outside.digest(&key);
            let reading = self.persist(writer, "reading a file back", reading);
            let read = writer.cancelled.run_until_cancelled(reading).await;
            let (size_bytes, sha256) = read.ok_or(FileError::Cancelled)??;
            came_back += size_bytes;
            let name = key.rsplit('/').next().unwrap_or_default().to_owned();
            let whole = made.files.as_ref().and_then(|files| files.get(number));
            // Another one may have written it, and noted it.
            if whole.is_some_and(|whole| (whole.size_bytes, &whole.sha256) != (size_bytes, &sha256)) {
                return Err(StoreError::Broken(format!("{name} is not as it was written")).into());
            }
            files.push(ManifestFile { name, size_bytes, sha256, rows: whole.map(|whole| whole.rows) });
        }
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
