//! Reports that are cancelled, or taken over, at every point of their lives.

use super::*;

#[tokio::test(start_paused = true)]
async fn cancelled_in_mid_file_its_statement_and_its_upload_end_at_once() {
    let fake = Fake::default();
    *fake.0.read_takes.lock().unwrap() = Duration::from_secs(60);
    let reading = async {
        tokio::time::sleep(Duration::from_secs(89)).await;
        (fake.0.reading.load(Ordering::Relaxed), uploads_open(&fake))
    };
    let request = request();
    let ((metrics, took), before) = tokio::join!(cancel_after(&fake, &request, Duration::from_secs(90)), reading);
    assert_eq!(before, (1, 1), "in mid-flight");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!((fake.0.reading.load(Ordering::Relaxed), uploads_open(&fake)), (0, 0));
    assert_eq!((cancelled(&metrics), ends(&metrics), mails(&metrics)), (1, (0, 0), (0, 0)), "and no mail");
    assert_eq!((metrics.running.get(), metrics.queued.get()), (0, 0));
    assert_eq!(fake.0.done(), ["Requested", "Started", "Progressed", "CancelRequested", "Cancelled"]);
    assert!(fake.0.files.lock().unwrap().is_empty());
    // Once more: nothing is left to do.
    live(&fake, &request).await;
    assert_eq!(fake.0.done().last().unwrap(), "Cancelled");
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_its_file_is_read_back_it_is_not_completed() {
    let fake = Fake::default();
    *fake.0.digest_takes.lock().unwrap() = Duration::from_secs(600);
    let (metrics, took) = cancel_after(&fake, &request(), Duration::from_secs(60)).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
    let done = fake.0.done();
    let last: Vec<_> = done.iter().map(String::as_str).filter(|it| !it.starts_with("Progress")).skip(2).collect();
    assert_eq!(last, ["file", "CancelRequested", "Cancelled"], "the file was whole");
    assert!(fake.0.files.lock().unwrap().is_empty() && fake.0.manifests.lock().unwrap().is_empty());
    assert_eq!((cancelled(&metrics), ends(&metrics), mails(&metrics)), (1, (0, 0), (0, 0)), "and no mail");
    assert_eq!((metrics.running.get(), uploads_open(&fake)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn report_that_waits_is_cancelled_too() {
    let waits_for_ingest = ReportRequest { barrier: vec![BarrierOffset { partition: 0, offset: 10 }], ..request() };
    let away = QueryError::NoAnswer("connection refused".to_owned());
    let (ingest, plan, store) = (Fake::default(), Fake::default(), Fake::default());
    plan.0.plan_faults.lock().unwrap().extend((0..1_000).map(|call| (call, away.clone())));
    store.0.write_faults.lock().unwrap().extend((0..1_000).map(|call| (call, no_route())));
    for (fake, request) in [(ingest, waits_for_ingest), (plan, request()), (store, request())] {
        let (metrics, took) = cancel_after(&fake, &request, Duration::from_secs(60)).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!((cancelled(&metrics), uploads_open(&fake)), (1, 0));
        let idle = [&metrics.waiting, &metrics.queued, &metrics.running].map(Gauge::get);
        assert_eq!(idle, [0, 0, 0]);
        assert_eq!(fake.0.done().last().unwrap(), "Cancelled");
    }
}

#[tokio::test(start_paused = true)]
async fn report_that_waits_for_its_turn_is_cancelled_and_holds_up_no_other() {
    let fake = Fake::default();
    let life = fake.life();
    let request = request();
    let tenant = &request.tenant;
    let held = (life.lanes.take(tenant, u64::MAX).await, life.lanes.take(tenant, u64::MAX).await);
    let cancelling = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!((life.metrics.queued.get(), life.metrics.running.get()), (1, 0));
        fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
    };
    let (lived, ()) = tokio::join!(life.live(&request, a_record()), cancelling);
    assert_eq!(lived.unwrap(), Lived::Done);
    assert_eq!(fake.0.done(), ["Requested", "CancelRequested", "Cancelled"]);
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn cancelled_before_an_exporter_came_it_is_not_begun() {
    let fake = Fake::default();
    fake.append(&Journal::requested(&request())).await.unwrap();
    fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
    live(&fake, &request()).await;
    assert_eq!(fake.0.done()[2..], ["Cancelled"]);
    assert_eq!(fake.0.calls("begin"), 0);
}

#[tokio::test(start_paused = true)]
async fn whole_file_of_an_exporter_that_died_goes_with_the_cancelling() {
    let fake = Fake::default();
    fake.append(&Journal::requested(&request())).await.unwrap();
    fake.append(&ReportEvent { attempt: Some(1), ..said(ReportEventType::Started) }).await.unwrap();
    // It was killed when the file was there, and before it was said.
    fake.0.files.lock().unwrap().insert(object_key(&request(), 1), b"whole".to_vec());
    fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
    // The store is away for a moment.
    fake.0.delete_faults.lock().unwrap().extend([(0, no_route()), (1, no_route())]);
    live(&fake, &request()).await;
    assert_eq!(state(&fake).phase, Phase::Cancelled);
    assert!(fake.0.files.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn file_of_an_attempt_that_was_taken_over_goes_and_the_reports_own_stays() {
    for (first, stays) in
        [(ReportEventType::Completed, 1), (ReportEventType::Cancelled, 0), (ReportEventType::Failed, 0)]
    {
        let fake = Fake::default();
        *fake.0.read_takes.lock().unwrap() = Duration::from_secs(60);
        let other = async {
            tokio::time::sleep(Duration::from_secs(90)).await;
            // Another exporter thought that this one was dead, and was faster.
            let key = object_key(&request(), 2);
            fake.append(&ReportEvent { attempt: Some(2), ..said(ReportEventType::Started) }).await.unwrap();
            if first == ReportEventType::Completed {
                fake.0.files.lock().unwrap().insert(key.clone(), b"theirs".to_vec());
            }
            let ended = ReportEvent { attempt: Some(2), object_key: Some(key), ..said(first) };
            fake.append(&ended).await.unwrap();
        };
        let request = ReportRequest { receivers: Vec::new(), ..request() };
        tokio::join!(live(&fake, &request), other);
        let kept: Vec<_> = fake.0.files.lock().unwrap().values().cloned().collect();
        assert_eq!(kept, vec![b"theirs".to_vec(); stays], "{first:?}");
        assert_eq!(fake.0.calls("begin"), 1, "it had its own file whole");
    }
}
