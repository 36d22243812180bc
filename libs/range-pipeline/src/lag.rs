//! How far behind the group is, set now and then.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use kafka_io::{KafkaConfig, admin};
use tokio::runtime::Handle;

use crate::job::Job;
use crate::lane::Lane;
use crate::metrics::{PartitionLabel, RangeMetrics};

/// How often gauges are set.
const GAUGES_EVERY: Duration = Duration::from_secs(1);
/// How often Kafka is asked where its partitions end, for the lag in events.
const ENDS_EVERY: Duration = Duration::from_secs(10);

/// When what was done last.
pub(crate) struct Lag {
    set_at: Instant,
    asked_at: Instant,
}

impl Lag {
    pub(crate) fn new(now: Instant) -> Self {
        Self { set_at: now, asked_at: now }
    }

    /// True where gauges are to be set again.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = now.duration_since(self.set_at) >= GAUGES_EVERY;
        if is_due {
            self.set_at = now;
        }
        is_due
    }

    /// Asks Kafka where its partitions end, if it is time for that; `tell` gets the answer, on another thread. True where it is asked.
    pub(crate) fn ask(
        &mut self,
        now: Instant,
        kafka: &KafkaConfig,
        topic: &'static str,
        runtime: &Handle,
        tell: impl FnOnce(BTreeMap<i32, i64>) + Send + 'static,
    ) -> bool {
        if now.duration_since(self.asked_at) < ENDS_EVERY {
            return false;
        }
        self.asked_at = now;
        let kafka = kafka.clone();
        runtime.spawn(async move {
            // A broker that is away is said by whoever needs it.
            if let Ok(ends) = admin::stable_ends(&kafka, topic).await {
                tell(ends);
            }
        });
        true
    }
}

impl RangeMetrics {
    /// How long what is not durable has waited and how far it is durable, partition by partition.
    pub(crate) fn set_lag_seconds<J: Job>(&self, lanes: &HashMap<i32, Lane<J>>, now: Instant, now_ms: i64) {
        for (partition, lane) in lanes {
            let partition = PartitionLabel { partition: *partition };
            let seconds = i64::try_from(lane.lag(now, now_ms).as_secs()).unwrap_or(i64::MAX);
            self.lag_seconds.get_or_create(&partition).set(seconds);
            self.committed_offset.get_or_create(&partition).set(lane.progress.committed());
        }
    }

    /// Offsets between what is durable and the end of each partition.
    pub(crate) fn set_lag_events<J: Job>(&self, lanes: &HashMap<i32, Lane<J>>, ends: &BTreeMap<i32, i64>) {
        for (partition, lane) in lanes {
            let lag = ends.get(partition).map_or(0, |end| end.saturating_sub(lane.progress.committed()).max(0));
            self.lag_events.get_or_create(&PartitionLabel { partition: *partition }).set(lag);
        }
    }

    /// A partition that has gone has no lag here, nor anything else.
    pub(crate) fn forget_lag(&self, partition: i32) {
        self.lag_seconds.remove(&PartitionLabel { partition });
        self.lag_events.remove(&PartitionLabel { partition });
        self.committed_offset.remove(&PartitionLabel { partition });
        self.offsets_without_rows.remove(&PartitionLabel { partition });
    }
}
