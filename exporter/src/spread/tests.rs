//! Reports of several slices, with exporters that die, come late, are of another version, and a store that fails.

mod cancelled;
mod faults;
mod groups;
mod versions;

use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use clickhouse_io::QueryError;
use report_life::{Journal, Manifest, Phase, manifest_key};
use schemas::report_request::{Compression, ReportFormat};
use schemas::times::Moment;
use tokio::time::Instant;

use super::*;
use crate::adapters::Outside;
use crate::fakes::{Fake, a_record};
use crate::life::Lived;
use crate::metrics::FateLabel;
use crate::slice::PUT_BACK_AFTER;
use crate::stages::check_request::tests::request;
use crate::stages::name_file::slices_are_files;

/// A report of three slices, each of which takes a while.
fn large() -> Fake {
    let fake = Fake::default();
    fake.0.is_large.store(true, Ordering::Relaxed);
    *fake.0.read_takes.lock().unwrap() = Duration::from_millis(40);
    fake
}

fn asked() -> ReportRequest {
    ReportRequest { receivers: Vec::new(), ..request() }
}

/// One whose slices are files.
fn asked_for_files() -> ReportRequest {
    ReportRequest { format: ReportFormat::Parquet, compression: Compression::None, ..asked() }
}

/// A slice that was taken from its topic; whoever dies before it is committed leaves it to the others.
struct Taken<'a>(&'a Fake, Option<ReportSlice>);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(slice) = self.1.take() {
            self.0.0.queue.lock().unwrap().push_front(slice);
        }
    }
}

/// Makes slices, one after the other, until it is dropped.
async fn work(fake: &Fake, life: &Life<Fake>) {
    loop {
        let slice = fake.0.queue.lock().unwrap().pop_front();
        let Some(slice) = slice else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let mut taken = Taken(fake, Some(slice.clone()));
        assert_eq!(life.live_slice(&slice).await.unwrap(), Lived::Done);
        taken.1 = None;
    }
}

/// An exporter that has the request and takes slices too, until the report has ended.
async fn live(fake: &Fake) -> Life<Fake> {
    live_of(fake, &asked()).await
}

async fn live_of(fake: &Fake, asked: &ReportRequest) -> Life<Fake> {
    let life = fake.life();
    tokio::select! {
        lived = life.live(asked, a_record()) => assert_eq!(lived.unwrap(), Lived::Done),
        () = work(fake, &life) => {}
    }
    life
}

fn state(fake: &Fake) -> ReportState {
    fake.known(request().report_id).unwrap()
}

fn said(event_type: ReportEventType) -> ReportEvent {
    ReportEvent::new(request().report_id, request().tenant, event_type, Moment::FIRST)
}

fn count(fake: &Fake, what: &str) -> usize {
    fake.0.done().iter().filter(|it| *it == what).count()
}

/// The only file there is, and nothing is left beside it.
fn file(fake: &Fake) -> Vec<u8> {
    let mut files = files(fake);
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// All files there are, which are the report's own, in order.
fn files(fake: &Fake) -> Vec<Vec<u8>> {
    assert!(fake.0.uploads.lock().unwrap().is_empty());
    let files = fake.0.files.lock().unwrap();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), state(fake).file_keys());
    files.values().cloned().collect()
}

fn assert_nothing_left(fake: &Fake) {
    assert!(fake.0.files.lock().unwrap().is_empty(), "{:?}", fake.0.files.lock().unwrap().keys());
    assert!(fake.0.uploads.lock().unwrap().is_empty());
    assert_eq!(fake.0.reading.load(Ordering::Relaxed), 0);
}

fn text(file: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

fn slices_with_fate(life: &Life<Fake>, fate: &'static str) -> u64 {
    life.metrics.slices.get_or_create(&FateLabel { fate }).get()
}

async fn undisturbed() -> Vec<u8> {
    let fake = large();
    live(&fake).await;
    file(&fake)
}

/// What exporter that died has left of an attempt: its plan, by this version, and one slice that is made.
async fn planned_by(fake: &Fake, encoder_version: i32) {
    let life = fake.life();
    let asked = asked();
    let dying = async {
        tokio::join!(life.live(&asked, a_record()), async {
            fake.until(asked.report_id, |state| state.plan.is_some()).await;
            let first = fake.0.queue.lock().unwrap().pop_front().unwrap();
            life.live_slice(&first).await.unwrap();
        })
    };
    assert!(tokio::time::timeout(Duration::from_secs(1), dying).await.is_err());
    let mut book = fake.0.book.lock().unwrap();
    let state = book.get_mut(&asked.report_id).unwrap();
    Arc::make_mut(state.plan.as_mut().unwrap()).encoder_version = encoder_version;
    drop(book);
    fake.0.queue.lock().unwrap().iter_mut().for_each(|slice| slice.encoder_version = encoder_version);
}

#[tokio::test(start_paused = true)]
async fn slices_are_made_by_whoever_takes_them_and_joined_in_order() {
    let fake = large();
    let (owner, others, asked) = (fake.life(), [fake.life(), fake.life()], asked());
    tokio::select! {
        lived = owner.live(&asked, a_record()) => assert_eq!(lived.unwrap(), Lived::Done),
        () = work(&fake, &others[0]) => {}
        () = work(&fake, &others[1]) => {}
    }
    let done = others.each_ref().map(|life| slices_with_fate(life, "done"));
    assert!(done == [1, 2] || done == [2, 1], "{done:?}");
    assert_eq!((owner.metrics.running.get(), others[0].metrics.slices_running.get()), (0, 0));
    let whole = Fake::default();
    live(&whole).await;
    assert_eq!(text(&file(&fake)), text(&file(&whole)));
    assert_eq!(file(&fake), undisturbed().await);
    let state = state(&fake);
    assert_eq!((state.rows, state.slices, state.slices_expected, state.attempt), (6, 3, Some(3), 1));
    assert_eq!(state.size_bytes, i64::try_from(file(&fake).len()).unwrap());
    let told = fake.0.done();
    assert_eq!(told[..3], ["Requested", "Started", "Planned"]);
    assert_eq!(told[3..], ["SliceDone", "SliceDone", "SliceDone", "file", "Completed"]);
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_at_any_moment_the_file_is_the_same() {
    whoever_dies(large, asked(), 1, 6).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_at_any_moment_the_files_are_the_same() {
    whoever_dies(large, asked_for_files(), 3, 6).await;
}

async fn whoever_dies(begin: fn() -> Fake, asked: ReportRequest, count_of_files: usize, rows: i64) {
    let calm = begin();
    live_of(&calm, &asked).await;
    let expected = files(&calm);
    assert_eq!(expected.len(), count_of_files);
    let mut attempts = std::collections::BTreeSet::new();
    for dies_after in (0..260).step_by(3).map(Duration::from_millis) {
        // Who has the request and makes slices; who only has the request; who only makes slices.
        for dies in ["all", "owner", "worker"] {
            let fake = begin();
            let (old, new) = (fake.life(), fake.life());
            let owner = async |life: &Life<Fake>| life.live(&asked, a_record()).await.map(drop).unwrap();
            let dying = async {
                match dies {
                    "all" => drop(tokio::time::timeout(dies_after, live_of(&fake, &asked)).await),
                    "owner" => drop(tokio::time::timeout(dies_after, owner(&old)).await),
                    _ => drop(tokio::time::timeout(dies_after, work(&fake, &old)).await),
                }
            };
            let living = async {
                match dies {
                    "worker" => tokio::join!(owner(&new), dying).0,
                    _ => {
                        dying.await;
                        owner(&new).await;
                    }
                }
            };
            let all = async {
                tokio::select! {
                    () = living => {}
                    () = async {
                        // The dead one's slices come when it has gone.
                        if dies != "owner" {
                            tokio::time::sleep(dies_after).await;
                        }
                        work(&fake, &new).await;
                    } => {}
                }
            };
            tokio::time::timeout(Duration::from_secs(3600), all).await.unwrap();
            assert!(files(&fake) == expected, "{dies} dies after {dies_after:?}");
            let state = state(&fake);
            assert_eq!((state.phase, state.rows, count(&fake, "Completed")), (Phase::Completed, rows, 1), "{dies}");
            let again = count(&fake, "SliceDone").saturating_sub(3);
            assert!(state.attempt > 1 || again == 0, "{dies} after {dies_after:?}: {again} slices were made twice");
            attempts.insert((dies, state.attempt));
        }
    }
    // With a plan it went on, without one it began anew.
    assert!(attempts.contains(&("all", 1)) && attempts.contains(&("all", 2)), "{attempts:?}");
    assert!(attempts.contains(&("owner", 1)) && attempts.contains(&("owner", 2)), "{attempts:?}");
    assert!(!attempts.contains(&("worker", 2)), "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn slices_of_a_table_are_files_which_the_manifest_tells() {
    let fake = large();
    live_of(&fake, &asked_for_files()).await;
    let made = files(&fake);
    assert!(made.iter().all(|file| file.starts_with(b"PAR1") && file.ends_with(b"PAR1")), "each is whole");
    let state = state(&fake);
    assert_eq!(
        (state.files, state.rows, state.size_bytes),
        (3, 6, made.iter().map(|file| signed(file.len() as u64)).sum())
    );
    let key = state.object_key.unwrap();
    let text = fake.0.manifests.lock().unwrap()[&manifest_key(&key)].clone();
    let manifest: Manifest = serde_json::from_slice(&text).unwrap();
    let told: Vec<_> = manifest.files.iter().map(|file| (file.name.as_str(), file.size_bytes)).collect();
    let sizes = made.iter().map(|file| file.len() as u64);
    assert_eq!(
        told,
        ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"].into_iter().zip(sizes).collect::<Vec<_>>()
    );
    // One slice is one file, which lies at the report's key.
    let small = Fake::default();
    live_of(&small, &asked_for_files()).await;
    assert_eq!((files(&small).len(), self::state(&small).file_keys()), (1, vec![key]));
}

/// Cancels a report every ten milliseconds of its life: it is completed with all its files, or nothing is left of it.
async fn cancel_at_each_moment(until_ms: u64, world: fn() -> Fake, asked: &ReportRequest, files_of_it: usize) {
    for cancelled_after in (10..until_ms).step_by(10).map(Duration::from_millis) {
        let fake = world();
        let cancelling = async {
            tokio::time::sleep(cancelled_after).await;
            fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
        };
        tokio::join!(live_of(&fake, asked), cancelling);
        match state(&fake).phase {
            Phase::Completed => assert_eq!(files(&fake).len(), files_of_it),
            phase => {
                assert_eq!(phase, Phase::Cancelled, "after {cancelled_after:?}");
                assert_nothing_left(&fake);
            }
        }
    }
}

/// How many files a report of three slices has.
fn asked_files(asked: &ReportRequest) -> usize {
    if slices_are_files(asked) { 3 } else { 1 }
}

#[tokio::test(start_paused = true)]
async fn slices_that_are_not_wanted_are_not_read() {
    let fake = large();
    planned_by(&fake, ENCODER_VERSION).await;
    let first = fake.0.queue.lock().unwrap()[0].clone();
    live(&fake).await;
    let (file, reads, life) = (file(&fake), fake.0.calls("read"), fake.life());
    // The report has ended; an attempt, and an upload, that another one has taken the place of; again.
    let late = [
        first.clone(),
        ReportSlice { attempt: 0, ..first.clone() },
        ReportSlice { upload_id: "another".to_owned(), ..first.clone() },
    ];
    for slice in &late {
        assert_eq!(life.live_slice(slice).await.unwrap(), Lived::Done);
    }
    assert_eq!((slices_with_fate(&life, "unwanted"), fake.0.calls("read")), (3, reads));
    let forged = ReportSlice { tenant: "globex".parse().unwrap(), ..first };
    assert!(matches!(life.live_slice(&forged).await.unwrap(), Lived::Refused(_)));
    assert_eq!(self::file(&fake), file);
}

#[tokio::test(start_paused = true)]
async fn late_word_of_a_slice_changes_nothing() {
    let fake = large();
    planned_by(&fake, ENCODER_VERSION).await;
    let upload_id = state(&fake).plan.unwrap().upload_id.clone();
    let late = ReportEvent {
        attempt: Some(1),
        slice: Some(0),
        rows: Some(99),
        staged_key: Some("reports/elsewhere".to_owned()),
        staged_bytes: Some(99),
        upload_id: Some(upload_id),
        ..said(ReportEventType::SliceDone)
    };
    // The first slice is done by another one; the second word is of an upload that is none.
    fake.append(&late).await.unwrap();
    fake.append(&ReportEvent { upload_id: Some("x".to_owned()), slice: Some(1), ..late }).await.unwrap();
    live(&fake).await;
    assert_eq!((file(&fake), state(&fake).attempt, state(&fake).rows), (undisturbed().await, 1, 6));
}

#[tokio::test(start_paused = true)]
async fn exporter_whose_report_was_taken_over_says_nothing_more() {
    let fake = large();
    let (late, asked) = (fake.life(), asked());
    let other = async {
        // Another one believed that it was dead, and begins anew.
        fake.until(asked.report_id, |state| state.plan.is_some()).await;
        fake.append(&ReportEvent { attempt: Some(2), ..said(ReportEventType::Started) }).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (mine, _) = tokio::join!(fake.until(asked.report_id, |_| true), tokio::time::sleep(Duration::from_secs(1)));
        assert_eq!((mine.attempt, mine.phase), (2, Phase::Running));
        assert!(fake.0.uploads.lock().unwrap().is_empty(), "the late one's own upload");
        fake.append(&ReportEvent { attempt: Some(2), ..said(ReportEventType::Failed) }).await.unwrap();
    };
    let (lived, ()) = tokio::join!(late.live(&asked, a_record()), other);
    assert_eq!(lived.unwrap(), Lived::Done);
    let told = fake.0.done();
    assert_eq!(told, ["Requested", "Started", "Planned", "Started", "Failed"]);
}

#[tokio::test(start_paused = true)]
async fn tenants_limit_holds_for_reports_and_slices_of_others_go_on() {
    let fake = large();
    let (life, asked) = (fake.life(), asked());
    let others = ["0193a0a0-0000-7000-8000-000000000001", "0193a0a0-0000-7000-8000-000000000002"];
    let tell = async |event_type| {
        for other in others {
            let event = ReportEvent { attempt: Some(1), report_id: other.parse().unwrap(), ..said(event_type) };
            fake.append(&ReportEvent { at: Moment::now(), ..event }).await.unwrap();
        }
    };
    tell(ReportEventType::Started).await;
    let early = tokio::time::timeout(Duration::from_secs(60), life.live(&asked, a_record())).await;
    assert!(early.is_err());
    assert_eq!(fake.0.done(), ["Started", "Started", "Requested"], "two of the tenant's are made");
    tell(ReportEventType::Failed).await;
    live(&fake).await;
    assert_eq!(file(&fake), undisturbed().await);
}
