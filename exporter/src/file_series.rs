//! Files of a report that is split: one after the other, each begun when something of it comes, and visible once it is whole. Nobody knows of
//! them before the report is completed.

use report_life::file_key;
use report_store::StoreError;

use crate::adapters::{FileBeingWritten, Outside};

/// All files of an attempt.
pub(crate) struct FileSeries<'a, O: Outside> {
    outside: &'a O,
    object_key: String,
    /// The one that is written now.
    open: Option<O::File>,
    /// Rows of those that are whole.
    rows: Vec<u64>,
    /// Their size.
    size_bytes: u64,
}

impl<'a, O: Outside> FileSeries<'a, O> {
    pub(crate) fn new(outside: &'a O, object_key: String) -> Self {
        Self { outside, object_key, open: None, rows: Vec::new(), size_bytes: 0 }
    }

    /// The one that is written now, or the next one.
    async fn begun(&mut self) -> Result<O::File, StoreError> {
        if let Some(file) = self.open.take() {
            return Ok(file);
        }
        let number = i64::try_from(self.rows.len()).unwrap_or(i64::MAX);
        self.outside.begin_file(&file_key(&self.object_key, number)).await
    }
}

impl<O: Outside> FileBeingWritten for FileSeries<'_, O> {
    /// Rows of each file.
    type Finished = Vec<u64>;

    async fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let file = self.begun().await?;
        self.open.insert(file).write(bytes).await
    }

    /// One without a byte is a file too.
    async fn file_ends(&mut self, rows: u64) -> Result<(), StoreError> {
        let file = self.begun().await?;
        self.size_bytes += file.finish().await?;
        self.rows.push(rows);
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes + self.open.as_ref().map_or(0, FileBeingWritten::size_bytes)
    }

    async fn finish(self) -> Result<Vec<u64>, StoreError> {
        Ok(self.rows)
    }

    async fn abort(self) -> Result<(), StoreError> {
        match self.open {
            Some(file) => file.abort().await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
