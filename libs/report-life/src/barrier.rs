//! What a report waits for.

use kafka_io::{KafkaConfig, KafkaError, admin};
use schemas::report_request::BarrierOffset;
use schemas::topics::CONNECTION_EVENTS;

/// The barrier of a report that is asked for now: for each partition of the connection events its last stable offset.
///
/// # Errors
/// When Kafka does not say.
pub async fn barrier(kafka: &KafkaConfig) -> Result<Vec<BarrierOffset>, KafkaError> {
    let ends = admin::stable_ends(kafka, CONNECTION_EVENTS.name).await?;
    Ok(ends.into_iter().map(|(partition, offset)| BarrierOffset { partition, offset }).collect())
}
