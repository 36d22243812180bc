//! Commits of a member, each with a note.

use std::sync::Arc;

use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::batches::CommitFailure;
use crate::batches::batch_queue::BatchClient;
use crate::batches::rebalance::Callbacks;
use crate::batches::shared::Shared;

/// Commits offsets of a member, one partition at a time; cheap to clone, for any thread.
///
/// A commit belongs to an assignment: it is refused once the partition has left that, and a partition leaves only when no commit of its is
/// under way. So no commit moves the offset of a partition that another member may have.
#[derive(Clone)]
pub struct Committer {
    pub(super) client: Arc<BatchClient<Callbacks>>,
    pub(super) shared: Arc<Shared>,
}

impl Committer {
    /// Longest note, UTF-16 units. The broker refuses more, and drops the connection for far more.
    pub const NOTE_UNITS_MAX: usize = 4096;

    /// Commits: everything before `offset` is done with, and `note` replaces what was noted before. Blocks until the answer is there; a
    /// broker's outage is waited out, up to about the session's time-out. One commit of a partition is under way at a time.
    ///
    /// # Errors
    /// When the partition is not of that epoch any more, no answer came, the topic is another one, or it will never be committed.
    pub fn commit_blocking(&self, partition: i32, epoch: u64, offset: i64, note: &str) -> Result<(), CommitFailure> {
        // Before the gate: a partition that is to go waits for the commit, and not for an answer to this.
        self.check_topic(epoch)?;
        self.commit_after_check(partition, epoch, offset, note)
    }

    /// The same for whoever has asked [`Self::check_topic`] since the last record before `offset` was read.
    ///
    /// # Errors
    /// As there, but nothing is said of the topic.
    pub fn commit_after_check(&self, partition: i32, epoch: u64, offset: i64, note: &str) -> Result<(), CommitFailure> {
        let units = note.encode_utf16().count();
        if units > Self::NOTE_UNITS_MAX {
            return Err(CommitFailure::Stop(format!("its note has {units} UTF-16 units")));
        }
        let mut list = TopicPartitionList::with_capacity(1);
        let mut element = list.add_partition(&self.shared.topic, partition);
        element
            .set_offset(Offset::Offset(offset))
            .map_err(|_| CommitFailure::Stop(format!("{offset} is no offset")))?;
        if !note.is_empty() {
            element.set_metadata(note);
        }
        let Some(_pass) = self.shared.gate.pass(partition, epoch) else {
            return Err(CommitFailure::NotOurs(format!("assignment {epoch} of partition {partition} has ended")));
        };
        let committed = self.client.consumer().commit(&list, CommitMode::Sync);
        committed.map_err(|error| self.failure(&error))
    }

    /// Asks whether the topic is still the one that was assigned in this epoch. If it is, all that was read before this call is of that one. Blocks
    /// until the answer is there.
    ///
    /// # Errors
    /// When another topic has the name now, or nobody says.
    pub fn check_topic(&self, epoch: u64) -> Result<(), CommitFailure> {
        self.shared.life.check(epoch)
    }

    /// [`Self::check_topic`] in a thread that may block.
    ///
    /// # Errors
    /// As there.
    pub async fn check(&self, epoch: u64) -> Result<(), CommitFailure> {
        let committer = self.clone();
        let checking = tokio::task::spawn_blocking(move || committer.check_topic(epoch));
        checking.await.unwrap_or_else(|error| Err(CommitFailure::Retry(error.to_string())))
    }

    /// A client that is broken says no more than that of each commit.
    fn failure(&self, error: &ClientError) -> CommitFailure {
        let broken = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => self.client.consumer().client().fatal_error(),
            Some(_) | None => None,
        };
        match broken {
            Some((code, reason)) => CommitFailure::of_broken_client(code, &reason),
            None => CommitFailure::from_client(error),
        }
    }

    /// [`Self::commit_blocking`] in a thread that may block. Once begun it is finished, also where the future is dropped.
    ///
    /// # Errors
    /// As there.
    pub async fn commit(&self, partition: i32, epoch: u64, offset: i64, note: &str) -> Result<(), CommitFailure> {
        let (committer, note) = (self.clone(), note.to_owned());
        let committing =
            tokio::task::spawn_blocking(move || committer.commit_blocking(partition, epoch, offset, &note));
        committing.await.unwrap_or_else(|error| Err(CommitFailure::Retry(error.to_string())))
    }

    /// True while the partition belongs to assignment `epoch`, and its commits pass.
    #[must_use]
    pub fn owns(&self, partition: i32, epoch: u64) -> bool {
        self.shared.gate.is_open(partition, epoch)
    }
}
