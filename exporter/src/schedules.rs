//! Asks for the reports of schedules when they are due.
//!
//! Members of a group share the partitions of the schedules' topic, and each reads its own from the beginning: what it holds is what lies
//! there. Nothing is noted anywhere: a run is asked for where its report, whose id is a function of schedule and time, is not known yet.
//! Two exporters that both believe that a partition is theirs, or one that dies between asking and noting, make one report.

mod held;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use kafka_io::{Arrival, GroupConsumer, KafkaConfig, KafkaError, Record};
use report_life::{Journal, JournalError, SharedBook, barrier};
use report_schedules::{Owners, Run, request_of};
use schema_registry::{Decoder, Registry};
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportRequest};
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::clock::Clock;

use self::held::Held;
use crate::error::Error;
use crate::metrics::ScheduleMetrics;

/// The group whose members share the schedules.
pub(crate) const GROUP: &str = "exporter-schedules";
/// How long Kafka may take to take a request.
const ASK_MAX: Duration = Duration::from_secs(10);
/// The longest sleep: clocks are set, and a run that could not be asked for is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where reports are asked for.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Whether it was asked for already, by whomever.
    fn is_known(&self, report: ReportId) -> bool;
    fn barrier(&self) -> impl Future<Output = Result<Vec<BarrierOffset>, KafkaError>> + Send;
    fn request(&self, request: &ReportRequest) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// Kafka, and the book of all reports.
pub(crate) struct KafkaDesk {
    pub(crate) book: SharedBook,
    pub(crate) journal: Journal,
    pub(crate) kafka: KafkaConfig,
}

impl Desk for KafkaDesk {
    fn is_known(&self, report: ReportId) -> bool {
        self.book.of_any_tenant(report).is_some()
    }

    async fn barrier(&self) -> Result<Vec<BarrierOffset>, KafkaError> {
        barrier(&self.kafka).await
    }

    async fn request(&self, request: &ReportRequest) -> Result<(), JournalError> {
        self.journal.request(request).await
    }
}

pub(crate) struct Schedules<D> {
    desk: D,
    decoder: Decoder<ReportSchedule>,
    registry: Registry,
    /// Of what was missed, so much of one schedule is made up for.
    catch_up_max: usize,
    clock: Arc<dyn Clock>,
    metrics: ScheduleMetrics,
    held: Held,
    stop: CancellationToken,
}

impl<D: Desk> Schedules<D> {
    pub(crate) fn new(
        desk: D,
        (decoder, registry): (Decoder<ReportSchedule>, Registry),
        (owners, catch_up_max): (Owners, usize),
        clock: Arc<dyn Clock>,
        metrics: ScheduleMetrics,
        stop: CancellationToken,
    ) -> Self {
        Self { desk, decoder, registry, catch_up_max, clock, metrics, held: Held::new(owners), stop }
    }

    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let ended = self.consume(&mut consumer).await;
        consumer.close().await;
        ended
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                arrival = consumer.next() => self.arrived(arrival?).await?,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            // Broken off while it asks, it is done again.
            let Some(looked) = stop.run_until_cancelled(self.look()).await else { return Ok(()) };
            looked?;
        }
    }

    async fn arrived(&mut self, arrival: Arrival) -> Result<(), Error> {
        match arrival {
            Arrival::Assigned { partitions, .. } => self.held.begin(&partitions),
            Arrival::Revoked { partitions, .. } | Arrival::Lost { partitions } => self.held.give_up(&partitions),
            Arrival::Record(record) => self.take(record).await?,
            Arrival::End { partition, .. } => self.held.is_read(partition.number),
        }
        Ok(())
    }

    async fn take(&mut self, record: Record) -> Result<(), Error> {
        let value = record.payload.unwrap_or_default();
        match self.decoder.decode_with(&self.registry, &value, &self.stop).await {
            None => {}
            Some(decoded) => match decoded? {
                Ok(schedule) => self.held.take(record.partition.number, schedule),
                Err(error) => {
                    // It stays on the topic, as it is; nothing is made by it.
                    self.metrics.unreadable.inc();
                    tracing::warn!(%error, partition = %record.partition, offset = record.offset, "a schedule is skipped");
                }
            },
        }
        Ok(())
    }

    /// Asks for everything that is due.
    async fn look(&mut self) -> Result<(), JournalError> {
        let now = self.now();
        let mut oldest_waiting = now;
        for kept in self.held.having_something_due(now) {
            let mut is_done = true;
            for run in kept.due(now, self.catch_up_max) {
                let report = ReportId::of_run(kept.schedule.schedule_id, run.due);
                if self.desk.is_known(report) || ask(&self.desk, &kept.schedule, &run, &self.metrics).await? {
                    kept.asked_until = run.due;
                    continue;
                }
                oldest_waiting = oldest_waiting.min(run.due);
                is_done = false;
                break;
            }
            if is_done {
                kept.looked(now);
            }
        }
        self.metrics.held(self.held.standings());
        self.metrics.lag_seconds.set((now.as_micros() - oldest_waiting.as_micros()) / 1_000_000);
        Ok(())
    }

    fn now(&self) -> Moment {
        self.clock.now().into()
    }
}

/// Asks for one report. False: not now, it has to be tried again.
async fn ask<D: Desk>(
    desk: &D,
    schedule: &ReportSchedule,
    run: &Run,
    metrics: &ScheduleMetrics,
) -> Result<bool, JournalError> {
    let asking = async {
        match desk.barrier().await {
            Ok(barrier) => desk.request(&request_of(schedule, run, barrier)).await.map(|()| true),
            Err(error) => {
                tracing::warn!(%error, schedule = %schedule.schedule_id, "waiting for Kafka");
                Ok(false)
            }
        }
    };
    // Whether one that took too long was taken is not known: asked for again it is the same.
    let is_asked = tokio::time::timeout(ASK_MAX, asking).await.unwrap_or(Ok(false))?;
    metrics.run(if is_asked { "asked" } else { "failed" });
    if is_asked {
        let report = ReportId::of_run(schedule.schedule_id, run.due);
        tracing::info!(schedule = %schedule.schedule_id, %report, "a report was due");
    }
    Ok(is_asked)
}
