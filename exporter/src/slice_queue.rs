//! Puts slices of large reports to all exporters.

use std::sync::atomic::{AtomicUsize, Ordering};

use kafka_io::{OutRecord, Producer};
use report_life::JournalError;
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::REPORT_SLICE;
use schemas::report_slice::ReportSlice;
use schemas::topics::{REPORT_SLICES, headers};

/// Writes to their topic, one partition after the other: so each exporter has about as many as others.
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
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % REPORT_SLICES.partitions as usize;
            let (attempt, number) = (slice.attempt.to_string(), slice.slice.to_string());
            let headers = [
                (headers::ATTEMPT, attempt.as_bytes()),
                (headers::UPLOAD_ID, slice.upload_id.as_bytes()),
                (headers::SLICE, number.as_bytes()),
            ];
            let record =
                OutRecord { topic: REPORT_SLICES.name, key: key.as_bytes(), payload: &value, headers: &headers };
            acknowledged.push(self.producer.enqueue_to(turn as i32, record).await?);
        }
        for it in acknowledged {
            it.await?;
        }
        Ok(())
    }
}
