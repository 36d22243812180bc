//! One partition under one assignment: its records become the rows and the refusals of its ranges.

use std::sync::Arc;
use std::time::Instant;

use event_columns::EventColumns;
use exactly_once::{Assignment, ClosedRange, Limits, RangeCutter, Refused, Taken};
use kafka_io::batches::BatchRecord;

use crate::block::{Pool, RangeBlock, RefusedRecord};
use crate::stages::know_schemas::Reading;

/// Why a record is refused again that was refused when its range was begun.
const REFUSED_BEFORE: &str = "refused when its range was begun";

/// Fills one range after the other.
pub(crate) struct RangeFiller {
    cutter: RangeCutter,
    columns: EventColumns,
    refused: Vec<Refused>,
    refused_records: Vec<RefusedRecord>,
    refused_bytes: usize,
    /// Kafka's time of the open range's first record.
    oldest_ms: Option<i64>,
    partition: i32,
    pool: Arc<Pool>,
}

/// A range that is closed, and Kafka's time of its first record.
pub(crate) struct Filled {
    pub(crate) range: ClosedRange<RangeBlock>,
    pub(crate) oldest_ms: Option<i64>,
}

impl RangeFiller {
    pub(crate) fn new(partition: i32, assignment: &Assignment, limits: Limits, pool: &Arc<Pool>) -> Self {
        Self {
            cutter: RangeCutter::new(limits, assignment),
            columns: pool.columns(partition),
            refused: Vec::new(),
            refused_records: Vec::new(),
            refused_bytes: 0,
            oldest_ms: None,
            partition,
            pool: Arc::clone(pool),
        }
    }

    /// True where the open range ends before this offset: close it first.
    pub(crate) fn ends_before(&mut self, offset: i64, now: Instant) -> bool {
        self.cutter.ends_before(offset, now)
    }

    /// Gives a record its fate. `reading` says how its value is read, and not that it has to wait.
    pub(crate) fn add(&mut self, record: &BatchRecord<'_>, reading: &Reading<'_>, now: Instant) {
        let offset = record.offset;
        self.oldest_ms.get_or_insert(record.timestamp_ms);
        let before = self.columns.size_bytes();
        let reason = if self.cutter.stays_refused(offset) {
            Some(REFUSED_BEFORE.to_owned())
        } else {
            match reading {
                Reading::Refuse(reason) => Some((*reason).to_owned()),
                Reading::Wait { id, .. } => Some(format!("schema {id} is not known")),
                Reading::Read(program, body) => {
                    let kafka_time_micros = record.timestamp_ms.saturating_mul(1_000);
                    let appended = self.columns.append(program, body, offset, kafka_time_micros);
                    appended.err().map(|refusal| refusal.to_string())
                }
            }
        };
        match reason {
            None => {
                let bytes = self.columns.size_bytes() - before;
                self.cutter.add(offset, bytes, Taken::Row, now);
            }
            Some(reason) => self.refuse(record, reason, now),
        }
    }

    fn refuse(&mut self, record: &BatchRecord<'_>, reason: String, now: Instant) {
        let kept = RefusedRecord {
            offset: record.offset,
            timestamp_ms: record.timestamp_ms,
            key: record.key.map(<[u8]>::to_vec),
            payload: record.payload.unwrap_or_default().to_vec(),
            headers: record
                .headers()
                .map(|(name, value)| (name.to_owned(), value.unwrap_or_default().to_vec()))
                .collect(),
        };
        let bytes = kept.size_bytes() + reason.len();
        self.refused_bytes += bytes;
        self.refused.push(Refused { offset: record.offset, reason });
        self.refused_records.push(kept);
        self.cutter.add(record.offset, bytes, Taken::Refused, now);
    }

    /// Everything before `position` was added, or is no record.
    pub(crate) fn move_to(&mut self, position: i64, now: Instant) {
        self.cutter.move_to(position, now);
    }

    /// True where nothing more may be added before the open range is closed.
    pub(crate) fn is_full(&self) -> bool {
        self.cutter.is_full()
    }

    /// True where the open range is to be closed now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.cutter.is_due(now)
    }

    /// Bytes of the open range.
    pub(crate) fn bytes(&self) -> usize {
        self.columns.size_bytes() + self.refused_bytes
    }

    /// Kafka's time of the open range's first record.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.oldest_ms
    }

    /// Closes the open range. `None`: there is nothing to close, or its intent names an end that was not reached.
    pub(crate) fn close(&mut self) -> Option<Filled> {
        let cut = self.cutter.close()?;
        let columns = std::mem::replace(&mut self.columns, self.pool.columns(self.partition));
        let refused_records = std::mem::take(&mut self.refused_records);
        self.refused_bytes = 0;
        let block = RangeBlock::new(columns, refused_records, &self.pool);
        let range = ClosedRange { cut, block, refused: std::mem::take(&mut self.refused) };
        Some(Filled { range, oldest_ms: self.oldest_ms.take() })
    }
}
