//! Parts that are on their way. They are tasks, so that they go on while nobody writes; few, and of few bytes, since each is held until the
//! store has it.

use std::future::Future;

use schemas::report_event::UploadedPart;
use tokio::task::JoinSet;

use crate::StoreError;

/// Parts that are on their way at once,
const PARTS_RUNNING: usize = 2;
/// and their bytes. One that is larger goes alone.
const BYTES_RUNNING: usize = 32 << 20;

#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<(usize, Result<Option<UploadedPart>, StoreError>)>,
    size_bytes: usize,
    done: Vec<UploadedPart>,
}

impl Running {
    /// Sends a part, as soon as there is room for it.
    pub(crate) async fn send(
        &mut self,
        size_bytes: usize,
        put: impl Future<Output = Result<Option<UploadedPart>, StoreError>> + Send + 'static,
    ) -> Result<(), StoreError> {
        while !self.has_room(size_bytes) {
            self.one_done().await?;
        }
        self.size_bytes += size_bytes;
        self.tasks.spawn(async move { (size_bytes, put.await) });
        Ok(())
    }

    fn has_room(&self, size_bytes: usize) -> bool {
        let fits = self.tasks.len() < PARTS_RUNNING && self.size_bytes + size_bytes <= BYTES_RUNNING;
        self.tasks.is_empty() || fits
    }

    async fn one_done(&mut self) -> Result<(), StoreError> {
        match self.tasks.join_next().await {
            None => {}
            Some(Ok((size_bytes, put))) => {
                self.size_bytes -= size_bytes;
                self.done.extend(put?);
            }
            Some(Err(lost)) => {
                return Err(StoreError::Failed { action: "uploading a part", reason: lost.to_string() });
            }
        }
        Ok(())
    }

    /// All parts, in order, when they are there.
    pub(crate) async fn finish(&mut self) -> Result<Vec<UploadedPart>, StoreError> {
        while !self.tasks.is_empty() {
            self.one_done().await?;
        }
        let mut done = std::mem::take(&mut self.done);
        done.sort_unstable_by_key(|part| part.number);
        Ok(done)
    }

    /// Nobody wants them any more.
    pub(crate) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn parts_on_their_way_are_few_and_of_few_bytes() {
        for (size_bytes, expected) in [(1, 2), (8 << 20, 2), (16 << 20, 2), (17 << 20, 1), (4 << 30, 1)] {
            let (mut running, now, most) =
                (Running::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            for number in 1..=5 {
                let (now, most) = (Arc::clone(&now), Arc::clone(&most));
                let put = async move {
                    most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    // The last one is there first.
                    tokio::time::sleep(Duration::from_secs(10 - u64::try_from(number).unwrap())).await;
                    now.fetch_sub(1, Ordering::Relaxed);
                    Ok(Some(UploadedPart { number, etag: String::new(), size_bytes: 0 }))
                };
                running.send(size_bytes, put).await.unwrap();
            }
            let done = running.finish().await.unwrap();
            assert_eq!(done.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
            assert_eq!((most.load(Ordering::Relaxed), running.size_bytes), (expected, 0), "{size_bytes}");
        }
    }
}
