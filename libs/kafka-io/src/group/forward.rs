//! The thread that takes from the client, copies, and hands on within the bounds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::batches::{Arrived, BatchConsumer, BatchOptions, FetchError, Item};
use crate::config::KafkaConfig;
use crate::error::ConsumeError;
use crate::group::{Arrival, Handed, Member, Shared};
use crate::record::{Partition, Record};

/// Most records that are taken together, over the bound of bytes perhaps.
const TAKEN_MAX: usize = 100;
/// How long one wait for something to come lasts.
const WAIT: Duration = Duration::from_millis(500);
/// Between a client that broke and the next.
const MAKE_ANEW_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Thread {
    config: KafkaConfig,
    options: BatchOptions,
    shared: Arc<Shared>,
    sender: UnboundedSender<Handed>,
    /// Partitions of which the caller was told that they are ours.
    ours: BTreeSet<i32>,
    epochs_before: u64,
    last_epoch: u64,
}

impl Thread {
    pub(super) fn new(
        config: KafkaConfig,
        options: BatchOptions,
        shared: Arc<Shared>,
        sender: UnboundedSender<Handed>,
    ) -> Self {
        Self { config, options, shared, sender, ours: BTreeSet::new(), epochs_before: 0, last_epoch: 0 }
    }

    /// Until the caller stops, or the consumer cannot go on.
    pub(super) fn run(mut self, mut consumer: BatchConsumer) {
        loop {
            let reason = match self.hand_on_all(&mut consumer) {
                Ok(()) => return consumer.close(),
                Err(FetchError::Stop(reason)) => return self.hand_on(Err(ConsumeError(reason))),
                Err(FetchError::MakeAnew(reason)) => reason,
            };
            tracing::warn!(topic = %self.shared.topic, reason, "a broken consumer is made anew; what was not committed is read again");
            let partitions = std::mem::take(&mut self.ours).into_iter().map(|number| self.partition(number)).collect();
            self.hand_on(Ok(Arrival::Lost { partitions }));
            drop(consumer);
            consumer = match self.make_anew() {
                Some(consumer) => consumer,
                None => return,
            };
        }
    }

    fn make_anew(&mut self) -> Option<BatchConsumer> {
        self.epochs_before = self.last_epoch;
        loop {
            std::thread::sleep(MAKE_ANEW_PAUSE);
            if self.shared.is_stopping() {
                return None;
            }
            match BatchConsumer::new(&self.config, &self.options) {
                Ok(consumer) => {
                    *self.shared.member() = Member::new(&consumer, self.epochs_before);
                    return Some(consumer);
                }
                Err(error) => tracing::warn!(%error, topic = %self.shared.topic, "making the consumer anew again"),
            }
        }
    }

    fn hand_on_all(&mut self, consumer: &mut BatchConsumer) -> Result<(), FetchError> {
        while !self.shared.is_stopping() {
            let records_max = self.shared.room().min(TAKEN_MAX);
            match consumer.next(records_max, WAIT)? {
                None => {}
                Some(Arrived::Fetched(fetched)) => {
                    for item in fetched.items() {
                        self.item(&item)?;
                    }
                }
                Some(Arrived::Assigned { epoch, partitions }) => {
                    self.last_epoch = self.epochs_before + epoch;
                    self.ours.extend(partitions.iter().map(|it| it.number));
                    let partitions = partitions.iter().map(|it| self.partition(it.number)).collect();
                    self.hand_on(Ok(Arrival::Assigned { epoch: self.last_epoch, partitions }));
                }
                Some(Arrived::Revoked { partitions, acknowledged }) => {
                    let partitions = self.let_go(&partitions);
                    self.hand_on(Ok(Arrival::Revoked { partitions, acknowledged }));
                }
                Some(Arrived::Lost { partitions }) => {
                    let partitions = self.let_go(&partitions);
                    self.hand_on(Ok(Arrival::Lost { partitions }));
                }
            }
        }
        Ok(())
    }

    fn item(&self, item: &Item<'_>) -> Result<(), FetchError> {
        match item {
            Item::Record(record) => {
                let record = Record::taken(record, &self.shared.topic, self.epochs_before + record.epoch);
                self.shared.waiting_records.fetch_add(1, Ordering::AcqRel);
                self.shared.waiting_bytes.fetch_add(record.size_bytes(), Ordering::AcqRel);
                self.hand_on(Ok(Arrival::Record(record)));
            }
            Item::End { partition, epoch, position } => {
                let (partition, epoch) = (self.partition(*partition), self.epochs_before + epoch);
                self.hand_on(Ok(Arrival::End { partition, epoch, position: *position }));
            }
            Item::OutOfRange { partition, offset, .. } => {
                return Err(FetchError::Stop(format!(
                    "group {} has committed offset {offset} of {}, which is not on the broker: find out what deleted records \
                     that were not read, then set the group's offset",
                    self.options.group,
                    self.partition(*partition)
                )));
            }
            Item::Trouble { partition, reason, .. } => {
                tracing::debug!(partition = %self.partition(*partition), reason, "consuming goes on after an error");
            }
        }
        Ok(())
    }

    fn let_go(&mut self, numbers: &[i32]) -> Vec<Partition> {
        self.ours.retain(|number| !numbers.contains(number));
        numbers.iter().map(|number| self.partition(*number)).collect()
    }

    fn partition(&self, number: i32) -> Partition {
        Partition { topic: Arc::clone(&self.shared.topic), number }
    }

    fn hand_on(&self, arrival: Handed) {
        // A caller that is gone wants nothing; the thread ends with its stop flag.
        let _ = self.sender.send(arrival);
    }
}
