//! Rows to a file in the store: slice by slice, in bounded memory.

use std::time::Duration;

use clickhouse_io::report::{ReportQuery, Slice};
use clickhouse_io::rows::ConnectionRow;
use clickhouse_io::{NextStep, QueryError};
use report_store::StoreError;
use schemas::report_request::ReportRequest;
use service_kit::retry::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::{FileBeingWritten, Outside};
use crate::error::FileError;
use crate::metrics::ExporterMetrics;
use crate::stages::compress::Compressor;
use crate::stages::name_file::object_key;
use crate::stages::render_csv::{HEADER, render_row};

/// What has been written so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) rows: u64,
    pub(crate) size_bytes: u64,
}

/// One attempt at a file.
pub(crate) struct WriteFile<'a, O> {
    pub(crate) outside: &'a O,
    pub(crate) metrics: &'a ExporterMetrics,
    pub(crate) slice_rows: u64,
    /// How long a step is tried again.
    pub(crate) retry_max: Duration,
}

impl<O: Outside> WriteFile<'_, O> {
    /// Cuts the range into slices; a server that is away is waited for.
    pub(crate) async fn plan(&self, query: &ReportQuery) -> Result<Vec<Slice>, QueryError> {
        self.again(|| self.outside.plan(query, self.slice_rows)).await
    }

    /// Writes all slices. `progress` is told after each.
    pub(crate) async fn write(
        &self,
        request: &ReportRequest,
        query: &ReportQuery,
        slices: &[Slice],
        progress: &watch::Sender<Written>,
    ) -> Result<Written, FileError> {
        let mut upload = self.outside.begin_file(&object_key(request)).await?;
        match self.fill(&mut upload, request, query, slices, progress).await {
            Ok(rows) => {
                let size_bytes = upload.finish().await?;
                Ok(Written { rows, size_bytes })
            }
            Err(error) => {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(%error, "an upload is left to the store's clean-up rule");
                }
                Err(error)
            }
        }
    }

    async fn fill(
        &self,
        upload: &mut O::File,
        request: &ReportRequest,
        query: &ReportQuery,
        slices: &[Slice],
        progress: &watch::Sender<Written>,
    ) -> Result<u64, FileError> {
        let mut compressor = Compressor::new(request.compression);
        let packed = compressor.push(HEADER.as_bytes()).map_err(|error| broken(&error))?;
        upload.write(&packed).await?;
        let mut rows = 0;
        for slice in slices {
            let read = self.again(|| self.outside.read_slice(query, slice)).await?;
            rows += read.len() as u64;
            self.metrics.rows.inc_by(read.len() as u64);
            // Rendering and compressing a slice takes a while: not on the threads that wait for sockets.
            let rendered = tokio::task::spawn_blocking(move || {
                let packed = render(read).map(|text| compressor.push(&text).map_err(|error| broken(&error)));
                (compressor, packed)
            });
            let packed;
            (compressor, packed) = rendered
                .await
                .map_err(|error| StoreError::Failed { action: "rendering", reason: error.to_string() })?;
            let packed = packed??;
            self.metrics.bytes.inc_by(packed.len() as u64);
            upload.write(&packed).await?;
            progress.send_replace(Written { rows, size_bytes: upload.size_bytes() });
        }
        upload.write(&compressor.finish().map_err(|error| broken(&error))?).await?;
        Ok(rows)
    }

    /// Tries a question again while an answer may come, up to `retry_max`.
    async fn again<T, F>(&self, ask: impl Fn() -> F) -> Result<T, QueryError>
    where
        F: Future<Output = Result<T, QueryError>>,
    {
        let (begin, mut backoff) = (Instant::now(), Backoff::default());
        loop {
            match ask().await {
                Err(error) if error.next_step() == NextStep::Retry && begin.elapsed() < self.retry_max => {
                    tracing::warn!(%error, "waiting for ClickHouse");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                answer => return answer,
            }
        }
    }
}

fn render(rows: Vec<ConnectionRow>) -> Result<Vec<u8>, QueryError> {
    let mut text = Vec::with_capacity(rows.len() * 300);
    for row in rows {
        // Openings lie in a table of their own: every row here has a status.
        let status = row.status().ok_or_else(|| QueryError::Mismatch("an opening among connections".to_owned()))?;
        render_row(&mut text, &row.into_event()?, status);
    }
    Ok(text)
}

fn broken(error: &std::io::Error) -> StoreError {
    StoreError::Failed { action: "compressing", reason: error.to_string() }
}
