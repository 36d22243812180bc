//! One report's life, with parts that fail.

use std::sync::atomic::Ordering;

use clickhouse_io::QueryError;
use report_store::StoreError;
use schemas::report_request::{BarrierOffset, ReportKind};

use super::*;
use crate::fakes::Fake;
use crate::stages::check_request::tests::request;
use crate::stages::name_file::object_key;

async fn live(fake: &Fake, request: &ReportRequest) {
    fake.life().live(request).await.unwrap();
}

fn two_receivers() -> ReportRequest {
    ReportRequest { receivers: vec!["a@acme.example".to_owned(), "b@acme.example".to_owned()], ..request() }
}

fn file(fake: &Fake) -> Vec<u8> {
    fake.0.files.lock().unwrap()[&object_key(&request())].clone()
}

fn reason(fake: &Fake) -> String {
    fake.0.book.lock().unwrap()[&request().report_id].reason.clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_step_is_told_and_the_file_is_there_before_it_is_said() {
    let fake = Fake::default();
    live(&fake, &two_receivers()).await;
    let mail = |receiver: &str| format!("mail to {receiver}@acme.example: Your report is ready");
    let told = ["Requested", "Started", "file", "Completed", &mail("a"), "Notified", &mail("b"), "Notified"];
    assert_eq!(fake.0.done(), told);
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
    // The store fails in the middle of the first attempt: the second begins the file anew.
    let failed = StoreError::Failed { action: "writing", reason: "broken pipe".to_owned() };
    stormy.0.write_faults.lock().unwrap().insert(2, failed);
    live(&stormy, &request()).await;
    assert!(!file(&calm).is_empty());
    assert_eq!(file(&stormy), file(&calm));
    assert_eq!(stormy.0.aborted.load(Ordering::Relaxed), 1, "the first attempt's upload");
    let told = stormy.0.done();
    let count = |what: &str| told.iter().filter(|it| *it == what).count();
    assert_eq!((count("Started"), count("file"), count("Completed")), (2, 1, 1), "{told:?}");
    assert_eq!(stormy.0.book.lock().unwrap()[&request().report_id].attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn restart_after_the_end_sends_only_the_mails_that_are_missing() {
    let fake = Fake::default();
    // The mail server goes away for good behind the first mail: the process dies meanwhile.
    fake.0.mail_faults.lock().unwrap().extend((1..1000).map(|call| (call, MailError::Away("timeout".to_owned()))));
    let life = fake.life();
    let request = two_receivers();
    let died = tokio::time::timeout(Duration::from_secs(60), life.live(&request)).await;
    assert!(died.is_err());
    let before = fake.0.done();
    assert_eq!(before.last().unwrap(), "Notified");

    fake.0.mail_faults.lock().unwrap().clear();
    live(&fake, &request).await;
    let after = fake.0.done();
    assert_eq!(after[before.len()..], ["mail to b@acme.example: Your report is ready", "Notified"]);
    // Once more: nothing is left to do.
    live(&fake, &request).await;
    assert_eq!(fake.0.done(), after);
}

#[tokio::test(start_paused = true)]
async fn what_no_retry_can_mend_fails_with_a_reason_and_a_mail() {
    let fake = Fake::default();
    let refused = QueryError::Refused { code: 60, reason: "no such table: secret_name".to_owned() };
    fake.0.read_faults.lock().unwrap().insert(1, refused);
    live(&fake, &request()).await;
    let mail = "mail to admin@acme.example: Your report failed";
    assert_eq!(fake.0.done(), ["Requested", "Started", "Failed", mail, "Notified"]);
    assert!(reason(&fake).starts_with("the connections could not be read"));
    assert!(!reason(&fake).contains("secret_name"), "details are for the log");
    assert!(fake.0.files.lock().unwrap().is_empty());
    assert_eq!(fake.0.aborted.load(Ordering::Relaxed), 1);
    assert_eq!(fake.0.calls("read"), 2, "the same again helps nobody");
}

#[tokio::test(start_paused = true)]
async fn outage_without_an_end_fails_the_report_after_the_configured_wait() {
    let fake = Fake::default();
    let away = || StoreError::Failed { action: "writing", reason: "no route".to_owned() };
    fake.0.write_faults.lock().unwrap().extend((0..100_000).map(|call| (call, away())));
    let begin = Instant::now();
    live(&fake, &request()).await;
    assert!(begin.elapsed() >= Config::default().retry_max);
    assert!(reason(&fake).starts_with("the file could not be written"));
    assert!(fake.0.files.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_be_made_fails_before_anything_is_read() {
    let fake = Fake::default();
    live(&fake, &ReportRequest { kind: ReportKind::Summary, ..request() }).await;
    assert_eq!(fake.0.calls("plan") + fake.0.calls("write"), 0);
    assert!(reason(&fake).contains("this kind of report"));
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
async fn mail_is_tried_while_the_server_is_away_and_given_up_when_it_is_refused() {
    let fake = Fake::default();
    fake.0
        .mail_faults
        .lock()
        .unwrap()
        .extend([(0, MailError::Away("timeout".to_owned())), (2, MailError::Refused("550 no such user".to_owned()))]);
    live(&fake, &two_receivers()).await;
    let done = fake.0.done();
    assert_eq!(done.iter().filter(|it| *it == "Notified").count(), 1, "{done:?}");
    let state = fake.0.book.lock().unwrap()[&request().report_id].clone();
    assert_eq!(state.phase, Phase::Completed);
    assert_eq!(state.notified, ["a@acme.example".to_owned()].into());
}
