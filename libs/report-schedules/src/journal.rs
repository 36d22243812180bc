//! Writes schedules to their topic.

use std::sync::Arc;

use kafka_io::{OutRecord, Producer};
use report_life::JournalError;
use schema_registry::{Encoder, Registry};
use schemas::avro_schemas::REPORT_SCHEDULE;
use schemas::report_schedule::ReportSchedule;
use service_kit::CancellationToken;

/// Cheap to clone.
#[derive(Clone)]
pub struct ScheduleJournal {
    producer: Producer,
    schedules: Arc<Encoder<ReportSchedule>>,
}

impl ScheduleJournal {
    /// A journal; waits while the registry is away. `None`: told to stop first.
    pub async fn open(
        producer: Producer,
        registry: &Registry,
        stop: &CancellationToken,
    ) -> Option<Result<Self, JournalError>> {
        let id = match registry.ensure_patiently(&REPORT_SCHEDULE, stop).await? {
            Ok(id) => id,
            Err(error) => return Some(Err(error.into())),
        };
        let encoder = Encoder::new(id, &REPORT_SCHEDULE);
        Some(encoder.map(|it| Self { producer, schedules: Arc::new(it) }).map_err(Into::into))
    }

    /// Keeps a schedule as it is now, in the place of what it was; returns when it is acknowledged.
    ///
    /// # Errors
    /// When it is refused. An outage of Kafka is waited out: put a deadline around where that must not be.
    pub async fn keep(&self, schedule: &ReportSchedule) -> Result<(), JournalError> {
        let (key, value) = (schedule.schedule_id.to_string(), self.schedules.encode(schedule)?);
        let topic = REPORT_SCHEDULE.topic.name;
        self.producer.send(OutRecord { topic, key: key.as_bytes(), payload: &value, headers: &[] }).await?;
        Ok(())
    }
}
