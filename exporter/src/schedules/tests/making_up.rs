//! What was missed or paused, and what is in the runs that come after.

use super::*;

#[tokio::test]
async fn of_what_was_missed_the_last_runs_are_made_up_for_and_the_first_begins_where_the_last_ended() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let (mut own, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut own, &clock, 20).await;
    world.comes_round();
    // Nobody runs for an hour and a half.
    let (mut next, clock) = exporter(&world).await;
    look_at(&mut next, &clock, 115).await;
    next.arrived(record(&schedule)).await.unwrap();
    next.arrived(end()).await.unwrap();
    next.look().await.unwrap();
    assert_eq!(world.asked(), [20], "whoever had the partition until now may have asked for some");
    look_for_long_at(&mut next, &clock, 115).await;
    assert_eq!(world.asked(), [20, 90, 100, 110], "oldest first");
    assert_eq!(world.ranges()[1..], [(15, 85), (85, 95), (95, 105)], "they leave no time out");
    assert_eq!((runs(&next, "asked"), runs(&next, "passed_over")), (3, 6), "30 to 80");
    look_at(&mut next, &clock, 120).await;
    assert_eq!(world.asked()[4..], [120], "nothing older is made later");
    assert_eq!((world.ranges()[4], runs(&next, "passed_over")), ((105, 115), 6));
    world.comes_round();
    let (mut other, clock) = exporter_with(&world, &[schedule]).await;
    other.catch_up_max = 100;
    look_for_long_at(&mut other, &clock, 129).await;
    assert_eq!(world.asked().len(), 5, "also by one that would make up for more");
}

#[tokio::test]
async fn of_other_ranges_what_was_missed_is_made_up_for_each_with_its_own() {
    let world = Arc::<World>::default();
    let hours = ReportSchedule { range: "last hour".to_owned(), ..every_ten() };
    let (mut own, clock) = exporter_with(&world, &[hours]).await;
    look_for_long_at(&mut own, &clock, 115).await;
    assert_eq!(
        (world.asked(), runs(&own, "passed_over")),
        (vec![90, 100, 110], 7),
        "20 to 80 were due since it was kept"
    );
    assert_eq!(world.ranges(), [(30, 90), (40, 100), (50, 110)]);
}

#[tokio::test(start_paused = true)]
async fn what_was_passed_over_is_counted_also_where_it_is_known_only_later_that_the_request_was_taken() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let (mut own, clock) = exporter_with(&world, &[schedule]).await;
    look_at(&mut own, &clock, 20).await;
    world.comes_round();
    *world.hangs.lock().unwrap() = true;
    look_for_long_at(&mut own, &clock, 115).await;
    *world.hangs.lock().unwrap() = false;
    let tries = world.asked().len() - 1;
    assert!(tries > 0 && world.asked()[1..].iter().all(|due| *due == 90), "{:?}", world.asked());
    assert_eq!((runs(&own, "asked"), runs(&own, "passed_over")), (1, 0), "not known yet");
    world.comes_round();
    look_at(&mut own, &clock, 116).await;
    assert_eq!(world.asked()[1 + tries..], [100, 110]);
    assert_eq!((runs(&own, "asked"), runs(&own, "passed_over")), (4, 6), "90 too, and 30 to 80");
}

#[tokio::test]
async fn run_that_makes_up_for_others_is_asked_for_when_it_is_known_what_others_asked_for() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let (mut own, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut own, &clock, 20).await;
    world.comes_round();
    // It is frozen, another takes over, and what that has asked for has not come round when this one thaws.
    let (mut next, next_clock) = exporter_with(&world, &[schedule]).await;
    look_for_long_at(&mut next, &next_clock, 115).await;
    for minutes in [120, 130] {
        look_at(&mut next, &next_clock, minutes).await;
    }
    let asked = world.requests.lock().unwrap().len();
    look_at(&mut own, &clock, 135).await;
    assert_eq!((world.requests.lock().unwrap().len(), own.metrics.lag_seconds.get()), (asked, 25 * MINUTE), "it waits");
    world.comes_round();
    for _ in 0..2 {
        clock.advance(BOOK_BEHIND_MAX / 2);
        own.look().await.unwrap();
    }
    assert_eq!(world.asked(), [20, 90, 100, 110, 120, 130], "once each");
    assert_eq!((runs(&own, "passed_over"), own.metrics.lag_seconds.get()), (0, 0));
}

#[tokio::test]
async fn exporter_that_takes_over_while_runs_are_made_up_for_asks_for_the_same() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let (mut own, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
    look_at(&mut own, &clock, 20).await;
    world.comes_round();
    let mut asked = Vec::new();
    for _ in 0..2 {
        let (mut next, clock) = exporter_with(&world, std::slice::from_ref(&schedule)).await;
        look_for_long_at(&mut next, &clock, 115).await;
        let requests = world.requests.lock().unwrap().split_off(1);
        asked.push(requests.into_iter().map(|it| ReportRequest { barrier: Vec::new(), ..it }).collect::<Vec<_>>());
    }
    assert_eq!((asked[0].len(), &asked[0]), (3, &asked[1]), "neither knows of the other");
    // The first of them has come round.
    world.book.apply(&Journal::requested(&asked[0][0]));
    let (mut next, clock) = exporter_with(&world, &[schedule]).await;
    look_for_long_at(&mut next, &clock, 115).await;
    let requests = world.requests.lock().unwrap().split_off(1);
    let requests: Vec<_> = requests.into_iter().map(|it| ReportRequest { barrier: Vec::new(), ..it }).collect();
    assert_eq!(requests, asked[0][1..]);
    assert_eq!(runs(&next, "passed_over"), 0, "they were counted with the first");
}

#[tokio::test]
async fn run_after_a_pause_begins_where_the_last_one_ended() {
    let (world, schedule) = (Arc::<World>::default(), every_ten());
    let hours = ReportSchedule { range: "last hour".to_owned(), ..every_ten() };
    let (mut own, clock) = exporter_with(&world, &[schedule.clone(), hours.clone()]).await;
    look_at(&mut own, &clock, 20).await;
    for it in [schedule, hours] {
        let paused = paused(it, "admin", at(22));
        own.arrived(record(&paused)).await.unwrap();
        own.arrived(record(&resumed(paused, "admin", "admin", at(85)))).await.unwrap();
    }
    look_for_long_at(&mut own, &clock, 95).await;
    assert_eq!(world.asked(), [20, 20, 90, 90], "nothing that was due in the pause");
    let mut ranges = world.ranges().split_off(2);
    ranges.sort_unstable();
    assert_eq!(ranges, [(15, 85), (30, 90)], "since the last run, and the last hour");
    assert_eq!(runs(&own, "passed_over"), 0, "somebody wanted it so");
}
