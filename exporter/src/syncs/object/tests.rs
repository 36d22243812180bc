//! Exporters that die between noting, making and saying so, and others that would make other bytes. The bucket is a folder.

use std::future::{pending, ready};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use report_store::StoreConfig;
use schemas::report_request::{BarrierOffset, Compression, ReportRequest};
use service_kit::CancellationToken;
use tempfile::TempDir;

use super::*;
use crate::fakes::Fake;
use crate::render::Start;
use crate::stages::check_request::check_request;
use crate::stages::name_object::live_key;
use crate::stages::write_sync_mail::tests::state;
use crate::syncs::step::request;

/// What packs otherwise stands for an encoder of another version: the same rows, other bytes.
const OURS: Compression = Compression::Gzip;
const OTHER: Compression = Compression::Zstd;

/// The events of a sync.
#[derive(Default)]
struct Topic {
    events: Mutex<Vec<BucketSyncEvent>>,
    /// Whoever has written one stands still.
    stops: bool,
}

impl Notes for Topic {
    async fn append(&self, event: &BucketSyncEvent) -> Result<(), JournalError> {
        self.events.lock().unwrap().push(event.clone());
        if self.stops {
            pending::<()>().await;
        }
        Ok(())
    }
}

struct World {
    rows: Fake,
    bucket: ReportStore,
    _folder: TempDir,
    /// As it is when an object is planned.
    planned: SyncState,
    topic: Topic,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let bucket = ReportStore::open(&StoreConfig { url, ..StoreConfig::default() }).unwrap();
        let state = state();
        let planned = BucketSyncEvent {
            number: Some(state.next),
            interval_end: Some(Moment::from_millis(1_793_491_500_000)),
            until: vec![BarrierOffset { partition: 0, offset: 10 }],
            ..state.event(Type::Planned, Moment::from_millis(1_793_491_500_000))
        };
        let planned = state.with(&planned);
        Self { rows: Fake::default(), bucket, _folder: folder, planned, topic: Topic::default() }
    }

    /// As it is for who has read the topic.
    fn folded(&self) -> SyncState {
        self.topic.events.lock().unwrap().iter().fold(self.planned.clone(), SyncState::with)
    }

    fn notes(&self) -> usize {
        self.topic.events.lock().unwrap().len()
    }

    fn key(&self) -> String {
        live_key(&self.planned, self.planned.open.as_ref().unwrap())
    }

    /// Of who knows `state`.
    async fn found(&self, state: &SyncState) -> Result<Option<Packed>, StoreError> {
        let (plan, key) = (state.open.as_ref().unwrap(), &self.key());
        Object { state, plan, bucket: &self.bucket, key }.found().await
    }

    async fn made(&self, state: &SyncState, encoder: Compression) -> Result<Option<Packed>, StepError> {
        let (life, never) = (self.rows.life(), CancellationToken::new());
        let (from, to) = (Moment::from_millis(1_793_491_200_000), Moment::from_millis(1_793_494_800_000));
        let request = ReportRequest { compression: encoder, ..request(state, from, to) };
        let (query, writer) = (check_request(&request).unwrap(), life.writer(&never));
        let slices = writer.plan(&request, &query, || ready(())).await.unwrap();
        let piece = Piece { request: &request, query: &query, slices: &slices, start: Start::Beginning };
        let (plan, key) = (state.open.as_ref().unwrap(), &self.key());
        Object { state, plan, bucket: &self.bucket, key }.made(&writer, piece, &self.topic).await
    }

    /// All that a reader sees.
    async fn seen(&self) -> Vec<(String, Bytes)> {
        let mut seen = Vec::new();
        for key in self.bucket.list("acme").await.unwrap() {
            let bytes = self.bucket.get(&key).await.unwrap();
            seen.push((key, bytes));
        }
        seen
    }
}

fn code<T: std::fmt::Debug>(made: Result<T, StepError>) -> String {
    match made {
        Err(StepError::Failed(failure)) => failure.known.unwrap().code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn object_that_was_made_and_not_noted_counts_as_it_is_for_an_encoder_of_another_version() {
    let world = World::new();
    let made = world.made(&world.planned, OURS).await.unwrap().unwrap();
    assert_eq!((made.rows, world.notes()), (6, 1));
    let seen = world.seen().await;
    assert_eq!((seen.len(), &seen[0].0, signed(seen[0].1.len() as u64)), (1, &world.key(), made.size_bytes));
    // It dies; the next one reads the topic, packs otherwise, and the rows were purged.
    world.rows.0.is_empty.store(true, Ordering::Relaxed);
    let next = world.folded();
    assert_eq!(world.found(&next).await, Ok(Some(made.clone())));
    assert_eq!((world.seen().await, world.notes()), (seen, 1));
    // What it says ends the plan, with what is there.
    let (plan, key) = (next.open.as_ref().unwrap(), &world.key());
    let stored = Object { state: &next, plan, bucket: &world.bucket, key }.stored(Some(made.clone()));
    let ended = next.with(&stored);
    let last = ended.last_object.unwrap();
    assert_eq!((ended.open, last.key, last.rows, last.size_bytes), (None, world.key(), 6, made.size_bytes));
}

#[tokio::test]
async fn who_dies_before_its_object_is_seen_leaves_the_place_to_another_version() {
    let world = World { topic: Topic { stops: true, ..Topic::default() }, ..World::new() };
    let dying = tokio::time::timeout(Duration::from_secs(1), world.made(&world.planned, OURS));
    assert!(dying.await.is_err());
    assert_eq!((world.notes(), world.seen().await.len()), (1, 0), "noted before it is seen");
    let topic = Topic { events: Mutex::new(world.topic.events.lock().unwrap().clone()), stops: false };
    let world = World { topic, ..world };
    let next = world.folded();
    assert_eq!(world.found(&next).await, Ok(None));
    let made = world.made(&next, OTHER).await.unwrap().unwrap();
    let last = world.folded();
    assert_eq!((world.notes(), last.open.as_ref().unwrap().packed.len(), world.seen().await.len()), (2, 2, 1));
    assert_eq!(world.found(&last).await, Ok(Some(made)));
}

#[tokio::test]
async fn same_bytes_are_noted_once() {
    let world = World::new();
    let made = world.made(&world.planned, OURS).await.unwrap();
    // Another one that has read the topic, and one that looked before the first was there.
    assert_eq!(world.made(&world.folded(), OURS).await.unwrap(), made);
    assert_eq!((world.notes(), world.seen().await.len()), (1, 1));
}

#[tokio::test]
async fn of_two_versions_at_once_one_object_is_there_and_both_find_it() {
    let world = World::new();
    let (ours, other) = tokio::join!(world.made(&world.planned, OURS), world.made(&world.planned, OTHER));
    assert!(ours.is_ok() != other.is_ok(), "{ours:?} {other:?}");
    let (there, refused) = if ours.is_ok() { (ours, other) } else { (other, ours) };
    assert_eq!(code(refused), "object_occupied");
    assert_eq!((world.notes(), world.seen().await.len()), (2, 1));
    assert_eq!(world.found(&world.folded()).await, Ok(there.unwrap()));
}

#[tokio::test]
async fn what_somebody_else_has_put_there_is_neither_taken_for_it_nor_replaced() {
    let world = World::new();
    let foreign = Bytes::from_static(b"{}\n");
    world.bucket.put(&world.key(), foreign.clone()).await.unwrap();
    assert_eq!(world.found(&world.planned).await, Ok(None), "nothing is known of it yet");
    assert_eq!(code(world.made(&world.planned, OURS).await), "object_occupied");
    let next = world.folded();
    assert_eq!(world.found(&next).await, Err(StoreError::Occupied(world.key())));
    assert_eq!(world.seen().await, [(world.key(), foreign)]);
    // It has the very size.
    let size = usize::try_from(next.open.as_ref().unwrap().packed[0].size_bytes).unwrap();
    world.bucket.delete(&world.key()).await.unwrap();
    world.bucket.put(&world.key(), vec![0; size].into()).await.unwrap();
    assert_eq!(world.found(&next).await, Err(StoreError::Occupied(world.key())));
    // Moved away, it is made, and is known already.
    world.bucket.delete(&world.key()).await.unwrap();
    assert_eq!(world.found(&next).await, Ok(None));
    let made = world.made(&next, OURS).await.unwrap();
    assert_eq!((world.notes(), world.found(&world.folded()).await), (1, Ok(made)));
}

#[tokio::test]
async fn what_would_have_no_rows_is_neither_noted_nor_made() {
    let world = World::new();
    world.rows.0.is_empty.store(true, Ordering::Relaxed);
    assert_eq!(world.made(&world.planned, OURS).await.unwrap(), None);
    assert_eq!((world.notes(), world.seen().await.len()), (0, 0));
}
