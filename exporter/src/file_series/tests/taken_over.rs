//! Whoever takes a split report over goes on behind the files that are whole, and reads nothing of what is before.

use std::sync::Arc;

use super::*;

/// What may have become of a file.
type Harm<'a> = &'a dyn Fn(Vec<u8>) -> Vec<u8>;

/// Dies while it begins the first file (step 0), finishes it, begins the second one and so on. All that was whole by then is noted.
async fn die_at(fake: &Fake, asked: &ReportRequest, step: usize) {
    *fake.0.stops_at.lock().unwrap() = Some(step);
    let life = fake.life();
    let stopped = async {
        fake.0.stopped.notified().await;
        // Not some time later: time stands still while what is rendered waits for who does not go on.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = life.live(asked, a_record()) => panic!("step {step} was not reached"),
        () = stopped => {}
    }
}

/// Where who goes on behind so many rows begins to read, microseconds: with the millisecond of the last of them.
fn begin_behind(rows: u64) -> i64 {
    let last = i64::try_from(rows).unwrap() - 1;
    let (second, row) = (last / ROWS as i64, last % ROWS as i64);
    request().range_from.as_micros() + second * 1_000_000 + (row + 1) * 1_000
}

/// Where the first statement, and the one that reaches back furthest, of those since `before` began to read.
fn reads_since(fake: &Fake, before: usize) -> Option<(i64, i64)> {
    let reads = fake.0.reads.lock().unwrap()[before..].to_vec();
    Some((*reads.first()?, reads.into_iter().min()?))
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_goes_on_behind_the_files_that_are_there() {
    let by_bytes = Some(ReportSplit { rows: None, bytes: Some(1_000_000) });
    for asked in [
        csv(),
        asked(ReportFormat::Csv, Compression::None, by_rows(1_000)),
        asked(ReportFormat::Ndjson, Compression::Zstd, by_bytes),
        asked(ReportFormat::Parquet, Compression::None, by_rows(1_000)),
    ] {
        let calm = large();
        live(&calm, &asked).await;
        let (expected, told) = (files(&calm), manifest(&calm));
        assert!(expected.len() > 1, "{asked:?}");
        for step in 0..2 * expected.len() {
            let fake = large();
            die_at(&fake, &asked, step).await;
            let left = (fake.0.files.lock().unwrap().len(), fake.0.uploads.lock().unwrap().len());
            assert_eq!(left, (step / 2, step % 2), "files and uploads of the one that died");
            let (reads, kept) = (fake.0.reads.lock().unwrap().len(), step / 2);
            live(&fake, &asked).await;
            assert!(files(&fake) == expected && manifest(&fake).is_of_same_files(&told), "step {step}");
            let state = state(&fake);
            assert_eq!((state.phase, state.rows, state.slices), (Phase::Completed, 2_700, 3));
            assert_eq!((state.rows_expected, state.slices_expected), (Some(2_700), Some(3)));
            assert_eq!(state.size_bytes, expected.iter().map(|file| file.len() as i64).sum::<i64>());
            let rows: u64 = told.files[..kept].iter().filter_map(|file| file.rows).sum();
            let begin = if kept == 0 { request().range_from.as_micros() } else { begin_behind(rows) };
            assert_eq!(reads_since(&fake, reads), Some((begin, begin)), "step {step}");
            assert_eq!(state.attempt, if kept == 0 { 2 } else { 1 });
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_several_who_die_is_gone_on_behind() {
    let calm = large();
    live(&calm, &csv()).await;
    let fake = large();
    die_at(&fake, &csv(), 2).await;
    // It begins the second file again, finishes it, and dies with the third.
    die_at(&fake, &csv(), 5).await;
    let reads = fake.0.reads.lock().unwrap().len();
    live(&fake, &csv()).await;
    assert!(files(&fake) == files(&calm) && manifest(&fake).is_of_same_files(&manifest(&calm)));
    assert_eq!((state(&fake).attempt, reads_since(&fake, reads).unwrap().1), (1, begin_behind(2_000)));
}

#[tokio::test(start_paused = true)]
async fn two_who_believe_that_the_attempt_is_theirs_make_the_same_files() {
    let calm = large();
    live(&calm, &csv()).await;
    for later in (0..160).step_by(5).map(Duration::from_millis) {
        let (fake, asked) = (large(), csv());
        let (first, second) = (fake.life(), fake.life());
        let second = async {
            tokio::time::sleep(later).await;
            second.live(&asked, a_record()).await
        };
        let (first, second) = tokio::join!(first.live(&asked, a_record()), second);
        assert!(first.is_ok() && second.is_ok());
        assert!(files(&fake) == files(&calm) && manifest(&fake).is_of_same_files(&manifest(&calm)), "after {later:?}");
        assert_eq!(state(&fake).phase, Phase::Completed);
    }
}

#[tokio::test(start_paused = true)]
async fn files_of_another_version_of_the_encoder_are_made_again() {
    let calm = large();
    live(&calm, &csv()).await;
    let fake = large();
    die_at(&fake, &csv(), 4).await;
    if let Some(state) = fake.0.book.lock().unwrap().get_mut(&request().report_id) {
        let series = state.series.as_mut().unwrap();
        assert_eq!(series.files.len(), 2);
        Arc::make_mut(series).encoder_version -= 1;
    }
    let reads = fake.0.reads.lock().unwrap().len();
    live(&fake, &csv()).await;
    assert!(files(&fake) == files(&calm) && manifest(&fake).is_of_same_files(&manifest(&calm)));
    let begin = request().range_from.as_micros();
    assert_eq!((state(&fake).attempt, reads_since(&fake, reads)), (2, Some((begin, begin))));
}

#[tokio::test(start_paused = true)]
async fn files_from_the_first_one_on_that_is_not_there_are_made_again() {
    let calm = large();
    live(&calm, &csv()).await;
    let begin = request().range_from.as_micros();
    let shorter = |mut file: Vec<u8>| {
        file.pop();
        file
    };
    let other = |file: Vec<u8>| file.into_iter().rev().collect::<Vec<u8>>();
    let harms: [(i64, Option<Harm<'_>>, i64, i32); 5] = [
        (0, None, begin, 1),
        (1, None, begin_behind(1_000), 1),
        // What lies in a file's place stays, and no report is made of it.
        (1, Some(&shorter), begin_behind(1_000), 2),
        (0, Some(&other), begin_behind(2_000), 2),
        (1, Some(&other), begin_behind(2_000), 2),
    ];
    for (number, harm, first_read, attempt) in harms {
        let fake = large();
        die_at(&fake, &csv(), 4).await;
        let key = file_key(&object_key(&csv(), 1), number);
        let file = fake.0.files.lock().unwrap().remove(&key).unwrap();
        if let Some(harm) = harm {
            fake.0.files.lock().unwrap().insert(key, harm(file));
        }
        let reads = fake.0.reads.lock().unwrap().len();
        live(&fake, &csv()).await;
        assert!(files(&fake) == files(&calm) && manifest(&fake).is_of_same_files(&manifest(&calm)), "{number}");
        assert_eq!((state(&fake).attempt, reads_since(&fake, reads).unwrap().0), (attempt, first_read), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn copies_that_come_before_it_goes_on_change_nothing_or_begin_anew() {
    let last = begin_behind(1_000) + 500;
    // Behind the last row it is dropped, before it it counts instead.
    for (late, attempt) in [(last + 300, 1), (last - 300, 2)] {
        let calm = large();
        if attempt == 2 {
            calm.0.late.lock().unwrap().push(late);
        }
        live(&calm, &csv()).await;
        let fake = large();
        die_at(&fake, &csv(), 2).await;
        fake.0.late.lock().unwrap().push(late);
        live(&fake, &csv()).await;
        assert!(files(&fake) == files(&calm), "{late}");
        assert_eq!((state(&fake).attempt, state(&fake).rows, state(&fake).phase), (attempt, 2_700, Phase::Completed));
    }
}
