//! Ranges follow each other, whatever comes.

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { rows: 3, bytes: 10_000, age: Duration::from_secs(1) };

fn pending(first: i64, last: i64, refused: &[i64]) -> Assignment {
    let (refused, token) = (refused.to_vec(), "t".to_owned());
    let intent = Intent { first, last, rows: 1, refused, token, encoder: 1, created_ms: 0 };
    Assignment::new(Some((first, &intent.to_note().unwrap())), first)
}

fn bounds(cut: Option<Cut>) -> Option<(i64, i64, bool)> {
    cut.map(|cut| (cut.first, cut.last, cut.pending.is_some()))
}

#[test]
fn range_is_due_by_rows_by_bytes_and_by_age() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 5));
    assert!(!cutter.is_due(now + LIMITS.age));
    cutter.add(5, 1, Taken::Row, now);
    assert!(!cutter.is_due(now));
    assert!(cutter.is_due(now + LIMITS.age));
    cutter.add(6, 1, Taken::Row, now);
    assert!(!cutter.is_full());
    cutter.add(7, 1, Taken::Row, now);
    assert!(cutter.is_full());
    assert_eq!(bounds(cutter.close()), Some((5, 7, false)));
    assert!(!cutter.is_due(now + LIMITS.age));
    cutter.add(8, LIMITS.bytes, Taken::Row, now);
    assert!(cutter.is_full());
}

#[test]
fn range_with_a_beat_is_due_at_the_next_one() {
    let now = Instant::now() + Duration::from_secs(10);
    let ms = Duration::from_millis;
    // The beat lies at 250 ms of each second, wherever it is counted from.
    for beat in [now + ms(250), now + ms(7_250), now - ms(750), now - ms(8_750)] {
        for (since, due) in [(0, 250), (249, 250), (250, 1_250), (900, 1_250)] {
            let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 0)).with_beat(beat);
            cutter.add(0, 1, Taken::Row, now + ms(since));
            assert_eq!(cutter.due_at(), Some(now + ms(due)), "since {since}");
        }
    }
    let limits = Limits { age: Duration::ZERO, ..LIMITS };
    let mut cutter = RangeCutter::new(limits, &Assignment::new(None, 0)).with_beat(now);
    cutter.add(0, 1, Taken::Row, now + ms(1));
    assert_eq!(cutter.due_at(), Some(now + ms(1)));
}

#[test]
fn range_grows_to_the_rows_that_are_allowed_now() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 0));
    cutter.set_rows_max(4);
    for offset in 0..4 {
        assert!(!cutter.is_full());
        cutter.add(offset, 1, Taken::Row, now);
    }
    assert!(cutter.is_full());
}

#[test]
fn range_is_full_when_no_more_refused_fit_into_its_note() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 0));
    for offset in 0..150 {
        assert!(!cutter.is_full());
        cutter.add(offset, 1, Taken::Refused, now);
    }
    assert!(cutter.is_full());
}

#[test]
fn gap_belongs_to_the_range_that_it_is_found_in() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 0));
    cutter.add(4, 1, Taken::Row, now);
    cutter.move_to(9, now);
    assert_eq!(bounds(cutter.close()), Some((0, 8, false)));
    cutter.add(12, 1, Taken::Row, now);
    assert_eq!(bounds(cutter.close()), Some((9, 12, false)));
}

#[test]
fn position_that_moved_without_a_record_is_a_range_too() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &Assignment::new(None, 0));
    cutter.move_to(3, now);
    assert!(cutter.is_due(now + LIMITS.age));
    assert_eq!(bounds(cutter.close()), Some((0, 2, false)));
    assert_eq!(cutter.close(), None);
}

#[test]
fn range_that_was_begun_ends_where_its_intent_says_whatever_the_limits() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &pending(5, 10, &[7]));
    for offset in 5..10 {
        assert!(!cutter.ends_before(offset, now));
        assert_eq!(cutter.stays_refused(offset), offset == 7);
        cutter.add(offset, LIMITS.bytes, Taken::Row, now);
        assert!(!cutter.is_due(now + LIMITS.age), "{offset}");
        assert_eq!(cutter.close(), None);
    }
    cutter.add(10, 1, Taken::Row, now);
    assert!(cutter.is_full());
    assert_eq!(bounds(cutter.close()), Some((5, 10, true)));
    assert!(!cutter.stays_refused(7));
}

#[test]
fn records_that_vanished_do_not_hold_up_the_range_that_they_were_in() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &pending(5, 10, &[]));
    cutter.add(6, 1, Taken::Row, now);
    assert!(cutter.ends_before(20, now));
    assert_eq!(bounds(cutter.close()), Some((5, 10, true)));
    assert!(!cutter.ends_before(20, now));
    cutter.add(20, 1, Taken::Row, now);
    assert_eq!(bounds(cutter.close()), Some((11, 20, false)));
}

#[test]
fn end_of_the_partition_beyond_the_recorded_end_closes_the_range() {
    let now = Instant::now();
    let mut cutter = RangeCutter::new(LIMITS, &pending(5, 10, &[]));
    cutter.move_to(10, now);
    assert!(!cutter.is_due(now + LIMITS.age), "offset 10 may come still");
    cutter.move_to(14, now);
    assert!(cutter.is_due(now));
    assert_eq!(bounds(cutter.close()), Some((5, 10, true)));
    // What lies behind it has moved without a record.
    assert!(cutter.is_due(now + LIMITS.age));
    assert_eq!(bounds(cutter.close()), Some((11, 13, false)));
}

proptest! {
    /// Whatever gaps, ends and limits: ranges follow each other, the first one is cut where it was, and every record is in one.
    #[test]
    fn every_record_is_in_exactly_one_range(
        steps in prop::collection::vec((1..5_i64, prop::bool::weighted(0.8)), 1..60),
        rows in 1..7_usize,
        recorded in prop::option::of(0..20_i64),
    ) {
        let now = Instant::now();
        let assignment = recorded.map_or(Assignment::new(None, 0), |last| pending(0, last, &[]));
        let mut cutter = RangeCutter::new(Limits { rows, ..LIMITS }, &assignment);
        let (mut next, mut sent, mut cuts) = (0, 0, Vec::new());
        for (step, is_record) in steps {
            next += step;
            if is_record {
                if cutter.ends_before(next, now) {
                    cuts.extend(cutter.close().map(|cut| (cut, sent)));
                    sent = 0;
                }
                cutter.add(next, 1, Taken::Row, now);
                sent += 1;
            } else {
                cutter.move_to(next, now);
            }
            if cutter.is_full() {
                prop_assert!(recorded.is_some() || sent == rows);
                cuts.extend(cutter.close().map(|cut| (cut, sent)));
                sent = 0;
            }
        }
        let mut first = 0;
        for (nth, (cut, _)) in cuts.iter().enumerate() {
            prop_assert_eq!(cut.first, first);
            prop_assert_eq!(cut.pending.is_some(), nth == 0 && recorded.is_some());
            if let (0, Some(last)) = (nth, recorded) {
                prop_assert_eq!(cut.last, last);
            }
            first = cut.last + 1;
        }
        prop_assert_eq!(cutter.rows(), sent);
    }
}
