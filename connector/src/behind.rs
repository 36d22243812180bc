//! How many bytes of the followed files are not done yet.
//!
//! It is measured beside delivery and not in it: while Kafka is away delivery waits, reading waits for delivery, and files grow.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use service_kit::metrics::prometheus_client::metrics::gauge::Gauge;

use crate::adapters::SourceId;

/// Between two measurements.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files of one run, and how far each is done; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Behind(Arc<Mutex<HashMap<SourceId, Followed>>>);

#[derive(Clone, Debug)]
struct Followed {
    file: Arc<File>,
    offset: u64,
}

impl Behind {
    fn files(&self) -> MutexGuard<'_, HashMap<SourceId, Followed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self, source: SourceId, file: Arc<File>, offset: u64) {
        self.files().insert(source, Followed { file, offset });
    }

    /// Everything before `offset` is done.
    pub(crate) fn reached(&self, source: SourceId, offset: u64) {
        if let Some(followed) = self.files().get_mut(&source) {
            followed.offset = offset;
        }
    }

    pub(crate) fn closed(&self, source: SourceId) {
        self.files().remove(&source);
    }

    /// Asks the file system, which may take its time: nobody else waits for it.
    pub(crate) fn bytes(&self) -> u64 {
        let files: Vec<Followed> = self.files().values().cloned().collect();
        let behind = |it: &Followed| it.file.metadata().map_or(0, |found| found.len().saturating_sub(it.offset));
        files.iter().map(behind).sum()
    }
}

/// Tells a gauge, which connectors of one tenant share, and takes its own part out of it in the end.
pub(crate) struct BehindGauge {
    behind: Behind,
    gauge: Gauge,
    told: i64,
}

impl BehindGauge {
    pub(crate) fn new(behind: Behind, gauge: Gauge) -> Self {
        Self { behind, gauge, told: 0 }
    }

    /// Measures until it is dropped.
    pub(crate) async fn go_on(mut self) -> Infallible {
        loop {
            let behind = self.behind.clone();
            if let Ok(bytes) = tokio::task::spawn_blocking(move || behind.bytes()).await {
                self.tell(bytes);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    fn tell(&mut self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.gauge.inc_by(bytes - self.told);
        self.told = bytes;
    }
}

impl Drop for BehindGauge {
    fn drop(&mut self) {
        self.gauge.dec_by(self.told);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn what_is_behind_grows_with_the_files_and_shrinks_with_what_is_done() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.log");
        let mut file = File::create(&path).unwrap();
        file.write_all(&[b'x'; 100]).unwrap();
        let behind = Behind::default();
        behind.opened(SourceId(1), Arc::new(File::open(&path).unwrap()), 20);
        assert_eq!(behind.bytes(), 80);
        behind.reached(SourceId(1), 70);
        std::fs::remove_file(&path).unwrap();
        file.write_all(&[b'x'; 5]).unwrap();
        assert_eq!(behind.bytes(), 35, "a file that was removed is read on");
        file.set_len(10).unwrap();
        assert_eq!(behind.bytes(), 0);
        behind.opened(SourceId(2), Arc::new(file), 0);
        behind.closed(SourceId(1));
        assert_eq!(behind.bytes(), 10);
    }

    #[test]
    fn gauge_is_shared_and_left_as_it_was() {
        let shared = Gauge::default();
        shared.set(7);
        let mut gauge = BehindGauge::new(Behind::default(), shared.clone());
        gauge.tell(100);
        gauge.tell(30);
        assert_eq!(shared.get(), 37);
        drop(gauge);
        assert_eq!(shared.get(), 7);
    }
}
