//! The order of the stages: arrival, schema, decode and contract, range; then the protocol of the range in a task of its own.
//!
//! One thread reads and decodes everything: records are looked at where librdkafka keeps them, and nothing is copied but into
//! columns. It never waits for ClickHouse: while the writers are behind it takes nothing more, and librdkafka's prefetch, which is
//! bounded, fills up.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use event_columns::ENCODER_VERSION;
use exactly_once::{Assignment, Ended, Limits, RangeWriter, Source, TokenLife, WriteError};
use kafka_io::batches::{
    Acknowledged, Arrived, AssignedPartition, BatchConsumer, BatchRecord, FetchError, Fetched, Item, Waker,
};
use schema_registry::{Registry, RegistryError, SchemaId, WriterSchema};
use schemas::topics::CONNECTION_EVENTS;
use service_kit::context::ServiceContext;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::adapters::{ClickHouseStore, PartitionLog, StoreFailure, ask_registry};
use crate::block::Pool;
use crate::config::Config;
use crate::error::Error;
use crate::lag::Lag;
use crate::lane::{Lane, Notes, Progress};
use crate::metrics::IngestMetrics;
use crate::stages::fill_range::{Incoming, RangeFiller};
use crate::stages::know_schemas::{Reading, WriterSchemas};

/// Most records that are taken at once.
const RECORDS_MAX: usize = 10_000;
/// Longest wait for records: ages are looked at as often.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// Closed ranges of one partition that wait for its writer, beside the one that is written.
const RANGES_WAITING: usize = 1;

/// What tasks tell the thread.
enum Told {
    /// A writer has ended.
    Written { partition: i32, epoch: u64, ended: Result<Ended, WriteError<StoreFailure>> },
    /// The registry has answered.
    Schema { id: SchemaId, answer: Result<WriterSchema, RegistryError> },
    /// Where the partitions of the topic end.
    Ends(BTreeMap<i32, i64>),
}

/// The world outside.
pub(crate) struct Parts {
    pub(crate) consumer: BatchConsumer,
    pub(crate) registry: Registry,
    /// For any partition: each lane has its own clone.
    pub(crate) store: ClickHouseStore,
    pub(crate) token_life: TokenLife,
}

pub(crate) struct Pipeline {
    config: Config,
    limits: Limits,
    parts: Parts,
    waker: Waker,
    schemas: WriterSchemas,
    lanes: HashMap<i32, Lane>,
    pool: Arc<Pool>,
    teller: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    metrics: IngestMetrics,
    context: ServiceContext,
    runtime: Handle,
    lag: Lag,
}

impl Pipeline {
    pub(crate) fn new(
        config: Config,
        parts: Parts,
        metrics: IngestMetrics,
        context: ServiceContext,
        runtime: Handle,
    ) -> Self {
        let (teller, told) = mpsc::channel();
        let lag = Lag::new(context.clock.monotonic());
        Self {
            limits: Limits { rows: config.batch_rows, bytes: config.batch_bytes, age: config.batch_age },
            pool: Pool::new(&config.source),
            waker: parts.consumer.waker(),
            config,
            parts,
            schemas: WriterSchemas::default(),
            lanes: HashMap::new(),
            teller,
            told,
            metrics,
            context,
            runtime,
            lag,
        }
    }

    /// Reads until the context is told to stop; then what is held is written. Blocks its thread.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        let read = self.read();
        let done = match read {
            Ok(()) => self.drain(),
            Err(error) => Err(error),
        };
        let left: Vec<i32> = self.lanes.keys().copied().collect();
        for lane in self.without(&left) {
            lane.writer.abort();
            self.metrics.abandoned.inc_by(lane.progress.take_records());
        }
        self.parts.consumer.close();
        done
    }

    fn read(&mut self) -> Result<(), Error> {
        while !self.context.stop.is_cancelled() {
            let records_max = if self.takes_more() { RECORDS_MAX } else { 0 };
            self.step(records_max)?;
            let now = self.context.clock.monotonic();
            for (partition, lane) in &mut self.lanes {
                lane.close_if_due(now);
                if lane.is_deserted(now) {
                    let reason = format!("partition {partition} is not ours any more, and the client does not notice");
                    return Err(FetchError::MakeAnew(reason).into());
                }
            }
            self.set_gauges(now);
        }
        Ok(())
    }

    /// Hears what tasks tell, and takes what came.
    fn step(&mut self, records_max: usize) -> Result<(), Error> {
        while let Ok(told) = self.told.try_recv() {
            self.heard(told)?;
        }
        for lane in self.lanes.values_mut() {
            lane.hand_on();
        }
        match self.parts.consumer.next(records_max, WAIT_MAX)? {
            None => {}
            Some(Arrived::Assigned { epoch, partitions }) => self.assigned(epoch, &partitions)?,
            Some(Arrived::Revoked { partitions, acknowledged }) => self.revoked(&partitions, acknowledged),
            Some(Arrived::Lost { partitions }) => self.lost(&partitions),
            Some(Arrived::Fetched(fetched)) => self.fetched(&fetched)?,
        }
        Ok(())
    }

    /// True while there is room: within the bound of bytes, and no writer behind. The fullest range is closed where the bound is
    /// reached by open ranges.
    fn takes_more(&mut self) -> bool {
        let open: usize = self.lanes.values().map(|lane| lane.filler.memory_bytes()).sum();
        let held = open + self.pool.closed_bytes();
        self.metrics.held_bytes.set(i64::try_from(held).unwrap_or(i64::MAX));
        if self.lanes.values().any(Lane::is_behind) {
            return false;
        }
        if held < self.config.buffered_bytes_max {
            return true;
        }
        // Half is left to what is being written.
        if open <= self.config.buffered_bytes_max / 2 {
            return false;
        }
        let may_close = self.lanes.values_mut().filter(|lane| !lane.filler.ends_as_recorded());
        match may_close.max_by_key(|lane| lane.filler.memory_bytes()).filter(|lane| lane.filler.records() > 0) {
            Some(fullest) => {
                fullest.close();
                false
            }
            // Nothing but ranges that are done again: they end where their intents say, and only their ends make room.
            None => true,
        }
    }

    fn assigned(&mut self, epoch: u64, partitions: &[AssignedPartition]) -> Result<(), Error> {
        tracing::info!(epoch, partitions = partitions.len(), "assigned");
        for assigned in partitions {
            let lane = self.lane(epoch, assigned)?;
            self.lanes.insert(assigned.number, lane);
        }
        self.count_lanes();
        Ok(())
    }

    fn lane(&self, epoch: u64, assigned: &AssignedPartition) -> Result<Lane, Error> {
        let partition = assigned.number;
        let committed = assigned.committed.as_ref().map(|committed| (committed.offset, committed.note.as_str()));
        let assignment = Assignment::new(committed, assigned.start);
        let filler = RangeFiller::new(partition, &assignment, self.limits, &self.pool);
        let (ranges, mut closed) = tokio::sync::mpsc::channel(RANGES_WAITING);
        let progress = Progress::from(assignment.begin());
        let clock = Arc::clone(&self.context.clock);
        let since_1970 = move || clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let writer = RangeWriter {
            log: PartitionLog {
                committer: self.parts.consumer.committer(),
                partition,
                epoch,
                progress: progress.clone(),
                metrics: self.metrics.clone(),
            },
            store: ClickHouseStore { partition, ..self.parts.store.clone() },
            observer: Arc::new(Notes { metrics: self.metrics.clone(), progress: progress.clone(), partition }),
            now_ms: Arc::new(move || i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)),
            source: Source::new(format!("{}/{}/{partition}", self.config.source, CONNECTION_EVENTS.name))?,
            encoder: ENCODER_VERSION,
            token_life: self.parts.token_life,
            delivery: self.config.delivery,
        };
        let (teller, waker) = (self.teller.clone(), self.waker.clone());
        let writer = self.runtime.spawn(async move {
            let ended = writer.run(&assignment, &mut closed).await;
            // A thread that has ended wants to hear nothing.
            let _ = teller.send(Told::Written { partition, epoch, ended });
            waker.wake();
        });
        Ok(Lane {
            epoch,
            filler,
            held_at: None,
            progress,
            writer,
            deserted_since: None,
            ranges,
            waiting: VecDeque::new(),
        })
    }

    fn count_lanes(&self) {
        self.metrics.partitions.set(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX));
    }

    fn without(&mut self, partitions: &[i32]) -> Vec<Lane> {
        let gone: Vec<Lane> = partitions.iter().filter_map(|number| self.lanes.remove(number)).collect();
        self.metrics.abandoned.inc_by(gone.iter().map(|lane| lane.filler.records()).sum());
        for partition in partitions {
            self.metrics.forget_lag(*partition);
        }
        self.count_lanes();
        gone
    }

    /// What is open is dropped: the next owner reads it again. What the writers have is written, as far as the deadline allows,
    /// and then the partitions are let go.
    fn revoked(&mut self, partitions: &[i32], acknowledged: Acknowledged) {
        tracing::info!(partitions = partitions.len(), "revoked");
        let metrics = self.metrics.clone();
        let going: Vec<(JoinHandle<()>, Progress)> =
            self.without(partitions).into_iter().map(|lane| (lane.writer, lane.progress)).collect();
        let deadline = tokio::time::Instant::from_std(self.context.clock.monotonic() + self.config.revoke_wait());
        self.runtime.spawn(async move {
            for (mut writer, progress) in going {
                if tokio::time::timeout_at(deadline, &mut writer).await.is_err() {
                    // Its commits are refused from the moment at which the partition goes: like a crash, which is safe.
                    writer.abort();
                }
                metrics.abandoned.inc_by(progress.take_records());
            }
            drop(acknowledged);
        });
    }

    fn lost(&mut self, partitions: &[i32]) {
        tracing::warn!(partitions = partitions.len(), "lost: the group went on without this member");
        for lane in self.without(partitions) {
            lane.writer.abort();
            self.metrics.abandoned.inc_by(lane.progress.take_records());
        }
    }

    fn fetched(&mut self, fetched: &Fetched) -> Result<(), Error> {
        self.metrics.received.inc_by(fetched.records() as u64);
        let now = self.context.clock.monotonic();
        for item in fetched.items() {
            match item {
                Item::Record(record) => self.record(&record, now)?,
                Item::End { partition, epoch, position } => {
                    if let Some(lane) =
                        self.lanes.get_mut(&partition).filter(|lane| lane.epoch == epoch && lane.held_at.is_none())
                    {
                        lane.filler.move_to(position, now);
                        if lane.filler.is_full() {
                            lane.close();
                        }
                    }
                }
                Item::OutOfRange { partition, offset, .. } => return Err(Error::OffsetIsGone { partition, offset }),
                Item::Trouble { partition, reason, .. } => {
                    tracing::warn!(partition, reason, "Kafka gives nothing of this partition for now");
                    self.metrics.retries.inc();
                }
            }
        }
        Ok(())
    }

    fn record(&mut self, record: &BatchRecord<'_>, now: Instant) -> Result<(), Error> {
        let Some(lane) = self.lanes.get_mut(&record.partition).filter(|lane| lane.epoch == record.epoch) else {
            self.metrics.abandoned.inc();
            return Ok(());
        };
        // It comes again when its partition goes on.
        if lane.held_at.is_some_and(|from| record.offset >= from) {
            self.metrics.abandoned.inc();
            return Ok(());
        }
        let reading = self.schemas.reading(record.payload.unwrap_or_default());
        if let Reading::Wait { id, is_new } = reading {
            self.parts.consumer.hold(record.partition, record.epoch, record.offset)?;
            lane.held_at = Some(record.offset);
            self.metrics.abandoned.inc();
            // What came before it need not wait.
            lane.close();
            if is_new {
                self.ask_for(id);
            }
            return Ok(());
        }
        if lane.filler.ends_before(record.offset, now) {
            lane.close();
        }
        let headers =
            || record.headers().map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_vec())).collect();
        let incoming = Incoming {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key,
            payload: record.payload,
            headers: &headers,
        };
        lane.filler.add(&incoming, &reading, now);
        if lane.filler.is_full() {
            lane.close();
        }
        Ok(())
    }

    /// Other partitions go on meanwhile.
    fn ask_for(&self, id: SchemaId) {
        self.metrics.schemas_waited_for.inc();
        let (registry, stop) = (self.parts.registry.clone(), self.context.stop.clone());
        let (teller, waker) = (self.teller.clone(), self.waker.clone());
        self.runtime.spawn(async move {
            if let Some(answer) = ask_registry(&registry, id, &stop).await {
                let _ = teller.send(Told::Schema { id, answer });
                waker.wake();
            }
        });
    }

    fn heard(&mut self, told: Told) -> Result<(), Error> {
        match told {
            Told::Written { partition, epoch, ended } => {
                let ours = self.lanes.get_mut(&partition).filter(|lane| lane.epoch == epoch);
                match (ended, ours) {
                    // Of a partition that is ours still, only the writer of a fenced member ends: Kafka will say so too.
                    (Ok(ended), ours) => {
                        tracing::debug!(partition, epoch, is_ours = ours.is_some(), ?ended, "writer has ended");
                        if let Some(lane) = ours {
                            lane.deserted_since = Some(self.context.clock.monotonic());
                        }
                    }
                    (Err(error), Some(_)) => return Err(Error::Write { partition, error }),
                    (Err(error), None) => {
                        tracing::warn!(partition, epoch, %error, "a range of a partition that has gone failed");
                    }
                }
            }
            Told::Schema { id, answer } => {
                self.metrics.schemas_waited_for.dec();
                match answer {
                    Ok(schema) => self.schemas.learn(id, &schema.0),
                    Err(error @ RegistryError::NoSuchSchema(_)) => self.schemas.is_no_schema(id, error.to_string()),
                    Err(error) => return Err(error.into()),
                }
                // Whichever schema they wait for: those of another one are held again.
                for (partition, lane) in &mut self.lanes {
                    if lane.held_at.take().is_some() {
                        self.parts.consumer.go_on(*partition, lane.epoch)?;
                    }
                }
            }
            Told::Ends(ends) => self.metrics.set_lag_events(&self.lanes, &ends),
        }
        Ok(())
    }

    fn set_gauges(&mut self, now: Instant) {
        if !self.lag.is_due(now) {
            return;
        }
        let now_ms = self.context.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
        self.metrics.set_lag_seconds(&self.lanes, i64::try_from(now_ms).unwrap_or(i64::MAX));
        let teller = self.teller.clone();
        self.lag.ask(now, &self.parts.store.kafka, &self.runtime, move |ends| {
            // A thread that has ended wants to hear nothing.
            let _ = teller.send(Told::Ends(ends));
        });
    }

    /// Writes what is held, within the deadline. Partitions may go meanwhile.
    fn drain(&mut self) -> Result<(), Error> {
        let deadline = self.context.clock.monotonic() + self.config.drain_max;
        for lane in self.lanes.values_mut() {
            lane.close();
        }
        loop {
            self.lanes.retain(|_, lane| {
                let done = lane.progress.is_all_written() && lane.waiting.is_empty();
                !done
            });
            if self.lanes.is_empty() {
                return Ok(());
            }
            if self.context.clock.monotonic() > deadline {
                return Err(Error::NotDrained);
            }
            self.step(0)?;
        }
    }
}
