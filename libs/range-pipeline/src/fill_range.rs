//! One partition under one assignment: its records become the rows and the refusals of its ranges.

use std::time::Instant;

use exactly_once::{Assignment, ClosedRange, Limits, RangeCutter, Refused, Taken};

use crate::job::Fill;
use crate::know_schemas::Reading;

/// Why a record stays refused that was refused when its range was begun, and would be none now.
const REFUSED_BEFORE: &str = "refused when its range was begun";

/// A record as it lies with the client.
pub struct Incoming<'a> {
    /// Where it lies.
    pub offset: i64,
    /// Kafka's time, Unix milliseconds.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Value.
    pub payload: Option<&'a [u8]>,
    /// Parsed only where the record is refused.
    pub headers: &'a dyn Fn() -> Vec<(String, Vec<u8>)>,
}

/// A record that becomes no row, as it was: everything that a dead letter needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Where it lies.
    pub offset: i64,
    /// Kafka's time, Unix milliseconds.
    pub timestamp_ms: i64,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; empty where there is none.
    pub payload: Vec<u8>,
    /// Headers in their order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl RefusedRecord {
    /// What it takes in memory, bytes, roughly.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        self.key.as_ref().map_or(0, Vec::len) + self.payload.len() + headers + 96
    }
}

/// Fills one range after the other.
pub struct RangeFiller<F: Fill> {
    fill: F,
    cutter: RangeCutter,
    /// `None`: the open range has no rows yet.
    rows: Option<F::Rows>,
    refused: Vec<Refused>,
    refused_records: Vec<RefusedRecord>,
    refused_bytes: usize,
    /// Kafka's time of the open range's first record.
    oldest_ms: Option<i64>,
    partition: i32,
}

/// A range that is closed.
pub struct Filled<B> {
    /// What the protocol takes.
    pub range: ClosedRange<B>,
    /// How many records it is of.
    pub records: u64,
    /// Kafka's time of its first record.
    pub oldest_ms: Option<i64>,
}

impl<F: Fill> RangeFiller<F> {
    /// Nothing yet.
    #[must_use]
    pub fn new(partition: i32, assignment: &Assignment, limits: Limits, fill: F) -> Self {
        Self {
            fill,
            cutter: RangeCutter::new(limits, assignment),
            rows: None,
            refused: Vec::new(),
            refused_records: Vec::new(),
            refused_bytes: 0,
            oldest_ms: None,
            partition,
        }
    }

    /// Closes ranges that grow old at `beat` and each age before and after it.
    #[must_use]
    pub fn with_beat(mut self, beat: Instant) -> Self {
        self.cutter = self.cutter.with_beat(beat);
        self
    }

    /// From now on a range is full at so many rows.
    pub fn set_rows_max(&mut self, rows: usize) {
        self.cutter.set_rows_max(rows);
    }

    /// True where the open range ends before this offset: close it first.
    pub fn ends_before(&mut self, offset: i64, now: Instant) -> bool {
        self.cutter.ends_before(offset, now)
    }

    /// Gives a record its fate. `reading` says how its value is read, and not that it has to wait.
    pub fn add(&mut self, record: &Incoming<'_>, reading: &Reading<'_>, now: Instant) {
        let offset = record.offset;
        self.oldest_ms.get_or_insert(record.timestamp_ms);
        let mut bytes = 0;
        let reason = if self.cutter.stays_refused(offset) {
            Some(self.reason_again(record, reading))
        } else {
            match reading {
                Reading::Refuse(reason) => Some((*reason).to_owned()),
                Reading::Wait { id, .. } => Some(format!("schema {id} is not known")),
                Reading::Read(program, body) => {
                    let kafka_time_micros = record.timestamp_ms.saturating_mul(1_000);
                    let rows = self.rows.get_or_insert_with(|| self.fill.rows(self.partition));
                    let before = F::size_bytes(rows);
                    let appended = F::append(rows, program, body, offset, kafka_time_micros);
                    bytes = F::size_bytes(rows).saturating_sub(before);
                    appended.err()
                }
            }
        };
        match reason {
            None => self.cutter.add(offset, bytes, Taken::Row, now),
            Some(reason) => self.refuse(record, reason, now),
        }
    }

    /// Why a record was refused when its range was begun: what is found now, which is the same as long as the program and the registry
    /// are. It is tried on rows of its own: where it would be one now, nobody sees it.
    fn reason_again(&self, record: &Incoming<'_>, reading: &Reading<'_>) -> String {
        let found = match reading {
            Reading::Refuse(reason) => Some((*reason).to_owned()),
            Reading::Read(program, body) if F::KEEPS_REFUSED => {
                let mut rows = self.fill.rows(self.partition);
                let kafka_time_micros = record.timestamp_ms.saturating_mul(1_000);
                let appended = F::append(&mut rows, program, body, record.offset, kafka_time_micros);
                // Its memory goes back to where it came from.
                drop(self.fill.close(Some(rows), Vec::new()));
                appended.err()
            }
            Reading::Read(..) | Reading::Wait { .. } => None,
        };
        found.unwrap_or_else(|| REFUSED_BEFORE.to_owned())
    }

    fn refuse(&mut self, record: &Incoming<'_>, reason: String, now: Instant) {
        let mut bytes = reason.len();
        if F::KEEPS_REFUSED {
            let kept = RefusedRecord {
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key.map(<[u8]>::to_vec),
                payload: record.payload.unwrap_or_default().to_vec(),
                headers: (record.headers)(),
            };
            bytes += kept.size_bytes();
            self.refused_records.push(kept);
        }
        self.refused_bytes += bytes;
        self.refused.push(Refused { offset: record.offset, reason });
        self.cutter.add(record.offset, bytes, Taken::Refused, now);
    }

    /// Everything before `position` was added, or is no record.
    pub fn move_to(&mut self, position: i64, now: Instant) {
        self.cutter.move_to(position, now);
    }

    /// True where nothing more may be added before the open range is closed.
    pub fn is_full(&self) -> bool {
        self.cutter.is_full()
    }

    /// True where the open range is to be closed now: it is full, or so many times as old as it may grow.
    pub fn is_due(&self, now: Instant, ages: u32) -> bool {
        self.cutter.is_due_after(now, ages)
    }

    /// True where the open range ends where its intent says, and cannot be closed to make room.
    pub fn ends_as_recorded(&self) -> bool {
        self.cutter.ends_as_recorded()
    }

    /// What the open range takes in memory, bytes.
    pub fn memory_bytes(&self) -> usize {
        self.rows.as_ref().map_or(0, F::memory_bytes) + self.refused_bytes
    }

    /// Records of the open range.
    pub fn records(&self) -> u64 {
        (self.rows.as_ref().map_or(0, F::count) + self.refused.len()) as u64
    }

    /// Kafka's time of the open range's first record.
    pub fn oldest_ms(&self) -> Option<i64> {
        self.oldest_ms
    }

    /// Closes the open range. `None`: there is nothing to close, or its intent names an end that was not reached.
    pub fn close(&mut self) -> Option<Filled<F::Block>> {
        let records = self.records();
        let cut = self.cutter.close()?;
        let rows = self.rows.take();
        let refused_records = std::mem::take(&mut self.refused_records);
        self.refused_bytes = 0;
        let block = self.fill.close(rows, refused_records);
        let range = ClosedRange { cut, block, refused: std::mem::take(&mut self.refused) };
        Some(Filled { range, records, oldest_ms: self.oldest_ms.take() })
    }
}
