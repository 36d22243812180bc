//! Text to parts of the file, several at once, in their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use report_store::StoreError;
use report_writer::{PackError, Packer, Packing};
use schemas::report_request::Compression;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::render::Buffers;

/// How the file of a request is packed.
pub(crate) fn packing(compression: Compression) -> Packing {
    match compression {
        Compression::Gzip => Packing::Gzip,
        Compression::Zstd => Packing::Zstd,
        // A request with an unknown one is refused before.
        Compression::None | Compression::Unknown => Packing::Plain,
    }
}

/// Parts that are being packed; all files of the exporter share the permits, of which there are as many as cores.
pub(crate) struct PartQueue {
    packing: Packing,
    permits: Arc<Semaphore>,
    ahead: usize,
    packers: Arc<Mutex<Vec<Packer>>>,
    buffers: Buffers,
    running: VecDeque<JoinHandle<Result<Vec<u8>, PackError>>>,
}

impl PartQueue {
    /// `ahead` parts at most wait for the one that is written next.
    pub(crate) fn new(packing: Packing, permits: Arc<Semaphore>, ahead: usize, buffers: Buffers) -> Self {
        Self { packing, permits, ahead, packers: Arc::default(), buffers, running: VecDeque::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.running.len() >= self.ahead
    }

    /// Begins to pack a part.
    pub(crate) async fn push(&mut self, text: Vec<u8>) {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let (packing, packers, buffers) = (self.packing, Arc::clone(&self.packers), self.buffers.clone());
        self.running.push_back(tokio::task::spawn_blocking(move || {
            let _permit = permit;
            if packing == Packing::Plain {
                return Ok(text);
            }
            let idle = packers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut packer = idle.map_or_else(|| Packer::new(packing), Ok)?;
            let mut part = buffers.take();
            packer.pack(&text, &mut part)?;
            buffers.give(text);
            packers.lock().unwrap_or_else(PoisonError::into_inner).push(packer);
            Ok(part)
        }));
    }

    /// The next part of the file; `None` where none is being packed.
    pub(crate) async fn pop(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let failed = |reason: String| StoreError::Failed { action: "packing", reason };
        let Some(packing) = self.running.pop_front() else { return Ok(None) };
        let part = packing.await.map_err(|error| failed(error.to_string()))?;
        part.map(Some).map_err(|error| failed(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn file(packing: Packing, permits: usize, ahead: usize) -> Vec<u8> {
        let permits = Arc::new(Semaphore::new(permits));
        let mut parts = PartQueue::new(packing, permits, ahead, Buffers::default());
        let mut file = Vec::new();
        for number in 0..20_u32 {
            // Parts of uneven size, so that later ones are ready first.
            let text = format!("{number},").repeat(30_000 / (1 + number as usize % 7));
            parts.push(text.into_bytes()).await;
            while parts.is_full() {
                file.extend(parts.pop().await.unwrap().unwrap());
            }
        }
        while let Some(part) = parts.pop().await.unwrap() {
            file.extend(part);
        }
        file
    }

    #[tokio::test]
    async fn bytes_do_not_depend_on_how_many_are_packed_at_once() {
        for packing in [Packing::Plain, Packing::Gzip, Packing::Zstd] {
            let alone = file(packing, 1, 1).await;
            for (permits, ahead) in [(1, 8), (2, 2), (8, 3), (8, 20)] {
                assert!(file(packing, permits, ahead).await == alone, "{packing:?} {permits} {ahead}");
            }
        }
    }
}
