//! Requests as they come, with parts that fail: what is committed, and when.

use schema_registry::{Encoder, RegistryConfig, SchemaId, WriterSchema};
use schemas::avro_schemas::REPORT_REQUEST;
use schemas::report_request::BarrierOffset;
use schemas::times::Moment;

use super::*;
use crate::fakes::Fake;
use crate::stages::check_request::tests::request;

fn partition() -> Partition {
    Partition { topic: "report-requests".into(), number: 0 }
}

/// A pipeline that has partition 0 under epoch 1 and knows the schema of requests.
async fn pipeline(fake: &Fake) -> Pipeline<Fake> {
    let mut decoder = Decoder::new(&REPORT_REQUEST).unwrap();
    decoder.learn(SchemaId::new(7), &WriterSchema(REPORT_REQUEST.schema.to_owned())).unwrap();
    let registry = Registry::new(&RegistryConfig::default()).unwrap();
    let mut pipeline = Pipeline::new(2, decoder, registry, fake.life(), CancellationToken::new());
    pipeline.arrived(Arrival::Assigned { epoch: 1, partitions: vec![partition()] }).await.unwrap();
    pipeline
}

fn record(offset: i64, payload: Vec<u8>) -> Arrival {
    let (partition, timestamp) = (partition(), Moment::FIRST);
    let (key, payload, headers) = (None, Some(payload.into()), Vec::new());
    Arrival::Record(Record { partition, epoch: 1, offset, timestamp, key, payload, headers })
}

fn asked(offset: i64, number: u32, barrier: i64) -> Arrival {
    let request = ReportRequest {
        report_id: format!("0193a0b0-0000-7000-8000-00000000000{number}").parse().unwrap(),
        receivers: Vec::new(),
        barrier: vec![BarrierOffset { partition: 0, offset: barrier }],
        ..request()
    };
    record(offset, Encoder::new(SchemaId::new(7), &REPORT_REQUEST).unwrap().encode(&request).unwrap())
}

async fn end_of_one(pipeline: &mut Pipeline<Fake>) {
    let ended = pipeline.running.join_next().await.unwrap();
    pipeline.ended(ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn offset_is_committed_after_the_last_event_and_tried_again() {
    let fake = Fake::default();
    fake.0.commit_faults.lock().unwrap().insert(0, CommitError::Retry("timeout".to_owned()));
    let mut pipeline = pipeline(&fake).await;
    pipeline.arrived(asked(4, 1, 0)).await.unwrap();
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["Requested", "Started", "file", "Completed", "commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn report_that_ends_early_is_committed_with_the_one_before_it() {
    let fake = Fake::default();
    *fake.0.positions.lock().unwrap() = vec![0, 0, 0, 9];
    let mut pipeline = pipeline(&fake).await;
    pipeline.arrived(asked(4, 1, 9)).await.unwrap();
    pipeline.arrived(asked(5, 2, 0)).await.unwrap();
    end_of_one(&mut pipeline).await;
    let done = fake.0.done();
    assert!(done.contains(&"Completed".to_owned()) && !done.iter().any(|it| it.starts_with("commit")), "{done:?}");
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 6");
}

#[tokio::test(start_paused = true)]
async fn request_that_cannot_be_read_is_kept_and_the_next_one_goes_on() {
    let fake = Fake::default();
    let mut pipeline = pipeline(&fake).await;
    pipeline.arrived(record(4, b"no wire format".to_vec())).await.unwrap();
    assert_eq!(fake.0.done(), ["refused 4: not in Confluent wire format", "commit 5"]);
    pipeline.arrived(asked(6, 1, 0)).await.unwrap();
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done().last().unwrap(), "commit 7");
}

#[tokio::test(start_paused = true)]
async fn report_of_a_partition_that_went_away_is_left_to_its_new_owner() {
    let fake = Fake::default();
    // Waits for ever.
    let mut pipeline = pipeline(&fake).await;
    pipeline.arrived(asked(4, 1, 9)).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    pipeline.lost(&[partition()]);
    end_of_one(&mut pipeline).await;
    assert_eq!(fake.0.done(), ["Requested", "Waiting"]);
    // Assigned again: the report goes on, and a late end of the old life commits nothing.
    pipeline.arrived(Arrival::Assigned { epoch: 2, partitions: vec![partition()] }).await.unwrap();
    pipeline.ended(Ok((0, 1, 4, Some(Ok(()))))).await.unwrap();
    assert_eq!(fake.0.done(), ["Requested", "Waiting"]);
}

#[tokio::test(start_paused = true)]
async fn commit_that_is_refused_for_good_is_left_to_the_new_owner() {
    let fake = Fake::default();
    fake.0.commit_faults.lock().unwrap().insert(0, CommitError::NotOurs("fenced".to_owned()));
    let mut pipeline = pipeline(&fake).await;
    pipeline.arrived(asked(4, 1, 0)).await.unwrap();
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
