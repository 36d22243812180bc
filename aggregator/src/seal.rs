//! Hours that are over are counted from the raw rows, each fact once, and again when late events come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clickhouse_io::rollup::{HourOfNetwork, IN_FLIGHT, Unsealed};
use clickhouse_io::{ClickHouse, QueryError, open, rollup};
use kafka_io::{KafkaConfig, KafkaError, admin};
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::{Attempt, Backoff, until_stopped};

use crate::config::Config;
use crate::metrics::AggregatorMetrics;

/// The group whose committed offsets say what is stored.
const INGEST_GROUP: &str = "ingest";
/// An hour is counted so long after its end: when the rows that came in it are there for certain, so that once is enough.
const AFTER_END: Duration = Duration::from_secs(IN_FLIGHT.as_secs() + 10);
/// How far back rows are looked at again: an end may lie a day ahead of when it was written; then its hour, and the wait behind it.
const LOOK_BACK: Duration = Duration::from_secs(27 * 3600);
/// At a start everything that is kept by minute may be unsealed.
const KEPT: Duration = Duration::from_secs(31 * 24 * 3600);

/// What the sealer touches. Everything may be done again.
pub(crate) trait Outside: Send + Sync + 'static {
    fn unsealed(&self, since: Moment, ended_by: Moment) -> impl Future<Output = Result<Unsealed, QueryError>> + Send;
    /// For each partition the offset before which ingest has stored everything; absent where it has said nothing.
    fn stored_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn end_silent(&self, silence: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn forget_ended(&self, remembered: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
}

/// Kafka and ClickHouse.
pub(crate) struct Parts {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) source: String,
}

impl Outside for Parts {
    async fn unsealed(&self, since: Moment, ended_by: Moment) -> Result<Unsealed, QueryError> {
        rollup::unsealed(&self.clickhouse, &self.source, since, ended_by).await
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let committed = admin::committed(&self.kafka, INGEST_GROUP, CONNECTION_EVENTS.name).await?;
        Ok(committed.into_iter().filter_map(|(number, position)| Some((number, position?))).collect())
    }

    async fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> Result<(), QueryError> {
        rollup::count_again(&self.clickhouse, hours).await
    }

    async fn end_silent(&self, silence: Duration) -> Result<(), QueryError> {
        open::end_silent(&self.clickhouse, silence).await
    }

    async fn forget_ended(&self, remembered: Duration) -> Result<(), QueryError> {
        open::forget_ended(&self.clickhouse, remembered).await
    }
}

/// Seals hours and keeps house, every `refresh`, until told to stop, wherever it is then. Two of it do no harm to each other.
pub(crate) async fn run<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
    stop: &CancellationToken,
) -> Result<(), QueryError> {
    // What it waits for may never come: an ingest that has ended.
    stop.run_until_cancelled(seal(config, outside, metrics, stop)).await.unwrap_or(Ok(()))
}

async fn seal<O: Outside>(
    config: &Config,
    outside: &O,
    metrics: &AggregatorMetrics,
    stop: &CancellationToken,
) -> Result<(), QueryError> {
    let mut since = before(Moment::now(), KEPT);
    loop {
        let begun = Moment::now();
        let pass = until_stopped(stop, Backoff::default(), async || {
            match pass(config, outside, since, begun, metrics).await {
                Err(error) if error.next_step() == clickhouse_io::NextStep::Retry => {
                    tracing::warn!(%error, "waiting for ClickHouse");
                    metrics.retries.inc();
                    Attempt::Again(error)
                }
                Err(error) => Attempt::Fail(error),
                Ok(()) => Attempt::Done(()),
            }
        });
        match pass.await {
            None => return Ok(()),
            Some(done) => done?,
        }
        since = before(begun, LOOK_BACK);
        if stop.run_until_cancelled(tokio::time::sleep(config.refresh)).await.is_none() {
            return Ok(());
        }
    }
}

async fn pass<O: Outside>(
    config: &Config,
    outside: &O,
    since: Moment,
    begun: Moment,
    metrics: &AggregatorMetrics,
) -> Result<(), QueryError> {
    outside.end_silent(config.silence_max).await?;
    outside.forget_ended(config.ended_remembered).await?;
    let unsealed = outside.unsealed(since, before(begun, AFTER_END)).await?;
    if unsealed.is_empty() {
        return Ok(());
    }
    let stored = match outside.stored_until().await {
        Ok(stored) => stored,
        Err(error) => {
            tracing::warn!(%error, "hours wait for Kafka");
            return Ok(());
        }
    };
    // Not waited for: what comes meanwhile would be behind the count without having been asked for. The next pass asks anew.
    let is_stored = |(number, last): (&i32, &i64)| stored.get(number).is_some_and(|end| end > last);
    let all = unsealed.len();
    let hours: BTreeSet<_> =
        unsealed.into_iter().filter(|(_, offsets)| offsets.iter().all(is_stored)).map(|(hour, _)| hour).collect();
    if hours.len() < all {
        tracing::info!(waiting = all - hours.len(), "hours wait until ingest has stored what came in them");
    }
    if !hours.is_empty() {
        outside.count_hours(&hours).await?;
        metrics.hours_counted.inc_by(hours.len() as u64);
    }
    Ok(())
}

fn before(moment: Moment, by: Duration) -> Moment {
    Moment::from_micros(moment.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
