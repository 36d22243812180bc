use std::sync::atomic::Ordering;

use clickhouse_io::QueryError;
use clickhouse_io::report::Bounds;
use report_life::{Manifest, Phase, ReportState, TotalsSource, manifest_key};
use schemas::report_event::ReportEventType;
use schemas::report_request::{BarrierOffset, ReportKind};
use schemas::times::Moment;

use super::*;
use crate::fakes::{Fake, a_record};
use crate::life::Lived;
use crate::metrics::{ExporterMetrics, FateLabel};
use crate::stages::check_request::tests::request;

/// Rows of every report of the fake.
const ROWS: u64 = 6;

/// So many in an hour, and so many around it.
fn says(facts: u64, around: (u64, u64)) -> RolledUp {
    RolledUp { hours: [(0, facts)].into(), around: Bounds { least: around.0, most: around.1 } }
}

fn rows(least: u64, most: u64, lost: bool) -> Raw {
    let lost = if lost { vec![Moment::FIRST] } else { Vec::new() };
    Raw { facts: Bounds { least, most }, lost }
}

fn fake(rolled_up: &[RolledUp], raw: Raw) -> Fake {
    let fake = Fake::default();
    fake.0.rolled_up.lock().unwrap().extend(rolled_up.iter().cloned());
    *fake.0.raw.lock().unwrap() = raw;
    fake
}

async fn live(fake: &Fake, request: &ReportRequest) -> (ReportState, ExporterMetrics) {
    let life = fake.life();
    assert_eq!(life.live(request, a_record()).await.unwrap(), Lived::Done);
    (fake.0.book.lock().unwrap()[&request.report_id].clone(), life.metrics)
}

fn totals(fake: &Fake, state: &ReportState) -> ManifestTotals {
    let manifests = fake.0.manifests.lock().unwrap();
    let manifest = &manifests[&manifest_key(state.object_key.as_ref().unwrap())];
    serde_json::from_slice::<Manifest>(manifest).unwrap().totals.unwrap()
}

fn count(metrics: &ExporterMetrics, fate: &'static str) -> u64 {
    metrics.totals.get_or_create(&FateLabel { fate }).get()
}

#[test]
fn rows_have_the_last_word_and_what_is_gone_is_not_made_up_for() {
    let rolled_up = says(10, (2, 4));
    for (events, raw, expected) in [
        (12, None, Verdict::Agree),
        (14, None, Verdict::Agree),
        (11, None, Verdict::Differ),
        // Late ones that the roll-up had not counted, and that came before or after the report was read.
        (15, Some(rows(13, 13, false)), Verdict::Behind),
        (15, Some(rows(11, 13, false)), Verdict::Behind),
        // The report has fewer than were there before it, or more than there are.
        (11, Some(rows(10, 10, false)), Verdict::Differ),
        (18, Some(rows(13, 13, false)), Verdict::Differ),
        // Rows are gone, and the report has what is left.
        (9, Some(rows(7, 7, true)), Verdict::Differ),
        // Counts of other hours make up for it.
        (15, Some(rows(13, 13, true)), Verdict::Differ),
    ] {
        assert_eq!(judge(events, &rolled_up, raw.as_ref()), expected, "{events} {raw:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn report_that_agrees_says_so_in_its_manifest_and_no_row_is_counted_again() {
    for around in [(2, 2), (1, 5)] {
        let fake = fake(&[says(4, around)], Raw::default());
        let (state, metrics) = live(&fake, &request()).await;
        assert_eq!((state.phase, state.attempt), (Phase::Completed, 1));
        let totals = totals(&fake, &state);
        assert_eq!((totals.source, totals.agree, totals.hours), (TotalsSource::Rollup, Some(true), Some(1)));
        assert_eq!((totals.events, totals.expected_least), (Some(ROWS), Some(4 + around.0)));
        assert_eq!(totals.until.as_deref(), Some("1970-01-01T01:00:00Z"));
        assert_eq!((count(&metrics, "agree"), fake.0.calls("raw")), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn report_with_fewer_rows_than_were_counted_is_begun_anew_and_then_fails() {
    // A row more was counted than there is; and the report has lost one that is there.
    for raw in [rows(ROWS, ROWS, true), rows(ROWS + 1, ROWS + 1, false)] {
        let fake = fake(&[says(ROWS + 1, (0, 0))], raw);
        let (state, metrics) = live(&fake, &request()).await;
        assert_eq!((state.phase, state.attempt), (Phase::Failed, 2));
        assert_eq!(state.known_reason.map(|known| known.code).as_deref(), Some("totals"));
        assert!(!fake.0.done().contains(&format!("{:?}", ReportEventType::Completed)), "{:?}", fake.0.done());
        assert_eq!((count(&metrics, "differ"), fake.0.calls("raw")), (2, 2));
        let left = (fake.0.files.lock().unwrap().len(), fake.0.manifests.lock().unwrap().len());
        assert_eq!(left, (0, 0), "nothing is left of it");
    }
}

#[tokio::test(start_paused = true)]
async fn attempt_that_lost_rows_is_made_good_by_the_next_one() {
    let fake = fake(&[says(ROWS + 1, (0, 0)), says(ROWS, (0, 0))], rows(ROWS + 1, ROWS + 1, false));
    let (state, metrics) = live(&fake, &request()).await;
    assert_eq!((state.phase, state.attempt), (Phase::Completed, 2));
    assert_eq!((count(&metrics, "differ"), count(&metrics, "agree")), (1, 1));
    assert_eq!(totals(&fake, &state).agree, Some(true));
}

#[tokio::test(start_paused = true)]
async fn roll_up_that_is_behind_the_rows_fails_nothing_and_the_manifest_says_that_it_was() {
    let fake = fake(&[says(1, (2, 2))], rows(4, 4, false));
    let (state, metrics) = live(&fake, &request()).await;
    assert_eq!((state.phase, state.attempt), (Phase::Completed, 1));
    let totals = totals(&fake, &state);
    assert_eq!((totals.agree, totals.events, totals.expected_most), (Some(false), Some(ROWS), Some(3)));
    assert_eq!((count(&metrics, "behind"), count(&metrics, "differ")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn events_that_went_into_groups_are_held() {
    for (rolled_up, phase) in [(ROWS, Phase::Completed), (ROWS + 1, Phase::Failed)] {
        let fake = fake(&[says(rolled_up, (0, 0))], rows(ROWS, ROWS, rolled_up > ROWS));
        let (state, _) = live(&fake, &ReportRequest { kind: ReportKind::Summary, ..request() }).await;
        assert_eq!(state.phase, phase);
        if phase == Phase::Completed {
            assert_ne!(state.rows, signed(ROWS), "groups");
            assert_eq!(totals(&fake, &state).events, Some(ROWS));
        }
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap()
}

#[tokio::test(start_paused = true)]
async fn where_the_roll_up_cannot_tell_the_manifest_says_so_and_why() {
    let with_faults = |errors: &[QueryError]| {
        let fake = Fake::default();
        fake.0.rollup_faults.lock().unwrap().extend(errors.iter().cloned().enumerate());
        fake
    };
    let far = |offset| ReportRequest { barrier: vec![BarrierOffset { partition: 0, offset }], ..request() };
    let unknown = Fake::default();
    unknown.0.unknown_to_rollup.store(true, Ordering::Relaxed);
    let behind = fake(&[says(99, (0, 0))], Raw::default());
    behind.0.positions.lock().unwrap().push(BEHIND_MAX + 1);
    let away = with_faults(&vec![QueryError::NoAnswer("timed out".to_owned()); 2_000]);
    let refused = with_faults(&[QueryError::Mismatch("an odd column".to_owned())]);
    for (fake, request, reason) in [
        (&Fake::default(), request(), NOT_AT_REST),
        (&unknown, request(), NOT_KNOWN),
        (&behind, far(BEHIND_MAX + 1), BEHIND),
        (&away, request(), NO_ANSWER),
        (&refused, request(), NO_ANSWER),
    ] {
        let (state, metrics) = live(fake, &request).await;
        assert_eq!((state.phase, state.attempt), (Phase::Completed, 1), "{reason}");
        let totals = totals(fake, &state);
        assert_eq!((totals.source, totals.agree), (TotalsSource::None, None));
        assert_eq!(totals.reason.as_deref(), Some(reason));
        assert_eq!(count(&metrics, "unknown"), 1);
    }
    assert_eq!(refused.0.calls("rolled up"), 1, "it would say the same again");
    // What is away for a moment is waited for.
    let fake = with_faults(&[QueryError::NoAnswer("timed out".to_owned())]);
    fake.0.rolled_up.lock().unwrap().push(says(ROWS, (0, 0)));
    let (state, _) = live(&fake, &request()).await;
    assert_eq!((totals(&fake, &state).agree, fake.0.calls("rolled up")), (Some(true), 2));
}

#[tokio::test(start_paused = true)]
async fn size_that_a_plan_had_from_the_roll_up_is_counted_before_the_slice_is_read() {
    for planned in [0, 1, 99] {
        let fake = Fake::default();
        *fake.0.planned_rows.lock().unwrap() = Some(planned);
        let (state, metrics) = live(&fake, &request()).await;
        assert_eq!((state.phase, state.attempt, state.rows), (Phase::Completed, 1, signed(ROWS)), "{planned}");
        assert_eq!(metrics.retries.get(), 0, "{planned}");
    }
}
