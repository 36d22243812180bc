//! Arrival, decode, changes; then, when ingest has stored them: count, write, commit.

use std::collections::BTreeMap;
use std::time::Duration;

use clickhouse_io::{NextStep, QueryError};
use kafka_io::batches::CommitFailure;
use kafka_io::{Arrival, GroupConsumer, Partition, Record};
use schema_registry::{Decoder, Registry};
use schemas::connection_event::ConnectionEvent;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::time::Instant;

use crate::adapters::Outside;
use crate::config::Config;
use crate::error::Error;
use crate::metrics::AggregatorMetrics;
use crate::stages::note_changes::Changes;

/// How often silent and forgotten connections are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(60);

pub(crate) struct Pipeline<O> {
    config: Config,
    outside: O,
    decoder: Decoder<ConnectionEvent>,
    registry: Registry,
    metrics: AggregatorMetrics,
    stop: CancellationToken,
    changes: Changes,
}

impl<O: Outside> Pipeline<O> {
    pub(crate) fn new(
        config: Config,
        outside: O,
        decoder: Decoder<ConnectionEvent>,
        registry: Registry,
        metrics: AggregatorMetrics,
        stop: CancellationToken,
    ) -> Self {
        Self { config, outside, decoder, registry, metrics, stop, changes: Changes::default() }
    }

    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let stop = self.stop.clone();
        // Nothing has to be drained: what was not committed is read again and counted again.
        let ended = stop.run_until_cancelled(self.consume(&mut consumer)).await;
        consumer.close().await;
        ended.unwrap_or(Ok(()))
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let mut refresh = tokio::time::interval(self.config.refresh);
        refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut kept_house = Instant::now();
        loop {
            let is_full = self.is_full();
            let is_due = tokio::select! {
                _ = refresh.tick() => true,
                arrival = consumer.next(), if !is_full => {
                    self.arrived(arrival?).await?;
                    false
                }
            };
            if (is_due || is_full) && !self.changes.is_empty() {
                let changes = std::mem::take(&mut self.changes);
                self.write(changes).await?;
            }
            if kept_house.elapsed() >= HOUSEKEEPING {
                self.keep_house().await?;
                kept_house = Instant::now();
            }
        }
    }

    fn is_full(&self) -> bool {
        self.changes.events() >= self.config.events_max || self.changes.bytes() >= self.config.changes_bytes_max
    }

    async fn arrived(&mut self, arrival: Arrival) -> Result<(), Error> {
        match arrival {
            Arrival::Assigned { .. } => {}
            Arrival::Revoked { partitions, .. } | Arrival::Lost { partitions } => {
                partitions.iter().for_each(|partition| self.changes.let_go(partition.number));
            }
            Arrival::End { partition, epoch, position } => self.changes.moved_to(partition.number, epoch, position),
            Arrival::Record(record) => self.record(record).await?,
        }
        Ok(())
    }

    async fn record(&mut self, record: Record) -> Result<(), Error> {
        let value = record.payload.clone().unwrap_or_default();
        let Some(decoded) = self.decoder.decode_with(&self.registry, &value, &self.stop).await else { return Ok(()) };
        self.metrics.received.inc();
        let event = decoded?.ok().filter(|event| event.check(record.timestamp).is_ok());
        match event {
            Some(event) => self.changes.note(event, record.offset, value.len()),
            None => {
                self.metrics.passed_over.inc();
            }
        }
        self.changes.moved_to(record.partition.number, record.epoch, record.offset + 1);
        Ok(())
    }

    async fn write(&self, changes: Changes) -> Result<(), Error> {
        self.wait_for_ingest(&changes.positions).await;
        self.again(|| self.outside.count_hours(&changes.hours)).await?;
        self.again(|| self.outside.write_open(&changes.open)).await?;
        self.metrics.hours_counted.inc_by(changes.hours.len() as u64);
        for (number, (epoch, position)) in changes.positions {
            self.commit(number, epoch, position).await?;
        }
        Ok(())
    }

    /// The raw rows have to be there before they are counted.
    async fn wait_for_ingest(&self, wanted: &BTreeMap<i32, (u64, i64)>) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            match self.outside.stored_until().await {
                Ok(stored) => {
                    let is_stored = |(number, (_, position)): (&i32, &(u64, i64))| {
                        *position == 0 || stored.get(number).is_some_and(|it| it >= position)
                    };
                    if wanted.iter().all(is_stored) {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "waiting for Kafka"),
            }
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn commit(&self, number: i32, epoch: u64, position: i64) -> Result<(), Error> {
        let partition = Partition { topic: CONNECTION_EVENTS.name.into(), number };
        let mut backoff = Backoff::default();
        while let Err(error) = self.outside.commit(&partition, epoch, position).await {
            match &error {
                // The next owner counts the same hours again.
                CommitFailure::NotOurs(_) => return Ok(()),
                CommitFailure::Stop(_) => return Err(error.into()),
                CommitFailure::Retry(reason) => {
                    tracing::warn!(%partition, reason, "waiting for Kafka");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
        Ok(())
    }

    async fn keep_house(&self) -> Result<(), Error> {
        self.again(|| self.outside.end_silent(self.config.silence_max)).await?;
        self.again(|| self.outside.forget_ended(self.config.ended_remembered)).await
    }

    /// Tries a statement again while that may help.
    async fn again<F>(&self, statement: impl Fn() -> F) -> Result<(), Error>
    where
        F: Future<Output = Result<(), QueryError>>,
    {
        let mut backoff = Backoff::default();
        loop {
            let Err(error) = statement().await else { return Ok(()) };
            match error.next_step() {
                NextStep::Retry => {
                    tracing::warn!(%error, "waiting for ClickHouse");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                NextStep::Isolate | NextStep::Stop => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
