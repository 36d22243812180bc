//! Requests as they come, with parts that fail: what is committed, and when.

mod refused;

use std::time::Duration;

use kafka_io::ProduceError;
use schema_registry::{Encoder, RegistryConfig, SchemaId, WriterSchema};
use schemas::avro_schemas::{REPORT_REQUEST, REPORT_SLICE};
use schemas::report_request::BarrierOffset;
use schemas::times::Moment;
use schemas::topics::headers;

use super::*;
use crate::fakes::{Fake, a_record};
use crate::mail::MailError;
use crate::metrics::FateLabel;
use crate::stages::check_request::tests::request;

fn partition() -> Partition {
    Partition { topic: "report-requests".into(), number: 0 }
}

/// A pipeline that has partition 0 under epoch 1 and knows the schema of requests.
fn pipeline(fake: &Fake) -> Pipeline<Fake, ReportRequest> {
    pipeline_of(fake.life())
}

/// The same; there is no registry where it asks for others.
fn pipeline_of(life: Life<Fake>) -> Pipeline<Fake, ReportRequest> {
    let mut decoder = Decoder::new(&REPORT_REQUEST).unwrap();
    decoder.learn(SchemaId::new(7), &WriterSchema(REPORT_REQUEST.schema.to_owned())).unwrap();
    let url = "http://127.0.0.1:1".to_owned();
    let registry = Registry::new(&RegistryConfig { url, ..RegistryConfig::default() }).unwrap();
    let mut pipeline = Pipeline::new(decoder, registry, Arc::new(life), CancellationToken::new());
    pipeline.arrived(Arrival::Assigned { epoch: 1, partitions: vec![partition()] });
    pipeline
}

fn record(offset: i64, payload: Vec<u8>) -> Arrival {
    let (partition, timestamp) = (partition(), Moment::FIRST);
    let (key, payload, headers) = (None, Some(payload.into()), Vec::new());
    Arrival::Record(Record { partition, epoch: 1, offset, timestamp, key, payload, headers })
}

fn encoded(offset: i64, request: &ReportRequest) -> Arrival {
    record(offset, Encoder::new(SchemaId::new(7), &REPORT_REQUEST).unwrap().encode(request).unwrap())
}

fn asked(offset: i64, number: u32, barrier: i64) -> Arrival {
    let request = ReportRequest {
        report_id: format!("0193a0b0-0000-7000-8000-00000000000{number}").parse().unwrap(),
        receivers: Vec::new(),
        barrier: vec![BarrierOffset { partition: 0, offset: barrier }],
        ..request()
    };
    encoded(offset, &request)
}

fn has_committed(fake: &Fake) -> bool {
    fake.0.calls("commit") > 0
}

fn dead_letters(pipeline: &Pipeline<Fake, ReportRequest>) -> u64 {
    fates(pipeline, "dead_letter")
}

fn fates(pipeline: &Pipeline<Fake, ReportRequest>, fate: &'static str) -> u64 {
    pipeline.life.metrics.requests.get_or_create(&FateLabel { fate }).get()
}

async fn end_of_one(pipeline: &mut Pipeline<Fake, ReportRequest>) {
    // A life that does not end fails its test, and does not hold it up.
    let ended = tokio::time::timeout(Duration::from_secs(3600), pipeline.running.join_next()).await;
    pipeline.ended(ended.unwrap().unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn commit_that_will_never_be_taken_ends_the_service() {
    let fake = Fake::default();
    fake.0.commit_faults.lock().unwrap().insert(0, CommitFailure::Stop("not authorized".to_owned()));
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 0));
    let ended = tokio::time::timeout(Duration::from_secs(3600), pipeline.running.join_next()).await;
    let done = pipeline.ended(ended.unwrap().unwrap()).await;
    assert!(matches!(done, Err(Error::Commit(CommitFailure::Stop(_)))), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn offset_is_committed_after_the_last_event_and_tried_again() {
    let fake = Fake::default();
    fake.0.commit_faults.lock().unwrap().insert(0, CommitFailure::Retry("timeout".to_owned()));
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["Requested", "Started", "file", "Completed", "commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn offset_stays_while_a_mail_waits_and_the_next_owner_sends_only_that() {
    let fake = Fake::default();
    fake.0.mail_faults.lock().unwrap().extend((0..1_000).map(|call| (call, MailError::Away("timeout".to_owned()))));
    let mut first = pipeline(&fake);
    first.arrived(encoded(4, &request()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(fake.0.done(), ["Requested", "Started", "file", "Completed"]);
    assert!(!has_committed(&fake));
    drop(first);

    fake.0.mail_faults.lock().unwrap().clear();
    let mut next = pipeline(&fake);
    next.arrived(encoded(4, &request()));
    end_of_one(&mut next).await;
    let mail = "mail to admin@acme.example: Your report is ready";
    assert_eq!(fake.0.done()[4..], [mail, "Notified", "commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn reports_whose_mails_wait_hold_no_place_of_those_that_are_made() {
    let fake = Fake::default();
    fake.0.mail_faults.lock().unwrap().extend((0..100_000).map(|call| (call, MailError::Away("timeout".to_owned()))));
    let mut pipeline = pipeline(&fake);
    let most = i64::try_from(<ReportRequest as Lives<Fake>>::TAKEN_MAX).unwrap();
    for number in 0..most {
        let report_id = format!("0193a0b0-0000-7000-8000-{number:012x}").parse().unwrap();
        pipeline.arrived(encoded(number, &ReportRequest { report_id, ..request() }));
    }
    let mut only_mailed = pipeline.life.mails_waiting.count();
    let waiting = only_mailed.wait_for(|count| i64::try_from(*count).unwrap() == most);
    tokio::time::timeout(Duration::from_secs(3_000), waiting).await.unwrap().unwrap();
    assert!(pipeline.has_room() && !has_committed(&fake));
    // Of another tenant, it is made while all the others wait.
    let report_id = "0193a0b0-0000-7000-8000-ffffffffffff".parse().unwrap();
    let other = ReportRequest { report_id, tenant: "globex".parse().unwrap(), receivers: Vec::new(), ..request() };
    pipeline.arrived(encoded(most, &other));
    let ended = tokio::time::timeout(Duration::from_secs(10), pipeline.running.join_next()).await;
    let (_, _, offset, lived) = ended.unwrap().unwrap().unwrap();
    assert_eq!((offset, lived.unwrap().is_ok()), (most, true));
    assert_eq!(fake.0.done().last().unwrap(), "Completed");
}

#[tokio::test(start_paused = true)]
async fn event_that_cannot_be_written_moves_no_offset_and_ends_the_service() {
    // Requested, Started, Completed, Notified.
    for call in 0..4 {
        let fake = Fake::default();
        fake.0.append_faults.lock().unwrap().insert(call, ProduceError::Fatal("fenced".to_owned()));
        let mut pipeline = pipeline(&fake);
        pipeline.arrived(encoded(4, &request()));
        let ended = pipeline.running.join_next().await.unwrap();
        assert!(matches!(pipeline.ended(ended).await, Err(Error::Journal(_))), "event {call}");
        assert!(!has_committed(&fake), "event {call}");
    }
}

#[tokio::test(start_paused = true)]
async fn panic_in_a_report_moves_no_offset_and_ends_the_service() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 9));
    pipeline.running.spawn(async { panic!("a bug") });
    let ended = pipeline.running.join_next().await.unwrap();
    assert!(matches!(pipeline.ended(ended).await, Err(Error::Lost(_))));
    assert!(!has_committed(&fake));
}

#[tokio::test(start_paused = true)]
async fn report_that_ends_early_is_committed_with_the_one_before_it() {
    let fake = Fake::default();
    *fake.0.positions.lock().unwrap() = vec![0, 0, 0, 9];
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 9));
    pipeline.arrived(asked(5, 2, 0));
    end_of_one(&mut pipeline).await;
    let done = fake.0.done();
    assert!(done.contains(&"Completed".to_owned()) && !done.iter().any(|it| it.starts_with("commit")), "{done:?}");
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 6");
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_be_read_is_kept_and_the_next_one_goes_on() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(record(4, b"no wire format".to_vec()));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["refused 4: not in Confluent wire format", "commit 5"]);
    assert_eq!(dead_letters(&pipeline), 1);
    pipeline.arrived(asked(6, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 7");
    assert_eq!(dead_letters(&pipeline), 1);
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_be_read_is_not_committed_past_a_report_that_lives() {
    let fake = Fake::default();
    *fake.0.positions.lock().unwrap() = vec![0, 0, 0, 9];
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 9));
    pipeline.arrived(record(5, Vec::new()));
    end_of_one(&mut pipeline).await;
    assert_eq!(dead_letters(&pipeline), 1);
    assert!(!has_committed(&fake));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 6");
}

#[tokio::test(start_paused = true)]
async fn request_with_anothers_report_id_is_kept_with_its_reason() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 0));
    end_of_one(&mut pipeline).await;
    let forged = ReportRequest {
        report_id: "0193a0b0-0000-7000-8000-000000000001".parse().unwrap(),
        tenant: "globex".parse().unwrap(),
        ..request()
    };
    pipeline.arrived(encoded(5, &forged));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done()[5..], ["refused 5: the report id is that of another tenant's report", "commit 6"]);
    assert_eq!(dead_letters(&pipeline), 1);
}

#[tokio::test(start_paused = true)]
async fn dead_letter_that_cannot_be_written_moves_no_offset() {
    let fake = Fake::default();
    fake.0.refuse_faults.lock().unwrap().insert(0, ProduceError::Fatal("fenced".to_owned()));
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(record(4, b"no wire format".to_vec()));
    let ended = pipeline.running.join_next().await.unwrap();
    let refused = pipeline.ended(ended).await;
    assert!(matches!(refused, Err(Error::DeadLetters(_))));
    assert!(!has_committed(&fake));
    assert_eq!(dead_letters(&pipeline), 0);
}

#[tokio::test(start_paused = true)]
async fn report_of_a_partition_that_went_away_is_left_to_its_new_owner() {
    let fake = Fake::default();
    // Waits for ever.
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 9));
    tokio::time::sleep(Duration::from_secs(5)).await;
    pipeline.lost(&[partition()]);
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["Requested", "Waiting"]);
    let metrics = &pipeline.life.metrics;
    assert_eq!((metrics.running.get(), metrics.waiting.get()), (0, 0), "nothing is made here any more");
    // Assigned again: the report goes on, and a late end of the old life commits nothing.
    pipeline.arrived(Arrival::Assigned { epoch: 2, partitions: vec![partition()] });
    pipeline.ended(Ok((0, 1, 4, Some(Ok(()))))).await.unwrap();
    assert_eq!(fake.0.done(), ["Requested", "Waiting"]);
}

#[tokio::test(start_paused = true)]
async fn commit_that_is_refused_for_good_is_left_to_the_new_owner() {
    let fake = Fake::default();
    fake.0.commit_faults.lock().unwrap().insert(0, CommitFailure::NotOurs("fenced".to_owned()));
    let mut pipeline = pipeline(&fake);
    pipeline.arrived(asked(4, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "Completed");
    assert_eq!(fake.0.calls("commit"), 1);
}

#[test]
fn offset_moves_only_past_requests_that_are_done_with() {
    let offsets = [(4, false), (5, true), (7, false)].into();
    let mut taken = Taken { partition: partition(), epoch: 1, offsets, ours: CancellationToken::new() };
    assert_eq!(taken.done_until(), None);
    taken.offsets.insert(4, true);
    assert_eq!(taken.done_until(), Some(6));
    taken.offsets.insert(7, true);
    assert_eq!(taken.done_until(), Some(8));
    assert_eq!(taken.done_until(), None);
}

#[tokio::test(start_paused = true)]
async fn request_that_is_too_large_is_a_dead_letter_and_holds_nobody_up() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    let columns = vec!["c".repeat(1_000); 600];
    pipeline.arrived(encoded(4, &ReportRequest { columns, ..request() }));
    end_of_one(&mut pipeline).await;
    assert_eq!((dead_letters(&pipeline), pipeline.running.len()), (1, 0));
    assert_eq!(fake.0.done().last().unwrap(), "commit 5");
    pipeline.arrived(asked(5, 1, 0));
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 6");
}

#[tokio::test(start_paused = true)]
async fn slice_that_is_a_dead_letter_fails_its_report_in_words_and_no_other() {
    let fake = Fake::default();
    fake.0.is_large.store(true, std::sync::atomic::Ordering::Relaxed);
    let owner = fake.life();
    let asked = ReportRequest { receivers: Vec::new(), ..request() };
    let registry = Registry::new(&RegistryConfig::default()).unwrap();
    let decoder = Decoder::<ReportSlice>::new(&REPORT_SLICE).unwrap();
    let mut slices = Pipeline::new(decoder, registry, Arc::new(fake.life()), CancellationToken::new());
    let topic = Partition { topic: "report-slices".into(), number: 0 };
    slices.arrived(Arrival::Assigned { epoch: 1, partitions: vec![topic.clone()] });
    let unreadable = |offset: i64, slice: &ReportSlice, attempt: i32| {
        let text = |text: String| bytes::Bytes::from(text);
        let headers = vec![
            (headers::ATTEMPT.to_owned(), text(attempt.to_string())),
            (headers::UPLOAD_ID.to_owned(), text(slice.upload_id.clone())),
            (headers::SLICE.to_owned(), text(slice.slice.to_string())),
        ];
        let (key, payload) = (Some(text(slice.report_id.to_string())), Some(text("no wire format".to_owned())));
        let timestamp = Moment::FIRST;
        Arrival::Record(Record { partition: topic.clone(), epoch: 1, offset, timestamp, key, payload, headers })
    };
    let breaking = async {
        // It comes before its plan is said.
        let slice = loop {
            if let Some(slice) = fake.0.queue.lock().unwrap().pop_front() {
                break slice;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        // Of an attempt that is over.
        slices.arrived(unreadable(3, &slice, 0));
        let ended = slices.running.join_next().await.unwrap();
        slices.ended(ended).await.unwrap();
        slices.arrived(unreadable(4, &slice, 1));
        let ended = slices.running.join_next().await.unwrap();
        slices.ended(ended).await.unwrap();
    };
    let (lived, ()) = tokio::join!(owner.live(&asked, a_record()), breaking);
    assert_eq!(lived.unwrap(), Lived::Done);
    let state = fake.known(asked.report_id).unwrap();
    let reason = state.reason.unwrap();
    assert!(reason.contains("dead letter, because not in Confluent wire format"), "{reason}");
    assert_eq!(state.known_reason.unwrap().code, "slice_refused");
    assert_eq!(
        fake.0.done().iter().filter(|it| it.starts_with("commit")).collect::<Vec<_>>(),
        ["commit 4", "commit 5"]
    );
    assert!(fake.0.uploads.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_has_the_first_partition_knows_it_until_that_goes() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake);
    let life = Arc::clone(&pipeline.life);
    let is_ours = || life.first_partition.borrow().as_ref().is_some_and(|ours| !ours.is_cancelled());
    assert!(is_ours());
    let second = Partition { number: 1, ..partition() };
    pipeline.arrived(Arrival::Assigned { epoch: 2, partitions: vec![second.clone()] });
    pipeline.arrived(Arrival::Lost { partitions: vec![second] });
    assert!(is_ours(), "the second is another");
    pipeline.arrived(Arrival::Lost { partitions: vec![partition()] });
    assert!(!is_ours());
    pipeline.arrived(Arrival::Assigned { epoch: 3, partitions: vec![partition()] });
    assert!(is_ours());
    pipeline.stop.cancel();
    assert!(!is_ours());
}
