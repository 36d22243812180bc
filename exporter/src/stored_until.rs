//! How far ingest is, asked once for all reports that wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_io::KafkaError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::make::BARRIER_EVERY;

/// For each partition the offset before which everything is stored, as it was found last. Each look is two clients of Kafka: a thousand
/// reports that wait must not be two thousand.
#[derive(Default)]
pub(crate) struct StoredUntil(Mutex<Option<(Instant, BTreeMap<i32, i64>)>>);

impl StoredUntil {
    /// What was found less than [`BARRIER_EVERY`] ago, or what is found now; one looks at a time.
    pub(crate) async fn look<O: Outside>(&self, outside: &Arc<O>) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut last = self.0.lock().await;
        if let Some((_, stored)) = last.as_ref().filter(|(at, _)| at.elapsed() < BARRIER_EVERY) {
            return Ok(stored.clone());
        }
        let stored = outside.stored_until().await?;
        *last = Some((Instant::now(), stored.clone()));
        Ok(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::Fake;

    #[tokio::test(start_paused = true)]
    async fn many_who_wait_ask_once() {
        let (fake, stored) = (Fake::default(), StoredUntil::default());
        fake.0.positions.lock().unwrap().extend([1, 2, 3]);
        let fake = Arc::new(fake);
        for expected in [1, 2] {
            for _ in 0..100 {
                assert_eq!(stored.look(&fake).await.unwrap()[&0], expected);
            }
            tokio::time::sleep(BARRIER_EVERY).await;
        }
    }
}
