//! Waiting before something is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(5);

/// Waits that double. Not random: the same run has to be the same again, and partitions do not move in step anyway.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: FIRST }
    }

    pub(crate) async fn wait(&mut self) {
        let now = self.next;
        self.next = (now * 2).min(MAX);
        tokio::time::sleep(now).await;
    }
}
