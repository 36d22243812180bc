//! The world outside, behind three small traits: the seam where a protocol or a simulation takes its place.

use clickhouse_io::rows::ConnectionRow;
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, QueryError};
use dead_letter::Letter;
use kafka_io::{CommitError, Committer, Partition, ProduceError, Producer};

use crate::stages::fill_batch::Reject;

/// Stores rows.
pub(crate) trait RowWriter: Send + Sync + 'static {
    /// Returns when the rows are durable. The same rows with the same token again are stored once.
    fn write(
        &self,
        table: EventTable,
        rows: Vec<ConnectionRow>,
        token: &str,
    ) -> impl Future<Output = Result<(), QueryError>> + Send;
}

/// Keeps what was refused.
pub(crate) trait DeadLetters: Send + Sync + 'static {
    /// Returns when the rejects are durable.
    fn put(&self, rejects: &[Reject]) -> impl Future<Output = Result<(), ProduceError>> + Send;
}

/// Moves offsets.
pub(crate) trait OffsetCommitter: Send + Sync + 'static {
    /// Everything before `position` is done with.
    fn commit(
        &self,
        partition: &Partition,
        epoch: u64,
        position: i64,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// Rows into ClickHouse.
pub(crate) struct ClickHouseRows(ClickHouse);

impl ClickHouseRows {
    pub(crate) fn new(clickhouse: ClickHouse) -> Self {
        Self(clickhouse)
    }
}

impl RowWriter for ClickHouseRows {
    async fn write(&self, table: EventTable, rows: Vec<ConnectionRow>, token: &str) -> Result<(), QueryError> {
        insert(&self.0, table, rows, token).await
    }
}

/// Rejects onto the dead-letter topic, as they were, with everything that a replay needs.
pub(crate) struct DeadLetterTopic {
    producer: Producer,
    source: String,
}

impl DeadLetterTopic {
    pub(crate) fn new(producer: Producer, source: &str) -> Self {
        Self { producer, source: source.to_owned() }
    }
}

impl DeadLetters for DeadLetterTopic {
    async fn put(&self, rejects: &[Reject]) -> Result<(), ProduceError> {
        let headers: Vec<Vec<(&str, &[u8])>> = rejects
            .iter()
            .map(|it| it.record.headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect())
            .collect();
        let letters: Vec<Letter<'_>> = rejects
            .iter()
            .zip(&headers)
            .map(|(Reject { record, reason }, headers)| Letter {
                reason,
                source_name: &self.source,
                topic: &record.partition.topic,
                partition: record.partition.number,
                offset: record.offset,
                timestamp_ms: record.timestamp.as_millis(),
                key: record.key.as_deref(),
                payload: record.payload.as_deref().unwrap_or_default(),
                headers,
            })
            .collect();
        dead_letter::put(&self.producer, &letters).await
    }
}

/// Offsets of the group.
pub(crate) struct GroupOffsets(Committer);

impl GroupOffsets {
    pub(crate) fn new(committer: Committer) -> Self {
        Self(committer)
    }
}

impl OffsetCommitter for GroupOffsets {
    async fn commit(&self, partition: &Partition, epoch: u64, position: i64) -> Result<(), CommitError> {
        self.0.commit(partition, epoch, position).await
    }
}
