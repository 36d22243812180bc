//! Reports that are asked for again.

use super::*;

#[tokio::test(start_paused = true)]
async fn failed_report_that_is_asked_for_again_is_made_and_mailed_once_more() {
    let fake = Fake::default();
    fake.0.plan_faults.lock().unwrap().insert(0, QueryError::Refused { code: 60, reason: "no table".to_owned() });
    live(&fake, &request()).await;
    let again = state(&fake).ask_again("other".to_owned(), Moment::now()).unwrap();
    // Who asked again died before that was noted.
    let before = fake.0.done().len();
    let metrics = live(&fake, &again).await;
    let mail = "mail to admin@acme.example: Your report is ready";
    assert_eq!(fake.0.done()[before..], ["Retried", "Started", "file", "Completed", mail, "Notified"]);
    assert_eq!((ends(&metrics), state(&fake).notified.len()), ((1, 0), 1));
    // Both requests come again: nothing is left to do.
    let (done, file) = (fake.0.done(), file(&fake));
    for request in [request(), again] {
        live(&fake, &request).await;
        assert_eq!(fake.0.done(), done);
    }
    assert_eq!(fake.0.files.lock().unwrap().values().next(), Some(&file));
}

#[tokio::test(start_paused = true)]
async fn mail_about_a_failure_does_not_hold_up_the_report_that_is_asked_for_again() {
    let fake = Fake::default();
    fake.0.plan_faults.lock().unwrap().insert(0, QueryError::Refused { code: 60, reason: "no table".to_owned() });
    fake.0.mail_faults.lock().unwrap().extend((0..6).map(|call| (call, MailError::Away("timeout".to_owned()))));
    let life = fake.life();
    let asking_again = async {
        tokio::time::sleep(LOSS_HEARD_WITHIN + Duration::from_millis(200)).await;
        let again = state(&fake).ask_again("other".to_owned(), Moment::now()).unwrap();
        fake.append(&Journal::retried(&again)).await.unwrap();
        life.live(&again, a_record()).await.unwrap()
    };
    let first = request();
    let (lived, again) = tokio::join!(life.live(&first, a_record()), asking_again);
    assert_eq!((lived.unwrap(), again), (Lived::Done, Lived::Done));
    let mails: Vec<_> = fake.0.done().into_iter().filter(|it| it.starts_with("mail")).collect();
    assert_eq!(mails, ["mail to admin@acme.example: Your report is ready"], "the other one is out of date");
    assert_eq!(state(&fake).phase, Phase::Completed);
}

#[tokio::test(start_paused = true)]
async fn end_before_it_was_asked_for_again_is_not_taken_for_the_new_one() {
    let fake = Fake::default();
    fake.append(&Journal::requested(&request())).await.unwrap();
    fake.append(&ReportEvent { reason: Some("no space".to_owned()), ..said(ReportEventType::Failed) }).await.unwrap();
    fake.append(&ReportEvent { receiver: Some(request().receivers[0].clone()), ..said(ReportEventType::Notified) })
        .await
        .unwrap();
    // The whole report is made before the book has its first event.
    *fake.0.book_is_behind.lock().unwrap() = Duration::from_secs(30);
    let again = state(&fake).ask_again("admin".to_owned(), Moment::now()).unwrap();
    live(&fake, &again).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((state(&fake).phase, fake.0.files.lock().unwrap().len()), (Phase::Completed, 1));
    assert_eq!(fake.0.done().iter().filter(|it| it.starts_with("mail to")).count(), 1, "of the new one");
}

#[tokio::test(start_paused = true)]
async fn wish_that_was_there_twice_does_not_bring_a_cancelled_report_back() {
    let fake = Fake::default();
    fake.append(&Journal::requested(&request())).await.unwrap();
    fake.append(&said(ReportEventType::Failed)).await.unwrap();
    let failed = state(&fake);
    let (first, second) = (
        failed.ask_again("a".to_owned(), Moment::from_millis(2)).unwrap(),
        failed.ask_again("b".to_owned(), Moment::from_millis(3)).unwrap(),
    );
    fake.append(&Journal::retried(&first)).await.unwrap();
    fake.append(&Journal::retried(&second)).await.unwrap();
    fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
    live(&fake, &first).await;
    assert_eq!(state(&fake).phase, Phase::Cancelled);
    live(&fake, &second).await;
    assert_eq!((state(&fake).phase, fake.0.files.lock().unwrap().len()), (Phase::Cancelled, 0));
    // A third one, of somebody who has seen that, does.
    live(&fake, &state(&fake).ask_again("c".to_owned(), Moment::from_millis(4)).unwrap()).await;
    assert_eq!(state(&fake).phase, Phase::Completed);
}

#[tokio::test(start_paused = true)]
async fn request_of_a_report_that_was_forgotten_is_done_with() {
    let fake = Fake::default();
    fake.0.forgotten.lock().unwrap().insert(request().report_id);
    live(&fake, &request()).await;
    assert!(fake.0.done().is_empty() && fake.0.book.lock().unwrap().is_empty(), "{:?}", fake.0.done());
}
