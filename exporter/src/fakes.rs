//! A world in memory: fails where it is told to, and notes in order what was made durable.

mod files;
mod rows;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use clickhouse_io::QueryError;
use clickhouse_io::report::{Cut, Positions, Raw, ReportQuery, RolledUp, Slice, Stretch};
use kafka_io::batches::CommitFailure;
use kafka_io::{KafkaError, Partition, ProduceError, Record};
use report_life::{JournalError, ReportEnd, ReportState, Turn, Usage};
use report_store::{ReadBack, StoreError};
use schemas::ids::ReportId;
use schemas::report_event::ReportEvent;
use schemas::report_request::ReportRequest;
use schemas::report_slice::{ReportSlice, StoredSlice};
use schemas::times::Moment;
use service_kit::CancellationToken;
use service_kit::metrics::Metrics;

pub(crate) use self::files::digest_of;
use self::files::{FakeFile, FakeSlice};
pub(crate) use self::rows::row;
use self::rows::{FakeRows, Reading};
pub(crate) use self::world::World;
use crate::adapters::Outside;
use crate::config::Config;
use crate::life::Life;
use crate::mail::MailError;
use crate::metrics::ExporterMetrics;
use crate::stages::lay_out_mail::MailText;
use crate::stages::name_file::slices_stand_alone;

/// Stretches of every report, of two rows each; of one hour, so that each is a statement.
const STRETCHES: i64 = 3;

/// How often who waits for a change looks.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Where a request lay, which is told beside it.
pub(crate) fn a_record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| Record {
        partition: Partition { topic: "report-requests".into(), number: 0 },
        epoch: 1,
        offset: 4,
        timestamp: Moment::FIRST,
        key: None,
        payload: None,
        headers: Vec::new(),
    })
}

/// Shared with the code under test.
#[derive(Clone, Default)]
pub(crate) struct Fake(pub(crate) Arc<World>);

impl Fake {
    pub(crate) fn life(&self) -> Life<Self> {
        self.life_with(Config::default())
    }

    pub(crate) fn life_with(&self, config: Config) -> Life<Self> {
        let mut life = Life::new(self.clone(), ExporterMetrics::new(&Metrics::default()), config);
        if self.0.holds_one_row.load(Ordering::Relaxed) {
            (life.tools.rows_bytes_max, life.tools.names_bytes_max) = (1, 100);
        }
        life
    }
}

impl Outside for Fake {
    type File = FakeFile;
    type Slice = FakeSlice;
    type Rows = FakeRows;

    fn known(&self, report: ReportId) -> Option<ReportState> {
        self.0.book.lock().unwrap().get(&report).cloned()
    }

    fn is_forgotten(&self, report: ReportId) -> bool {
        self.0.forgotten.lock().unwrap().contains(&report)
    }

    fn usage(&self, request: &ReportRequest) -> Usage {
        let book = self.0.book.lock().unwrap();
        let own = book.values().filter(|state| state.tenant == request.tenant);
        Usage::of(own, Some(request.report_id), Moment::now())
    }

    fn turn(&self, request: &ReportRequest) -> Turn {
        let book = self.0.book.lock().unwrap();
        let own = book.values().filter(|state| state.tenant == request.tenant);
        Turn::of(own, request.report_id, Moment::now())
    }

    fn due(&self) -> Vec<ReportState> {
        self.0.book.lock().unwrap().values().filter(|state| state.is_due(Moment::now())).cloned().collect()
    }

    fn to_remind(&self, before: Duration) -> Vec<ReportState> {
        let book = self.0.book.lock().unwrap();
        book.values().filter(|state| !state.to_remind(before, Moment::now()).is_empty()).cloned().collect()
    }

    fn ended(&self, from: Moment, to: Moment) -> Vec<ReportEnd> {
        let book = self.0.book.lock().unwrap();
        let end_of = |it: &ReportState| Some(ReportEnd { report: it.id, tenant: it.tenant.clone(), end: it.end()? });
        book.values().filter_map(end_of).filter(|it| (from..to).contains(&it.end.at)).collect()
    }

    async fn until(&self, report: ReportId, wanted: impl Fn(&ReportState) -> bool + Send + Sync) -> ReportState {
        loop {
            if let Some(state) = self.known(report).filter(&wanted) {
                return state;
            }
            tokio::time::sleep(LOOKS_EVERY).await;
        }
    }

    async fn append(&self, event: &ReportEvent) -> Result<(), JournalError> {
        self.0.fault("append", &self.0.append_faults)?;
        self.0.note(format!("{:?}", event.event_type));
        let (world, event, behind) = (Arc::clone(&self.0), event.clone(), *self.0.book_is_behind.lock().unwrap());
        let fold = move || {
            let mut book = world.book.lock().unwrap();
            book.entry(event.report_id).or_insert_with(|| ReportState::begun_by(&event)).apply(&event);
        };
        if behind.is_zero() {
            fold();
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(behind).await;
                fold();
            });
        }
        Ok(())
    }

    async fn stored_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let mut positions = self.0.positions.lock().unwrap();
        let position = if positions.len() > 1 { positions.remove(0) } else { positions.first().copied().unwrap_or(0) };
        Ok([(0, position)].into())
    }

    async fn counted_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        Ok([(0, i64::try_from(self.0.counted_until.load(Ordering::Relaxed)).unwrap())].into())
    }

    async fn count_slice(&self, _: &ReportQuery, slice: &Slice, _: &Cut) -> Result<Slice, QueryError> {
        if self.0.planned_rows.lock().unwrap().is_none() {
            return Ok(slice.clone());
        }
        let stretches = slice.stretches.iter().map(|it| Stretch { rows: self.0.rows(), ..*it });
        Ok(Slice { stretches: stretches.collect() })
    }

    fn is_known_to_rollup(&self, _: &ReportQuery) -> bool {
        !self.0.unknown_to_rollup.load(Ordering::Relaxed)
    }

    async fn rolled_up(&self, _: &ReportQuery, _: &Positions) -> Result<Option<RolledUp>, QueryError> {
        self.0.fault("rolled up", &self.0.rollup_faults)?;
        let mut answers = self.0.rolled_up.lock().unwrap();
        Ok(if answers.len() > 1 { Some(answers.remove(0)) } else { answers.first().cloned() })
    }

    async fn hold_against_rows(&self, _: &ReportQuery, _: &Positions, _: &RolledUp) -> Result<Raw, QueryError> {
        _ = self.0.fault::<()>("raw", &Mutex::default());
        Ok(self.0.raw.lock().unwrap().clone())
    }

    async fn events_until(&self) -> Result<BTreeMap<i32, i64>, KafkaError> {
        let end = *self.0.events_end.lock().unwrap();
        Ok([(0, end.unwrap_or(i64::MAX))].into())
    }

    async fn plan(&self, query: &ReportQuery, _: &Cut) -> Result<Vec<Slice>, QueryError> {
        let takes = *self.0.plan_takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        self.0.fault("plan", &self.0.plan_faults)?;
        // Those of a minute, wherever in it the range begins.
        let from = query.filter.from.as_micros();
        let at = |slice: i64| from - from.rem_euclid(60_000_000) + slice * 1_000_000;
        let stretch = |slice: i64| {
            let (begin, to) = (at(slice).max(from), at(slice + 1));
            let there = if begin == at(slice) { self.0.rows() } else { self.0.ends(begin, to).len() as u64 };
            let rows = there + self.0.deleted.load(Ordering::Relaxed);
            let rows = self.0.planned_rows.lock().unwrap().unwrap_or(rows);
            Stretch { from: Moment::from_micros(begin), to: Moment::from_micros(to), rows }
        };
        let count = if self.0.is_empty.load(Ordering::Relaxed) { 0 } else { STRETCHES };
        let stretches: Vec<_> = (0..count).filter(|slice| at(slice + 1) > from).map(stretch).collect();
        let of_one = if self.0.is_large.load(Ordering::Relaxed) { 1 } else { stretches.len().max(1) };
        Ok(stretches.chunks(of_one).map(|stretches| Slice { stretches: stretches.to_vec() }).collect())
    }

    async fn read_slice(&self, query: &ReportQuery, slice: &Slice) -> Result<FakeRows, QueryError> {
        let takes = *self.0.read_takes.lock().unwrap();
        let reading = Reading::begin(&self.0);
        tokio::time::sleep(takes).await;
        drop(reading);
        self.0.fault("read", &self.0.read_faults)?;
        let (from, to) = (slice.stretches[0].from.as_micros(), slice.stretches[0].to.as_micros());
        self.0.reads.lock().unwrap().push(from);
        let rows: Vec<_> = self.0.ends(from, to).into_iter().map(row).collect();
        Ok(FakeRows::of(&rows, query.columns))
    }

    async fn recount(&self, _: &ReportQuery, slice: &Slice) -> Result<Slice, QueryError> {
        let deleted = self.0.deleted.load(Ordering::Relaxed);
        let stretches = slice.stretches.iter().map(|it| Stretch { rows: it.rows - deleted, ..*it });
        Ok(Slice { stretches: stretches.collect() })
    }

    async fn begin_file(&self, key: &str) -> Result<FakeFile, StoreError> {
        self.0.fault("begin", &self.0.begin_faults)?;
        self.0.file_step().await;
        self.0.uploads_open.fetch_add(1, Ordering::Relaxed);
        let upload = (key.to_owned(), format!("file-{}", self.0.calls("begin")));
        self.0.uploads.lock().unwrap().insert(upload.clone());
        Ok(FakeFile { world: Arc::clone(&self.0), upload, bytes: Vec::new() })
    }

    async fn begin_slices(&self, key: &str) -> Result<String, StoreError> {
        self.0.fault("begin", &self.0.begin_faults)?;
        let upload_id = format!("upload-{}", self.0.calls("begin"));
        self.0.uploads.lock().unwrap().insert((key.to_owned(), upload_id.clone()));
        Ok(upload_id)
    }

    async fn put_slices(&self, slices: &[ReportSlice]) -> Result<(), JournalError> {
        for slice in slices {
            // A place to die between two.
            tokio::time::sleep(Duration::from_millis(10)).await;
            self.0.queue.lock().unwrap().push_back(slice.clone());
        }
        Ok(())
    }

    async fn begin_slice(&self, slice: &ReportSlice) -> Result<FakeSlice, StoreError> {
        self.0.fault("begin slice", &self.0.begin_faults)?;
        let (folder, _) = slice.object_key.rsplit_once('/').unwrap();
        let call = self.0.calls("begin slice");
        let key = format!("{folder}/slices/{}-{call}", slice.slice);
        let upload = slices_stand_alone(&slice.request).then(|| (slice.object_key.clone(), format!("own-{call}")));
        self.0.uploads.lock().unwrap().extend(upload.clone());
        Ok(FakeSlice { world: Arc::clone(&self.0), key, upload, bytes: Vec::new() })
    }

    async fn join(
        &self,
        key: &str,
        upload_id: &str,
        slices: &[StoredSlice],
        unwanted: &CancellationToken,
    ) -> Result<Option<u64>, StoreError> {
        let takes = Duration::from_millis(10) + *self.0.join_takes.lock().unwrap();
        if unwanted.run_until_cancelled(tokio::time::sleep(takes)).await.is_none() {
            return Ok(None);
        }
        self.0.fault("join", &self.0.join_faults)?;
        let mut files = self.0.files.lock().unwrap();
        let of = |slice: &StoredSlice| files.get(slice.staged_key.as_ref().unwrap()).cloned();
        let bytes = || slices.iter().map(of).collect::<Option<Vec<_>>>().map(|pieces| pieces.concat());
        let size_bytes = u64::try_from(slices.iter().map(StoredSlice::size_bytes).sum::<i64>()).unwrap();
        if files.get(key).is_some_and(|file| file.len() as u64 == size_bytes) {
            return Ok(Some(size_bytes));
        }
        let is_open = self.0.uploads.lock().unwrap().remove(&(key.to_owned(), upload_id.to_owned()));
        let bytes = bytes().filter(|_| is_open).ok_or_else(|| StoreError::Broken("no such upload".to_owned()))?;
        files.insert(key.to_owned(), self.0.stored(bytes));
        self.0.note("file".to_owned());
        if self.0.loses_answer.swap(false, Ordering::Relaxed) {
            return Err(StoreError::Failed { action: "finishing", reason: "connection reset".to_owned() });
        }
        Ok(Some(size_bytes))
    }

    async fn file_size(&self, key: &str) -> Result<u64, StoreError> {
        let files = self.0.files.lock().unwrap();
        files.get(key).map(|file| file.len() as u64).ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }

    async fn read_back(&self, key: &str, sizes: &[u64]) -> Result<ReadBack, StoreError> {
        let takes = *self.0.digest_takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        self.0.fault("digest", &self.0.digest_faults)?;
        let files = self.0.files.lock().unwrap();
        let file = files.get(key).ok_or_else(|| StoreError::NotFound(key.to_owned()))?;
        let whole = sizes.iter().scan(&file[..], |rest, size| {
            let (piece, behind) = rest.split_at_checked(usize::try_from(*size).unwrap())?;
            *rest = behind;
            Some(digest_of(piece))
        });
        Ok(ReadBack { size_bytes: file.len() as u64, sha256: digest_of(file), pieces: whole.collect() })
    }

    async fn put_file(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let mut manifests = self.0.manifests.lock().unwrap();
        let there = manifests.entry(key.to_owned()).or_insert_with(|| bytes.clone());
        if *there == bytes { Ok(()) } else { Err(StoreError::Occupied(key.to_owned())) }
    }

    async fn read_file(&self, key: &str) -> Result<Bytes, StoreError> {
        let there = self.0.manifests.lock().unwrap().get(key).cloned();
        there.ok_or_else(|| StoreError::NotFound(key.to_owned()))
    }

    async fn read_piece(&self, key: &str, piece: Range<u64>) -> Result<Bytes, StoreError> {
        let takes = *self.0.piece_takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        self.0.fault("read piece", &self.0.piece_faults)?;
        let files = self.0.files.lock().unwrap();
        let file = files.get(key).ok_or_else(|| StoreError::NotFound(key.to_owned()))?;
        let [from, to] = [piece.start, piece.end].map(|place| usize::try_from(place).unwrap());
        Ok(Bytes::copy_from_slice(&file[from..to]))
    }

    async fn abort_upload(&self, key: &str, upload_id: &str) -> Result<(), StoreError> {
        self.0.uploads.lock().unwrap().remove(&(key.to_owned(), upload_id.to_owned()));
        Ok(())
    }

    async fn abort_uploads(&self, key: &str) -> Result<(), StoreError> {
        self.0.fault("abort uploads", &self.0.abort_faults)?;
        self.0.uploads.lock().unwrap().retain(|upload| upload.0 != key);
        Ok(())
    }

    async fn files(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        self.0.fault("files", &self.0.delete_faults)?;
        let files = self.0.files.lock().unwrap();
        let manifests = self.0.manifests.lock().unwrap();
        Ok(files.keys().chain(manifests.keys()).filter(|key| key.starts_with(&format!("{folder}/"))).cloned().collect())
    }

    async fn delete_file(&self, key: &str) -> Result<(), StoreError> {
        self.0.fault("delete", &self.0.delete_faults)?;
        self.0.files.lock().unwrap().remove(key);
        self.0.manifests.lock().unwrap().remove(key);
        Ok(())
    }

    async fn mail(&self, receiver: &str, mail: &MailText) -> Result<(), MailError> {
        let takes = *self.0.mail_takes.lock().unwrap();
        tokio::time::sleep(takes).await;
        self.0.fault("mail", &self.0.mail_faults)?;
        self.0.note(format!("mail to {receiver}: {}", mail.subject.split(':').next().unwrap_or_default()));
        Ok(())
    }

    async fn refuse(&self, request: &Record, reason: &str) -> Result<(), ProduceError> {
        self.0.fault("refuse", &self.0.refuse_faults)?;
        self.0.note(format!("refused {}: {reason}", request.offset));
        Ok(())
    }

    async fn commit(&self, _: &Partition, _: u64, position: i64) -> Result<(), CommitFailure> {
        self.0.fault("commit", &self.0.commit_faults)?;
        self.0.note(format!("commit {position}"));
        Ok(())
    }
}
