//! What is read and written piece by piece: rows of an answer, and files and slices that nobody sees yet.

use bytes::Bytes;
use clickhouse_io::{Answer, QueryError};
use report_store::{SliceUpload, StoreError, Upload};
use schemas::report_event::RowPlace;
use schemas::report_slice::StoredSlice;

/// Rows in ClickHouse's Native format, as they come.
pub(crate) trait RowsBeingRead: Send {
    /// The next bytes; `None` after the last ones of a whole answer.
    fn next(&mut self) -> impl Future<Output = Result<Option<Bytes>, QueryError>> + Send;
}

impl RowsBeingRead for Answer {
    async fn next(&mut self) -> Result<Option<Bytes>, QueryError> {
        Self::next(self).await
    }
}

/// A file, or a slice of one, that nobody sees before it is finished.
pub(crate) trait FileBeingWritten: Send {
    type Finished;
    fn write(&mut self, bytes: &[u8]) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn size_bytes(&self) -> u64;
    /// A file has ended, with so many rows, and its last one where another file comes: for who writes one after the other.
    fn file_ends(
        &mut self,
        _rows: u64,
        _last_row: Option<RowPlace>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
    /// Files that have ended so.
    fn files_ended(&self) -> u64 {
        0
    }
    fn finish(self) -> impl Future<Output = Result<Self::Finished, StoreError>> + Send;
    fn abort(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What was given to a file that is finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uploaded {
    pub(crate) size_bytes: u64,
    /// Hexadecimal.
    pub(crate) sha256: String,
}

async fn uploaded(upload: Upload) -> Result<Uploaded, StoreError> {
    let sha256 = upload.sha256();
    Ok(Uploaded { size_bytes: upload.finish().await?, sha256 })
}

macro_rules! being_written {
    ($upload:ty, $finished:ty, $finish:expr) => {
        impl FileBeingWritten for $upload {
            type Finished = $finished;

            async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
                Self::write(self, bytes).await
            }

            fn size_bytes(&self) -> u64 {
                Self::size_bytes(self)
            }

            async fn finish(self) -> Result<$finished, StoreError> {
                $finish(self).await
            }

            async fn abort(self) -> Result<(), StoreError> {
                Self::abort(self).await
            }
        }
    };
}

being_written!(Upload, Uploaded, uploaded);
being_written!(SliceUpload, StoredSlice, SliceUpload::finish);
