//! Offsets of Kafka, such as how far ingest is, asked once for all reports that wait.

use std::collections::BTreeMap;

use kafka_io::KafkaError;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::barrier::BARRIER_EVERY;

/// An offset for each partition, as they were found last. Each look is a client of Kafka, or two: a thousand reports that wait must not be two thousand.
#[derive(Default)]
pub(crate) struct OffsetsSeen(Mutex<Option<(Instant, BTreeMap<i32, i64>)>>);

impl OffsetsSeen {
    /// What was found less than [`BARRIER_EVERY`] ago, or what is found now; one looks at a time.
    pub(crate) async fn look(
        &self,
        asking: impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>>,
    ) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut last = self.0.lock().await;
        if let Some((_, seen)) = last.as_ref().filter(|(at, _)| at.elapsed() < BARRIER_EVERY) {
            return Ok(seen.clone());
        }
        let seen = asking.await?;
        *last = Some((Instant::now(), seen.clone()));
        Ok(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::Outside;
    use crate::fakes::Fake;

    #[tokio::test(start_paused = true)]
    async fn many_who_wait_ask_once() {
        let (fake, stored) = (Fake::default(), OffsetsSeen::default());
        fake.0.positions.lock().unwrap().extend([1, 2, 3]);
        for expected in [1, 2] {
            for _ in 0..100 {
                assert_eq!(stored.look(fake.stored_until()).await.unwrap()[&0], expected);
            }
            tokio::time::sleep(BARRIER_EVERY).await;
        }
    }
}
