//! What is in the world, how long things take there, and what goes wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::report::{Raw, RolledUp};
use kafka_io::ProduceError;
use kafka_io::batches::CommitFailure;
use report_life::ReportState;
use report_store::StoreError;
use schemas::ids::ReportId;
use schemas::report_slice::ReportSlice;

use crate::mail::MailError;

/// What happens at the calls of one kind: call number, from 0, to its error.
pub(super) type Faults<E> = Mutex<HashMap<usize, E>>;

#[derive(Default)]
pub(crate) struct World {
    pub(crate) book: Mutex<HashMap<ReportId, ReportState>>,
    pub(crate) forgotten: Mutex<BTreeSet<ReportId>>,
    pub(crate) files: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) aborted: AtomicUsize,
    /// Statements that run.
    pub(crate) reading: AtomicUsize,
    /// So many copies of each slice are deleted after it is planned.
    pub(crate) deleted: AtomicU64,
    /// Rows of each stretch, where they are not two; at most 999 are read.
    pub(crate) rows: AtomicU64,
    /// End times of rows that came later, microseconds; those of one millisecond are copies of one fact, and the first counts.
    pub(crate) late: Mutex<Vec<i64>>,
    /// Where each statement began to read, microseconds.
    pub(crate) reads: Mutex<Vec<i64>>,
    /// What the roll-up says of each report, one answer an attempt; the last one stays.
    pub(crate) rolled_up: Mutex<Vec<RolledUp>>,
    pub(crate) rollup_faults: Faults<QueryError>,
    /// It does not know what reports are narrowed by.
    pub(crate) unknown_to_rollup: AtomicBool,
    /// What the rows say of the same.
    pub(crate) raw: Mutex<Raw>,
    /// Rows of each stretch when it was planned, where the roll-up was behind.
    pub(crate) planned_rows: Mutex<Option<u64>>,
    /// How far the aggregator is in partition 0.
    pub(crate) counted_until: AtomicU64,
    /// There is nothing in the range.
    pub(crate) is_empty: AtomicBool,
    /// Each stretch is a slice of its own.
    pub(crate) is_large: AtomicBool,
    /// Rows of groups wait in the store, one by one, until they are sorted, and a name at most is held.
    pub(crate) holds_one_row: AtomicBool,
    /// Slices that nobody has taken.
    pub(crate) queue: Mutex<VecDeque<ReportSlice>>,
    /// Uploads that have no end: key and name.
    pub(crate) uploads: Mutex<BTreeSet<(String, String)>>,
    /// Manifests by their keys.
    pub(crate) manifests: Mutex<BTreeMap<String, Bytes>>,
    pub(crate) digest_faults: Faults<StoreError>,
    pub(crate) join_faults: Faults<StoreError>,
    pub(crate) piece_faults: Faults<StoreError>,
    /// Of what is stored next, a file or a slice, the last byte is another one there; counted from 0.
    pub(crate) spoiled: Mutex<BTreeSet<usize>>,
    /// The next answer that a file was joined is lost.
    pub(crate) loses_answer: AtomicBool,
    /// Uploads that were begun and neither finished nor aborted.
    pub(crate) uploads_open: AtomicUsize,
    pub(crate) append_faults: Faults<ProduceError>,
    pub(crate) refuse_faults: Faults<ProduceError>,
    pub(crate) plan_faults: Faults<QueryError>,
    pub(crate) begin_faults: Faults<StoreError>,
    pub(crate) read_faults: Faults<QueryError>,
    pub(crate) write_faults: Faults<StoreError>,
    /// Of listing and of deleting.
    pub(crate) delete_faults: Faults<StoreError>,
    /// Of aborting all uploads of a file.
    pub(crate) abort_faults: Faults<StoreError>,
    pub(crate) mail_faults: Faults<MailError>,
    /// How long a mail takes.
    pub(crate) mail_takes: Mutex<Duration>,
    pub(crate) commit_faults: Faults<CommitFailure>,
    /// What ingest's position of partition 0 is, one answer a question; the last one stays.
    pub(crate) positions: Mutex<Vec<i64>>,
    /// Where partition 0 of the events ends, the only one; without: further than anything.
    pub(crate) events_end: Mutex<Option<i64>>,
    /// How long what was appended takes to be in the book.
    pub(crate) book_is_behind: Mutex<Duration>,
    /// How long a plan takes.
    pub(crate) plan_takes: Mutex<Duration>,
    /// How long one slice takes.
    pub(crate) read_takes: Mutex<Duration>,
    /// How long joining takes, and reading a file back.
    pub(crate) join_takes: Mutex<Duration>,
    pub(crate) digest_takes: Mutex<Duration>,
    /// How long some bytes of a file take.
    pub(crate) piece_takes: Mutex<Duration>,
    /// Whoever begins or finishes a file as the one of this number, from 0, stands still for good, and that is told.
    pub(crate) stops_at: Mutex<Option<usize>>,
    pub(crate) stopped: tokio::sync::Notify,
    pub(super) calls: Mutex<HashMap<&'static str, usize>>,
    pub(super) done: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn done(&self) -> Vec<String> {
        self.done.lock().unwrap().clone()
    }

    pub(super) fn rows(&self) -> u64 {
        match self.rows.load(Ordering::Relaxed) {
            0 => 2,
            rows => rows,
        }
    }

    pub(super) async fn file_step(&self) {
        let number = self.calls("file step");
        _ = self.fault::<()>("file step", &Mutex::default());
        if *self.stops_at.lock().unwrap() == Some(number) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// What there is of these bytes in the store.
    pub(super) fn stored(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let number = self.calls("stored");
        _ = self.fault::<()>("stored", &Mutex::default());
        if self.spoiled.lock().unwrap().contains(&number) {
            *bytes.last_mut().unwrap() ^= 1;
        }
        bytes
    }

    pub(super) fn note(&self, what: String) {
        self.done.lock().unwrap().push(what);
    }

    pub(super) fn fault<E: Clone>(&self, kind: &'static str, faults: &Faults<E>) -> Result<(), E> {
        let mut calls = self.calls.lock().unwrap();
        let number = calls.entry(kind).or_default();
        let fault = faults.lock().unwrap().get(number).cloned();
        *number += 1;
        fault.map_or(Ok(()), Err)
    }

    pub(crate) fn calls(&self, kind: &str) -> usize {
        self.calls.lock().unwrap().get(kind).copied().unwrap_or(0)
    }
}
