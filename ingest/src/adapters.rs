//! The world outside, behind three small traits: the seam where a protocol or a simulation takes its place.

use clickhouse_io::rows::ConnectionRow;
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, QueryError};
use kafka_io::{CommitError, Committer, OutRecord, Partition, ProduceError, Producer};
use schemas::topics::{CONNECTION_EVENTS_DEAD_LETTER, headers};

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
pub(crate) struct DeadLetterTopic(Producer);

impl DeadLetterTopic {
    pub(crate) fn new(producer: Producer) -> Self {
        Self(producer)
    }
}

impl DeadLetters for DeadLetterTopic {
    async fn put(&self, rejects: &[Reject]) -> Result<(), ProduceError> {
        let mut acknowledgements = Vec::with_capacity(rejects.len());
        for Reject { record, reason } in rejects {
            let partition = record.partition.number.to_string();
            let offset = record.offset.to_string();
            let timestamp = record.timestamp.as_millis().to_string();
            let mut facts: Vec<(&str, &[u8])> = vec![
                (headers::REASON, reason.as_bytes()),
                (headers::SOURCE_TOPIC, record.partition.topic.as_bytes()),
                (headers::SOURCE_PARTITION, partition.as_bytes()),
                (headers::SOURCE_OFFSET, offset.as_bytes()),
                (headers::SOURCE_TIMESTAMP_MS, timestamp.as_bytes()),
            ];
            facts.extend(record.key.as_ref().map(|key| (headers::SOURCE_KEY, &key[..])));
            facts.extend(record.headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
            let key = format!("{partition}-{offset}");
            let out = OutRecord {
                topic: CONNECTION_EVENTS_DEAD_LETTER.name,
                key: key.as_bytes(),
                payload: record.payload.as_deref().unwrap_or_default(),
                headers: &facts,
            };
            acknowledgements.push(self.0.enqueue(out).await?);
        }
        for acknowledgement in acknowledgements {
            acknowledgement.await?;
        }
        Ok(())
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
