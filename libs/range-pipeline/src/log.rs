//! The committed offset of one partition under one assignment.

use exactly_once::{CommitError, OffsetLog};
use kafka_io::batches::{CommitFailure, Committer};

use crate::made_anew::MadeAnew;
use crate::metrics::RangeMetrics;
use crate::progress::Progress;

/// Commits through the gate of its assignment: when that has ended, nothing more takes effect.
pub(crate) struct PartitionLog {
    pub(crate) committer: Committer,
    pub(crate) partition: i32,
    pub(crate) epoch: u64,
    pub(crate) progress: Progress,
    pub(crate) metrics: RangeMetrics,
}

impl OffsetLog for PartitionLog {
    async fn commit(&self, offset: i64, note: &str) -> Result<(), CommitError> {
        self.committer.commit(self.partition, self.epoch, offset, note).await.map_err(failed)?;
        self.progress.commit(offset);
        self.metrics.commits.inc();
        Ok(())
    }

    async fn check(&self) -> Result<(), CommitError> {
        self.committer.check(self.epoch).await.map_err(failed)
    }
}

fn failed(failure: CommitFailure) -> CommitError {
    match failure {
        CommitFailure::NotOurs(reason) => CommitError::NotOurs(reason),
        CommitFailure::Retry(reason) => CommitError::Retry(reason),
        CommitFailure::Stop(reason) => CommitError::Stop(reason),
        CommitFailure::OtherTopic(topic) => CommitError::Stop(MadeAnew::UnderUs { topic }.to_string()),
    }
}
