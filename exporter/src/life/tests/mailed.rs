//! Who is mailed, and how often.

use super::*;

#[tokio::test(start_paused = true)]
async fn restart_after_the_end_sends_only_the_mails_that_are_missing() {
    let fake = Fake::default();
    // The mail server goes away for good behind the first mail: the process dies meanwhile.
    fake.0.mail_faults.lock().unwrap().extend((1..1000).map(|call| (call, MailError::Away("timeout".to_owned()))));
    let life = fake.life();
    let request = two_receivers();
    let died = tokio::time::timeout(Duration::from_secs(60), life.live(&request, a_record())).await;
    assert!(died.is_err());
    let before = fake.0.done();
    assert_eq!(before.last().unwrap(), "Notified");

    fake.0.mail_faults.lock().unwrap().clear();
    let metrics = live(&fake, &request).await;
    assert_eq!((ends(&metrics), mails(&metrics)), ((0, 0), (1, 0)), "the end was counted before");
    assert_eq!(fake.0.calls("begin"), 1, "one file");
    let after = fake.0.done();
    assert_eq!(after[before.len()..], ["mail to b@acme.example: Your report is ready", "Notified"]);
    // Once more: nothing is left to do.
    live(&fake, &request).await;
    assert_eq!(fake.0.done(), after);
}

#[tokio::test(start_paused = true)]
async fn receiver_with_an_account_reads_the_mail_in_its_language() {
    let fake = Fake::default();
    let request = two_receivers();
    let receiver = Receiver { language: Some(Language::De), zone: None };
    let receivers = [(request.tenant.clone(), "B@acme.example".to_owned(), receiver)].into_iter().collect();
    let life = fake.life_with(Config { receivers, mail_language: Language::Fr, ..Config::default() });
    life.live(&request, a_record()).await.unwrap();
    let mails: Vec<_> = fake.0.done().into_iter().filter(|it| it.starts_with("mail")).collect();
    let french = "mail to a@acme.example: Votre rapport est prêt\u{a0}";
    assert_eq!(mails, [french, "mail to b@acme.example: Ihr Bericht ist fertig"]);
}

#[tokio::test(start_paused = true)]
async fn mail_is_tried_while_the_server_is_away_and_given_up_when_it_is_refused() {
    let fake = Fake::default();
    fake.0
        .mail_faults
        .lock()
        .unwrap()
        .extend([(0, MailError::Away("timeout".to_owned())), (1, MailError::Refused("550 no such user".to_owned()))]);
    let metrics = live(&fake, &two_receivers()).await;
    assert_eq!((mails(&metrics), metrics.retries.get()), ((1, 1), 1));
    let done = fake.0.done();
    assert_eq!(done.iter().filter(|it| *it == "Notified").count(), 1, "{done:?}");
    let state = fake.0.book.lock().unwrap()[&request().report_id].clone();
    assert_eq!(state.phase, Phase::Completed);
    assert_eq!(state.notified, ["a@acme.example".to_owned()].into());
}

#[tokio::test(start_paused = true)]
async fn receiver_who_cannot_be_mailed_now_holds_up_no_other_and_is_given_up_after_one_wait() {
    let fake = Fake::default();
    let away = |call| (call, MailError::Away("451 greylisted".to_owned()));
    // a, b; then a alone, for ever.
    fake.0.mail_faults.lock().unwrap().extend((0..100_000).filter(|call| *call != 1).map(away));
    let (life, request, begin) = (fake.life(), two_receivers(), Instant::now());
    let (lived, ()) = tokio::join!(life.live(&request, a_record()), async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!((mails_to(&fake, "a"), mails_to(&fake, "b")), (0, 1));
    });
    assert_eq!((lived.unwrap(), mails(&life.metrics)), (Lived::Done, (1, 1)));
    let waited = begin.elapsed().saturating_sub(Config::default().notify_max);
    assert!(waited < Duration::from_secs(20), "{waited:?}");
    assert_eq!(*life.mails_waiting.count().borrow(), 0);
}

#[tokio::test(start_paused = true)]
async fn mail_that_the_exporter_before_has_just_noted_is_not_sent_again() {
    let fake = Fake::default();
    fake.append(&Journal::requested(&two_receivers())).await.unwrap();
    fake.append(&said(ReportEventType::Completed)).await.unwrap();
    *fake.0.book_is_behind.lock().unwrap() = Duration::from_secs(1);
    fake.append(&ReportEvent { receiver: Some("a@acme.example".to_owned()), ..said(ReportEventType::Notified) })
        .await
        .unwrap();
    live(&fake, &two_receivers()).await;
    assert_eq!(mails_to(&fake, "a"), 0);
    assert_eq!(mails_to(&fake, "b"), 1);
}

#[tokio::test(start_paused = true)]
async fn mail_that_is_under_way_when_the_report_is_left_is_noted_and_sent_once() {
    let (fake, begin) = (Fake::default(), Duration::from_secs(5));
    *fake.0.mail_takes.lock().unwrap() = 2 * begin;
    let life = fake.life();
    assert!(tokio::time::timeout(begin, life.live(&two_receivers(), a_record())).await.is_err(), "in mid-mail");
    assert!(state(&fake).notified.is_empty());
    life.mails_noted().await;
    assert_eq!(state(&fake).notified.len(), 1);
    // The next exporter has the other one.
    live(&fake, &two_receivers()).await;
    assert_eq!((mails_to(&fake, "a"), mails_to(&fake, "b"), state(&fake).notified.len()), (1, 1, 2));
}
