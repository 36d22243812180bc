//! What days are said to have.

use super::*;

/// Passes with house kept beside them, so many rounds: what days are said to have.
async fn noted(fake: Fake) -> Vec<(Moment, Moment)> {
    let fake = Fake { kept_max: 20, passes: usize::MAX, ..fake };
    passed(&fake).await.unwrap();
    let noted = fake.noted.lock().unwrap().clone();
    let asked = fake.asked.lock().unwrap().len();
    assert!(asked > 5, "{asked}");
    noted
}

#[tokio::test(start_paused = true)]
async fn days_have_what_was_stored_before_all_was_counted_that_was_on_the_topic_then() {
    let at = |hours: i64| Moment::from_micros(NOW_MICROS + hours * HOUR_MICROS);
    // The end is at 10 when it is asked for first, and an offset further each time that it was reached.
    let fake = Fake::default();
    *fake.counted.lock().unwrap() = vec![9, 9, 99];
    let found = noted(fake).await;
    assert!(!found.is_empty());
    for (stored_before, over_at) in &found {
        // Each was asked for before the pass that noted it began.
        assert!(*stored_before >= at(0) && before(*stored_before, AFTER_END) <= *over_at, "{found:?}");
    }
    assert!(found.is_sorted_by(|one, two| one.0 <= two.0 && one.1 < two.1), "{found:?}");
    // What is read never is what was on the topic.
    let fake = Fake::default();
    *fake.counted.lock().unwrap() = vec![9];
    assert_eq!(noted(fake).await, []);
}

#[tokio::test(start_paused = true)]
async fn days_are_said_to_have_nothing_where_an_hour_waits_or_cannot_be_counted() {
    let always = || vec![hours(9); 100];
    let waits = Fake::default();
    *waits.unsealed.lock().unwrap() = always();
    let fails = Fake::default();
    *fails.unsealed.lock().unwrap() = always();
    *fails.stored.lock().unwrap() = vec![10];
    *fails.faults.lock().unwrap() = vec![QueryError::Refused { code: 241, reason: "by a test".to_owned() }; 100];
    for fake in [waits, fails] {
        *fake.counted.lock().unwrap() = vec![99];
        assert_eq!(noted(fake).await, []);
    }
}
