//! Text to parts of the file, several at once, in their order.

use std::collections::VecDeque;
use std::sync::Arc;

use report_store::StoreError;
use report_writer::{PackError, Packer, Packing};
use schemas::report_request::{Compression, ReportFormat, ReportRequest};
use tokio::task::JoinHandle;

use crate::tools::Tools;

/// How the file of a request is packed.
pub(crate) fn packing(request: &ReportRequest) -> Packing {
    match request.compression {
        // Packed inside.
        _ if request.format == ReportFormat::Parquet => Packing::Plain,
        Compression::Gzip => Packing::Gzip,
        Compression::Zstd => Packing::Zstd,
        // A request with an unknown one is refused before.
        Compression::None | Compression::Unknown => Packing::Plain,
    }
}

/// Parts of a file that are being packed.
pub(crate) struct PartQueue {
    packing: Packing,
    tools: Tools,
    running: VecDeque<JoinHandle<Result<Vec<u8>, PackError>>>,
}

impl PartQueue {
    pub(crate) fn new(packing: Packing, tools: Tools) -> Self {
        Self { packing, tools, running: VecDeque::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.running.len() >= self.tools.parts_ahead
    }

    /// Begins to pack a part.
    pub(crate) async fn push(&mut self, text: Vec<u8>) {
        let permit = Arc::clone(&self.tools.permits).acquire_owned().await;
        let (packing, tools) = (self.packing, self.tools.clone());
        self.running.push_back(tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let Some(packers) = tools.packers(packing) else { return Ok(text) };
            let mut packer = packers.take().map_or_else(|| Packer::new(packing), Ok)?;
            let mut part = tools.buffer();
            packer.pack(&text, &mut part)?;
            tools.buffers.give(text);
            packers.give(packer);
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

    async fn file(packing: Packing, cores: usize, ahead: usize) -> Vec<u8> {
        let mut tools = Tools::new(cores);
        tools.parts_ahead = ahead;
        let mut parts = PartQueue::new(packing, tools);
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
            for (cores, ahead) in [(1, 8), (2, 2), (8, 3), (8, 20)] {
                assert!(file(packing, cores, ahead).await == alone, "{packing:?} {cores} {ahead}");
            }
        }
    }
}
