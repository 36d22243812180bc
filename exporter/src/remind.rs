//! Mails that say that a file will be deleted: `expiring_mail_before` that, once for each receiver, and only where nobody has fetched the file.
//!
//! One exporter writes them: the one that has the first partition of the requests. So each is written once, whoever comes and goes; only where
//! one dies between sending and noting it the next one sends it again, under the same Message-ID.

use std::time::Duration;

use report_life::{JournalError, ReportState};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::times::Moment;

use crate::adapters::Outside;
use crate::life::Life;
use crate::mail::MailError;
use crate::stages::write_mail::write_expiring_mail;

/// How often it is looked for them; for the first time so long after the partition came: what the exporter that had it before noted last is in
/// the book by then.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Goes on until it is dropped.
pub(crate) async fn remind<O: Outside>(life: &Life<O>) -> Result<(), JournalError> {
    if life.config.expiring_mail_before.is_zero() {
        return std::future::pending().await;
    }
    loop {
        let ours = life.has_first_partition().await;
        if let Some(Err(error)) = ours.run_until_cancelled(remind_all(life)).await {
            return Err(error);
        }
    }
}

async fn remind_all<O: Outside>(life: &Life<O>) -> Result<(), JournalError> {
    let before = life.config.expiring_mail_before;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        for found in life.outside.to_remind(before) {
            for receiver in found.to_remind(before, Moment::now()) {
                // Mails before this one may have taken long.
                let state = life.outside.known(found.id);
                let state = state.filter(|it| it.to_remind(before, Moment::now()).contains(&receiver));
                if let Some(state) = state {
                    remind_one(life, &state, &receiver).await?;
                }
            }
        }
    }
}

async fn remind_one<O: Outside>(life: &Life<O>, state: &ReportState, receiver: &str) -> Result<(), JournalError> {
    let (Some(request), Some(expires_at)) = (&state.request, state.expires_at) else { return Ok(()) };
    let console_url = life.config.console_url.trim_end_matches('/');
    let reader = life.readers.reader(&request.tenant, receiver, &request.zone);
    let mail = write_expiring_mail(state, request, expires_at, receiver, &reader, console_url);
    let noted =
        ReportEvent { receiver: Some(receiver.to_owned()), ..Life::<O>::event(state, ReportEventType::Reminded) };
    match life.mail_and_note(receiver, mail, noted.clone()).await? {
        Ok(()) => life.metrics.mail("sent"),
        // The others do not wait for it: it is tried again in the next round, until the file is deleted.
        Err(error @ MailError::Away(_)) => {
            tracing::warn!(%error, report = %state.id, "a mail waits for the mail server");
            life.metrics.retries.inc();
        }
        Err(error @ MailError::Refused(_)) => {
            tracing::error!(%error, report = %state.id, "a mail was given up");
            life.metrics.mail("given_up");
            life.outside.append(&ReportEvent { reason: Some(error.to_string()), ..noted }).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use report_life::Phase;
    use schemas::report_request::ReportRequest;
    use service_kit::CancellationToken;

    use super::*;
    use crate::config::Config;
    use crate::fakes::{Fake, a_record};
    use crate::stages::check_request::tests::request;

    const DAY: i64 = 86_400_000_000;

    /// A life that has the first partition, and a report of two receivers that was made ten days ago and has so long to live.
    async fn life_of_report_that_has(fake: &Fake, micros_left: i64) -> Life<Fake> {
        let life = fake.life_with(Config { keep_days: 30, ..Config::default() });
        let receivers = vec!["a@acme.example".to_owned(), "b@acme.example".to_owned()];
        life.live(&ReportRequest { receivers, ..request() }, a_record()).await.unwrap();
        let mut book = fake.0.book.lock().unwrap();
        let state = book.get_mut(&request().report_id).unwrap();
        let now = Moment::now().as_micros();
        state.ended_at = Some(Moment::from_micros(now - 10 * DAY));
        state.expires_at = Some(Moment::from_micros(now + micros_left));
        drop(book);
        life.first_partition.send_replace(Some(CancellationToken::new()));
        life
    }

    fn state(fake: &Fake) -> ReportState {
        fake.0.book.lock().unwrap()[&request().report_id].clone()
    }

    fn mails(fake: &Fake) -> Vec<String> {
        let mails = fake.0.done().into_iter().filter(|it| it.contains("will be deleted soon"));
        mails.map(|it| it.split(':').next().unwrap().to_owned()).collect()
    }

    async fn rounds(life: &Life<Fake>) {
        assert!(tokio::time::timeout(Duration::from_secs(100), remind(life)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn each_receiver_is_told_once_when_it_is_time_whoever_comes_after() {
        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, 3 * DAY + 60_000_000).await;
        rounds(&life).await;
        assert!(mails(&fake).is_empty(), "it is not time");
        let life = life_of_report_that_has(&fake, 3 * DAY - 1).await;
        rounds(&life).await;
        assert_eq!(mails(&fake), ["mail to a@acme.example", "mail to b@acme.example"]);
        assert_eq!((state(&fake).phase, state(&fake).reminded.len()), (Phase::Completed, 2));
        let next = fake.life_with(life.config.clone());
        next.first_partition.send_replace(Some(CancellationToken::new()));
        rounds(&next).await;
        assert_eq!(mails(&fake).len(), 2, "the next exporter has what the last one noted");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_of_a_file_that_was_fetched_or_is_gone_or_has_no_end() {
        let said = |event_type| ReportEvent::new(request().report_id, request().tenant, event_type, Moment::now());
        for event_type in [ReportEventType::Downloaded, ReportEventType::Expired] {
            let fake = Fake::default();
            let life = life_of_report_that_has(&fake, DAY).await;
            fake.append(&said(event_type)).await.unwrap();
            rounds(&life).await;
            assert!(mails(&fake).is_empty(), "{event_type:?}");
        }
        let fake = Fake::default();
        rounds(&life_of_report_that_has(&fake, -1).await).await;
        assert!(mails(&fake).is_empty(), "it is deleted in a moment");
        let life = life_of_report_that_has(&fake, DAY).await;
        fake.0.book.lock().unwrap().get_mut(&request().report_id).unwrap().expires_at = None;
        rounds(&life).await;
        assert!(mails(&fake).is_empty(), "it is kept for good");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_told_of_a_file_that_is_kept_no_longer_than_that_or_where_it_is_off() {
        let fake = Fake::default();
        let mut life = life_of_report_that_has(&fake, DAY).await;
        for days in [0, 11, 30] {
            life.config.expiring_mail_before = Duration::from_secs(days * 86_400);
            rounds(&life).await;
            assert!(mails(&fake).is_empty(), "{days}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn downloaded_while_others_are_told_the_rest_is_not() {
        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, DAY).await;
        *fake.0.mail_takes.lock().unwrap() = Duration::from_secs(10);
        let downloading = async {
            tokio::time::sleep(Duration::from_secs(20)).await;
            let (id, tenant) = (request().report_id, request().tenant);
            fake.append(&ReportEvent::new(id, tenant, ReportEventType::Downloaded, Moment::now())).await.unwrap();
        };
        tokio::join!(rounds(&life), downloading);
        assert_eq!(mails(&fake), ["mail to a@acme.example"]);
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_waits_holds_up_no_other_and_one_that_is_refused_is_noted() {
        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, DAY).await;
        let calls = fake.0.calls("mail");
        let away = MailError::Away("greylisted".to_owned());
        fake.0.mail_faults.lock().unwrap().extend([(calls, away.clone()), (calls + 2, away)]);
        rounds(&life).await;
        assert_eq!(mails(&fake), ["mail to b@acme.example", "mail to a@acme.example"]);
        assert_eq!(life.metrics.retries.get(), 2);

        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, DAY).await;
        let calls = fake.0.calls("mail");
        fake.0.mail_faults.lock().unwrap().insert(calls, MailError::Refused("no such user".to_owned()));
        rounds(&life).await;
        assert_eq!((mails(&fake), fake.0.calls("mail")), (vec!["mail to b@acme.example".to_owned()], calls + 2));
        assert_eq!(state(&fake).reminded.len(), 2, "it is not tried for ever");
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_has_the_first_partition_tells_and_what_it_has_sent_is_noted_though_that_goes() {
        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, DAY).await;
        life.first_partition.send_replace(None);
        rounds(&life).await;
        assert!(mails(&fake).is_empty());
        *fake.0.mail_takes.lock().unwrap() = Duration::from_secs(10);
        let (life, ours) = (Arc::new(life), CancellationToken::new());
        life.first_partition.send_replace(Some(ours.clone()));
        let losing = async {
            tokio::time::sleep(LOOK_EVERY + Duration::from_secs(5)).await;
            ours.cancel();
            life.mails_noted().await;
            (mails(&fake).len(), state(&fake).reminded.len())
        };
        let ((), noted) = tokio::join!(rounds(&life), losing);
        assert_eq!((noted, mails(&fake).len()), ((1, 1), 1), "one in hand, and none after it");
    }

    #[tokio::test(start_paused = true)]
    async fn made_anew_it_is_told_of_again() {
        let fake = Fake::default();
        let life = life_of_report_that_has(&fake, DAY).await;
        rounds(&life).await;
        let (id, tenant) = (request().report_id, request().tenant);
        fake.append(&ReportEvent::new(id, tenant, ReportEventType::Expired, Moment::now())).await.unwrap();
        let again = state(&fake).ask_again("admin".to_owned(), Moment::now()).unwrap();
        life.live(&again, a_record()).await.unwrap();
        assert!(state(&fake).reminded.is_empty());
        rounds(&life_of_report_that_has(&fake, DAY).await).await;
        assert_eq!(mails(&fake).len(), 4);
    }
}
