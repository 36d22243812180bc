//! What reports are made with, one after the other: memory that was paid for once.

use std::sync::{Arc, Mutex, PoisonError};

use report_store::StoreError;
use report_writer::{LineSorter, Packer, Packing};
use tokio::sync::Semaphore;

use crate::render_thread::RenderThread;

/// Rows of groups that are held until they are sorted, bytes.
const ROWS_BYTES_MAX: usize = 32 << 20;

/// Names of ids that are held while their rows are made, bytes.
const NAMES_BYTES_MAX: usize = 64 << 20;

/// Things that were used and will be again.
pub(crate) struct Spare<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Spare<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Spare<T> {
    pub(crate) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    pub(crate) fn give(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}

/// Shared by all reports of the exporter. There are never more things than were in use at once.
#[derive(Clone)]
pub(crate) struct Tools {
    /// One for each part that may be packed at this moment.
    pub(crate) permits: Arc<Semaphore>,
    /// Parts of a file that are packed ahead of the one that is uploaded.
    pub(crate) parts_ahead: usize,
    /// Rows of groups that are held until they are sorted, bytes; more lie in the store meanwhile.
    pub(crate) rows_bytes_max: usize,
    /// Names of ids that are held while their rows are made, bytes; others lie in the store until their rows are there.
    pub(crate) names_bytes_max: usize,
    /// Of parts.
    pub(crate) buffers: Spare<Vec<u8>>,
    /// Of blocks as they are read, which are larger than parts.
    pub(crate) blocks: Spare<Vec<u8>>,
    pub(crate) sorters: Spare<LineSorter>,
    pub(crate) render_threads: Spare<RenderThread>,
    gzip: Spare<Packer>,
    zstd: Spare<Packer>,
}

impl Tools {
    /// For so many parts at once.
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(cores)),
            parts_ahead: cores,
            rows_bytes_max: ROWS_BYTES_MAX,
            names_bytes_max: NAMES_BYTES_MAX,
            buffers: Spare::default(),
            blocks: Spare::default(),
            sorters: Spare::default(),
            render_threads: Spare::default(),
            gzip: Spare::default(),
            zstd: Spare::default(),
        }
    }

    /// An empty buffer for a part.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        let mut buffer = self.buffers.take().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// A thread to make a file on.
    pub(crate) fn render_thread(&self) -> Result<RenderThread, StoreError> {
        self.render_threads.take().map_or_else(RenderThread::start, Ok)
    }

    /// Packers of a kind; `None` where nothing is packed.
    pub(crate) fn packers(&self, packing: Packing) -> Option<&Spare<Packer>> {
        match packing {
            Packing::Plain => None,
            Packing::Gzip => Some(&self.gzip),
            Packing::Zstd => Some(&self.zstd),
        }
    }
}
