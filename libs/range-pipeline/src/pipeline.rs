//! The order of the stages: arrival, schema, decode and contract, range; then the protocol of the range in a task of its own.
//!
//! One thread reads and decodes everything: records are looked at where librdkafka keeps them, and nothing is copied but into
//! columns. It never waits for ClickHouse: while the writers are behind it takes nothing more, and librdkafka's prefetch, which is
//! bounded, fills up.

mod partitions;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use exactly_once::{Ended, WriteError};
use kafka_io::KafkaConfig;
use kafka_io::batches::{Arrived, BatchConsumer, BatchRecord, CommitFailure, FetchError, Fetched, Item, Waker};
use schema_registry::{Registry, RegistryError, SchemaId, WriterSchema};
use service_kit::CancellationToken;
use service_kit::context::ServiceContext;
use tokio::runtime::Handle;

use crate::ask_registry::ask_registry;
use crate::error::Error;
use crate::fill_range::Incoming;
use crate::job::{Fill, Job};
use crate::know_schemas::{Reading, WriterSchemas};
use crate::lag::Lag;
use crate::lane::{HeldRecord, Lane};
use crate::made_anew::MadeAnew;
use crate::metrics::{Counted, RangeMetrics};
use crate::settings::{PARTITIONS_USUAL, Settings};

/// Most records that are taken at once.
const RECORDS_MAX: usize = 10_000;
/// Longest wait for records: ages are looked at as often.
const WAIT_MAX: Duration = Duration::from_millis(50);

/// Before the registry is asked again for a schema that it does not know.
const ASK_AGAIN_PAUSE: Duration = Duration::from_secs(1);

/// What tasks tell the thread.
enum Told<F> {
    /// A writer has ended.
    Written { partition: i32, epoch: u64, ended: Result<Ended, WriteError<F>> },
    /// The registry has answered.
    Schema { id: SchemaId, answer: Result<WriterSchema, RegistryError> },
    /// Where the partitions of the topic end.
    Ends(BTreeMap<i32, i64>),
    /// The topic is another one than that of this assignment.
    OtherTopic { epoch: u64, topic: String },
}

/// The world outside.
pub(crate) struct Parts<J> {
    pub(crate) consumer: BatchConsumer,
    pub(crate) kafka: KafkaConfig,
    pub(crate) registry: Registry,
    pub(crate) job: J,
    /// Cancelled when nobody waits for this pipeline any more.
    pub(crate) abandoned: CancellationToken,
}

pub(crate) struct Pipeline<J: Job> {
    settings: Settings,
    parts: Parts<J>,
    waker: Waker,
    schemas: WriterSchemas,
    lanes: HashMap<i32, Lane<J>>,
    teller: mpsc::Sender<Told<J::Failure>>,
    told: mpsc::Receiver<Told<J::Failure>>,
    metrics: RangeMetrics,
    context: ServiceContext,
    runtime: Handle,
    lag: Lag,
    /// What beats are counted from.
    begin: Instant,
}

impl<J: Job> Pipeline<J> {
    pub(crate) fn new(
        settings: Settings,
        parts: Parts<J>,
        metrics: RangeMetrics,
        context: ServiceContext,
        runtime: Handle,
    ) -> Self {
        let (teller, told) = mpsc::channel();
        let begin = context.clock.monotonic();
        let lag = Lag::new(begin);
        Self {
            waker: parts.consumer.waker(),
            settings,
            parts,
            schemas: WriterSchemas::default(),
            lanes: HashMap::new(),
            teller,
            told,
            metrics,
            context,
            runtime,
            lag,
            begin,
        }
    }

    /// Reads until the context is told to stop; then what is held is written. Blocks its thread.
    pub(crate) fn run(mut self) -> Result<(), Error<J::Failure>> {
        let read = self.read();
        let done = match read {
            Ok(()) => self.drain(),
            Err(error) => Err(error),
        };
        let left: Vec<i32> = self.lanes.keys().copied().collect();
        for lane in self.without(&left) {
            lane.writer.abort();
            lane.progress.let_go();
        }
        self.parts.consumer.close();
        done
    }

    fn read(&mut self) -> Result<(), Error<J::Failure>> {
        while !self.context.stop.is_cancelled() && !self.parts.abandoned.is_cancelled() {
            let records_max = if self.takes_more() { RECORDS_MAX } else { 0 };
            self.step(records_max)?;
            let now = self.context.clock.monotonic();
            let filling = self.lanes.values().filter(|lane| lane.filler.records() > 0).count();
            for (partition, lane) in &mut self.lanes {
                lane.close_if_due(now, filling > PARTITIONS_USUAL);
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
    fn step(&mut self, records_max: usize) -> Result<(), Error<J::Failure>> {
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
        let held = open + self.parts.job.fill().closed_bytes();
        self.metrics.held_bytes.set(i64::try_from(held).unwrap_or(i64::MAX));
        if self.lanes.values().any(Lane::is_behind) {
            return false;
        }
        if held < self.settings.buffered_bytes_max {
            return true;
        }
        // Half is left to what is being written.
        if open <= self.settings.buffered_bytes_max / 2 {
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

    fn fetched(&mut self, fetched: &Fetched) -> Result<(), Error<J::Failure>> {
        let taken = self.take(fetched);
        self.lanes.values_mut().for_each(Lane::count);
        taken
    }

    fn take(&mut self, fetched: &Fetched) -> Result<(), Error<J::Failure>> {
        let now = self.context.clock.monotonic();
        let young_since_ms = self.young_since_ms();
        for item in fetched.items() {
            match item {
                Item::Record(record) => self.record(&record, now, young_since_ms)?,
                Item::End { partition, epoch, position } => {
                    if let Some(lane) =
                        self.lanes.get_mut(&partition).filter(|lane| lane.epoch == epoch && lane.held.is_none())
                    {
                        lane.filler.move_to(position, now);
                        lane.is_caught_up = true;
                        if lane.filler.is_full() {
                            lane.close();
                        }
                    }
                }
                Item::OutOfRange { partition, offset, .. } => {
                    let Settings { group, topic, .. } = self.settings;
                    return Err(Error::OffsetIsGone { group, topic, partition, offset });
                }
                Item::Trouble { partition, reason, .. } => {
                    tracing::warn!(partition, reason, "Kafka gives nothing of this partition for now");
                    self.metrics.retries.inc();
                }
            }
        }
        Ok(())
    }

    /// Unix milliseconds since when a record is too young to be a backlog's.
    fn young_since_ms(&self) -> i64 {
        let since = self.context.clock.now().checked_sub(self.settings.limits.age);
        let since_1970 = since.and_then(|since| since.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
    }

    fn record(&mut self, record: &BatchRecord<'_>, now: Instant, young_since_ms: i64) -> Result<(), Error<J::Failure>> {
        let Some(lane) = self.lanes.get_mut(&record.partition).filter(|lane| lane.epoch == record.epoch) else {
            self.metrics.came_for_nothing();
            return Ok(());
        };
        // It comes again when its partition goes on.
        if lane.held.is_some_and(|from| record.offset >= from.offset) {
            self.metrics.came_for_nothing();
            return Ok(());
        }
        let reading = self.schemas.reading(record.payload.unwrap_or_default(), now);
        if let Reading::Wait { id, is_new } = reading {
            self.parts.consumer.hold(record.partition, record.epoch, record.offset)?;
            lane.held = Some(HeldRecord { offset: record.offset, timestamp_ms: record.timestamp_ms });
            self.metrics.came_for_nothing();
            // What came before it need not wait.
            lane.close();
            if is_new {
                self.ask_for(id, Duration::ZERO);
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
        lane.tally.came();
        lane.filler.add(&incoming, &reading, now);
        lane.came(record.timestamp_ms, young_since_ms);
        if lane.filler.is_full() {
            lane.close();
        }
        Ok(())
    }

    /// Other partitions go on meanwhile.
    fn ask_for(&self, id: SchemaId, pause: Duration) {
        let waited_for = Counted::new(&self.metrics.schemas_waited_for);
        let (registry, stop) = (self.parts.registry.clone(), self.context.stop.clone());
        let (teller, waker) = (self.teller.clone(), self.waker.clone());
        self.runtime.spawn(async move {
            let answer = ask_registry(&registry, id, pause, &stop).await;
            // Also where the pipeline that asked is no more.
            drop(waited_for);
            if let Some(answer) = answer {
                let _ = teller.send(Told::Schema { id, answer });
                waker.wake();
            }
        });
    }

    fn heard(&mut self, told: Told<J::Failure>) -> Result<(), Error<J::Failure>> {
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
                match answer {
                    Ok(schema) => self.schemas.learn(id, &schema.0),
                    Err(error @ RegistryError::NoSuchSchema(_)) => {
                        let now = self.context.clock.monotonic();
                        if !self.schemas.is_no_schema(id, error.to_string(), now) {
                            self.ask_for(id, ASK_AGAIN_PAUSE);
                            return Ok(());
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
                // Whichever schema they wait for: those of another one are held again.
                for (partition, lane) in &mut self.lanes {
                    if lane.held.take().is_some() {
                        self.parts.consumer.go_on(*partition, lane.epoch)?;
                    }
                }
            }
            Told::Ends(ends) => {
                let now = self.context.clock.monotonic();
                for (partition, lane) in &mut self.lanes {
                    lane.ends_at(ends.get(partition).copied().unwrap_or_default(), now);
                }
                self.metrics.set_lag_events(&self.lanes, &ends);
            }
            Told::OtherTopic { epoch, topic } => {
                // Of assignments that have ended nothing more is written.
                if self.lanes.values().any(|lane| lane.epoch == epoch) {
                    return Err(MadeAnew::UnderUs { topic }.into());
                }
            }
        }
        Ok(())
    }

    fn set_gauges(&mut self, now: Instant) {
        if !self.lag.is_due(now) {
            return;
        }
        let now_ms = self.context.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
        self.metrics.set_lag_seconds(&self.lanes, now, i64::try_from(now_ms).unwrap_or(i64::MAX));
        let teller = self.teller.clone();
        let is_asked = self.lag.ask(now, &self.parts.kafka, self.settings.topic, &self.runtime, move |ends| {
            // A thread that has ended wants to hear nothing.
            let _ = teller.send(Told::Ends(ends));
        });
        if is_asked {
            self.check_topic();
        }
    }

    /// Asks whether the topic is still the one that was assigned. Each commit asks too: this is for partitions of which nothing comes, as
    /// of a topic that was made anew and is not as long as the old one yet.
    fn check_topic(&self) {
        let (committer, teller) = (self.parts.consumer.committer(), self.teller.clone());
        let epochs: BTreeSet<u64> = self.lanes.values().map(|lane| lane.epoch).collect();
        self.runtime.spawn_blocking(move || {
            for epoch in epochs {
                match committer.check_topic(epoch) {
                    Ok(()) => {}
                    Err(CommitFailure::OtherTopic(topic)) => {
                        // A thread that has ended wants to hear nothing.
                        let _ = teller.send(Told::OtherTopic { epoch, topic });
                    }
                    // Nobody answers: the next time again.
                    Err(_) => return,
                }
            }
        });
    }

    /// Writes what is held, within the deadline. Partitions may go meanwhile.
    fn drain(&mut self) -> Result<(), Error<J::Failure>> {
        let deadline = self.context.clock.monotonic() + self.settings.drain_max;
        for lane in self.lanes.values_mut() {
            lane.close();
        }
        loop {
            // Of a partition that its writer has given up nothing more is written here: its next owner reads it again.
            let is_done = |lane: &Lane<J>| lane.is_all_written() || lane.deserted_since.is_some();
            let done: Vec<i32> =
                self.lanes.iter().filter(|(_, lane)| is_done(lane)).map(|(number, _)| *number).collect();
            for lane in self.without(&done) {
                lane.progress.let_go();
            }
            if self.lanes.is_empty() || self.parts.abandoned.is_cancelled() {
                return Ok(());
            }
            if self.context.clock.monotonic() > deadline {
                return Err(Error::NotDrained);
            }
            self.step(0)?;
        }
    }
}
