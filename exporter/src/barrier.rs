//! What a report waits for before it is planned: that ingest has stored what was on Kafka when it was asked for.

use std::time::Duration;

use kafka_io::KafkaError;
use report_life::{JournalError, ReportState};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::ReportRequest;
use schemas::topics::CONNECTION_EVENTS;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::life::Life;
use crate::make::TELL_EVERY;
use crate::metrics::Counted;
use crate::reason::Reason;

/// How often ingest's position is looked at.
pub(crate) const BARRIER_EVERY: Duration = Duration::from_millis(500);
/// What waits for long is told of no more seldom than so.
const TELL_AT_LEAST_EVERY: Duration = Duration::from_secs(30);
/// How often it is looked whether the barrier can be reached at all; the first time when it has been waited for so long.
pub(crate) const DOUBTED_EVERY: Duration = Duration::from_secs(60);

impl<O: Outside> Life<O> {
    /// Waits until ingest's position has reached the barrier, and says that it waits. Gives why it never will, where that is so.
    pub(crate) async fn wait_for_ingest(
        &self,
        request: &ReportRequest,
        state: &ReportState,
    ) -> Result<Option<Reason>, JournalError> {
        let (mut told, mut last_told, mut tell_every) = (None, None::<Instant>, TELL_EVERY);
        let mut believed = Instant::now();
        let _waiting = Counted::new(&self.metrics.waiting);
        loop {
            match self.events_behind(request).await {
                Ok(0) => return Ok(None),
                Ok(behind) => {
                    if told != Some(behind) && last_told.is_none_or(|last| last.elapsed() >= tell_every) {
                        let event =
                            ReportEvent { events_behind: Some(behind), ..Self::event(state, ReportEventType::Waiting) };
                        self.outside.append(&event).await?;
                        (told, last_told) = (Some(behind), Some(Instant::now()));
                        // Kept for good: more and more seldom.
                        tell_every = (2 * tell_every).min(TELL_AT_LEAST_EVERY);
                    }
                }
                Err(error) => tracing::warn!(%error, "waiting for Kafka"),
            }
            if believed.elapsed() >= DOUBTED_EVERY {
                match self.beyond(request).await {
                    Ok(None) => {}
                    Ok(reason) => return Ok(reason),
                    Err(error) => tracing::warn!(%error, "waiting for Kafka"),
                }
                believed = Instant::now();
            }
            tokio::time::sleep(BARRIER_EVERY).await;
        }
    }

    /// Offsets between ingest's position and the barrier; 0 when it is reached.
    pub(crate) async fn events_behind(&self, request: &ReportRequest) -> Result<i64, KafkaError> {
        if request.barrier.iter().all(|it| it.offset == 0) {
            return Ok(0);
        }
        let stored = self.stored.look(self.outside.stored_until()).await?;
        let behind = request.barrier.iter().map(|barrier| {
            let stored = stored.get(&barrier.partition).copied().unwrap_or(0);
            barrier.offset.saturating_sub(stored).max(0)
        });
        // Whoever put it on the topic may have written any numbers.
        Ok(behind.fold(0, i64::saturating_add))
    }

    /// Why the barrier cannot be reached: it lies behind the end of the topic, where nothing was when the report was asked for.
    async fn beyond(&self, request: &ReportRequest) -> Result<Option<Reason>, KafkaError> {
        let ends = self.events.look(self.outside.events_until()).await?;
        let end = |partition| ends.get(&partition).copied().unwrap_or(0);
        let beyond = request.barrier.iter().find(|barrier| barrier.offset > end(barrier.partition));
        Ok(beyond.map(|barrier| {
            Reason::of_request(&format!(
                "barrier is at offset {} of partition {} of {}, which ends at {}",
                barrier.offset,
                barrier.partition,
                CONNECTION_EVENTS.name,
                end(barrier.partition)
            ))
        }))
    }
}
