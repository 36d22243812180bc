//! Partitions come and go: each has a lane of its own while it is ours.

use std::sync::Arc;

use exactly_once::{Assignment, RangeWriter, Source};
use kafka_io::batches::{Acknowledged, AssignedPartition};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::fill_range::RangeFiller;
use crate::job::Job;
use crate::lane::Lane;
use crate::log::PartitionLog;
use crate::pipeline::{Pipeline, Told};
use crate::progress::{Notes, Progress};

/// Closed ranges of one partition that wait for its writer, beside the one that is written.
const RANGES_WAITING: usize = 1;

impl<J: Job> Pipeline<J> {
    pub(super) fn assigned(&mut self, epoch: u64, partitions: &[AssignedPartition]) -> Result<(), Error<J::Failure>> {
        tracing::info!(epoch, partitions = partitions.len(), "assigned");
        for assigned in partitions {
            let lane = self.lane(epoch, assigned)?;
            self.lanes.insert(assigned.number, lane);
        }
        self.lanes_changed();
        Ok(())
    }

    fn lane(&self, epoch: u64, assigned: &AssignedPartition) -> Result<Lane<J>, Error<J::Failure>> {
        let partition = assigned.number;
        let committed = assigned.committed.as_ref().map(|committed| (committed.offset, committed.note.as_str()));
        let assignment = Assignment::new(committed, assigned.start);
        let filler = RangeFiller::new(partition, &assignment, self.settings.limits, self.parts.job.fill().clone())
            .with_beat(self.begin + self.settings.beat(partition));
        let (ranges, mut closed) = tokio::sync::mpsc::channel(RANGES_WAITING);
        let progress = Progress::from(assignment.begin(), self.metrics.clone());
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
            store: self.parts.job.store(partition),
            observer: Arc::new(Notes { metrics: self.metrics.clone(), progress: progress.clone(), partition }),
            now_ms: Arc::new(move || i64::try_from(since_1970().as_millis()).unwrap_or(i64::MAX)),
            source: Source::new(format!("{}/{}/{partition}", self.settings.source, self.settings.topic))?,
            encoder: self.settings.encoder,
            token_life: self.settings.token_life,
            delivery: self.settings.delivery,
        };
        let (teller, waker) = (self.teller.clone(), self.waker.clone());
        let writer = self.runtime.spawn(async move {
            let ended = writer.run(&assignment, &mut closed).await;
            // A thread that has ended wants to hear nothing.
            let _ = teller.send(Told::Written { partition, epoch, ended });
            waker.wake();
        });
        Ok(Lane::new(epoch, filler, progress, writer, ranges, self.metrics.clone()))
    }

    fn lanes_changed(&mut self) {
        self.metrics.partitions.set(i64::try_from(self.lanes.len()).unwrap_or(i64::MAX));
        let rows = self.settings.rows_max(self.lanes.len());
        for lane in self.lanes.values_mut() {
            lane.filler.set_rows_max(rows);
        }
    }

    pub(super) fn without(&mut self, partitions: &[i32]) -> Vec<Lane<J>> {
        let mut gone: Vec<Lane<J>> = partitions.iter().filter_map(|number| self.lanes.remove(number)).collect();
        gone.iter_mut().for_each(Lane::let_go_open);
        for partition in partitions {
            self.metrics.forget_lag(*partition);
        }
        self.lanes_changed();
        gone
    }

    /// What is open is dropped: the next owner reads it again. What the writers have is written, as far as the deadline allows,
    /// and then the partitions are let go.
    pub(super) fn revoked(&mut self, partitions: &[i32], acknowledged: Acknowledged) {
        tracing::info!(partitions = partitions.len(), "revoked");
        let (metrics, gone) = (self.metrics.clone(), partitions.to_vec());
        let going: Vec<(JoinHandle<()>, Progress)> =
            self.without(partitions).into_iter().map(|lane| (lane.writer, lane.progress)).collect();
        let deadline = tokio::time::Instant::from_std(self.context.clock.monotonic() + self.settings.revoke_wait());
        self.runtime.spawn(async move {
            for (mut writer, progress) in going {
                if tokio::time::timeout_at(deadline, &mut writer).await.is_err() {
                    // Its commits are refused from the moment at which the partition goes: like a crash, which is safe.
                    writer.abort();
                    // Until it has, it may say something.
                    let _ = writer.await;
                }
                progress.let_go();
            }
            // Whatever a writer has said of them since.
            for partition in gone {
                metrics.forget_lag(partition);
            }
            drop(acknowledged);
        });
    }

    pub(super) fn lost(&mut self, partitions: &[i32]) {
        tracing::warn!(partitions = partitions.len(), "lost: the group went on without this member");
        for lane in self.without(partitions) {
            lane.writer.abort();
            lane.progress.let_go();
        }
    }
}
