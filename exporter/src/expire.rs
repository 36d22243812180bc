//! Files that were kept long enough: deleted, and then said to be. Every exporter looks after them; what two do is done once.

use std::time::Duration;

use report_life::{JournalError, manifest_key};
use report_store::StoreError;
use schemas::report_event::ReportEventType;

use crate::adapters::Outside;
use crate::life::Life;

/// How often it is looked for them.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Goes on until it is dropped.
pub(crate) async fn expire<O: Outside>(life: &Life<O>) -> Result<(), JournalError> {
    loop {
        for state in life.outside.due() {
            let Some(key) = &state.object_key else { continue };
            // One that cannot be deleted now is in the next round.
            let manifest = manifest_key(key);
            life.patiently("deleting a manifest", || life.outside.delete_file(&manifest)).await;
            let delete_all = || async {
                for key in state.file_keys() {
                    life.outside.delete_file(&key).await?;
                }
                Ok::<_, StoreError>(())
            };
            if life.patiently("deleting files", delete_all).await.is_some() {
                // Of this attempt: one that was made meanwhile has a file of its own.
                life.outside.append(&Life::<O>::event(&state, ReportEventType::Expired)).await?;
                life.metrics.expired.inc();
                tracing::info!(report = %state.id, "files were kept long enough");
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use report_life::Phase;
    use schemas::times::Moment;

    use super::*;
    use crate::config::Config;
    use crate::fakes::{Fake, a_record};
    use crate::stages::check_request::tests::request;

    #[tokio::test(start_paused = true)]
    async fn file_is_deleted_when_its_time_has_come_and_not_before() {
        let fake = Fake::default();
        let life = fake.life_with(Config { keep_days: 30, ..Config::default() });
        life.live(&request(), a_record()).await.unwrap();
        let state = || fake.0.book.lock().unwrap()[&request().report_id].clone();
        let kept = state().expires_at.unwrap().as_micros() - state().ended_at.unwrap().as_micros();
        assert_eq!(kept, 30 * 86_400_000_000);
        let rounds = || tokio::time::timeout(Duration::from_secs(200), expire(&life));
        assert!(rounds().await.is_err());
        assert_eq!((state().phase, fake.0.files.lock().unwrap().len()), (Phase::Completed, 1));

        fake.0.book.lock().unwrap().get_mut(&request().report_id).unwrap().expires_at = Some(Moment::FIRST);
        let away = StoreError::Failed { action: "deleting", reason: "no route".to_owned() };
        let calls = fake.0.calls("delete");
        fake.0.delete_faults.lock().unwrap().insert(calls, away);
        assert!(rounds().await.is_err());
        assert_eq!((state().phase, state().object_key, fake.0.files.lock().unwrap().len()), (Phase::Expired, None, 0));
        assert!(fake.0.manifests.lock().unwrap().is_empty());
        assert_eq!(fake.0.done().iter().filter(|it| *it == "Expired").count(), 1);
        assert_eq!(life.metrics.expired.get(), 1);
        // Asked for again, it is made again.
        let again = state().ask_again("admin".to_owned(), Moment::now()).unwrap();
        life.live(&again, a_record()).await.unwrap();
        assert_eq!((state().phase, fake.0.files.lock().unwrap().len()), (Phase::Completed, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn exporter_that_is_late_does_not_end_what_was_made_anew() {
        let fake = Fake::default();
        let life = fake.life_with(Config { keep_days: 30, ..Config::default() });
        life.live(&request(), a_record()).await.unwrap();
        let state = || fake.0.book.lock().unwrap()[&request().report_id].clone();
        fake.0.book.lock().unwrap().get_mut(&request().report_id).unwrap().expires_at = Some(Moment::FIRST);
        // Two find it; the store does not let one of them delete it until it was made anew.
        let away = StoreError::Failed { action: "deleting", reason: "no route".to_owned() };
        let calls = fake.0.calls("delete");
        fake.0.delete_faults.lock().unwrap().insert(calls, away);
        let late = async { _ = tokio::time::timeout(Duration::from_secs(30), expire(&life)).await };
        let first = async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            _ = tokio::time::timeout(Duration::from_millis(1), expire(&life)).await;
            assert_eq!(state().phase, Phase::Expired);
            let again = state().ask_again("admin".to_owned(), Moment::now()).unwrap();
            life.live(&again, a_record()).await.unwrap();
        };
        tokio::join!(late, first);
        assert_eq!(fake.0.done().iter().filter(|it| *it == "Expired").count(), 2, "both say it");
        assert_eq!((state().phase, fake.0.files.lock().unwrap().len()), (Phase::Completed, 1));
    }
}
