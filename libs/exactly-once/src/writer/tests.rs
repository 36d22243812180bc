//! The script in single scenes; what chance makes of it is in `tests/simulation`.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use std::collections::BTreeSet;

use super::*;
use crate::cutter::{Limits, RangeCutter, Taken};
use crate::world::{CommitError, Rows, StoreError};

mod begun_before;

const NOW_MS: i64 = 1_000_000;
const LIMITS: Limits = Limits { rows: 1_000, bytes: 1_000, age: Duration::from_secs(1) };

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Said(&'static str);

struct Batch(BTreeSet<i64>);

impl Block for Batch {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn offsets(&self) -> BTreeSet<i64> {
        self.0.clone()
    }
}

/// A log and a store that note what is asked of them, and say what they were told to, or else that it is done.
#[derive(Default)]
struct World {
    asked: Mutex<Vec<String>>,
    commits: Mutex<VecDeque<CommitError>>,
    checks: Mutex<VecDeque<CommitError>>,
    inserts: Mutex<VecDeque<StoreError<Said>>>,
    /// What is stored, each time that it is counted; the last one stays.
    stored: Mutex<VecDeque<Vec<i64>>>,
    highest: Option<i64>,
    /// So often the highest was asked for.
    highest_asked: Mutex<u32>,
    /// Offsets that are refused for what their rows hold.
    poison: Vec<i64>,
}

impl World {
    fn note(&self, line: &str) {
        self.asked.lock().unwrap().push(line.replace(&format!("@{NOW_MS}"), ""));
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl OffsetLog for Arc<World> {
    async fn commit(&self, offset: i64, note: &str) -> Result<(), CommitError> {
        self.note(&if note.is_empty() { format!("commit {offset}") } else { format!("begin {offset}") });
        self.commits.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    async fn check(&self) -> Result<(), CommitError> {
        self.checks.lock().unwrap().pop_front().map_or(Ok(()), |error| {
            self.note("check");
            Err(error)
        })
    }
}

impl RangeStore for Arc<World> {
    type Block = Batch;
    type Error = Said;

    async fn insert(&self, block: &Batch, rows: Rows<'_>, token: &str) -> Result<(), StoreError<Said>> {
        let rows = match rows {
            Rows::All => block.0.clone(),
            Rows::Only(rows) => rows.clone(),
        };
        self.note(&format!("insert {token} {rows:?}"));
        if rows.iter().any(|it| self.poison.contains(it)) {
            return Err(StoreError::Rows(Said("poison")));
        }
        self.inserts.lock().unwrap().pop_front().map_or(Ok(()), Err)
    }

    async fn stored(&self, first: i64, last: i64) -> Result<BTreeSet<i64>, StoreError<Said>> {
        self.note(&format!("count {first}-{last}"));
        let mut stored = self.stored.lock().unwrap();
        let now = if stored.len() > 1 { stored.pop_front() } else { stored.front().cloned() };
        Ok(now.unwrap_or_default().into_iter().collect())
    }

    async fn highest_stored(&self, _: i64) -> Result<Option<i64>, StoreError<Said>> {
        *self.highest_asked.lock().unwrap() += 1;
        Ok(self.highest)
    }

    async fn is_running(&self, token: &str) -> Result<bool, StoreError<Said>> {
        self.note(&format!("runs {token}"));
        Ok(false)
    }

    async fn refuse(&self, _: &Batch, refused: &[Refused]) -> Result<(), StoreError<Said>> {
        self.note(&format!("refuse {:?}", refused.iter().map(|it| it.offset).collect::<Vec<_>>()));
        Ok(())
    }
}

fn writer(world: &Arc<World>) -> RangeWriter<Arc<World>, Arc<World>> {
    RangeWriter {
        log: Arc::clone(world),
        store: Arc::clone(world),
        observer: Arc::new(()),
        now_ms: Arc::new(|| NOW_MS),
        source: Source::new("s").unwrap(),
        encoder: 1,
        token_life: TokenLife::default(),
        delivery: Delivery::ExactlyOnce,
    }
}

/// Ranges of consecutive offsets from the assignment's begin: of each its rows and its refused records.
async fn write(
    world: &Arc<World>,
    assignment: &Assignment,
    ranges: &[(&[i64], &[i64])],
) -> Result<Ended, WriteError<Said>> {
    write_as(Delivery::ExactlyOnce, world, assignment, ranges).await
}

async fn write_as(
    delivery: Delivery,
    world: &Arc<World>,
    assignment: &Assignment,
    ranges: &[(&[i64], &[i64])],
) -> Result<Ended, WriteError<Said>> {
    let (sender, mut receiver) = mpsc::channel(ranges.len().max(1));
    let mut cutter = RangeCutter::new(LIMITS, assignment);
    for (rows, refused) in ranges {
        let now = Instant::now();
        let mut all: Vec<i64> = rows.iter().chain(*refused).copied().collect();
        all.sort_unstable();
        for offset in all {
            cutter.add(offset, 1, if rows.contains(&offset) { Taken::Row } else { Taken::Refused }, now);
        }
        let refused = refused.iter().map(|offset| Refused { offset: *offset, reason: "bad".to_owned() }).collect();
        let block = Batch(rows.iter().copied().collect());
        let range = ClosedRange { cut: cutter.close().unwrap(), block, refused };
        assert!(sender.send(range).await.is_ok());
    }
    drop(sender);
    RangeWriter { delivery, ..writer(world) }.run(assignment, &mut receiver).await
}

fn begun(last: i64, rows: u64, encoder: u32) -> Assignment {
    let token = "old".to_owned();
    let intent = Intent { first: 0, last, rows, refused: Vec::new(), token, encoder, created_ms: NOW_MS };
    Assignment::new(Some((0, &intent.to_note().unwrap())), 0)
}

/// What every record came to, range by range.
#[derive(Default)]
struct Fates(Mutex<Vec<(usize, usize, usize)>>);

impl Observer for Fates {
    fn saw(&self, event: Event<'_>) {
        if let Event::Done { stored, found, refused } = event {
            self.0.lock().unwrap().push((stored, found, refused));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_counted_as_stored_or_found_or_refused() {
    let world = Arc::new(World { stored: Mutex::new([vec![0, 1], vec![0, 1, 2]].into()), ..World::default() });
    let fates = Arc::new(Fates::default());
    let assignment = begun(3, 4, 7);
    let (sender, mut receiver) = mpsc::channel(1);
    let mut cutter = RangeCutter::new(LIMITS, &assignment);
    cutter.move_to(4, Instant::now());
    let refused = [1, 3].map(|offset| Refused { offset, reason: "bad".to_owned() }).to_vec();
    let range = ClosedRange { cut: cutter.close().unwrap(), block: Batch([0, 2].into()), refused };
    assert!(sender.send(range).await.is_ok());
    drop(sender);
    let writer = RangeWriter { observer: Arc::clone(&fates) as Arc<dyn Observer + Send>, ..writer(&world) };
    writer.run(&assignment, &mut receiver).await.unwrap();
    // Offset 0 is found, and 1, which is refused now; 2 is stored, and 3 refused.
    assert_eq!(*fates.0.lock().unwrap(), [(1, 2, 1)]);
}

fn is_send<T: Send>(_: &T) {}

#[tokio::test(start_paused = true)]
async fn each_commit_begins_the_next_range_and_nothing_is_counted_while_all_goes_well() {
    let world = Arc::new(World::default());
    let new = Assignment::new(None, 0);
    let written = write(&world, &new, &[(&[0, 1], &[2]), (&[3], &[])]);
    is_send(&written);
    assert!(matches!(written.await, Ok(Ended::Drained)));
    let asked = ["begin 0", "refuse [2]", "insert s/0-2 {0, 1}", "begin 3", "insert s/3-3 {3}", "commit 4"];
    assert_eq!(world.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_store_swallowed_without_having_them_go_in_under_the_next_token() {
    let world = Arc::new(World { stored: Mutex::new([vec![], vec![0], vec![0, 1]].into()), ..World::default() });
    write(&world, &begun(1, 2, 1), &[(&[0, 1], &[])]).await.unwrap();
    let asked = [
        "runs old",
        "count 0-1",
        "insert old {0, 1}",
        "runs old",
        "count 0-1",
        "insert old~1 {1}",
        "runs old",
        "count 0-1",
        "commit 2",
    ];
    assert_eq!(world.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_acknowledged_and_never_found_end_the_work() {
    let world = Arc::new(World::default());
    let written = write(&world, &begun(0, 1, 1), &[(&[0], &[])]).await;
    assert!(matches!(written, Err(WriteError::NeverFound { first: 0, last: 0 })));
    assert_eq!(world.asked().iter().filter(|it| it.starts_with("insert")).count(), 10);
}

#[tokio::test(start_paused = true)]
async fn ranges_up_to_the_highest_stored_offset_are_counted_before_they_are_inserted() {
    let highest = Some(1);
    let world = Arc::new(World { stored: Mutex::new([vec![0]].into()), highest, ..World::default() });
    write(&world, &Assignment::new(Some((0, "")), 0), &[(&[0, 1], &[]), (&[2], &[])]).await.unwrap();
    let asked = ["begin 0", "runs s/0-1", "count 0-1", "insert s/0-1 {1}", "begin 2", "insert s/2-2 {2}", "commit 3"];
    assert_eq!(world.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_store_refuses_are_found_by_halves_and_go_to_the_dead_letter() {
    let world = Arc::new(World { poison: vec![1], ..World::default() });
    world.stored.lock().unwrap().extend([vec![], vec![2, 3], vec![0, 2, 3]]);
    write(&world, &Assignment::new(None, 0), &[(&[0, 1, 2, 3], &[])]).await.unwrap();
    let asked = world.asked();
    assert!(asked.contains(&"insert s/0-3~2-3 {2, 3}".to_owned()), "{asked:?}");
    assert!(asked.contains(&"insert s/0-3~0-0 {0}".to_owned()), "{asked:?}");
    assert!(asked.contains(&"refuse [1]".to_owned()), "{asked:?}");
    assert_eq!(asked.last().unwrap(), "commit 4");
}

#[tokio::test(start_paused = true)]
async fn store_that_refuses_every_row_ends_the_work_and_nothing_is_refused_for_it() {
    let rows: Vec<i64> = (0..400).collect();
    let world = Arc::new(World { poison: rows.clone(), ..World::default() });
    let written = write(&world, &Assignment::new(None, 0), &[(&rows, &[])]).await;
    assert!(matches!(written, Err(WriteError::TooManyRefused { first: 0, last: 399, .. })));
    assert!(!world.asked().iter().any(|it| it.starts_with("refuse") || it.starts_with("commit")));
}

#[tokio::test(start_paused = true)]
async fn small_range_of_which_every_row_is_refused_is_not_refused_for_its_rows() {
    let rows: Vec<i64> = (0..33).collect();
    let world = Arc::new(World { poison: rows.clone(), ..World::default() });
    let written = write(&world, &Assignment::new(None, 0), &[(&rows, &[])]).await;
    assert!(matches!(written, Err(WriteError::AllRefused { rows: 33, last: 32, .. })));
    assert!(!world.asked().iter().any(|it| it.starts_with("refuse") || it.starts_with("commit")));
}

#[tokio::test(start_paused = true)]
async fn store_that_refuses_one_row_after_the_other_ends_the_work() {
    let rows: Vec<i64> = (0..40).collect();
    let world = Arc::new(World { poison: rows.clone(), ..World::default() });
    let ranges: Vec<(&[i64], &[i64])> = rows.chunks(1).map(|row| (row, &[][..])).collect();
    let written = write(&world, &Assignment::new(None, 0), &ranges).await;
    assert!(matches!(written, Err(WriteError::AllRefused { rows: 33, last: 32, .. })));
    let asked = world.asked();
    assert_eq!(asked.iter().filter(|it| it.starts_with("refuse")).count(), 32, "{asked:?}");
    assert!(!asked.contains(&"refuse [32]".to_owned()), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn row_that_is_taken_shows_that_those_around_it_are_refused_for_what_they_hold() {
    let rows: Vec<i64> = (0..61).collect();
    let poison = rows.iter().copied().filter(|offset| *offset != 30).collect();
    let world = Arc::new(World { poison, ..World::default() });
    let ranges: Vec<(&[i64], &[i64])> = rows.chunks(1).map(|row| (row, &[][..])).collect();
    assert!(matches!(write(&world, &Assignment::new(None, 0), &ranges).await, Ok(Ended::Drained)));
    let asked = world.asked();
    assert_eq!(asked.iter().filter(|it| it.starts_with("refuse")).count(), 60, "{asked:?}");
    assert_eq!(asked.last().unwrap(), "commit 61");
}

#[tokio::test(start_paused = true)]
async fn range_that_is_full_of_refused_records_takes_a_row_that_the_store_refuses() {
    let refused: Vec<i64> = (0..150).collect();
    let world = Arc::new(World { poison: vec![151], ..World::default() });
    world.stored.lock().unwrap().extend([vec![], vec![150]]);
    write(&world, &Assignment::new(None, 0), &[(&[150, 151], &refused)]).await.unwrap();
    let asked = world.asked();
    assert!(asked.contains(&"refuse [151]".to_owned()), "{asked:?}");
    assert_eq!(asked.last().unwrap(), "commit 152");
}

#[tokio::test(start_paused = true)]
async fn what_only_an_operator_can_mend_ends_the_work_and_moves_no_offset() {
    let world = Arc::new(World::default());
    world.inserts.lock().unwrap().push_back(StoreError::Stop(Said("no such table")));
    let written = write(&world, &Assignment::new(None, 0), &[(&[0], &[])]).await;
    assert!(matches!(written, Err(WriteError::Store(Said("no such table")))));
    assert_eq!(world.asked(), ["begin 0", "insert s/0-0 {0}"]);

    world.commits.lock().unwrap().push_back(CommitError::Stop("not authorized".to_owned()));
    let written = write(&world, &Assignment::new(None, 0), &[(&[0], &[])]).await;
    assert!(matches!(written, Err(WriteError::Log(reason)) if reason == "not authorized"));
    assert_eq!(world.asked(), ["begin 0"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_inserted_for_a_partition_that_has_gone() {
    let world = Arc::new(World::default());
    world.commits.lock().unwrap().push_back(CommitError::NotOurs("gone".to_owned()));
    let written = write(&world, &Assignment::new(None, 0), &[(&[0], &[])]).await;
    assert!(matches!(written, Ok(Ended::Abandoned)));
    assert_eq!(world.asked(), ["begin 0"]);
}

#[tokio::test(start_paused = true)]
async fn position_that_moved_without_a_record_is_committed_alone() {
    let world = Arc::new(World::default());
    let assignment = Assignment::new(None, 0);
    let (sender, mut receiver) = mpsc::channel(1);
    let mut cutter = RangeCutter::new(LIMITS, &assignment);
    cutter.move_to(5, Instant::now());
    let range = ClosedRange { cut: cutter.close().unwrap(), block: Batch(BTreeSet::new()), refused: Vec::new() };
    assert!(sender.send(range).await.is_ok());
    drop(sender);
    writer(&world).run(&assignment, &mut receiver).await.unwrap();
    assert_eq!(world.asked(), ["commit 5"]);
}

#[tokio::test(start_paused = true)]
async fn at_least_once_commits_behind_each_range_and_begins_none() {
    let world = Arc::new(World::default());
    let ranges: [(&[i64], &[i64]); 2] = [(&[0, 1], &[2]), (&[3], &[])];
    let written = write_as(Delivery::AtLeastOnce, &world, &Assignment::new(None, 0), &ranges).await;
    assert!(matches!(written, Ok(Ended::Drained)));
    let asked = ["refuse [2]", "insert s/0-2 {0, 1}", "commit 3", "insert s/3-3 {3}", "commit 4"];
    assert_eq!(world.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn at_least_once_asks_what_is_stored_at_the_assignment_and_neither_counts_nor_waits() {
    let world = Arc::new(World { highest: Some(1), ..World::default() });
    let begun_at = tokio::time::Instant::now();
    let unreadable = Assignment::new(Some((0, r#"{"v":2}"#)), 0);
    write_as(Delivery::AtLeastOnce, &world, &unreadable, &[(&[0, 1], &[])]).await.unwrap();
    assert!(begun_at.elapsed().is_zero());
    assert_eq!(*world.highest_asked.lock().unwrap(), 1);
    assert_eq!(world.asked(), ["insert s/0-1 {0, 1}", "commit 2"]);
}

#[tokio::test(start_paused = true)]
async fn at_least_once_moves_no_offset_before_the_rows_and_makes_sure_of_an_answer_that_did_not_come() {
    let world = Arc::new(World { stored: Mutex::new([vec![0], vec![0, 1]].into()), ..World::default() });
    world.inserts.lock().unwrap().push_back(StoreError::Unsure(Said("no answer")));
    write_as(Delivery::AtLeastOnce, &world, &Assignment::new(None, 0), &[(&[0, 1], &[])]).await.unwrap();
    let asked = ["insert s/0-1 {0, 1}", "runs s/0-1", "count 0-1", "insert s/0-1 {1}", "runs s/0-1", "count 0-1"];
    assert_eq!(world.asked(), [&asked[..], &["commit 2"]].concat());
}

#[tokio::test(start_paused = true)]
async fn at_least_once_ends_exactly_once_what_was_begun_so() {
    let world = Arc::new(World { stored: Mutex::new([vec![0, 1]].into()), ..World::default() });
    let ranges: [(&[i64], &[i64]); 2] = [(&[0, 1], &[]), (&[2], &[])];
    write_as(Delivery::AtLeastOnce, &world, &begun(1, 2, 1), &ranges).await.unwrap();
    assert_eq!(world.asked(), ["runs old", "count 0-1", "commit 2", "insert s/2-2 {2}", "commit 3"]);
}
