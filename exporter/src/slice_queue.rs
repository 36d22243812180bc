//! Puts slices of large reports to all exporters.

use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_io::{OutRecord, Producer};
use report_life::JournalError;
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::REPORT_SLICE;
use schemas::report_slice::ReportSlice;
use schemas::topics::{REPORT_SLICES, headers};

/// From the partition of one slice to that of the next: partitions that lie side by side are often one exporter's, as are every second or fourth.
/// It has no divisor in common with their number, so that each has its turn.
const STRIDE: usize = 5;

/// Writes to their topic, to each partition in its turn: so each exporter has about as many as others.
pub(crate) struct SliceQueue {
    producer: Producer,
    encoder: Encoder<ReportSlice>,
    next: AtomicUsize,
}

impl SliceQueue {
    pub(crate) fn new(producer: Producer, schema: SchemaId) -> Result<Self, JournalError> {
        Ok(Self { producer, encoder: Encoder::new(schema, &REPORT_SLICE)?, next: AtomicUsize::new(0) })
    }

    /// Returns when all of them are acknowledged.
    pub(crate) async fn put(&self, slices: &[ReportSlice]) -> Result<(), JournalError> {
        let mut acknowledged = Vec::with_capacity(slices.len());
        for slice in slices {
            let (key, value) = (slice.report_id.to_string(), self.encoder.encode(slice)?);
            let partition = partition_of(self.next.fetch_add(1, Ordering::Relaxed));
            let (attempt, number) = (slice.attempt.to_string(), slice.slice.to_string());
            let headers = [
                (headers::ATTEMPT, attempt.as_bytes()),
                (headers::UPLOAD_ID, slice.upload_id.as_bytes()),
                (headers::SLICE, number.as_bytes()),
            ];
            let record =
                OutRecord { topic: REPORT_SLICES.name, key: key.as_bytes(), payload: &value, headers: &headers };
            acknowledged.push(self.producer.enqueue_to(partition, record).await?);
        }
        for it in acknowledged {
            it.await?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a topic has few partitions")]
fn partition_of(turn: usize) -> i32 {
    let partitions = REPORT_SLICES.partitions.unsigned_abs() as usize;
    (turn % partitions * STRIDE % partitions) as i32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_partition_has_its_turn() {
        let all: BTreeSet<i32> = (7..7 + REPORT_SLICES.partitions.unsigned_abs() as usize).map(partition_of).collect();
        assert_eq!(all, (0..REPORT_SLICES.partitions).collect());
        partition_of(usize::MAX);
    }

    /// However partitions are given to two exporters or four: side by side, or one after the other.
    #[test]
    fn slices_of_a_report_are_everybodys() {
        for members in [2, 4] {
            let side_by_side = |partition: i32| partition / (REPORT_SLICES.partitions / members);
            let in_turn = |partition: i32| partition % members;
            for begin in 0..16 {
                for owner in [&side_by_side as &dyn Fn(i32) -> i32, &in_turn] {
                    let mut slices = vec![0; 4];
                    (begin..begin + 10).map(partition_of).for_each(|partition| slices[owner(partition) as usize] += 1);
                    let least = slices[..members as usize].iter().min().copied();
                    assert!(least >= Some(if members == 2 { 4 } else { 2 }), "{members} {begin}: {slices:?}");
                }
            }
        }
    }
}
