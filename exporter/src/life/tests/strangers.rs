//! Requests that a stranger has put on the topic, with whatever in them.

use super::*;
use crate::barrier::DOUBTED_EVERY;

#[tokio::test(start_paused = true)]
async fn of_two_tenants_with_one_report_id_the_first_that_is_noted_has_it() {
    let fake = Fake::default();
    *fake.0.book_is_behind.lock().unwrap() = Duration::from_secs(1);
    let (life, other) = (fake.life(), fake.life());
    let (own, forged) = (request(), ReportRequest { tenant: "globex".parse().unwrap(), ..request() });
    let later = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        other.live(&forged, a_record()).await
    };
    let (first, second) = tokio::join!(life.live(&own, a_record()), later);
    assert_eq!(first.unwrap(), Lived::Done);
    assert!(matches!(second.unwrap(), Lived::Refused(reason) if reason.contains("another tenant")));
    assert_eq!(
        (state(&fake).tenant, state(&fake).phase, fake.0.files.lock().unwrap().len()),
        (own.tenant, Phase::Completed, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn barrier_behind_the_end_of_the_topic_is_not_waited_for_without_end() {
    let barrier = |offset| ReportRequest { barrier: vec![BarrierOffset { partition: 0, offset }], ..request() };
    let there = Fake::default();
    *there.0.events_end.lock().unwrap() = Some(10);
    let (life, reachable) = (there.life(), barrier(10));
    let waiting = tokio::time::timeout(60 * DOUBTED_EVERY, life.live(&reachable, a_record()));
    assert!(waiting.await.is_err(), "ingest will be there");
    assert_eq!(state(&there).phase, Phase::Waiting);

    let beyond = Fake::default();
    *beyond.0.events_end.lock().unwrap() = Some(10);
    let begin = Instant::now();
    live(&beyond, &barrier(11)).await;
    assert!(begin.elapsed() >= DOUBTED_EVERY && begin.elapsed() < DOUBTED_EVERY + Duration::from_secs(5));
    assert_eq!(reason(&beyond), "barrier is at offset 11 of partition 0 of connection-events, which ends at 10");
    let nowhere = ReportRequest { barrier: vec![BarrierOffset { partition: 5, offset: 1 }], ..request() };
    let beyond = Fake::default();
    live(&beyond, &nowhere).await;
    assert!(reason(&beyond).starts_with("barrier is at offset 1 of partition 5"), "{}", reason(&beyond));
}

#[tokio::test(start_paused = true)]
async fn offsets_of_a_barrier_may_be_any_numbers() {
    let fake = Fake::default();
    *fake.0.positions.lock().unwrap() = vec![7];
    let barrier = [(0, i64::MIN), (1, i64::MAX), (2, i64::MAX)];
    let barrier = barrier.map(|(partition, offset)| BarrierOffset { partition, offset }).to_vec();
    let request = ReportRequest { barrier, ..request() };
    assert_eq!(fake.life().events_behind(&request).await.unwrap(), i64::MAX);
    live(&fake, &request).await;
    assert_eq!(reason(&fake), "barrier has a partition or an offset below 0");
}

#[tokio::test(start_paused = true)]
async fn too_many_receivers_are_refused_and_only_as_many_as_may_be_are_told() {
    let fake = Fake::default();
    let receivers = (0..1_000).map(|number| format!("{number}@acme.example")).collect();
    let metrics = live(&fake, &ReportRequest { receivers, ..request() }).await;
    assert!(reason(&fake).starts_with("receivers has more than 20"), "{}", reason(&fake));
    assert_eq!((ends(&metrics), mails(&metrics)), ((0, 1), (20, 0)));
}
