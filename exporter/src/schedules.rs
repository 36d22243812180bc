//! Asks for the reports of schedules when they are due.
//!
//! Members of a group share the partitions of the schedules' topic, and each reads its own from the beginning: what it holds is what lies
//! there. Nothing is noted anywhere: a run is asked for where its report, whose id is a function of schedule and time, is not known yet.
//! Two exporters that both believe that a partition is theirs, or one that dies between asking and noting, make one report.
//!
//! What is in a run is a function of when it is due, but for one `since last run` before which others were not made: that begins where the last
//! one that was made ended. So it is not asked for before this exporter has in its book what others may have asked for.

mod held;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_io::{Arrival, GroupConsumer, KafkaConfig, KafkaError, Record};
use report_life::{Journal, JournalError, LastRun, SharedBook, barrier};
use report_schedules::{Owners, Run, request_of};
use schema_registry::{Decoder, Registry};
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportRequest};
use schemas::report_schedule::ReportSchedule;
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::clock::Clock;

use self::held::{Held, Kept};
use crate::error::Error;
use crate::metrics::ScheduleMetrics;

/// The group whose members share the schedules.
pub(crate) const GROUP: &str = "exporter-schedules";
/// How long Kafka may take to take a request.
const ASK_MAX: Duration = Duration::from_secs(10);
/// The longest sleep: clocks are set, and a run that could not be asked for is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// So long after another had a partition, or after this one did not get to look, the book may lack what was asked for meanwhile.
const BOOK_BEHIND_MAX: Duration = Duration::from_secs(10);

/// Where reports are asked for.
pub(crate) trait Desk: Send + Sync + 'static {
    /// Whether it was asked for already, by whomever.
    fn is_known(&self, report: ReportId) -> bool;
    /// The newest run that was asked for of those that were due before.
    fn last_run(&self, schedule: &ReportSchedule, before: Moment) -> Option<LastRun>;
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
        self.book.is_known(report)
    }

    fn last_run(&self, schedule: &ReportSchedule, before: Moment) -> Option<LastRun> {
        self.book.last_run(&schedule.tenant, schedule.schedule_id, before)
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
    /// When it last got to look.
    looked_at: Option<Instant>,
    /// From then on the book has what others asked for.
    knows_all_from: Instant,
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
        let (held, knows_all_from) = (Held::new(owners), clock.monotonic());
        Self { desk, decoder, registry, catch_up_max, clock, metrics, held, looked_at: None, knows_all_from, stop }
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
            Arrival::End { partition, .. } => {
                if self.held.is_read(partition.number) {
                    self.knows_all_from = self.clock.monotonic() + BOOK_BEHIND_MAX;
                }
            }
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
        let knows_all = self.knows_all();
        let mut oldest_waiting = now;
        for kept in self.held.having_something_due(now) {
            let mut is_done = true;
            let known = self.desk.last_run(&kept.schedule, Moment::from_millis(now.as_millis() + 1));
            if let Some(passed_over) = kept.taken(known) {
                self.metrics.run("asked");
                tell_passed_over(kept, passed_over, &self.metrics);
            }
            for run in kept.due(now, self.catch_up_max, known) {
                let report = ReportId::of_run(kept.schedule.schedule_id, run.due);
                if self.desk.is_known(report) {
                    kept.asked_until = run.due;
                    continue;
                }
                let next = kept.following(run, known);
                if knows_all || !next.makes_up() {
                    let passed_over = kept.tries(&next);
                    if ask(&self.desk, &kept.schedule, &next.run, &self.metrics).await? {
                        kept.asked(&next.run);
                        tell_passed_over(kept, passed_over, &self.metrics);
                        continue;
                    }
                }
                oldest_waiting = oldest_waiting.min(run.due);
                is_done = false;
                break;
            }
            if is_done {
                kept.looked(now);
            }
        }
        self.looked_at = Some(self.clock.monotonic());
        self.metrics.held(self.held.standings());
        self.metrics.lag_seconds.set((now.as_micros() - oldest_waiting.as_micros()) / 1_000_000);
        Ok(())
    }

    /// Whether the book has what others asked for. One that was frozen has that of long ago, and does not know yet what it has lost.
    fn knows_all(&mut self) -> bool {
        let now = self.clock.monotonic();
        if self.looked_at.is_some_and(|last| now.duration_since(last) > BOOK_BEHIND_MAX) {
            self.knows_all_from = now + BOOK_BEHIND_MAX;
        }
        now >= self.knows_all_from
    }

    fn now(&self) -> Moment {
        self.clock.now().into()
    }
}

/// Of runs that are not made any more somebody has to know.
fn tell_passed_over(kept: &Kept, passed_over: usize, metrics: &ScheduleMetrics) {
    let schedule = &kept.schedule;
    if passed_over > 0 {
        metrics.passed_over(passed_over);
        tracing::warn!(
            schedule = %schedule.schedule_id, tenant = %schedule.tenant, passed_over, range = %schedule.range,
            "runs were due and could not be asked for in time, and only the last exporter.catch_up_max are made up for; what these would have had \
             is in the next run where the range is since last run, and else has to be asked for by hand"
        );
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
