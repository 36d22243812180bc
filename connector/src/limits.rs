//! How large batches may be: the topics say it, and the client is told.

use std::time::Duration;

use kafka_io::{KafkaConfig, admin};
use schemas::topics::{CONNECTION_EVENTS, CONNECTION_LINES_DEAD_LETTER, CONNECTOR_POSITIONS};
use service_kit::CancellationToken;

/// Between two questions while Kafka is away.
const PAUSE: Duration = Duration::from_millis(500);

/// A client's settings whose batches every topic of the connector takes. Kafka's limit is one of batches, and a refusal one of every record
/// in the batch: good events would become dead letters for their neighbours. Outages are waited out; `None`: the connector is to stop.
pub(crate) async fn with_batches_that_are_taken(kafka: KafkaConfig, stop: &CancellationToken) -> Option<KafkaConfig> {
    let topics = [CONNECTION_EVENTS.name, CONNECTION_LINES_DEAD_LETTER.name, CONNECTOR_POSITIONS.name];
    loop {
        match stop.run_until_cancelled(admin::batch_bytes_max(&kafka, &topics)).await? {
            Ok(bytes) => return Some(kafka.with_batches_within(bytes)),
            Err(error) if error.is_outage() => {
                tracing::warn!(%error, "waiting for Kafka");
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await?;
            }
            // As a topic that is not there yet, or settings that may not be asked for: no reason to read nothing.
            Err(error) => {
                tracing::warn!(%error, "batches are as large as the client makes them; a topic that takes no such batches refuses events");
                return Some(kafka);
            }
        }
    }
}
