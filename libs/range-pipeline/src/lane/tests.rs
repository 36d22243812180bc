use exactly_once::{Assignment, Event, Limits, Observer};

use super::*;
use crate::fill_range::Incoming;
use crate::job_of_test::{Offsets, TestJob};
use crate::know_schemas::Reading;
use crate::progress::Notes;

const AGE: Duration = Duration::from_secs(1);

/// A lane whose writer takes nothing; and what would reach the writer.
fn lane() -> (Lane<TestJob>, tokio::sync::mpsc::Receiver<ClosedRange<<Offsets as Fill>::Block>>) {
    let limits = Limits { rows: 10, bytes: 1_000, age: AGE };
    let (ranges, closed) = tokio::sync::mpsc::channel(1);
    let filler = RangeFiller::new(0, &Assignment::new(None, 0), limits, Offsets);
    let metrics = RangeMetrics::default();
    let lane = Lane::new(1, filler, Progress::from(0, metrics.clone()), tokio::spawn(async {}), ranges, metrics);
    (lane, closed)
}

fn add(lane: &mut Lane<TestJob>, offset: i64, now: Instant) {
    let incoming = Incoming { offset, timestamp_ms: 0, key: None, payload: None, headers: &Vec::new };
    lane.tally.came();
    lane.filler.add(&incoming, &Reading::Refuse("by a test"), now);
}

fn done(lane: &Lane<TestJob>, refused: usize) {
    let notes = Notes { metrics: lane.tally.metrics().clone(), progress: lane.progress.clone(), partition: 0 };
    notes.saw(Event::Done { stored: 0, found: 0, refused });
}

/// received, refused, abandoned and held, which are all the fates that records of these tests have.
fn fates(lane: &Lane<TestJob>) -> (u64, u64, u64, i64) {
    let metrics = lane.tally.metrics();
    (metrics.received.get(), metrics.refused.get(), metrics.abandoned.get(), metrics.held_events.get())
}

#[tokio::test]
async fn range_without_a_record_is_waited_for_by_its_offset_and_counts_no_records() {
    let now = Instant::now();
    let (mut lane, mut closed) = lane();
    assert!(lane.is_all_written(), "nothing was read");
    // The marker of an aborted transaction.
    lane.filler.move_to(1, now);
    lane.close();
    assert!(closed.try_recv().unwrap().has_no_record());
    assert!(!lane.is_all_written());
    add(&mut lane, 1, now);
    lane.close();
    assert!(!closed.try_recv().unwrap().has_no_record());
    assert_eq!(lane.oldest_ms(), Some(0));
    done(&lane, 1);
    assert_eq!((lane.oldest_ms(), fates(&lane)), (None, (1, 1, 0, 0)));
    assert!(!lane.is_all_written(), "the offset is not committed yet");
    lane.progress.commit(1);
    assert!(!lane.is_all_written());
    lane.progress.commit(2);
    assert!(lane.is_all_written());
}

#[tokio::test]
async fn range_that_waits_for_its_writer_is_not_written_yet() {
    let now = Instant::now();
    let (mut lane, mut closed) = lane();
    for offset in 0..2 {
        add(&mut lane, offset, now);
        lane.close();
    }
    assert!(lane.is_behind());
    lane.progress.commit(2);
    assert!(!lane.is_all_written());
    closed.try_recv().unwrap();
    lane.hand_on();
    assert!(lane.is_all_written());
}

#[tokio::test]
async fn lane_is_deserted_only_when_the_client_has_had_time_to_say_so() {
    let now = Instant::now();
    let (mut lane, _closed) = lane();
    assert!(!lane.is_deserted(now + 2 * DESERTED_MAX));
    lane.deserted_since = Some(now);
    assert!(!lane.is_deserted(now + DESERTED_MAX));
    assert!(lane.is_deserted(now + DESERTED_MAX + Duration::from_secs(1)));
}

#[tokio::test]
async fn range_of_a_backlog_grows_older_than_one_at_the_end_of_its_partition() {
    let now = Instant::now();
    let (mut lane, mut closed) = lane();
    add(&mut lane, 0, now);
    lane.close_if_due(now + 3 * AGE, false);
    assert!(closed.try_recv().is_err());
    lane.close_if_due(now + BACKLOG_AGES * AGE, false);
    assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
    add(&mut lane, 1, now);
    lane.is_caught_up = true;
    lane.close_if_due(now + AGE / 2, false);
    assert!(closed.try_recv().is_err());
    lane.close_if_due(now + AGE, false);
    assert_eq!(closed.try_recv().unwrap().cut.last(), 1);
    assert!(!lane.is_caught_up, "the next range begins behind the end");
}

#[tokio::test]
async fn records_that_come_all_the_time_are_no_backlog_though_no_end_is_seen_between_them() {
    let now = Instant::now();
    let (mut lane, mut closed) = lane();
    for (timestamp_ms, is_closed) in [(9_999, false), (10_000, true)] {
        add(&mut lane, timestamp_ms, now);
        lane.came(timestamp_ms, 10_000);
        lane.close_if_due(now + AGE, false);
        assert_eq!(closed.try_recv().is_ok(), is_closed, "{timestamp_ms}");
    }
}

#[tokio::test]
async fn small_range_that_is_one_of_many_waits_twice_its_age() {
    let now = Instant::now();
    for (is_one_of_many, due) in [(false, AGE), (true, SMALL_AGES * AGE)] {
        let (mut lane, mut closed) = lane();
        add(&mut lane, 0, now);
        lane.is_caught_up = true;
        lane.close_if_due(now + due - AGE / 10, is_one_of_many);
        assert!(closed.try_recv().is_err());
        lane.close_if_due(now + due, is_one_of_many);
        assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
    }
}

#[tokio::test]
async fn range_grows_while_the_writer_has_the_next_one() {
    let now = Instant::now();
    let (mut lane, mut closed) = lane();
    for offset in 0..2 {
        add(&mut lane, offset, now);
        lane.close_if_due(now + BACKLOG_AGES * AGE, false);
    }
    assert_eq!(closed.try_recv().unwrap().cut.last(), 0);
    assert!(closed.try_recv().is_err());
    lane.close_if_due(now + BACKLOG_AGES * AGE, false);
    assert_eq!(closed.try_recv().unwrap().cut.last(), 1);
}

#[tokio::test]
async fn every_record_is_held_until_it_has_its_fate() {
    let now = Instant::now();
    let (mut lane, _closed) = lane();
    for offset in 0..3 {
        add(&mut lane, offset, now);
    }
    lane.close();
    assert_eq!(fates(&lane), (3, 0, 0, 3), "closed");
    add(&mut lane, 3, now);
    assert_eq!(fates(&lane), (3, 0, 0, 3), "a fetch is counted as a whole");
    lane.count();
    lane.count();
    assert_eq!(fates(&lane), (4, 0, 0, 4), "open");
    done(&lane, 3);
    assert_eq!(fates(&lane), (4, 3, 0, 1), "done");
    lane.close();
    add(&mut lane, 4, now);
    lane.let_go_open();
    assert_eq!(fates(&lane), (5, 3, 1, 1), "the open range is read again");
    lane.progress.let_go();
    assert_eq!(fates(&lane), (5, 3, 2, 0), "so is the closed one");
    done(&lane, 1);
    assert_eq!(fates(&lane), (5, 3, 2, 0), "a writer that comes so far afterwards gives it no second fate");
}

#[tokio::test]
async fn lag_grows_while_a_record_is_held_for_its_schema() {
    let now = Instant::now();
    let (mut lane, _closed) = lane();
    assert_eq!(lane.lag(now, 60_000), Duration::ZERO);
    lane.held = Some(HeldRecord { offset: 1, timestamp_ms: 10_000 });
    assert_eq!(lane.lag(now, 60_000), Duration::from_secs(50));
    assert_eq!(lane.lag(now, 9_000), Duration::ZERO, "a clock that is behind");
    // What came before it is older.
    add(&mut lane, 0, now);
    assert_eq!(lane.lag(now, 60_000), Duration::from_secs(60));
    lane.close();
    done(&lane, 1);
    assert_eq!(lane.lag(now, 60_000), Duration::from_secs(50));
    lane.held = None;
    assert_eq!(lane.lag(now, 60_000), Duration::ZERO);
}

#[tokio::test]
async fn lag_grows_while_kafka_gives_nothing_of_what_is_there() {
    let begin = Instant::now();
    let at = |seconds| begin + Duration::from_secs(seconds);
    let (mut lane, _closed) = lane();
    lane.ends_at(0, at(0));
    assert_eq!(lane.lag(at(10), 0), Duration::ZERO, "there is nothing");
    lane.ends_at(1, at(10));
    lane.ends_at(2, at(20));
    assert_eq!(lane.lag(at(70), 0), Duration::from_secs(60));
    // It comes: its own time says more.
    add(&mut lane, 0, at(70));
    assert_eq!(lane.lag(at(70), 5_000), Duration::from_secs(5));
    lane.close();
    done(&lane, 1);
    lane.progress.commit(1);
    assert_eq!(lane.lag(at(80), 0), Duration::ZERO, "it has moved");
    lane.ends_at(2, at(80));
    assert_eq!(lane.lag(at(90), 0), Duration::from_secs(10));
    lane.progress.commit(2);
    lane.ends_at(2, at(90));
    assert_eq!(lane.lag(at(99), 0), Duration::ZERO);
}
