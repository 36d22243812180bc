//! A store and an engine that fail.

use super::*;
use crate::config::Config;
use crate::life::LOSS_HEARD_WITHIN;

#[tokio::test(start_paused = true)]
async fn answer_that_was_lost_is_looked_for() {
    let fake = large();
    fake.0.loses_answer.store(true, Ordering::Relaxed);
    live(&fake).await;
    assert_eq!((file(&fake), state(&fake).attempt), (undisturbed().await, 1));
    assert_eq!((count(&fake, "file"), fake.0.calls("join")), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn manifest_of_who_died_counts_where_it_is_of_the_same_files() {
    let calm = large();
    live(&calm).await;
    let key = manifest_key(&state(&calm).object_key.unwrap());
    let mut written: Manifest = serde_json::from_slice(&calm.0.manifests.lock().unwrap()[&key]).unwrap();
    written.completed_at = "2026-11-01T00:00:00Z".to_owned();
    for (rows, attempt) in [(written.rows, 1), (written.rows + 1, 2)] {
        written.rows = rows;
        let (fake, text) = (large(), Bytes::from(serde_json::to_vec(&written).unwrap()));
        fake.0.manifests.lock().unwrap().insert(key.clone(), text.clone());
        live(&fake).await;
        assert_eq!((file(&fake), state(&fake).attempt), (undisturbed().await, attempt));
        let manifests = fake.0.manifests.lock().unwrap().clone();
        let own = manifest_key(&state(&fake).object_key.unwrap());
        assert_eq!((manifests.len(), manifests[&own] == text), (1, attempt == 1));
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_come_back_as_it_was_written_begins_anew() {
    for asked in [asked(), asked_for_files()] {
        let calm = large();
        live_of(&calm, &asked).await;
        let stored = calm.0.calls("stored");
        assert_eq!(stored, 3 + files(&calm).len());
        // One slice, or one of the files that they become.
        for spoiled in 0..stored {
            let fake = large();
            fake.0.spoiled.lock().unwrap().insert(spoiled);
            live_of(&fake, &asked).await;
            assert_eq!((files(&fake), state(&fake).attempt), (files(&calm), 2), "{spoiled}");
            assert_eq!(fake.0.manifests.lock().unwrap().len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn upload_that_is_broken_begins_anew() {
    let fake = large();
    fake.0.join_faults.lock().unwrap().insert(0, StoreError::Broken("no such upload".to_owned()));
    live(&fake).await;
    assert_eq!((file(&fake), state(&fake).attempt), (undisturbed().await, 2));
}

#[tokio::test(start_paused = true)]
async fn store_that_stays_away_fails_the_report_in_words() {
    let fake = large();
    let away = StoreError::Failed { action: "finishing", reason: "no route".to_owned() };
    fake.0.join_faults.lock().unwrap().extend((0..10_000).map(|call| (call, away.clone())));
    let life = live(&fake).await;
    let state = state(&fake);
    assert_eq!((state.phase, state.attempt), (Phase::Failed, 1));
    assert!(state.reason.unwrap().starts_with("the file could not be written"));
    assert!(life.metrics.retries.get() > 3);
    assert_nothing_left(&fake);
}

#[tokio::test(start_paused = true)]
async fn store_that_fails_in_a_slice_costs_that_slice() {
    let fake = large();
    let away = StoreError::Failed { action: "writing", reason: "no route".to_owned() };
    fake.0.write_faults.lock().unwrap().extend([(1, away.clone()), (2, away)]);
    let life = live(&fake).await;
    assert_eq!((file(&fake), state(&fake).attempt), (undisturbed().await, 1));
    assert_eq!((fake.0.calls("begin slice"), slices_with_fate(&life, "done")), (5, 3));
}

#[tokio::test(start_paused = true)]
async fn slice_that_cannot_be_made_fails_the_report_in_words() {
    let fake = large();
    let refused = QueryError::Refused { code: 60, reason: "no such table: secret_name".to_owned() };
    fake.0.read_faults.lock().unwrap().insert(1, refused);
    let life = live(&fake).await;
    let state = state(&fake);
    assert_eq!((state.phase, state.attempt, slices_with_fate(&life, "failed")), (Phase::Failed, 1, 1));
    assert!(state.reason.unwrap().starts_with("the connections could not be read"));
    assert_eq!(state.known_reason.unwrap().code, "database", "what the slice's maker said is handed on");
    assert_nothing_left(&fake);
    // Asked for again it is made.
    let again = fake.known(request().report_id).unwrap().ask_again("other".to_owned(), Moment::now()).unwrap();
    fake.append(&Journal::retried(&again)).await.unwrap();
    tokio::select! {
        lived = life.live(&again, a_record()) => assert_eq!(lived.unwrap(), Lived::Done),
        () = work(&fake, &life) => {}
    }
    assert_eq!(file(&fake), undisturbed().await);
}

/// An attempt that was planned by an exporter that is gone; gives its first slice.
async fn first_slice(fake: &Fake, asked: &ReportRequest) -> ReportSlice {
    let owner = fake.life();
    tokio::select! {
        lived = owner.live(asked, a_record()) => panic!("it ended: {lived:?}"),
        _ = fake.until(asked.report_id, |state| state.plan.is_some()) => {}
    }
    fake.0.queue.lock().unwrap().pop_front().unwrap()
}

/// What makers of slices have stored: objects, and uploads of their own.
fn stored(fake: &Fake) -> (Vec<String>, Vec<String>) {
    let uploads = fake.0.uploads.lock().unwrap();
    let own = uploads.iter().map(|(_, id)| id).filter(|id| id.starts_with("own-")).cloned().collect();
    (fake.0.files.lock().unwrap().keys().cloned().collect(), own)
}

#[tokio::test(start_paused = true)]
async fn of_two_who_have_made_a_slice_the_later_one_takes_back_its_own() {
    for asked in [asked(), asked_for_files()] {
        let fake = large();
        let (one, other) = (fake.life(), fake.life());
        let first = first_slice(&fake, &asked).await;
        let (one, other) = tokio::join!(one.live_slice(&first), other.live_slice(&first));
        assert_eq!((one.unwrap(), other.unwrap()), (Lived::Done, Lived::Done));
        assert_eq!(count(&fake, "SliceDone"), 2, "neither has seen the other one's in time");
        let plan = state(&fake).plan.unwrap();
        let counts = plan.stored_slice(0).unwrap().clone();
        let key: Vec<_> = counts.staged_key.into_iter().collect();
        let upload: Vec<_> = counts.file_upload_id.into_iter().collect();
        assert_eq!((key.len(), upload.is_empty()), (1, !slices_are_files(&asked)));
        assert_eq!(stored(&fake), (key, upload));
    }
}

#[tokio::test(start_paused = true)]
async fn slice_that_comes_when_its_report_has_ended_is_taken_back() {
    use ReportEventType::{Cancelled, Completed, Failed};
    for (asked, end) in [(asked(), Failed), (asked_for_files(), Cancelled), (asked_for_files(), Completed)] {
        let (fake, key) = (large(), "reports/acme/a-file-of-its-own".to_owned());
        let life = fake.life();
        let first = first_slice(&fake, &asked).await;
        let ending = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert_eq!(fake.0.reading.load(Ordering::Relaxed), 1, "in mid-flight");
            fake.0.files.lock().unwrap().insert(key.clone(), Vec::new());
            fake.append(&ReportEvent { attempt: Some(1), object_key: Some(key.clone()), ..said(end) }).await.unwrap();
        };
        let (lived, ()) = tokio::join!(life.live_slice(&first), ending);
        assert_eq!(lived.unwrap(), Lived::Done);
        assert_eq!(count(&fake, "SliceDone"), 1, "it has not seen the end in time");
        assert_eq!(stored(&fake), (vec![key], vec![]));
    }
}

/// An exporter that stood still for longer than it waits for anything, and runs again with the first thing that fails; its partitions went to
/// another, of which it hears a moment later.
async fn run_again(fake: &Fake, asked: &ReportRequest, is_failing: impl Fn(&Fake) -> bool) {
    let late = fake.life_with(Config { retry_max: Duration::ZERO, ..Config::default() });
    let hears = async {
        while !is_failing(fake) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(LOSS_HEARD_WITHIN - Duration::from_secs(1)).await;
    };
    tokio::select! {
        lived = late.live(asked, a_record()) => panic!("{lived:?}"),
        () = work(fake, &late) => {}
        () = hears => {}
    }
}

#[tokio::test(start_paused = true)]
async fn who_stood_still_fails_no_report_that_another_one_makes() {
    let away = StoreError::Failed { action: "finishing", reason: "no route".to_owned() };
    for asked in [asked(), asked_for_files()] {
        let calm = large();
        live_of(&calm, &asked).await;
        let fake = large();
        fake.0.join_faults.lock().unwrap().insert(0, away.clone());
        run_again(&fake, &asked, |fake| fake.0.calls("join") > 0).await;
        assert_eq!(state(&fake).phase, Phase::Running, "{asked:?}");
        // The slices are those that are there, and so is the upload.
        live_of(&fake, &asked).await;
        assert_eq!((files(&fake), state(&fake).attempt), (files(&calm), 1), "{asked:?}");
        assert_eq!(count(&fake, "Failed"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn who_stood_still_fails_no_slice_that_another_one_makes() {
    let fake = large();
    let away = StoreError::Failed { action: "writing", reason: "no route".to_owned() };
    fake.0.write_faults.lock().unwrap().insert(0, away);
    run_again(&fake, &asked(), |fake| fake.0.calls("write") > 0).await;
    live(&fake).await;
    assert_eq!((file(&fake), state(&fake).attempt), (undisturbed().await, 1));
    assert_eq!((count(&fake, "SliceFailed"), count(&fake, "Failed")), (0, 0));
}
