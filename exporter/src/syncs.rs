//! Writes the objects of bucket syncs.
//!
//! Members of a group share the partitions of the syncs' topic, and each folds its own from the beginning. One step of a sync is one
//! event: a plan of what the next object holds, or that nothing came; the object, and that it is stored. Each step is taken from what the
//! topic says alone, after the last one has come round. Two exporters that both believe that a sync is theirs, or one that dies
//! between storing and noting, come to one object under one name ([`object`]).

mod object;
mod step;
mod tell;
mod turns;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bucket_syncs::{SyncJournal, SyncState, take};
use clickhouse_io::GivingWay;
use kafka_io::{Arrival, GroupConsumer, Partition, Record};
use report_life::JournalError;
use report_store::{ReportStore, StoreError};
use schema_registry::{Decoder, Registry};
use schemas::bucket_sync_event::BucketSyncEvent;
use schemas::ids::SyncId;
use schemas::times::Moment;
use service_kit::CancellationToken;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::step::Step;
use self::turns::{Busy, Key, Work, to_begin};
use crate::adapters::Parts;
use crate::error::Error;
use crate::life::Life;
use crate::metrics::SyncMetrics;

/// The group whose members share the syncs.
pub(crate) const GROUP: &str = "exporter-syncs";
/// How often it is looked what is due.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A step's event has come round after so long, or will not.
const ROUND_MAX: Duration = Duration::from_secs(10);
/// After a step that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Buckets by name.
pub(crate) type Destinations = BTreeMap<String, ReportStore>;

/// Opens the buckets; connects to them when they are first used.
pub(crate) fn opened(config: &bucket_syncs::Config) -> Result<Destinations, StoreError> {
    config.destinations.iter().map(|(name, store)| Ok((name.clone(), ReportStore::open(store)?))).collect()
}

/// What steps are taken with.
pub(crate) struct SyncsParts {
    pub(crate) journal: SyncJournal,
    pub(crate) decoder: Decoder<BucketSyncEvent>,
    pub(crate) registry: Registry,
    pub(crate) clickhouse: GivingWay,
    pub(crate) destinations: Destinations,
    pub(crate) metrics: SyncMetrics,
}

/// The syncs of a partition that is ours.
#[derive(Default)]
struct Ours {
    /// All that lay there was read: before, a sync is further than what was read of it.
    is_read: bool,
    syncs: BTreeMap<SyncId, SyncState>,
    /// Cancelled when the partition goes away: another exporter mails then.
    until: CancellationToken,
}

pub(crate) struct Syncs {
    decoder: Decoder<BucketSyncEvent>,
    registry: Registry,
    step: Arc<Step>,
    partitions: HashMap<i32, Ours>,
    busy: HashMap<Key, Busy>,
    /// Whether each step went well, when it has ended.
    running: JoinSet<(Key, Result<bool, JournalError>)>,
    stop: CancellationToken,
}

impl Syncs {
    pub(crate) fn new(parts: SyncsParts, life: Arc<Life<Parts>>, stop: CancellationToken) -> Self {
        let SyncsParts { journal, decoder, registry, clickhouse, destinations, metrics } = parts;
        let never = CancellationToken::new();
        let step = Arc::new(Step { journal, clickhouse, destinations, metrics, life, never, begun_at: Moment::now() });
        let (partitions, busy, running) = (HashMap::new(), HashMap::new(), JoinSet::new());
        Self { decoder, registry, step, partitions, busy, running, stop }
    }

    /// Steps that run when it is told to stop are broken off: they are taken again.
    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let ended = self.consume(&mut consumer).await;
        self.running.shutdown().await;
        // Who has the partitions next must not send them again.
        self.step.life.mails_noted().await;
        consumer.close().await;
        ended
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let stop = self.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                arrival = consumer.next() => self.arrived(arrival?).await?,
                Some(ended) = self.running.join_next() => {
                    let (key, went_well) = ended.map_err(|error| Error::Lost(error.to_string()))?;
                    let now = Instant::now();
                    let busy = if went_well? { Busy::Round(now + ROUND_MAX) } else { Busy::Until(now + AGAIN_AFTER) };
                    self.busy.insert(key, busy);
                }
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.look(Moment::now());
        }
    }

    async fn arrived(&mut self, arrival: Arrival) -> Result<(), Error> {
        match arrival {
            Arrival::Assigned { partitions, .. } => {
                self.partitions.extend(partitions.iter().map(|it| (it.number, Ours::default())));
            }
            Arrival::Revoked { partitions, acknowledged } => {
                self.lost(&partitions);
                let life = Arc::clone(&self.step.life);
                tokio::spawn(async move {
                    // They go to another exporter when what was mailed is noted.
                    life.mails_noted().await;
                    drop(acknowledged);
                });
            }
            Arrival::Lost { partitions } => self.lost(&partitions),
            Arrival::Record(record) => self.take(record).await?,
            Arrival::End { partition, .. } => {
                if let Some(ours) = self.partitions.get_mut(&partition.number) {
                    ours.is_read = true;
                }
            }
        }
        Ok(())
    }

    /// What runs of them ends by itself, but for mails: it writes what another writes too.
    fn lost(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(ours) = self.partitions.remove(&partition.number) {
                ours.until.cancel();
            }
        }
    }

    async fn take(&mut self, record: Record) -> Result<(), Error> {
        let value = record.payload.unwrap_or_default();
        let Some(decoded) = self.decoder.decode_with(&self.registry, &value, &self.stop).await else { return Ok(()) };
        match decoded? {
            Ok(event) => {
                let Some(ours) = self.partitions.get_mut(&record.partition.number) else { return Ok(()) };
                take(&mut ours.syncs, &event);
                let key = Work::of(&event).map(|work| (event.sync_id, work));
                if let Some(key) = key.filter(|key| matches!(self.busy.get(key), Some(Busy::Round(_)))) {
                    self.busy.remove(&key);
                }
            }
            Err(error) => {
                self.step.metrics.unreadable.inc();
                tracing::warn!(%error, partition = %record.partition, offset = record.offset, "an event of a bucket sync is skipped");
            }
        }
        Ok(())
    }

    /// Begins what is due, as far as there is room.
    fn look(&mut self, now: Moment) {
        let held = || self.partitions.values().filter(|ours| ours.is_read).flat_map(|ours| ours.syncs.values());
        let count = |wanted: fn(&SyncState) -> bool| i64::try_from(held().filter(|it| wanted(it)).count()).unwrap_or(0);
        self.step.metrics.held([
            ("active", count(|it| !it.is_paused && it.fails().is_none())),
            ("failing", count(|it| !it.is_paused && it.fails().is_some())),
            ("paused", count(|it| it.is_paused)),
        ]);
        self.step.metrics.lag_seconds.set(held().filter_map(|it| it.lag_seconds(now)).max().unwrap_or(0));
        let begun = Instant::now();
        self.busy.retain(|_, busy| match busy {
            Busy::Running => true,
            Busy::Round(until) | Busy::Until(until) => *until > begun,
        });
        let mail_after = self.step.life.config.sync_mail_after;
        for key in to_begin(held(), &self.busy, now, mail_after) {
            let of_it = self.partitions.values().find_map(|ours| Some((ours.syncs.get(&key.0)?, &ours.until)));
            let Some((state, until)) = of_it.map(|(state, until)| (state.clone(), until.clone())) else { continue };
            self.busy.insert(key.clone(), Busy::Running);
            let step = Arc::clone(&self.step);
            self.running.spawn(async move {
                let taking = step.take(&state, &key.1, now);
                let went_well = match &key.1 {
                    Work::Mail(_) => until.run_until_cancelled(taking).await.unwrap_or(Ok(false)),
                    Work::Live | Work::Backfill => taking.await,
                };
                (key, went_well)
            });
        }
    }
}
