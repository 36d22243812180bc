use report_life::Journal;
use report_store::StoreError;
use schemas::report_event::{ReportEvent, ReportEventType};
use service_kit::CancellationToken;

use super::*;
use crate::fakes::{Fake, a_record};
use crate::stages::check_request::tests::request;
use crate::stages::name_file::object_key;

/// Microseconds.
const MINUTE: i64 = 60_000_000;
/// Two rounds.
const ROUNDS: Duration = Duration::from_secs(1_300);

fn asked() -> ReportRequest {
    ReportRequest { receivers: Vec::new(), ..request() }
}

async fn tell(fake: &Fake, event_type: ReportEventType, attempt: i32) {
    let event = ReportEvent::new(asked().report_id, asked().tenant, event_type, Moment::now());
    fake.append(&ReportEvent { attempt: Some(attempt), ..event }).await.unwrap();
}

/// What an attempt leaves whose exporter dies: a slice, what was counted, a file that nobody has told of, and an upload.
fn leave(fake: &Fake, attempt: i32) {
    let key = object_key(&asked(), attempt);
    let folder = key.rsplit_once('/').unwrap().0;
    let left =
        [format!("{folder}/slices/00000-x"), format!("{folder}/x/groups/00000"), format!("{folder}/x/part-00000")];
    fake.0.files.lock().unwrap().extend(left.map(|key| (key, Vec::new())));
    fake.0.uploads.lock().unwrap().insert((key, "of a dead one".to_owned()));
}

/// A report whose first attempt has left something, and that came to an end.
async fn ended_by(end: ReportEventType) -> Fake {
    let fake = Fake::default();
    fake.append(&Journal::requested(&asked())).await.unwrap();
    tell(&fake, ReportEventType::Started, 1).await;
    leave(&fake, 1);
    tell(&fake, end, 1).await;
    fake
}

fn ended_ago(fake: &Fake, micros: i64) {
    let mut book = fake.0.book.lock().unwrap();
    let end = book.get_mut(&asked().report_id).unwrap().ends.last_mut().unwrap();
    end.at = Moment::from_micros(Moment::now().as_micros() - micros);
}

/// Files, manifests and uploads.
fn there(fake: &Fake) -> Vec<String> {
    let files = fake.0.files.lock().unwrap().keys().cloned().collect::<Vec<_>>();
    let manifests = fake.0.manifests.lock().unwrap().keys().cloned().collect::<Vec<_>>();
    let uploads = fake.0.uploads.lock().unwrap().iter().map(|(key, id)| format!("{key} {id}")).collect::<Vec<_>>();
    [files, manifests, uploads].concat()
}

/// Sweeps while `script` goes on.
async fn swept(life: &Life<Fake>, script: impl Future<Output = ()>) {
    life.first_partition.send_replace(Some(CancellationToken::new()));
    tokio::select! {
        () = sweep(life) => unreachable!("it goes on"),
        () = script => {}
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_outage_has_left_is_cleared_an_hour_and_a_day_after_the_end() {
    for end in [ReportEventType::Failed, ReportEventType::Cancelled] {
        let fake = ended_by(end).await;
        let (life, left) = (fake.life(), there(&fake));
        let away = StoreError::Failed { action: "listing files", reason: "no route".to_owned() };
        let faults = || (0..10_000).map(|call| (call, away.clone()));
        fake.0.delete_faults.lock().unwrap().extend(faults());
        fake.0.abort_faults.lock().unwrap().extend(faults());
        life.live(&asked(), a_record()).await.unwrap();
        assert_eq!((there(&fake), left.len()), (left.clone(), 4), "{end:?}: it was given up");

        let asked_before = fake.0.calls("files");
        let looks = || fake.0.calls("files") - asked_before;
        let script = async {
            ended_ago(&fake, HOUR - MINUTE);
            tokio::time::sleep(ROUNDS).await;
            assert_eq!(looks(), 0, "an hour is not over");
            ended_ago(&fake, HOUR + MINUTE);
            tokio::time::sleep(ROUNDS).await;
            assert_eq!((looks(), there(&fake)), (2, left), "once in each round while the store is away");
            fake.0.delete_faults.lock().unwrap().clear();
            fake.0.abort_faults.lock().unwrap().clear();
            tokio::time::sleep(ROUNDS).await;
            assert_eq!((looks(), there(&fake)), (3, vec![]), "and not again");

            leave(&fake, 1);
            ended_ago(&fake, DAY + HOUR);
            tokio::time::sleep(ROUNDS).await;
            assert_eq!((looks(), there(&fake)), (4, vec![]), "of who was frozen for hours");
            leave(&fake, 1);
            ended_ago(&fake, 2 * DAY + HOUR);
            tokio::time::sleep(ROUNDS).await;
            assert_eq!(looks(), 4, "nothing comes after two days");
        };
        swept(&life, script).await;
    }
}

#[tokio::test(start_paused = true)]
async fn files_of_a_report_that_is_completed_stay_and_so_do_those_of_others() {
    let fake = Fake::default();
    let life = fake.life();
    life.live(&asked(), a_record()).await.unwrap();
    let foreign = object_key(&asked(), 1).replace("acme", "globex");
    fake.0.files.lock().unwrap().insert(foreign, Vec::new());
    let own = there(&fake);
    assert_eq!(own.len(), 3, "a file, its manifest, another tenant's");
    leave(&fake, 1);
    let script = async {
        for age in [HOUR + MINUTE, DAY + HOUR] {
            ended_ago(&fake, age);
            tokio::time::sleep(ROUNDS).await;
            assert_eq!(there(&fake), own);
        }
    };
    swept(&life, script).await;
    assert_eq!(fake.0.calls("files"), 3, "at its end, after an hour, after a day");

    // One that does not say which files are its own, and one whose request is another tenant's.
    for change in [(|it: &mut ReportState| it.object_key = None) as fn(&mut ReportState), |it| {
        it.request.as_mut().unwrap().tenant = "globex".parse().unwrap();
    }] {
        let kept = fake.0.book.lock().unwrap()[&asked().report_id].clone();
        fake.0.book.lock().unwrap().values_mut().for_each(change);
        ended_ago(&fake, HOUR + MINUTE);
        swept(&life, tokio::time::sleep(ROUNDS)).await;
        assert_eq!((there(&fake), fake.0.calls("files")), (own.clone(), 3));
        fake.0.book.lock().unwrap().insert(kept.id, kept);
    }
}

#[tokio::test(start_paused = true)]
async fn attempt_that_lives_loses_nothing_whenever_the_report_was_asked_for_again() {
    let fake = ended_by(ReportEventType::Failed).await;
    ended_ago(&fake, HOUR + MINUTE);
    let (life, before) = (fake.life(), fake.known(asked().report_id).unwrap());
    let again = before.ask_again("admin".to_owned(), Moment::now()).unwrap();
    fake.append(&Journal::retried(&again)).await.unwrap();
    tell(&fake, ReportEventType::Started, 3).await;
    leave(&fake, 2);
    leave(&fake, 3);
    let all = there(&fake);
    assert_eq!(all.len(), 12);
    swept(&life, tokio::time::sleep(ROUNDS)).await;
    // Found before it was asked for again.
    let ended = ReportEnd { report: before.id, tenant: before.tenant.clone(), end: before.end().unwrap() };
    assert!(clear_again(&life, &ended).await);
    assert_eq!(there(&fake), all);
    // Asked for again while its files are cleared.
    assert!(life.clear_as_of(&before, &asked(), Duration::ZERO).await);
    let of_first = |it: &String| it.contains("/0193a0b0-0000-7000-8000-000000000001/1/");
    assert_eq!(there(&fake), all.into_iter().filter(|it| !of_first(it)).collect::<Vec<_>>());
    assert_eq!(there(&fake).len(), 8);
    // What was made of the later attempts goes with the end of the last one.
    tell(&fake, ReportEventType::Cancelled, 3).await;
    ended_ago(&fake, HOUR + MINUTE);
    swept(&life, tokio::time::sleep(ROUNDS)).await;
    assert!(there(&fake).is_empty());
}

#[tokio::test(start_paused = true)]
async fn only_who_has_the_first_partition_sweeps() {
    let fake = ended_by(ReportEventType::Failed).await;
    ended_ago(&fake, HOUR + MINUTE);
    let (life, gone) = (fake.life(), CancellationToken::new());
    gone.cancel();
    for ours in [None, Some(gone)] {
        life.first_partition.send_replace(ours);
        assert!(tokio::time::timeout(ROUNDS, sweep(&life)).await.is_err());
        assert_eq!((there(&fake).len(), fake.0.calls("files")), (4, 0));
    }
}
