//! Hours that are over are counted from the raw rows, each fact once, and again when late events come; days that are over are put
//! together from them. Beside that the set of open connections is looked through, and what was counted by an older definition is counted anew.

mod house;
mod renewal;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clickhouse_io::rollup::{
    DEFINITION, HourOfNetwork, IN_FLIGHT, NotesReach, Outdated, OutdatedMonth, Reach, Renewal, UnsealedHour,
};
use clickhouse_io::{ClickHouse, NextStep, QueryError, open, rollup};
use kafka_io::{KafkaConfig, KafkaError, admin};
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use self::house::{CountedBefore, keep_house};
use self::renewal::renew_what_is_outdated;
use crate::GROUP;
use crate::config::Config;
use crate::metrics::AggregatorMetrics;

/// The group whose committed offsets say what is stored.
const INGEST_GROUP: &str = "ingest";
/// An hour is counted so long after its end: when the rows that came in it are there for certain, so that once is enough.
const AFTER_END: Duration = Duration::from_secs(IN_FLIGHT.as_secs() + 10);
/// At a start days are put together whose hours were noted since: their notes are kept for 60 days, however long minutes are.
const NOTES_LOOKED_BACK: Duration = Duration::from_secs(58 * 24 * 3600);

/// What the sealer touches. Everything may be done again.
pub(crate) trait Outside: Send + Sync + 'static {
    /// The time of the server that writes when rows were written.
    fn server_time(&self) -> impl Future<Output = Result<Moment, QueryError>> + Send;
    fn unsealed(&self, reach: Reach) -> impl Future<Output = Result<Unsealed, QueryError>> + Send;
    /// For each partition the offset before which ingest has stored everything; absent where it has said nothing.
    fn stored_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    /// Counts them, and then notes that it was done from what was there at `asked_at`; `counted` is told how many. Those that cannot be counted
    /// hold up no others.
    fn count_and_seal(
        &self,
        hours: &BTreeSet<HourOfNetwork>,
        asked_at: Moment,
        counted: impl FnMut(usize) + Send,
    ) -> impl Future<Output = Result<(), QueryError>> + Send;
    /// Puts days within reach together whose hours were counted since, and notes that, in the same way. The first of all passes notes from
    /// when on names are kept.
    fn count_and_seal_days(
        &self,
        reach: NotesReach,
        counted: impl FnMut(usize) + Send,
    ) -> impl Future<Output = Result<(), QueryError>> + Send;
    /// For each partition the offset before which the roll-ups by minute, of all aggregators, have everything, or it is gone from the topic.
    fn counted_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    /// For each partition the offset that is the next one to be read.
    fn ends(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    /// What is counted by an older definition.
    fn outdated(&self) -> impl Future<Output = Result<Outdated, QueryError>> + Send;
    /// Counts the newest of it in this month anew, not too much at once.
    fn renew(&self, month: &OutdatedMonth) -> impl Future<Output = Result<Renewal, QueryError>> + Send;
    /// Notes that what was stored before a moment is in the roll-up by day, of days that were over at another.
    fn note_days_counted(
        &self,
        stored_before: Moment,
        over_at: Moment,
    ) -> impl Future<Output = Result<(), QueryError>> + Send;
    /// Has rows by minute kept for so many days.
    fn keep_minutes(&self, days: u16) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn end_silent(&self, silence: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn forget_ended(&self, remembered: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
}

type Unsealed = BTreeMap<HourOfNetwork, UnsealedHour>;

/// Kafka and ClickHouse.
pub(crate) struct Parts {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) source: String,
}

impl Outside for Parts {
    async fn server_time(&self) -> Result<Moment, QueryError> {
        rollup::server_time(&self.clickhouse).await
    }

    async fn unsealed(&self, reach: Reach) -> Result<Unsealed, QueryError> {
        rollup::unsealed(&self.clickhouse, &self.source, reach).await
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let committed = admin::committed(&self.kafka, INGEST_GROUP, CONNECTION_EVENTS.name).await?;
        Ok(committed.into_iter().filter_map(|(number, position)| Some((number, position?))).collect())
    }

    async fn count_and_seal(
        &self,
        hours: &BTreeSet<HourOfNetwork>,
        asked_at: Moment,
        counted: impl FnMut(usize) + Send,
    ) -> Result<(), QueryError> {
        rollup::count_and_seal(&self.clickhouse, DEFINITION, hours, asked_at, counted).await
    }

    async fn count_and_seal_days(
        &self,
        reach: NotesReach,
        counted: impl FnMut(usize) + Send,
    ) -> Result<(), QueryError> {
        let days = rollup::unsealed_days(&self.clickhouse, reach).await?;
        rollup::count_and_seal_days(&self.clickhouse, DEFINITION, &days, counted).await?;
        rollup::names_kept_from(&self.clickhouse, reach.noted_since).await
    }

    async fn counted_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        admin::done_until(&self.kafka, GROUP, CONNECTION_EVENTS.name).await
    }

    async fn ends(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        admin::stable_ends(&self.kafka, CONNECTION_EVENTS.name).await
    }

    async fn outdated(&self) -> Result<Outdated, QueryError> {
        rollup::outdated(&self.clickhouse, DEFINITION).await
    }

    async fn renew(&self, month: &OutdatedMonth) -> Result<Renewal, QueryError> {
        rollup::renew(&self.clickhouse, DEFINITION, month, rollup::ROWS_AT_ONCE).await
    }

    async fn note_days_counted(&self, stored_before: Moment, over_at: Moment) -> Result<(), QueryError> {
        rollup::note_days_counted(&self.clickhouse, DEFINITION, stored_before, over_at).await
    }

    async fn keep_minutes(&self, days: u16) -> Result<(), QueryError> {
        if rollup::keep_minutes(&self.clickhouse, days).await? {
            tracing::info!(days, "rows by minute are kept for another time than before");
        }
        Ok(())
    }

    async fn end_silent(&self, silence: Duration) -> Result<(), QueryError> {
        open::end_silent(&self.clickhouse, silence).await
    }

    async fn forget_ended(&self, remembered: Duration) -> Result<(), QueryError> {
        open::forget_ended(&self.clickhouse, remembered).await
    }
}

/// Seals hours and keeps house, every `refresh`, and renews what is outdated, until told to stop, wherever it is then. Two of it do no harm to each
/// other.
pub(crate) async fn run<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
    stop: &CancellationToken,
) -> Result<(), QueryError> {
    let all = async {
        let renewed = async {
            renew_what_is_outdated(config, outside, metrics).await;
            Ok(())
        };
        let counted_before = CountedBefore::new(None);
        tokio::try_join!(
            seal(config, outside, metrics, stop, &counted_before),
            keep_house(config, outside, metrics, &counted_before),
            renewed
        )
    };
    // What it waits for may never come: an ingest that has ended.
    stop.run_until_cancelled(all).await.unwrap_or(Ok(((), (), ()))).map(|((), (), ())| ())
}

async fn seal<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
    stop: &CancellationToken,
    counted_before: &CountedBefore,
) -> Result<(), QueryError> {
    // At a start everything that is kept by minute may be unsealed.
    let kept = config.minutes_kept() + Duration::from_secs(24 * 3600);
    let mut last = None;
    loop {
        let passed = until_stopped(stop, Backoff::default(), async || {
            match pass(outside, last, kept, counted_before, metrics).await {
                Err(error) if error.next_step() != NextStep::Stop => {
                    tracing::warn!(%error, "waiting for ClickHouse");
                    metrics.retries.inc();
                    Attempt::Again(error)
                }
                Err(error) => Attempt::Fail(error),
                Ok(reached) => Attempt::Done(reached),
            }
        });
        match passed.await {
            None => return Ok(()),
            Some(reached) => last = Some(reached?),
        }
        tokio::time::sleep(config.refresh).await;
    }
}

/// From where the next pass has to look.
#[derive(Clone, Copy, Debug)]
struct Reached {
    written_since: Moment,
    ended_by: Moment,
    /// Hours that were noted before are in their days, where those are over.
    noted_since: Moment,
}

/// From where the last pass reached, or else from as far back as is kept.
async fn pass<O: Outside>(
    outside: &O,
    last: Option<Reached>,
    kept: Duration,
    counted_before: &CountedBefore,
    metrics: &AggregatorMetrics,
) -> Result<Reached, QueryError> {
    // Before it is asked what has changed: all that was counted by minute until then is seen.
    let counted_before = *counted_before.borrow();
    let asked_at = outside.server_time().await?;
    let ended_by = before(asked_at, AFTER_END);
    let last = last.unwrap_or(Reached {
        written_since: before(asked_at, kept),
        ended_by,
        noted_since: before(asked_at, NOTES_LOOKED_BACK),
    });
    let reach = Reach { written_since: last.written_since, ended_since: last.ended_by, ended_by };
    let unsealed = outside.unsealed(reach).await?;
    let stored = if unsealed.is_empty() { BTreeMap::new() } else { stored_until(outside).await };
    // Not waited for: what comes meanwhile would be behind the count without having been asked for. The next pass asks anew.
    let is_stored = |(number, last): (&i32, &i64)| stored.get(number).is_some_and(|end| end > last);
    let (ready, waiting): (Unsealed, Unsealed) =
        unsealed.into_iter().partition(|(_, hour)| hour.offsets.iter().all(is_stored));
    metrics.hours_waiting.set(i64::try_from(waiting.len()).unwrap_or(i64::MAX));
    // What only an operator can mend ends the service; whatever else some hours or days meet holds up no others.
    let unless_stop = |done: Result<(), QueryError>| match done {
        Err(error) if error.next_step() == NextStep::Stop => Err(error),
        done => Ok(done.err()),
    };
    let mut failed = None;
    if !ready.is_empty() {
        let hours: BTreeSet<HourOfNetwork> = ready.into_keys().collect();
        let counted = |count: usize| {
            metrics.hours_counted.inc_by(count as u64);
        };
        failed = unless_stop(outside.count_and_seal(&hours, asked_at, counted).await)?;
    }
    // After the hours: their notes are what days are counted from. This pass's own are from `asked_at` on.
    let reach = NotesReach { noted_since: last.noted_since, ended_since: last.ended_by, ended_by };
    let counted = |count: usize| {
        metrics.days_counted.inc_by(count as u64);
    };
    failed = unless_stop(outside.count_and_seal_days(reach, counted).await)?.or(failed);
    if let Some(error) = failed {
        tracing::warn!(%error, "some hours or days could not be counted; the next pass tries them again");
        metrics.retries.inc();
        return Ok(last);
    }
    if let Some(stored_before) = counted_before.filter(|_| waiting.is_empty()) {
        outside.note_days_counted(stored_before, ended_by).await?;
    }
    // Rows that were in flight may be seen by the next pass first; rows of hours that wait have to be seen again.
    let in_flight = before(asked_at, IN_FLIGHT);
    let written_since = waiting.values().map(|hour| hour.first_written).fold(in_flight, Moment::min);
    Ok(Reached { written_since, ended_by, noted_since: asked_at })
}

/// Where Kafka does not answer, nothing is known to be stored.
async fn stored_until<O: Outside>(outside: &O) -> BTreeMap<i32, i64> {
    outside.stored_until().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "hours wait for Kafka");
        BTreeMap::new()
    })
}

fn before(moment: Moment, by: Duration) -> Moment {
    Moment::from_micros(moment.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
