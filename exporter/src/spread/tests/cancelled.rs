//! Cancelled at any moment.

use super::*;

#[tokio::test(start_paused = true)]
async fn cancelled_no_file_and_no_upload_is_left() {
    cancel_at_each_moment(200, large, &asked_for_files(), 3).await;
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_it_is_joined_or_read_back_nothing_is_left() {
    const LONG: Duration = Duration::from_secs(600);
    for asked in [asked(), asked_for_files()] {
        for (join_takes, digest_takes) in [(LONG, Duration::ZERO), (Duration::ZERO, LONG)] {
            let fake = large();
            (*fake.0.join_takes.lock().unwrap(), *fake.0.digest_takes.lock().unwrap()) = (join_takes, digest_takes);
            let cancelling = async {
                tokio::time::sleep(Duration::from_secs(60)).await;
                let files = if join_takes == LONG { 0 } else { asked_files(&asked) };
                assert_eq!((count(&fake, "SliceDone"), count(&fake, "file")), (3, files), "in mid-flight");
                fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
                Instant::now()
            };
            let (_, asked_at) = tokio::join!(live_of(&fake, &asked), cancelling);
            assert!(asked_at.elapsed() < Duration::from_secs(1), "{:?}", asked_at.elapsed());
            assert_eq!((state(&fake).phase, count(&fake, "Completed")), (Phase::Cancelled, 0));
            assert!(fake.0.manifests.lock().unwrap().is_empty());
            assert_nothing_left(&fake);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_in_mid_slice_all_statements_end_and_nothing_is_left() {
    let fake = large();
    *fake.0.read_takes.lock().unwrap() = Duration::from_secs(60);
    let (owner, others, asked) = (fake.life(), [fake.life(), fake.life()], asked());
    let cancelling = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(fake.0.reading.load(Ordering::Relaxed), 2, "in mid-flight");
        fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
        let asked_at = Instant::now();
        while fake.0.reading.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(asked_at.elapsed() < Duration::from_secs(1), "{:?}", asked_at.elapsed());
    };
    tokio::select! {
        (lived, ()) = async { tokio::join!(owner.live(&asked, a_record()), cancelling) } => assert_eq!(lived.unwrap(), Lived::Done),
        () = work(&fake, &others[0]) => {}
        () = work(&fake, &others[1]) => {}
    }
    assert_eq!(state(&fake).phase, Phase::Cancelled);
    assert_eq!(fake.0.calls("read"), 0, "none came to its end");
    assert_nothing_left(&fake);
}
