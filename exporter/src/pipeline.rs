//! Takes requests, or slices, lives them all at once, and commits each partition's offsets in their order. Whose report is made first is
//! not decided here: one that waits for its turn holds up no other, and can be cancelled.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use kafka_io::batches::CommitFailure;
use kafka_io::{Arrival, GroupConsumer, Partition, Record};
use schema_registry::{Decoder, Registry};
use schemas::report_request::ReportRequest;
use schemas::report_slice::ReportSlice;
use serde::de::DeserializeOwned;
use service_kit::CancellationToken;
use service_kit::retry::Backoff;
use tokio::task::{JoinError, JoinSet};

use crate::adapters::Outside;
use crate::error::Error;
use crate::life::{Life, Lived};
use crate::reader::Reader;

/// The largest record that is taken; what is said of it later has to fit Kafka's limit, too.
const BYTES_MAX: usize = 512 << 10;
/// What is kept of the value of a larger one, and of its key.
const BYTES_KEPT: usize = 64 << 10;
const KEY_KEPT: usize = 1 << 10;

/// What the records of a topic are.
pub(crate) trait Lives<O>: DeserializeOwned + Send + Sync + 'static {
    /// How many are taken at once, beside those that are only mailed; each is little more than a task.
    const TAKEN_MAX: usize;

    /// `record` is where it lay.
    fn live(&self, life: &Life<O>, record: &Record) -> impl Future<Output = Result<Lived, Error>> + Send;

    /// Of those that are taken, so many only wait for the mail server: they hold no place.
    fn only_mailed(_life: &Life<O>) -> usize {
        0
    }

    /// A partition is ours until `ours` is cancelled.
    fn assigned(_life: &Life<O>, _partition: i32, _ours: &CancellationToken) {}

    /// What becomes of a record that cannot be lived.
    fn refuse(life: &Life<O>, record: &Record, reason: &str) -> impl Future<Output = Result<(), Error>> + Send;
}

impl<O: Outside> Lives<O> for ReportRequest {
    const TAKEN_MAX: usize = 1_000;

    async fn live(&self, life: &Life<O>, record: &Record) -> Result<Lived, Error> {
        life.live(self, record).await
    }

    fn only_mailed(life: &Life<O>) -> usize {
        *life.mails_waiting.count().borrow()
    }

    fn assigned(life: &Life<O>, partition: i32, ours: &CancellationToken) {
        if partition == 0 {
            life.first_partition.send_replace(Some(ours.clone()));
        }
    }

    async fn refuse(life: &Life<O>, record: &Record, reason: &str) -> Result<(), Error> {
        Ok(life.refuse(record, reason).await?)
    }
}

impl<O: Outside> Lives<O> for ReportSlice {
    const TAKEN_MAX: usize = 2_000;

    async fn live(&self, life: &Life<O>, _: &Record) -> Result<Lived, Error> {
        Ok(life.live_slice(self).await?)
    }

    async fn refuse(life: &Life<O>, record: &Record, reason: &str) -> Result<(), Error> {
        life.refuse(record, reason).await?;
        Ok(life.fail_refused_slice(record, reason).await?)
    }
}

/// Partition, assignment and offset of a record, and how its life went; `None` where its partition went away first.
type Ended = (i32, u64, i64, Option<Result<(), Error>>);

/// Records of one partition: offsets that were taken, and whether they are done with.
struct Taken {
    partition: Partition,
    epoch: u64,
    offsets: BTreeMap<i64, bool>,
    /// Cancelled when the partition goes away: another exporter lives its reports then.
    ours: CancellationToken,
}

impl Taken {
    /// The offset up to which everything is done with, taken off the list; `None` where it has not moved.
    fn done_until(&mut self) -> Option<i64> {
        let mut position = None;
        while let Some(first) = self.offsets.first_entry() {
            if !*first.get() {
                break;
            }
            position = Some(first.key() + 1);
            first.remove();
        }
        position
    }
}

pub(crate) struct Pipeline<O, R> {
    reader: Arc<Reader<R>>,
    life: Arc<Life<O>>,
    stop: CancellationToken,
    taken: HashMap<i32, Taken>,
    running: JoinSet<Ended>,
}

impl<O: Outside, R: Lives<O>> Pipeline<O, R> {
    pub(crate) fn new(decoder: Decoder<R>, registry: Registry, life: Arc<Life<O>>, stop: CancellationToken) -> Self {
        let reader = Arc::new(Reader::new(decoder, registry));
        Self { reader, life, stop, taken: HashMap::new(), running: JoinSet::new() }
    }

    pub(crate) async fn run(mut self, mut consumer: GroupConsumer) -> Result<(), Error> {
        let ended = self.consume(&mut consumer).await;
        self.running.shutdown().await;
        // Who has the partitions next must not send them again.
        self.life.mails_noted().await;
        consumer.close().await;
        ended
    }

    async fn consume(&mut self, consumer: &mut GroupConsumer) -> Result<(), Error> {
        let stop = self.stop.clone();
        let mut only_mailed = self.life.mails_waiting.count();
        loop {
            only_mailed.mark_unchanged();
            let has_room = self.has_room();
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                // The sender lives as long as `life`.
                _ = only_mailed.changed(), if !has_room => {}
                Some(ended) = self.running.join_next() => self.ended(ended).await?,
                // However many it lives, it hears which partitions go.
                arrival = async {
                    if has_room { consumer.next().await } else { consumer.next_change().await }
                } => self.arrived(arrival?),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.running.len().saturating_sub(R::only_mailed(&self.life)) < R::TAKEN_MAX
    }

    /// A life has ended, and its record is done with; a panic in it must not be taken for its end: the process starts again.
    async fn ended(&mut self, ended: Result<Ended, JoinError>) -> Result<(), Error> {
        let (number, epoch, offset, outcome) =
            ended.map_err(|error| Error::Lost(format!("a report's task was lost: {error}")))?;
        if let Some(outcome) = outcome {
            outcome?;
            self.done(number, epoch, offset).await?;
        }
        Ok(())
    }

    fn arrived(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Assigned { epoch, partitions } => {
                for partition in partitions {
                    let number = partition.number;
                    let ours = self.stop.child_token();
                    R::assigned(&self.life, number, &ours);
                    self.taken.insert(number, Taken { partition, epoch, offsets: BTreeMap::new(), ours });
                }
            }
            Arrival::Revoked { partitions, acknowledged } => {
                self.lost(&partitions);
                let life = Arc::clone(&self.life);
                tokio::spawn(async move {
                    // They go to another exporter when what was mailed is noted.
                    life.mails_noted().await;
                    drop(acknowledged);
                });
            }
            Arrival::Lost { partitions } => self.lost(&partitions),
            Arrival::Record(record) => self.take(record),
            Arrival::End { .. } => {}
        }
    }

    fn lost(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            if let Some(taken) = self.taken.remove(&partition.number) {
                taken.ours.cancel();
            }
        }
    }

    fn take(&mut self, record: Record) {
        let (number, offset) = (record.partition.number, record.offset);
        let Some(taken) = self.taken.get_mut(&number).filter(|taken| taken.epoch == record.epoch) else { return };
        taken.offsets.insert(offset, false);
        let (epoch, ours) = (taken.epoch, taken.ours.clone());
        let (life, reader) = (Arc::clone(&self.life), Arc::clone(&self.reader));
        self.running.spawn(async move {
            let living = async {
                // Here, and not before: whose schema nobody knows yet holds up no other.
                let (record, read) = if let Some((beginning, reason)) = too_large(&record) {
                    (beginning, Err(reason))
                } else {
                    let read = reader.read(record.payload.as_deref().unwrap_or_default()).await?;
                    (record, read)
                };
                let lived = match read {
                    Ok(it) => R::live(&it, &life, &record).await?,
                    Err(reason) => Lived::Refused(reason),
                };
                match lived {
                    Lived::Done => Ok(()),
                    Lived::Refused(reason) => R::refuse(&life, &record, &reason).await,
                }
            };
            let lived = ours.run_until_cancelled(living).await;
            (number, epoch, offset, lived)
        });
    }

    /// Notes that a record is done with and commits what is done with before it too.
    async fn done(&mut self, number: i32, epoch: u64, offset: i64) -> Result<(), Error> {
        let Some(taken) = self.taken.get_mut(&number).filter(|taken| taken.epoch == epoch) else { return Ok(()) };
        taken.offsets.insert(offset, true);
        let Some(position) = taken.done_until() else { return Ok(()) };
        let mut backoff = Backoff::default();
        loop {
            match self.life.outside.commit(&taken.partition, epoch, position).await {
                // Not ours: the next owner finds the report at its end and does nothing.
                Ok(()) | Err(CommitFailure::NotOurs(_)) => return Ok(()),
                Err(error @ (CommitFailure::Stop(_) | CommitFailure::OtherTopic(_))) => return Err(error.into()),
                Err(CommitFailure::Retry(reason)) => {
                    tracing::warn!(partition = %taken.partition, reason, "waiting for Kafka");
                    let wait = tokio::time::sleep(backoff.next_wait());
                    if self.stop.run_until_cancelled(wait).await.is_none() {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The beginning of a record that is not taken, and why: its events would hold it, and so would its dead letter, which Kafka would refuse.
fn too_large(record: &Record) -> Option<(Record, String)> {
    let (key, payload) = (record.key.as_ref(), record.payload.as_ref());
    let bytes = key.map_or(0, Bytes::len) + payload.map_or(0, Bytes::len);
    if bytes <= BYTES_MAX {
        return None;
    }
    let first = |bytes: &Bytes, most| bytes.slice(..bytes.len().min(most));
    let (key, payload) = (key.map(|key| first(key, KEY_KEPT)), payload.map(|value| first(value, BYTES_KEPT)));
    let reason = format!("it has {bytes} bytes, more than {BYTES_MAX}; these are the first");
    Some((Record { key, payload, ..record.clone() }, reason))
}

#[cfg(test)]
mod tests;
