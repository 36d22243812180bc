//! Ranges that an earlier owner has begun, or that are done for so long that their token dies.

use super::*;

#[tokio::test(start_paused = true)]
async fn nothing_is_done_of_a_range_that_was_begun_in_another_log() {
    let failures = || [CommitError::Retry("away".to_owned()), CommitError::Stop("another topic".to_owned())];
    let world = Arc::new(World { checks: Mutex::new(failures().into()), ..World::default() });
    let written = write(&world, &begun(1, 2, 1), &[(&[0, 1], &[])]).await;
    assert!(matches!(&written, Err(WriteError::Log(reason)) if reason == "another topic"), "{written:?}");
    assert_eq!(world.asked(), ["check", "check"]);
    // Of ranges that begin here the commit of their intent says it.
    let world = Arc::new(World { checks: Mutex::new(failures().into()), ..World::default() });
    write(&world, &Assignment::new(None, 0), &[(&[0, 1], &[])]).await.unwrap();
    assert_eq!(world.asked(), ["begin 0", "insert s/0-1 {0, 1}", "commit 2"]);
}

#[tokio::test(start_paused = true)]
async fn range_of_another_encoder_goes_on_under_a_new_token_when_the_old_one_is_dead() {
    let world = Arc::new(World { stored: Mutex::new([vec![0], vec![0, 2]].into()), ..World::default() });
    let begun_at = tokio::time::Instant::now();
    // Offset 1 was a row and is refused now; offset 0 was and is stored, whatever is thought of it now.
    write(&world, &begun(2, 3, 7), &[(&[2], &[0, 1])]).await.unwrap();
    assert_eq!(begun_at.elapsed(), TokenLife::default().total());
    let asked = ["runs old", "count 0-2", "begin 0", "refuse [1]", "insert s/0-2 {2}"];
    assert_eq!(world.asked()[..5], asked);
}

/// Inserts that get no answer, as many as fit into an hour, under a clock that is set while the first one is on its way. Gives how long it took until
/// the range was begun under a new token.
async fn renewed_after(set_by_ms: i64) -> Duration {
    let world = Arc::new(World { stored: Mutex::new([vec![]].into()), ..World::default() });
    world.inserts.lock().unwrap().extend(std::iter::repeat_with(|| StoreError::Unsure(Said("no answer"))).take(720));
    let (assignment, begun_at) = (Assignment::new(None, 0), tokio::time::Instant::now());
    let clock = move || {
        let passed_ms = i64::try_from(begun_at.elapsed().as_millis()).unwrap();
        NOW_MS + passed_ms + if passed_ms > 0 { set_by_ms } else { 0 }
    };
    let (sender, mut receiver) = mpsc::channel(1);
    let mut cutter = RangeCutter::new(LIMITS, &assignment);
    cutter.add(0, 1, Taken::Row, Instant::now());
    let range = ClosedRange { cut: cutter.close().unwrap(), block: Batch([0].into()), refused: Vec::new() };
    assert!(sender.send(range).await.is_ok());
    let writing = tokio::spawn({
        let writer = RangeWriter { now_ms: Arc::new(clock), ..writer(&world) };
        async move { drop(writer.run(&assignment, &mut receiver).await) }
    });
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let begun = world.asked.lock().unwrap().iter().filter(|it| *it == "begin 0").count();
        if begun == 2 {
            writing.abort();
            return begun_at.elapsed();
        }
        assert!(begun_at.elapsed() < Duration::from_secs(3_600), "{:?}", world.asked());
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_waited_out_though_the_clock_is_set_meanwhile() {
    let (total, second) = (TokenLife::default().total(), Duration::from_secs(1));
    for set_by_ms in [0, 3_600_000, -3_600_000] {
        let renewed = renewed_after(set_by_ms).await;
        assert!((total..total + 2 * second).contains(&renewed), "{set_by_ms}: {renewed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn range_that_was_begun_later_than_it_is_now_is_waited_out() {
    let found = async |ahead_ms| {
        let world = Arc::new(World { stored: Mutex::new([vec![], vec![0]].into()), ..World::default() });
        let (token, created_ms) = ("old".to_owned(), NOW_MS + ahead_ms);
        let intent = Intent { first: 0, last: 0, rows: 1, refused: Vec::new(), token, encoder: 1, created_ms };
        let begun_at = tokio::time::Instant::now();
        let assignment = Assignment::new(Some((0, &intent.to_note().unwrap())), 0);
        write(&world, &assignment, &[(&[0], &[])]).await.unwrap();
        (begun_at.elapsed(), world.asked())
    };
    // Hosts differ by a little.
    let (lasted, asked) = found(60_000).await;
    assert_eq!((lasted, &*asked[2]), (Duration::ZERO, "insert old {0}"));
    let (lasted, asked) = found(3_600_000).await;
    assert_eq!(lasted, TokenLife::default().total());
    assert_eq!(asked[..4], ["runs old", "count 0-0", "begin 0", "insert s/0-0 {0}"]);
}

#[tokio::test(start_paused = true)]
async fn range_that_is_full_of_refused_records_goes_on_where_another_encoder_refuses_one_more() {
    let world = Arc::new(World { stored: Mutex::new([vec![], vec![151]].into()), ..World::default() });
    let refused: Vec<i64> = (0..150).collect();
    let (token, now) = ("old".to_owned(), NOW_MS);
    let intent = Intent { first: 0, last: 151, rows: 2, refused: refused.clone(), token, encoder: 7, created_ms: now };
    let assignment = Assignment::new(Some((0, &intent.to_note().unwrap())), 0);
    let more: Vec<i64> = (0..151).collect();
    write(&world, &assignment, &[(&[151], &more)]).await.unwrap();
    let asked = world.asked();
    assert_eq!(asked.iter().filter(|it| it.starts_with("refuse")).count(), 1, "{asked:?}");
    assert_eq!(asked.last().unwrap(), "commit 152");
}

#[tokio::test(start_paused = true)]
async fn range_of_which_rows_have_vanished_goes_on_under_a_new_token() {
    let world = Arc::new(World { stored: Mutex::new([vec![], vec![0]].into()), ..World::default() });
    write(&world, &begun(0, 2, 1), &[(&[0], &[])]).await.unwrap();
    assert_eq!(world.asked()[..4], ["runs old", "count 0-0", "begin 0", "insert s/0-0 {0}"]);
}
