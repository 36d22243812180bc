//! The world outside, behind one trait: the seam where fakes take its place in tests.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use clickhouse_io::open::OpenConnectionRow;
use clickhouse_io::rollup::HourOfNetwork;
use clickhouse_io::{ClickHouse, QueryError, open, rollup};
use kafka_io::batches::CommitFailure;
use kafka_io::{Committer, KafkaConfig, KafkaError, Partition, admin};
use schemas::topics::CONNECTION_EVENTS;

/// The group whose committed offsets say what is stored.
const INGEST_GROUP: &str = "ingest";

/// What the aggregator touches. Every method returns when what it did is durable; all may be done again.
pub(crate) trait Outside: Send + Sync + 'static {
    /// For each partition the offset before which ingest has stored everything; absent where it has said nothing.
    fn stored_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn write_open(&self, entries: &[OpenConnectionRow]) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn end_silent(&self, silence: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn forget_ended(&self, remembered: Duration) -> impl Future<Output = Result<(), QueryError>> + Send;
    fn commit(
        &self,
        partition: &Partition,
        epoch: u64,
        position: i64,
    ) -> impl Future<Output = Result<(), CommitFailure>> + Send;
}

/// Kafka and ClickHouse.
pub(crate) struct Parts {
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: ClickHouse,
    pub(crate) committer: Committer,
}

impl Outside for Parts {
    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let committed = admin::committed(&self.kafka, INGEST_GROUP, CONNECTION_EVENTS.name).await?;
        Ok(committed.into_iter().filter_map(|(number, position)| Some((number, position?))).collect())
    }

    async fn count_hours(&self, hours: &BTreeSet<HourOfNetwork>) -> Result<(), QueryError> {
        rollup::count_again(&self.clickhouse, hours).await
    }

    async fn write_open(&self, entries: &[OpenConnectionRow]) -> Result<(), QueryError> {
        open::write(&self.clickhouse, entries).await
    }

    async fn end_silent(&self, silence: Duration) -> Result<(), QueryError> {
        open::end_silent(&self.clickhouse, silence).await
    }

    async fn forget_ended(&self, remembered: Duration) -> Result<(), QueryError> {
        open::forget_ended(&self.clickhouse, remembered).await
    }

    async fn commit(&self, partition: &Partition, epoch: u64, position: i64) -> Result<(), CommitFailure> {
        self.committer.commit(partition, epoch, position).await
    }
}
