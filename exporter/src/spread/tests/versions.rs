//! Plans and slices of exporters of another version.

use super::*;

#[tokio::test(start_paused = true)]
async fn plan_of_another_version_begins_anew_and_its_slices_are_left() {
    let fake = large();
    planned_by(&fake, ENCODER_VERSION + 1).await;
    assert_eq!(fake.0.queue.lock().unwrap().len(), 2);
    let life = live(&fake).await;
    assert_eq!(state(&fake).attempt, 2);
    assert_eq!(file(&fake), undisturbed().await);
    assert_eq!(slices_with_fate(&life, "done"), 3);
    assert!(fake.0.uploads.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn slice_of_another_version_is_put_back_for_others() {
    let fake = large();
    planned_by(&fake, ENCODER_VERSION + 1).await;
    let (life, reads) = (fake.life(), fake.0.calls("read"));
    let slice = fake.0.queue.lock().unwrap().pop_front().unwrap();
    let begin = Instant::now();
    assert_eq!(life.live_slice(&slice).await.unwrap(), Lived::Done);
    assert!(begin.elapsed() >= PUT_BACK_AFTER);
    assert_eq!((slices_with_fate(&life, "put_back"), fake.0.calls("read")), (1, reads));
    assert_eq!(fake.0.queue.lock().unwrap().back(), Some(&slice));
    // Where nobody wants it any more it goes nowhere.
    fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
    assert_eq!(life.live_slice(&slice).await.unwrap(), Lived::Done);
    assert_eq!((slices_with_fate(&life, "unwanted"), fake.0.queue.lock().unwrap().len()), (1, 2));
}
