//! Reports of groups: slices count, and who has the report merges.

use clickhouse_io::report::{Bounds, RolledUp};
use report_life::Manifest;
use schemas::report_request::{ReportKind, ReportSplit, ReportTable};

use super::*;
use crate::config::Config;

/// Rows wait in the store, one by one, until they are sorted.
fn large_and_tight() -> Fake {
    let fake = large();
    fake.0.holds_one_row.store(true, Ordering::Relaxed);
    fake
}

fn asked_for_groups(kind: ReportKind) -> ReportRequest {
    let by_resource = ReportTable {
        bucket: Some("hour".to_owned()),
        by: vec!["resource".to_owned()],
        measures: vec!["duration_p50_us".to_owned(), "addresses".to_owned()],
    };
    let table = (kind == ReportKind::Traffic).then_some(by_resource);
    ReportRequest { kind, table, ..asked() }
}

/// What is in the store of slices and rows.
fn stored(fake: &Fake) -> Vec<String> {
    fake.0.files.lock().unwrap().keys().filter(|key| key.contains("/groups/")).cloned().collect()
}

#[tokio::test(start_paused = true)]
async fn one_byte_of_counts_or_of_their_file_that_is_another_one_begins_anew() {
    let (asked, calm) = (asked_for_groups(ReportKind::Summary), large());
    live_of(&calm, &asked).await;
    let all = calm.0.calls("stored");
    assert_eq!(all, 3 + 3 + 1, "each slice twice, since it is shown, and the file");
    for spoiled in 0..all {
        let fake = large();
        fake.0.spoiled.lock().unwrap().insert(spoiled);
        live_of(&fake, &asked).await;
        assert_eq!((files(&fake), state(&fake).attempt), (files(&calm), 2), "{spoiled}");
    }
}

#[tokio::test(start_paused = true)]
async fn groups_are_counted_by_whoever_takes_a_slice_and_are_those_of_one_exporter() {
    let split = Some(ReportSplit { rows: Some(1_000), bytes: None });
    for (kind, rows) in [(ReportKind::Summary, 4), (ReportKind::UserActivity, 1), (ReportKind::Traffic, 4)] {
        let asked = asked_for_groups(kind);
        let as_table = ReportRequest { format: ReportFormat::Parquet, compression: Compression::None, ..asked.clone() };
        for asked in [asked.clone(), as_table, ReportRequest { split, ..asked }] {
            let whole = Fake::default();
            live_of(&whole, &asked).await;
            assert_eq!(count(&whole, "Planned"), 0, "one exporter has made it alone");
            for fake in [large(), large_and_tight()] {
                let (owner, others) = (fake.life(), [fake.life(), fake.life()]);
                tokio::select! {
                    lived = owner.live(&asked, a_record()) => assert_eq!(lived.unwrap(), Lived::Done),
                    () = work(&fake, &others[0]) => {}
                    () = work(&fake, &others[1]) => {}
                }
                let done = others.each_ref().map(|life| slices_with_fate(life, "done"));
                assert!(done == [1, 2] || done == [2, 1], "{done:?}");
                assert_eq!(files(&fake), files(&whole), "{kind:?}");
                let state = state(&fake);
                assert_eq!((state.rows, state.slices, state.slices_expected, state.attempt), (rows, 3, Some(3), 1));
                assert_eq!(owner.metrics.rows.get(), u64::try_from(rows).unwrap(), "groups are its rows");
            }
        }
    }
    let fake = large();
    live_of(&fake, &asked_for_groups(ReportKind::Summary)).await;
    let text = text(&file(&fake));
    let resources: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(resources, ["1", "2", "0", "3"], "most connections first, then by id");
}

#[tokio::test(start_paused = true)]
async fn one_slice_of_more_rows_than_are_held_is_stored_too() {
    let asked = asked_for_groups(ReportKind::Summary);
    let mut made = Vec::new();
    // The last one: by the roll-up it is small, and that was behind.
    for (stretch_rows, planned_rows, plans) in [(5, None, 1), (6, None, 0), (5, Some(1), 1)] {
        let fake = Fake::default();
        *fake.0.planned_rows.lock().unwrap() = planned_rows;
        let life = fake.life_with(Config { stretch_rows, ..Config::default() });
        tokio::select! {
            lived = life.live(&asked, a_record()) => assert_eq!(lived.unwrap(), Lived::Done),
            () = work(&fake, &life) => {}
        }
        assert_eq!((count(&fake, "Planned"), state(&fake).slices), (plans, 1));
        made.push(files(&fake));
    }
    assert!(made.iter().all(|it| *it == made[0]));
}

#[tokio::test(start_paused = true)]
async fn events_that_slices_have_counted_into_groups_are_held_against_the_roll_up() {
    let fake = large();
    let rolled_up = RolledUp { hours: [(0, 6)].into(), around: Bounds::default() };
    fake.0.rolled_up.lock().unwrap().push(rolled_up);
    live_of(&fake, &asked_for_groups(ReportKind::Summary)).await;
    assert_eq!((count(&fake, "Planned"), state(&fake).phase), (1, Phase::Completed));
    let manifests = fake.0.manifests.lock().unwrap();
    let totals = serde_json::from_slice::<Manifest>(manifests.values().next().unwrap()).unwrap().totals.unwrap();
    assert_eq!((totals.events, totals.agree), (Some(6), Some(true)));
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_the_summary_is_the_same() {
    whoever_dies(large_and_tight, asked_for_groups(ReportKind::Summary), 1, 4).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_user_activity_is_the_same() {
    whoever_dies(large, asked_for_groups(ReportKind::UserActivity), 1, 1).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_traffic_is_the_same_and_so_are_its_files() {
    whoever_dies(large, asked_for_groups(ReportKind::Traffic), 1, 4).await;
    let split = Some(ReportSplit { rows: Some(1_000), bytes: None });
    whoever_dies(large_and_tight, ReportRequest { split, ..asked_for_groups(ReportKind::Traffic) }, 1, 4).await;
}

#[tokio::test(start_paused = true)]
async fn cancelled_nothing_of_what_was_counted_is_left() {
    cancel_at_each_moment(250, large_and_tight, &asked_for_groups(ReportKind::Summary), 1).await;
}

/// A store that takes its time over each piece of what was counted.
fn slow_to_read(takes: Duration) -> Fake {
    let fake = large_and_tight();
    *fake.0.piece_takes.lock().unwrap() = takes;
    fake
}

#[tokio::test(start_paused = true)]
async fn how_far_merging_is_is_told_and_the_report_keeps_its_place() {
    // Longer than a report has its place in silence.
    let fake = slow_to_read(Duration::from_secs(3_000));
    let asked = asked_for_groups(ReportKind::Traffic);
    let looking = async {
        let merging = |state: &ReportState| state.is_merging() && state.rows > 0;
        let first = fake.until(asked.report_id, merging).await;
        let later = fake.until(asked.report_id, |state| state.rows > first.rows).await;
        (first, later)
    };
    let (_, (first, later)) = tokio::join!(live_of(&fake, &asked), looking);
    assert_eq!((first.phase, first.slices, first.slices_expected), (Phase::Running, 3, Some(3)));
    assert!((1..=6).contains(&first.rows) && later.rows <= 6, "of those that were read: {} {}", first.rows, later.rows);
    assert!(first.size_bytes > 0);
    // Each answer takes five times as long as what stands still is told of.
    let (told, answers) = (count(&fake, "Progressed"), fake.0.calls("read piece"));
    assert!(answers > 3 && told >= 4 * answers, "{told} times in {answers} answers");
    let ended = state(&fake);
    assert_eq!((ended.phase, ended.rows, ended.is_merging()), (Phase::Completed, 4, false));
    let calm = large();
    live_of(&calm, &asked).await;
    assert_eq!(files(&fake), files(&calm));
}

#[tokio::test(start_paused = true)]
async fn cancelled_while_groups_are_merged_it_ends_at_once_and_nothing_is_left() {
    for (calls, asked) in [
        (1, asked_for_groups(ReportKind::Summary)),
        (9, asked_for_groups(ReportKind::Traffic)),
        (
            1,
            ReportRequest {
                split: Some(ReportSplit { rows: Some(1_000), bytes: None }),
                ..asked_for_groups(ReportKind::UserActivity)
            },
        ),
    ] {
        let fake = slow_to_read(Duration::from_secs(600));
        let cancelling = async {
            while fake.0.calls("read piece") < calls {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert!(state(&fake).is_merging() && !stored(&fake).is_empty(), "in mid-flight");
            fake.append(&said(ReportEventType::CancelRequested)).await.unwrap();
            Instant::now()
        };
        let (_, asked_at) = tokio::join!(live_of(&fake, &asked), cancelling);
        assert!(asked_at.elapsed() < Duration::from_secs(1), "{:?}", asked_at.elapsed());
        assert_eq!((state(&fake).phase, state(&fake).rows), (Phase::Cancelled, 6));
        assert_nothing_left(&fake);
    }
}

#[tokio::test(start_paused = true)]
async fn store_that_is_away_while_groups_are_merged_is_waited_for() {
    let asked = asked_for_groups(ReportKind::Summary);
    let calm = large();
    live_of(&calm, &asked).await;
    let away = |action| StoreError::Failed { action, reason: "no route".to_owned() };
    let fake = large();
    fake.0.piece_faults.lock().unwrap().extend([(0, away("reading")), (4, away("reading"))]);
    // Behind the three of the slices.
    fake.0.write_faults.lock().unwrap().insert(3, away("writing"));
    live_of(&fake, &asked).await;
    assert_eq!((files(&fake), state(&fake).attempt), (files(&calm), 1));
    assert_eq!((count(&fake, "SliceDone"), fake.0.calls("write")), (3, 5), "no slice is made again");
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_otherwise_than_it_was_stored_begins_anew() {
    let asked = asked_for_groups(ReportKind::Summary);
    let calm = large();
    live_of(&calm, &asked).await;
    let fake = large();
    let spoiling = async {
        loop {
            if let Some(key) = stored(&fake).first() {
                fake.0.files.lock().unwrap().get_mut(key).unwrap().reverse();
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::join!(live_of(&fake, &asked), spoiling);
    assert_eq!((files(&fake), state(&fake).attempt), (files(&calm), 2));
    assert!(stored(&fake).is_empty());
}
