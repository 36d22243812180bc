//! One report's life, with parts that fail.

mod again;
mod cancelled;
mod mailed;
mod strangers;
mod turns;

use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clickhouse_io::QueryError;
use prometheus_client::metrics::gauge::Gauge;
use report_life::{Language, Limits, Manifest, ManifestFile, Receiver, manifest_key};
use report_store::StoreError;
use schemas::report_request::{BarrierOffset, ReportKind};

use super::*;
use crate::barrier::BARRIER_EVERY;
use crate::fakes::{Fake, a_record, digest_of};
use crate::make::TELL_EVERY;
use crate::metrics::FateLabel;
use crate::stages::check_request::tests::request;
use crate::stages::name_file::object_key;
use report_writer::choose_writer;

/// Gives what was counted meanwhile.
async fn live(fake: &Fake, request: &ReportRequest) -> ExporterMetrics {
    let life = fake.life();
    assert_eq!(life.live(request, a_record()).await.unwrap(), Lived::Done);
    life.metrics
}

/// Reports that were completed, and that failed.
fn ends(metrics: &ExporterMetrics) -> (u64, u64) {
    let of = |fate| metrics.requests.get_or_create(&FateLabel { fate }).get();
    (of("completed"), of("failed"))
}

/// Mails that were sent, and that were given up.
fn mails(metrics: &ExporterMetrics) -> (u64, u64) {
    let of = |fate| metrics.mails.get_or_create(&FateLabel { fate }).get();
    (of("sent"), of("given_up"))
}

fn header() -> String {
    let writer = choose_writer(&request()).unwrap_or_else(|refused| panic!("{refused}"));
    String::from_utf8(writer.begin()).unwrap()
}

/// Reports that were cancelled.
fn cancelled(metrics: &ExporterMetrics) -> u64 {
    metrics.requests.get_or_create(&FateLabel { fate: "cancelled" }).get()
}

fn state(fake: &Fake) -> ReportState {
    fake.0.book.lock().unwrap()[&request().report_id].clone()
}

fn said(event_type: ReportEventType) -> ReportEvent {
    ReportEvent::new(request().report_id, request().tenant, event_type, Moment::FIRST)
}

/// Lives a report, and cancels it when it has been lived for so long; gives how long it took to end.
async fn cancel_after(fake: &Fake, request: &ReportRequest, lived_for: Duration) -> (ExporterMetrics, Duration) {
    let cancelling = async {
        tokio::time::sleep(lived_for).await;
        fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
        Instant::now()
    };
    let (metrics, asked_at) = tokio::join!(live(fake, request), cancelling);
    (metrics, asked_at.elapsed())
}

fn uploads_open(fake: &Fake) -> usize {
    fake.0.uploads_open.load(Ordering::Relaxed)
}

fn no_route() -> StoreError {
    StoreError::Failed { action: "writing", reason: "no route".to_owned() }
}

fn two_receivers() -> ReportRequest {
    ReportRequest { receivers: vec!["a@acme.example".to_owned(), "b@acme.example".to_owned()], ..request() }
}

fn mails_to(fake: &Fake, receiver: &str) -> usize {
    fake.0.done().iter().filter(|it| it.starts_with(&format!("mail to {receiver}@"))).count()
}

fn file(fake: &Fake) -> Vec<u8> {
    let files = fake.0.files.lock().unwrap();
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    files.values().next().unwrap().clone()
}

fn reason(fake: &Fake) -> String {
    fake.0.book.lock().unwrap()[&request().report_id].reason.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_step_is_told_and_the_file_is_there_before_it_is_said() {
    let fake = Fake::default();
    let metrics = live(&fake, &two_receivers()).await;
    assert_eq!((ends(&metrics), mails(&metrics), metrics.rows.get()), ((1, 0), (2, 0), 6));
    assert_eq!(metrics.retries.get(), 0);
    let mail = |receiver: &str| format!("mail to {receiver}@acme.example: Your report is ready");
    let told = ["Requested", "Started", "file", "Completed", &mail("a"), "Notified", &mail("b"), "Notified"];
    assert_eq!(fake.0.done(), told);
}

#[tokio::test(start_paused = true)]
async fn file_has_the_header_and_each_row_once_in_order_of_time() {
    let fake = Fake::default();
    live(&fake, &request()).await;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&file(&fake)[..]).read_to_string(&mut text).unwrap();
    let rows: Vec<_> = text.strip_prefix(&header()).unwrap().lines().collect();
    assert_eq!(rows.len(), 6);
    // Times come first in a row, and all are different once they are cut to hundredths.
    assert!(rows.is_sorted_by(|one, next| one < next), "{rows:#?}");
    let state = fake.0.book.lock().unwrap()[&request().report_id].clone();
    assert_eq!((state.rows, state.size_bytes), (6, i64::try_from(file(&fake).len()).unwrap()));
    assert_eq!(state.object_key, Some(object_key(&request(), 1)));
    assert_eq!((state.slices, state.slices_expected, state.rows_expected), (1, Some(1), Some(6)));
}

#[tokio::test(start_paused = true)]
async fn manifest_beside_the_file_says_what_the_store_gives_back() {
    let fake = Fake::default();
    fake.0.digest_faults.lock().unwrap().insert(0, no_route());
    let barrier = vec![BarrierOffset { partition: 3, offset: 0 }];
    live(&fake, &ReportRequest { barrier: barrier.clone(), ..request() }).await;
    let manifests = fake.0.manifests.lock().unwrap().clone();
    let [(key, text)] = <[_; 1]>::try_from(Vec::from_iter(&manifests)).unwrap();
    assert_eq!(*key, manifest_key(&state(&fake).object_key.unwrap()));
    let manifest: Manifest = serde_json::from_slice(text).unwrap();
    assert_eq!((manifest.rows, &manifest.barrier, manifest.report_id), (6, &barrier, request().report_id));
    let of_file = ManifestFile {
        name: state(&fake).file_name.unwrap(),
        size_bytes: file(&fake).len() as u64,
        sha256: digest_of(&file(&fake)),
        rows: None,
    };
    assert_eq!(manifest.files, [of_file]);
}

#[tokio::test(start_paused = true)]
async fn file_that_does_not_come_back_as_it_was_written_is_made_again() {
    let (calm, spoiling) = (Fake::default(), Fake::default());
    live(&calm, &request()).await;
    spoiling.0.spoiled.lock().unwrap().insert(0);
    let metrics = live(&spoiling, &request()).await;
    assert_eq!((ends(&metrics), metrics.retries.get(), state(&spoiling).attempt), ((1, 0), 1, 2));
    assert_eq!(file(&spoiling), file(&calm), "what is not the report's is gone");
    assert_eq!(spoiling.0.manifests.lock().unwrap().len(), 1, "no byte that was not written is told of");

    let always = Fake::default();
    always.0.spoiled.lock().unwrap().extend(0..100_000);
    let begin = Instant::now();
    let metrics = live(&always, &request()).await;
    assert!(waited_as_configured(begin));
    assert_eq!(ends(&metrics), (0, 1));
    assert!(reason(&always).starts_with("the file could not be written"));
    assert!(always.0.files.lock().unwrap().is_empty() && always.0.manifests.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn outages_in_mid_file_change_no_byte() {
    let calm = Fake::default();
    live(&calm, &request()).await;

    let stormy = Fake::default();
    let away = || QueryError::NoAnswer("connection reset".to_owned());
    stormy.0.read_faults.lock().unwrap().extend([
        (1, away()),
        (2, away()),
        (3, QueryError::Cut { expected: 2, found: 1 }),
    ]);
    // The store fails in the first attempt: the second begins the file anew.
    stormy.0.write_faults.lock().unwrap().insert(0, no_route());
    let metrics = live(&stormy, &request()).await;
    assert!(!file(&calm).is_empty());
    assert_eq!(file(&stormy), file(&calm));
    assert_eq!(stormy.0.aborted.load(Ordering::Relaxed), 1, "the first attempt's upload");
    assert_eq!((uploads_open(&stormy), metrics.retries.get(), ends(&metrics)), (0, 4, (1, 0)));
    let told = stormy.0.done();
    let count = |what: &str| told.iter().filter(|it| *it == what).count();
    assert_eq!((count("Started"), count("file"), count("Completed")), (2, 1, 1), "{told:?}");
    assert_eq!(stormy.0.book.lock().unwrap()[&request().report_id].attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn outages_before_the_first_row_are_waited_out() {
    let fake = Fake::default();
    fake.0.plan_faults.lock().unwrap().insert(0, QueryError::NoAnswer("connection refused".to_owned()));
    fake.0.begin_faults.lock().unwrap().insert(0, no_route());
    let metrics = live(&fake, &request()).await;
    assert_eq!(fake.0.done()[..5], ["Requested", "Started", "Started", "file", "Completed"]);
    assert_eq!((metrics.retries.get(), ends(&metrics), uploads_open(&fake)), (2, (1, 0), 0));
}

#[tokio::test(start_paused = true)]
async fn only_an_outage_is_waited_for_no_longer_than_configured_not_the_report() {
    let fake = Fake::default();
    // Each slice alone takes as long as an outage may.
    *fake.0.read_takes.lock().unwrap() = Config::default().retry_max;
    fake.0.write_faults.lock().unwrap().insert(0, no_route());
    let metrics = live(&fake, &request()).await;
    assert_eq!((ends(&metrics), fake.0.calls("begin")), ((1, 0), 2));
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_while_rows_are_written() {
    let fake = Fake::default();
    *fake.0.read_takes.lock().unwrap() = TELL_EVERY + TELL_EVERY / 4;
    live(&fake, &request()).await;
    assert_eq!(fake.0.done()[..5], ["Requested", "Started", "Progressed", "Progressed", "file"]);
}

#[tokio::test(start_paused = true)]
async fn restart_in_mid_file_begins_the_file_anew() {
    let fake = Fake::default();
    *fake.0.read_takes.lock().unwrap() = Duration::from_secs(60);
    let died = tokio::time::timeout(Duration::from_secs(90), fake.life().live(&request(), a_record())).await;
    assert!(died.is_err());
    assert!(fake.0.files.lock().unwrap().is_empty());

    *fake.0.read_takes.lock().unwrap() = Duration::ZERO;
    live(&fake, &request()).await;
    let done: Vec<_> = fake.0.done().into_iter().filter(|it| it != "Progressed").collect();
    assert_eq!(done[..5], ["Requested", "Started", "Started", "file", "Completed"]);
    assert_eq!(fake.0.book.lock().unwrap()[&request().report_id].attempt, 2);
    let calm = Fake::default();
    live(&calm, &request()).await;
    assert_eq!(file(&fake), file(&calm));
}

#[tokio::test(start_paused = true)]
async fn what_no_retry_can_mend_fails_with_a_reason_and_a_mail() {
    let fake = Fake::default();
    let refused = QueryError::Refused { code: 60, reason: "no such table: secret_name".to_owned() };
    fake.0.read_faults.lock().unwrap().insert(1, refused);
    let metrics = live(&fake, &request()).await;
    assert_eq!((ends(&metrics), mails(&metrics), metrics.retries.get()), ((0, 1), (1, 0), 0));
    let mail = "mail to admin@acme.example: Your report failed";
    assert_eq!(fake.0.done(), ["Requested", "Started", "Failed", mail, "Notified"]);
    assert!(reason(&fake).starts_with("the connections could not be read"));
    assert!(!reason(&fake).contains("secret_name"), "details are for the log");
    assert!(fake.0.files.lock().unwrap().is_empty());
    assert_eq!((fake.0.aborted.load(Ordering::Relaxed), uploads_open(&fake)), (1, 0));
    assert_eq!(fake.0.calls("read"), 2, "the same again helps nobody");
}

#[tokio::test(start_paused = true)]
async fn copies_that_are_deleted_while_a_report_is_made_are_not_waited_for() {
    let (calm, deleting) = (Fake::default(), Fake::default());
    deleting.0.deleted.store(3, Ordering::Relaxed);
    for fake in [&calm, &deleting] {
        live(fake, &request()).await;
    }
    assert_eq!(deleting.0.done(), calm.0.done());
    assert_eq!(*deleting.0.files.lock().unwrap(), *calm.0.files.lock().unwrap());
}

/// Once, and not once more for the whole report.
fn waited_as_configured(begin: Instant) -> bool {
    let (waited, retry_max) = (begin.elapsed(), Config::default().retry_max);
    waited >= retry_max && waited < retry_max + LOSS_HEARD_WITHIN + Duration::from_secs(10)
}

#[tokio::test(start_paused = true)]
async fn outage_without_an_end_fails_the_report_after_the_configured_wait() {
    let fake = Fake::default();
    fake.0.write_faults.lock().unwrap().extend((0..100_000).map(|call| (call, no_route())));
    let begin = Instant::now();
    let metrics = live(&fake, &request()).await;
    assert!(waited_as_configured(begin));
    assert!(reason(&fake).starts_with("the file could not be written"));
    assert!(fake.0.files.lock().unwrap().is_empty());
    assert_eq!((ends(&metrics), uploads_open(&fake)), ((0, 1), 0));

    let fake = Fake::default();
    let away = || QueryError::NoAnswer("connection refused".to_owned());
    fake.0.read_faults.lock().unwrap().extend((1..100_000).map(|call| (call, away())));
    let begin = Instant::now();
    let metrics = live(&fake, &request()).await;
    assert!(waited_as_configured(begin));
    assert!(reason(&fake).starts_with("the connections could not be read"));
    assert_eq!((ends(&metrics), uploads_open(&fake)), ((0, 1), 0));
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_be_made_fails_before_anything_is_read() {
    let fake = Fake::default();
    live(&fake, &ReportRequest { kind: ReportKind::Unknown, ..request() }).await;
    assert_eq!(fake.0.calls("plan") + fake.0.calls("write"), 0);
    assert!(reason(&fake).starts_with("kind is not known"));
    let known = fake.known(request().report_id).unwrap().known_reason.unwrap();
    assert_eq!((known.code.as_str(), known.values[0].as_str()), ("request", "kind"));
}

#[tokio::test(start_paused = true)]
async fn report_waits_until_ingest_has_stored_what_was_there_and_says_so() {
    let fake = Fake::default();
    *fake.0.positions.lock().unwrap() = vec![3, 3, 7, 9, 10];
    let request = ReportRequest { barrier: vec![BarrierOffset { partition: 0, offset: 10 }], ..request() };
    let begin = Instant::now();
    live(&fake, &request).await;
    assert_eq!(begin.elapsed(), BARRIER_EVERY * 4, "one look at each position");
    let done = fake.0.done();
    assert_eq!(done[..2], ["Requested", "Waiting"]);
    assert_eq!(done[done.len() - 5..][..2], ["Started", "file"], "{done:?}");
    // A partition that ingest has never touched and that has nothing before the barrier is not waited for.
    let untouched = ReportRequest { barrier: vec![BarrierOffset { partition: 5, offset: 0 }], ..request };
    assert_eq!(fake.life().events_behind(&untouched).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn request_with_the_id_of_another_tenants_report_is_refused() {
    let fake = Fake::default();
    live(&fake, &request()).await;
    let (done, file) = (fake.0.done(), file(&fake));
    let forged = ReportRequest { tenant: "globex".parse().unwrap(), requested_at: Moment::END, ..request() };
    let lived = fake.life().live(&forged, a_record()).await.unwrap();
    assert!(matches!(lived, Lived::Refused(reason) if reason.contains("another tenant")));
    assert_eq!((fake.0.done(), self::file(&fake)), (done, file));
}
