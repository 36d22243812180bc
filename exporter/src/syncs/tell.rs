//! Tells a receiver how a sync stands: that it fails, or that it is well again.
//!
//! Each has a mail of its own, which waits for no other one's; when the server has taken it that is an event, so that whoever has the sync
//! then sends the others only.

use std::time::Duration;

use bucket_syncs::SyncState;
use report_life::JournalError;
use schemas::times::Moment;

use super::object::Notes;
use super::step::after;
use crate::adapters::Outside;
use crate::life::Life;
use crate::mail::MailError;
use crate::stages::write_sync_mail::write_sync_mail;

/// When a receiver is to be told how it stands; `None` where there is nothing to tell.
pub(super) fn due_at(state: &SyncState, mail_after: Duration) -> Option<Moment> {
    state.fails().map(|it| after(it.since, mail_after)).or(state.well_since)
}

/// Mails it, and notes that. False: not now, and it has to be tried again, until `give_up_at`.
pub(super) async fn tell<O: Outside>(
    life: &Life<O>,
    notes: &(impl Notes + Clone + Send + 'static),
    state: &SyncState,
    receiver: &str,
    give_up_at: Moment,
) -> Result<bool, JournalError> {
    // Whole days and hours of UTC are what its objects hold.
    let reader = life.readers.reader(&state.tenant, receiver, "UTC");
    let console_url = life.config.console_url.trim_end_matches('/');
    let Some(mail) = write_sync_mail(state, receiver, &reader, console_url) else { return Ok(true) };
    let (told, to, journal) = (state.clone(), receiver.to_owned(), notes.clone());
    let noting = async move { journal.append(&told.notified(&to, Moment::now())).await };
    match life.mail_and(receiver, mail, noting).await? {
        Ok(()) => life.metrics.mail("sent"),
        Err(error @ MailError::Away(_)) if Moment::now() < give_up_at => {
            tracing::warn!(%error, sync = %state.id, "a mail waits for the mail server");
            life.metrics.retries.inc();
            return Ok(false);
        }
        Err(error) => {
            tracing::error!(%error, sync = %state.id, "a mail was given up");
            life.metrics.mail("given_up");
            notes.append(&state.notified(receiver, Moment::now())).await?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType as Type};

    use super::*;
    use crate::fakes::Fake;
    use crate::stages::write_sync_mail::tests::state;

    /// The events of a sync.
    #[derive(Clone, Default)]
    struct Topic(Arc<Mutex<Vec<BucketSyncEvent>>>);

    impl Notes for Topic {
        async fn append(&self, event: &BucketSyncEvent) -> Result<(), JournalError> {
            self.0.lock().unwrap().push(event.clone());
            Ok(())
        }
    }

    /// One that fails, of two receivers.
    fn failing() -> SyncState {
        let mut state = state();
        state.settings.receivers = vec!["a@acme.example".to_owned(), "b@acme.example".to_owned()];
        let failed = BucketSyncEvent { reason: Some("away".to_owned()), ..state.event(Type::Failed, Moment::now()) };
        state.with(&failed)
    }

    /// As who looks after it does: whoever does not know is told. Gives how it stands then.
    async fn round(life: &Life<Fake>, state: SyncState, give_up_at: Moment) -> SyncState {
        let topic = Topic::default();
        for receiver in state.to_tell() {
            tell(life, &topic, &state, receiver, give_up_at).await.unwrap();
        }
        topic.0.lock().unwrap().iter().fold(state, SyncState::with)
    }

    fn mails(fake: &Fake) -> Vec<String> {
        fake.0.done().iter().map(|it| it.split('@').next().unwrap().to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn who_can_be_mailed_has_one_mail_however_long_another_waits() {
        let fake = Fake::default();
        let away = || MailError::Away("451 greylisted".to_owned());
        // a, b; then b alone.
        fake.0.mail_faults.lock().unwrap().extend([(1, away()), (2, away())]);
        let (life, mut state) = (fake.life(), failing());
        for left in [1, 1, 0, 0] {
            state = round(&life, state, Moment::END).await;
            assert_eq!(state.to_tell().count(), left);
        }
        assert_eq!(mails(&fake), ["mail to a", "mail to b"]);
        // Well again, each is told that, once.
        let looked = BucketSyncEvent {
            number: Some(1),
            interval_end: Some(Moment::now()),
            ..state.event(Type::Looked, Moment::now())
        };
        state = state.with(&looked);
        for _ in 0..2 {
            state = round(&life, state, Moment::END).await;
        }
        assert_eq!(mails(&fake)[2..], ["mail to a", "mail to b"]);
        assert_eq!((state.well_since, fake.0.calls("mail")), (None, 6));
    }

    #[tokio::test(start_paused = true)]
    async fn who_cannot_be_mailed_is_given_up_at_once_or_after_the_longest_wait() {
        for (fault, give_up_at) in [
            (MailError::Refused("550 no such user".to_owned()), Moment::END),
            (MailError::Away("451 greylisted".to_owned()), Moment::FIRST),
        ] {
            let fake = Fake::default();
            fake.0.mail_faults.lock().unwrap().insert(0, fault);
            let state = round(&fake.life(), failing(), give_up_at).await;
            assert_eq!((mails(&fake), state.to_tell().count()), (vec!["mail to b".to_owned()], 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_is_under_way_when_the_sync_is_left_is_noted() {
        let (fake, topic, state) = (Fake::default(), Topic::default(), failing());
        *fake.0.mail_takes.lock().unwrap() = Duration::from_secs(10);
        let life = fake.life();
        let telling = tell(&life, &topic, &state, "a@acme.example", Moment::END);
        assert!(tokio::time::timeout(Duration::from_secs(5), telling).await.is_err(), "in mid-mail");
        life.mails_noted().await;
        assert_eq!(mails(&fake), ["mail to a"]);
        assert_eq!(topic.0.lock().unwrap()[0].receiver.as_deref(), Some("a@acme.example"));
    }

    #[test]
    fn that_it_fails_is_told_when_it_has_done_so_for_long_and_that_it_is_well_at_once() {
        let state = failing();
        let since = state.fails().unwrap().since;
        let long = Duration::from_secs(900);
        assert_eq!(due_at(&state, long), Some(Moment::from_micros(since.as_micros() + 900_000_000)));
        let told = state.clone().with(&state.notified("a@acme.example", since));
        let end = Some(Moment::from_micros(since.as_micros() + 1));
        let looked = BucketSyncEvent { number: Some(1), interval_end: end, ..told.event(Type::Looked, Moment::END) };
        assert_eq!(due_at(&told.with(&looked), long), Some(Moment::END));
        assert_eq!(due_at(&self::state(), long), None);
    }
}
