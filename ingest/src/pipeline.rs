//! The order of the stages: arrival, decode, fate, batch; then dead letters, rows, commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse_io::write::EventTable;
use clickhouse_io::{NextStep, QueryError};
use kafka_io::{Acknowledged, Arrival, CommitError, GroupConsumer, Partition, Record};
use schema_registry::{DecodeError, Decoder, Registry};
use schemas::connection_event::ConnectionEvent;
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;
use service_kit::retry::Backoff;
use tokio::task::JoinSet;

use crate::adapters::{DeadLetters, OffsetCommitter, RowWriter};
use crate::config::Config;
use crate::error::Error;
use crate::metrics::{IngestMetrics, TableLabel};
use crate::stages::accept_event::accept_event;
use crate::stages::fill_batch::{Batch, Batcher, Limits};

/// How often ages are looked at.
const TICK: Duration = Duration::from_millis(100);

/// The world outside.
pub(crate) struct Ports<R, D, O> {
    pub(crate) rows: R,
    pub(crate) dead_letters: D,
    pub(crate) offsets: O,
}

/// How the writing of a batch ended.
#[derive(Debug)]
struct Written {
    partition: i32,
    bytes: usize,
    outcome: Result<(), Error>,
}

pub(crate) struct Pipeline<R, D, O> {
    config: Config,
    limits: Limits,
    decoder: Decoder<ConnectionEvent>,
    registry: Registry,
    ports: Arc<Ports<R, D, O>>,
    metrics: IngestMetrics,
    context: ServiceContext,
    /// Ends the retries of writes; later than `context.stop`, because what is held is still written then.
    give_up: CancellationToken,
    open: HashMap<i32, Batcher>,
    writing: HashMap<i32, usize>,
    writes: JoinSet<Written>,
    /// Revokes whose partitions are still being written.
    letting_go: Vec<(Vec<i32>, Acknowledged)>,
}

impl<R: RowWriter, D: DeadLetters, O: OffsetCommitter> Pipeline<R, D, O> {
    pub(crate) fn new(
        config: Config,
        decoder: Decoder<ConnectionEvent>,
        registry: Registry,
        ports: Ports<R, D, O>,
        metrics: IngestMetrics,
        context: ServiceContext,
    ) -> Self {
        Self {
            limits: Limits::from(&config),
            config,
            decoder,
            registry,
            ports: Arc::new(ports),
            metrics,
            context,
            give_up: CancellationToken::new(),
            open: HashMap::new(),
            writing: HashMap::new(),
            writes: JoinSet::new(),
            letting_go: Vec::new(),
        }
    }

    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let consumed = self.consume(&mut consumer).await;
        let drained = match consumed {
            Ok(()) => self.drain().await,
            Err(error) => Err(error),
        };
        self.give_up.cancel();
        self.writes.shutdown().await;
        consumer.close().await;
        drained
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let stop = self.context.stop.clone();
        let mut ticks = tokio::time::interval(TICK);
        loop {
            // Arrivals wait in the consumer, within its bound, while batches wait to be written.
            let takes_more = self.takes_more();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                Some(written) = self.writes.join_next() => self.written(written)?,
                _ = ticks.tick() => {}
                arrival = consumer.next(), if takes_more => {
                    if !self.arrived(arrival?).await? {
                        return Ok(());
                    }
                }
            }
            self.write_what_is_due(self.context.clock.monotonic());
        }
    }

    fn takes_more(&self) -> bool {
        let held: usize = self.open.values().map(Batcher::bytes).sum::<usize>() + self.writing.values().sum::<usize>();
        self.metrics.buffered_bytes.set(i64::try_from(held).unwrap_or(i64::MAX));
        held < self.config.buffered_bytes_max && !self.open.values().any(|batcher| batcher.is_full(&self.limits))
    }

    /// False: told to stop while a schema was waited for.
    async fn arrived(&mut self, arrival: Arrival) -> Result<bool, Error> {
        match arrival {
            Arrival::Assigned { epoch, partitions } => {
                tracing::info!(epoch, partitions = partitions.len(), "assigned");
                for partition in partitions {
                    self.open.insert(partition.number, Batcher::new(partition, epoch));
                }
            }
            Arrival::Revoked { partitions, acknowledged } => self.revoked(&partitions, acknowledged),
            Arrival::Record(record) => return self.record(record).await,
            Arrival::End { partition, position, .. } => {
                let now = self.context.clock.monotonic();
                if let Some(batcher) = self.open.get_mut(&partition.number) {
                    batcher.moved_to(position, now);
                }
            }
        }
        Ok(true)
    }

    /// What was not written yet is dropped: the next owner reads it again. What is being written is waited for.
    fn revoked(&mut self, partitions: &[Partition], acknowledged: Acknowledged) {
        tracing::info!(partitions = partitions.len(), "revoked");
        let numbers: Vec<i32> = partitions.iter().map(|partition| partition.number).collect();
        for number in &numbers {
            self.open.remove(number);
        }
        self.letting_go.push((numbers, acknowledged));
        self.let_go();
    }

    fn let_go(&mut self) {
        let writing = &self.writing;
        self.letting_go.retain(|(numbers, _)| numbers.iter().any(|number| writing.contains_key(number)));
    }

    async fn record(&mut self, record: Record) -> Result<bool, Error> {
        let value = record.payload.clone().unwrap_or_default();
        let mut decoded = self.decoder.decode(&value);
        if let Err(DecodeError::UnknownSchema(id)) = decoded {
            // A registry that is away is no reason for a dead letter: wait.
            match self.decoder.learn_from(&self.registry, id, &self.context.stop).await {
                None => return Ok(false),
                Some(learned) => learned?,
            }
            decoded = self.decoder.decode(&value);
        }
        self.metrics.received.inc();
        let decision = accept_event(&self.config.source, &record, decoded);
        let now = self.context.clock.monotonic();
        if let Some(batcher) = self.open.get_mut(&record.partition.number) {
            batcher.add(record, decision, now);
        }
        Ok(true)
    }

    fn write_what_is_due(&mut self, now: Instant) {
        let due = self
            .open
            .iter()
            .filter(|(number, batcher)| batcher.is_due(&self.limits, now) && !self.writing.contains_key(number));
        let due: Vec<i32> = due.map(|(number, _)| *number).collect();
        for number in due {
            if self.writes.len() >= self.config.writes_max {
                return;
            }
            if let Some(batch) = self.open.get_mut(&number).and_then(Batcher::close) {
                self.begin_write(batch);
            }
        }
    }

    fn begin_write(&mut self, batch: Batch) {
        self.writing.insert(batch.partition.number, batch.bytes);
        self.metrics.writes_running.set(i64::try_from(self.writing.len()).unwrap_or(i64::MAX));
        let write = Write {
            ports: Arc::clone(&self.ports),
            metrics: self.metrics.clone(),
            give_up: self.give_up.clone(),
            source: self.config.source.clone(),
        };
        self.writes.spawn(async move {
            let (partition, bytes) = (batch.partition.number, batch.bytes);
            Written { partition, bytes, outcome: write.run(batch).await }
        });
    }

    fn written(&mut self, written: Result<Written, tokio::task::JoinError>) -> Result<(), Error> {
        let written = written.map_err(|_| Error::NotDrained)?;
        tracing::trace!(partition = written.partition, bytes = written.bytes, "batch is done with");
        self.writing.remove(&written.partition);
        self.metrics.writes_running.set(i64::try_from(self.writing.len()).unwrap_or(i64::MAX));
        self.let_go();
        written.outcome
    }

    /// Writes and commits what is held, within the deadline.
    async fn drain(&mut self) -> Result<(), Error> {
        let drained = tokio::time::timeout(self.config.drain_max, async {
            loop {
                let idle: Vec<i32> = self.open.keys().filter(|it| !self.writing.contains_key(*it)).copied().collect();
                for number in idle {
                    if let Some(batch) = self.open.get_mut(&number).and_then(Batcher::close) {
                        self.begin_write(batch);
                    }
                }
                let Some(written) = self.writes.join_next().await else { return Ok(()) };
                self.written(written)?;
            }
        });
        drained.await.unwrap_or(Err(Error::NotDrained))
    }
}

/// Writes one batch: rejects, rows, offset, in this order; each again and again while what it needs is away.
struct Write<R, D, O> {
    ports: Arc<Ports<R, D, O>>,
    metrics: IngestMetrics,
    give_up: CancellationToken,
    source: String,
}

impl<R: RowWriter, D: DeadLetters, O: OffsetCommitter> Write<R, D, O> {
    async fn run(self, mut batch: Batch) -> Result<(), Error> {
        let give_up = self.give_up.clone();
        give_up.run_until_cancelled(self.steps(&mut batch)).await.unwrap_or(Err(Error::NotDrained))
    }

    async fn steps(&self, batch: &mut Batch) -> Result<(), Error> {
        self.ports.dead_letters.put(&batch.rejects).await?;
        self.metrics.dead_lettered.inc_by(batch.rejects.len() as u64);
        let token = batch.token(&self.source);
        for (table, rows) in [
            (EventTable::Connections, std::mem::take(&mut batch.connections)),
            (EventTable::ConnectionOpenings, std::mem::take(&mut batch.openings)),
        ] {
            if rows.is_empty() {
                continue;
            }
            let stored = rows.len() as u64;
            self.store(table, rows, &token).await?;
            self.metrics.stored.get_or_create(&TableLabel { table: table.name() }).inc_by(stored);
        }
        self.metrics.batches.inc();
        self.commit(batch).await;
        Ok(())
    }

    async fn store(
        &self,
        table: EventTable,
        rows: Vec<clickhouse_io::rows::ConnectionRow>,
        token: &str,
    ) -> Result<(), QueryError> {
        let mut backoff = Backoff::default();
        loop {
            let Err(error) = self.ports.rows.write(table, rows.clone(), token).await else { return Ok(()) };
            match error.next_step() {
                NextStep::Retry => {
                    tracing::warn!(%error, table = table.name(), "waiting for ClickHouse");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
                NextStep::Isolate | NextStep::Stop => return Err(error),
            }
        }
    }

    async fn commit(&self, batch: &Batch) {
        let mut backoff = Backoff::default();
        loop {
            match self.ports.offsets.commit(&batch.partition, batch.epoch, batch.position).await {
                Ok(()) => {
                    self.metrics.commits.inc();
                    return;
                }
                // The next owner stores the batch again; copies are dropped by readers.
                Err(CommitError::NotOurs(reason)) => {
                    tracing::warn!(partition = %batch.partition, reason, "the batch is stored, its partition has gone");
                    return;
                }
                Err(CommitError::Retry(reason)) => {
                    tracing::warn!(partition = %batch.partition, reason, "waiting for Kafka");
                    self.metrics.retries.inc();
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
