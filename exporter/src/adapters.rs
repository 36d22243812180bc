//! The world outside, behind one trait: the seam where fakes take its place in tests.

mod streams;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use clickhouse_io::report::{self, Cut, Positions, Raw, ReportQuery, RolledUp, Slice};
use clickhouse_io::{Answer, GivingWay, QueryError};
use kafka_io::batches::CommitFailure;
use kafka_io::{Committer, KafkaConfig, KafkaError, OutRecord, Partition, ProduceError, Producer, Record, admin};
use report_life::{Journal, JournalError, ReportEnd, ReportState, SharedBook, Turn, Usage};
use report_store::{PartNumbers, ReadBack, ReportStore, SliceUpload, StoreError, Upload};
use schemas::ids::ReportId;
use schemas::report_event::ReportEvent;
use schemas::report_request::ReportRequest;
use schemas::report_slice::{ReportSlice, StoredSlice};
use schemas::times::Moment;
use schemas::topics::{CONNECTION_EVENTS, REPORT_REQUESTS_DEAD_LETTER, REPORT_SLICES, headers};
use service_kit::CancellationToken;

pub(crate) use self::streams::{FileBeingWritten, RowsBeingRead, Uploaded};
use crate::mail::{MailError, Mailer};
use crate::slice_queue::SliceQueue;
use crate::stages::expect_size::expected_bytes;
use crate::stages::lay_out_mail::MailText;
use crate::stages::name_file::slices_stand_alone;

/// The group whose committed offsets say what is stored.
const INGEST_GROUP: &str = "ingest";
/// The group whose committed offsets say what is counted by minute.
const AGGREGATOR_GROUP: &str = "aggregator";

/// What the exporter touches. Every method returns when what it did is durable.
pub(crate) trait Outside: Send + Sync + 'static {
    type File: FileBeingWritten<Finished = Uploaded>;
    type Slice: FileBeingWritten<Finished = StoredSlice>;
    type Rows: RowsBeingRead;

    /// What a report's events say so far.
    fn known(&self, report: ReportId) -> Option<ReportState>;
    /// True for a report of which nothing but this is known any more.
    fn is_forgotten(&self, report: ReportId) -> bool;
    /// What the report's tenant has used of its limits beside it.
    fn usage(&self, request: &ReportRequest) -> Usage;
    /// Whether its turn has come among its tenant's.
    fn turn(&self, request: &ReportRequest) -> Turn;
    /// Reports whose files are to be deleted by now.
    fn due(&self) -> Vec<ReportState>;
    /// Reports of which somebody is to be told by now that their files will be deleted, where they are told so long before.
    fn to_remind(&self, before: Duration) -> Vec<ReportState>;
    /// Reports that came to the end that they are at from a moment on and before another, and that end.
    fn ended(&self, from: Moment, to: Moment) -> Vec<ReportEnd>;
    /// Waits until a report's events say what is wanted; gives what they say then.
    fn until(
        &self,
        report: ReportId,
        wanted: impl Fn(&ReportState) -> bool + Send + Sync,
    ) -> impl Future<Output = ReportState> + Send;
    fn append(&self, event: &ReportEvent) -> impl Future<Output = Result<(), JournalError>> + Send;
    /// For each partition of the connection events the offset before which everything is stored, or gone from the topic.
    fn stored_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    /// For each partition of the connection events the offset before which everything is counted by minute, or gone from the topic.
    fn counted_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    /// For each partition of the connection events the offset where it ends, as a barrier has it.
    fn events_until(&self) -> impl Future<Output = Result<BTreeMap<i32, i64>, KafkaError>> + Send;
    fn plan(&self, query: &ReportQuery, cut: &Cut) -> impl Future<Output = Result<Vec<Slice>, QueryError>> + Send;
    /// The slice as it has to be read now, where it was planned by what the roll-up says.
    fn count_slice(
        &self,
        query: &ReportQuery,
        slice: &Slice,
        cut: &Cut,
    ) -> impl Future<Output = Result<Slice, QueryError>> + Send;
    /// Whether the roll-up may know something of a report.
    fn is_known_to_rollup(&self, query: &ReportQuery) -> bool;
    /// What the roll-up says of a report that was read; none where it knows nothing of it for certain.
    fn rolled_up(
        &self,
        query: &ReportQuery,
        positions: &Positions,
    ) -> impl Future<Output = Result<Option<RolledUp>, QueryError>> + Send;
    /// What the rows say of the same hours.
    fn hold_against_rows(
        &self,
        query: &ReportQuery,
        positions: &Positions,
        rolled_up: &RolledUp,
    ) -> impl Future<Output = Result<Raw, QueryError>> + Send;
    fn read_slice(
        &self,
        query: &ReportQuery,
        slice: &Slice,
    ) -> impl Future<Output = Result<Self::Rows, QueryError>> + Send;
    /// The slice with what is there now, where copies of it were deleted after it was planned.
    fn recount(&self, query: &ReportQuery, slice: &Slice) -> impl Future<Output = Result<Slice, QueryError>> + Send;
    fn begin_file(&self, key: &str) -> impl Future<Output = Result<Self::File, StoreError>> + Send;
    /// Begins a file that slices are joined to; gives the name of the upload.
    fn begin_slices(&self, key: &str) -> impl Future<Output = Result<String, StoreError>> + Send;
    /// Puts slices to all exporters.
    fn put_slices(&self, slices: &[ReportSlice]) -> impl Future<Output = Result<(), JournalError>> + Send;
    fn begin_slice(&self, slice: &ReportSlice) -> impl Future<Output = Result<Self::Slice, StoreError>> + Send;
    /// Makes the file of all its slices; gives its size, bytes, or none where it was unwanted before it was visible. Done again it finds it there.
    fn join(
        &self,
        key: &str,
        upload_id: &str,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> impl Future<Output = Result<Option<u64>, StoreError>> + Send;
    /// Size of a file, bytes.
    fn file_size(&self, key: &str) -> impl Future<Output = Result<u64, StoreError>> + Send;
    /// Size and SHA-256 of a file, read back, and of its pieces of these sizes.
    fn read_back(&self, key: &str, sizes: &[u64]) -> impl Future<Output = Result<ReadBack, StoreError>> + Send;
    /// Writes a small file where there is none.
    fn put_file(&self, key: &str, bytes: Bytes) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// A small file.
    fn read_file(&self, key: &str) -> impl Future<Output = Result<Bytes, StoreError>> + Send;
    /// Some bytes of a file.
    fn read_piece(&self, key: &str, piece: Range<u64>) -> impl Future<Output = Result<Bytes, StoreError>> + Send;
    fn abort_upload(&self, key: &str, upload_id: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Aborts all uploads of a file that have no end.
    fn abort_uploads(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    /// Keys of the files below a folder.
    fn files(&self, folder: &str) -> impl Future<Output = Result<Vec<String>, StoreError>> + Send;
    /// A file that is not there is deleted already.
    fn delete_file(&self, key: &str) -> impl Future<Output = Result<(), StoreError>> + Send;
    fn mail(&self, receiver: &str, mail: &MailText) -> impl Future<Output = Result<(), MailError>> + Send;
    /// Keeps a request, or a slice, with why it is refused.
    fn refuse(&self, request: &Record, reason: &str) -> impl Future<Output = Result<(), ProduceError>> + Send;
    /// Every record before `position` is done with.
    fn commit(
        &self,
        partition: &Partition,
        epoch: u64,
        position: i64,
    ) -> impl Future<Output = Result<(), CommitFailure>> + Send;
}

/// Kafka, ClickHouse, the object store and the mail server.
pub(crate) struct Parts {
    pub(crate) book: SharedBook,
    pub(crate) journal: Journal,
    pub(crate) kafka: KafkaConfig,
    pub(crate) clickhouse: GivingWay,
    pub(crate) store: ReportStore,
    pub(crate) mailer: Mailer,
    pub(crate) producer: Producer,
    pub(crate) slice_queue: SliceQueue,
    /// Of requests, and of slices.
    pub(crate) committers: (Committer, Committer),
}

impl Outside for Parts {
    type File = Upload;
    type Slice = SliceUpload;
    type Rows = Answer;

    fn known(&self, report: ReportId) -> Option<ReportState> {
        self.book.of_any_tenant(report)
    }

    fn is_forgotten(&self, report: ReportId) -> bool {
        self.book.is_forgotten(report)
    }

    fn usage(&self, request: &ReportRequest) -> Usage {
        self.book.usage(&request.tenant, Some(request.report_id), Moment::now())
    }

    fn turn(&self, request: &ReportRequest) -> Turn {
        self.book.turn(&request.tenant, request.report_id, Moment::now())
    }

    fn due(&self) -> Vec<ReportState> {
        self.book.due(Moment::now())
    }

    fn to_remind(&self, before: Duration) -> Vec<ReportState> {
        self.book.to_remind(before, Moment::now())
    }

    fn ended(&self, from: Moment, to: Moment) -> Vec<ReportEnd> {
        self.book.ended(from, to)
    }

    async fn until(&self, report: ReportId, wanted: impl Fn(&ReportState) -> bool + Send + Sync) -> ReportState {
        self.book.wait_for(report, wanted).await
    }

    async fn append(&self, event: &ReportEvent) -> Result<(), JournalError> {
        self.journal.append(event).await
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        admin::done_until(&self.kafka, INGEST_GROUP, CONNECTION_EVENTS.name).await
    }

    async fn counted_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        admin::done_until(&self.kafka, AGGREGATOR_GROUP, CONNECTION_EVENTS.name).await
    }

    async fn events_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        admin::stable_ends(&self.kafka, CONNECTION_EVENTS.name).await
    }

    async fn plan(&self, query: &ReportQuery, cut: &Cut) -> Result<Vec<Slice>, QueryError> {
        report::plan(&self.clickhouse.client().await, query, cut, Moment::now()).await
    }

    async fn count_slice(&self, query: &ReportQuery, slice: &Slice, cut: &Cut) -> Result<Slice, QueryError> {
        report::count_slice(&self.clickhouse.client().await, query, slice, cut, Moment::now()).await
    }

    fn is_known_to_rollup(&self, query: &ReportQuery) -> bool {
        query.is_known_to_rollup(Moment::now())
    }

    async fn rolled_up(&self, query: &ReportQuery, positions: &Positions) -> Result<Option<RolledUp>, QueryError> {
        report::rolled_up(&self.clickhouse.client().await, query, positions, Moment::now()).await
    }

    async fn hold_against_rows(
        &self,
        query: &ReportQuery,
        positions: &Positions,
        rolled_up: &RolledUp,
    ) -> Result<Raw, QueryError> {
        report::hold_against_rows(&self.clickhouse.client().await, query, positions, rolled_up).await
    }

    async fn read_slice(&self, query: &ReportQuery, slice: &Slice) -> Result<Answer, QueryError> {
        report::read(&self.clickhouse.client().await, query, slice)
    }

    async fn recount(&self, query: &ReportQuery, slice: &Slice) -> Result<Slice, QueryError> {
        report::recount(&self.clickhouse.client().await, query, slice).await
    }

    async fn begin_file(&self, key: &str) -> Result<Upload, StoreError> {
        self.store.begin(key)
    }

    async fn begin_slices(&self, key: &str) -> Result<String, StoreError> {
        self.store.begin_slices(key).await
    }

    async fn put_slices(&self, slices: &[ReportSlice]) -> Result<(), JournalError> {
        self.slice_queue.put(slices).await
    }

    async fn begin_slice(&self, slice: &ReportSlice) -> Result<SliceUpload, StoreError> {
        let expected_bytes = expected_bytes(slice);
        if slices_stand_alone(&slice.request) {
            return self.store.begin_file_slice(&slice.object_key, slice.slice, expected_bytes).await;
        }
        let numbers = PartNumbers { first: slice.first_part, last: slice.last_part };
        self.store.begin_slice(&slice.object_key, &slice.upload_id, slice.slice, numbers, expected_bytes)
    }

    async fn join(
        &self,
        key: &str,
        upload_id: &str,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> Result<Option<u64>, StoreError> {
        self.store.join(key, upload_id, slices, unwanted).await
    }

    async fn file_size(&self, key: &str) -> Result<u64, StoreError> {
        self.store.size(key).await
    }

    async fn read_back(&self, key: &str, sizes: &[u64]) -> Result<ReadBack, StoreError> {
        self.store.read_back(key, sizes).await
    }

    async fn put_file(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.store.put(key, bytes).await
    }

    async fn read_file(&self, key: &str) -> Result<Bytes, StoreError> {
        self.store.get(key).await
    }

    async fn read_piece(&self, key: &str, piece: Range<u64>) -> Result<Bytes, StoreError> {
        self.store.get_range(key, piece).await
    }

    async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        self.store.abort_upload(key, upload_id).await
    }

    async fn abort_uploads(&self, key: &str) -> Result<(), StoreError> {
        self.store.abort_uploads(key).await
    }

    async fn files(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.store.list(folder).await
    }

    async fn delete_file(&self, key: &str) -> Result<(), StoreError> {
        self.store.delete(key).await
    }

    async fn mail(&self, receiver: &str, mail: &MailText) -> Result<(), MailError> {
        self.mailer.send(receiver, mail).await
    }

    async fn refuse(&self, request: &Record, reason: &str) -> Result<(), ProduceError> {
        let (partition, offset) = (request.partition.number.to_string(), request.offset.to_string());
        let facts = [
            (headers::REASON, reason.as_bytes()),
            (headers::SOURCE_TOPIC, request.partition.topic.as_bytes()),
            (headers::SOURCE_PARTITION, partition.as_bytes()),
            (headers::SOURCE_OFFSET, offset.as_bytes()),
        ];
        let out = OutRecord {
            topic: REPORT_REQUESTS_DEAD_LETTER.name,
            key: request.key.as_deref().unwrap_or_default(),
            payload: request.payload.as_deref().unwrap_or_default(),
            headers: &facts,
        };
        self.producer.send(out).await.map(drop)
    }

    async fn commit(&self, partition: &Partition, epoch: u64, position: i64) -> Result<(), CommitFailure> {
        let (requests, slices) = &self.committers;
        let committer = if &*partition.topic == REPORT_SLICES.name { slices } else { requests };
        committer.commit(partition, epoch, position).await
    }
}
