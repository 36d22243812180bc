mod next_run;

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;

use proptest::prelude::*;

use super::*;

/// A folder with log files and a follower of it, whose clock moves by hand.
struct Bench {
    dir: tempfile::TempDir,
    follower: Follower,
    now: Instant,
    lines: Vec<String>,
    offsets: BTreeMap<SourceId, (SavedPosition, bool)>,
    kept: Vec<SavedPosition>,
    still_kept: Vec<SavedPosition>,
}

fn config(dir: &Path) -> Config {
    Config { inputs: vec![dir.join("*.log").to_string_lossy().into_owned()], ..Config::default() }
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let follower = Follower::new(&config(dir.path()), None, Box::new(|| {}));
    let (lines, offsets, kept, still_kept) = (Vec::new(), BTreeMap::new(), Vec::new(), Vec::new());
    Bench { dir, follower, now: Instant::now(), lines, offsets, kept, still_kept }
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }

    /// Reads until nothing comes, as every poll does, and keeps positions as if all were acknowledged.
    fn poll(&mut self) -> Vec<String> {
        self.now += Duration::from_secs(1);
        let Self { follower, lines, offsets, now, kept, still_kept, .. } = self;
        let mut has_looked = false;
        let mut emit = |message| {
            match message {
                FromSource::Opened { source, mark, reached, .. } => {
                    offsets.insert(source, (SavedPosition { mark: mark.unwrap(), reached }, true));
                }
                FromSource::Read { source, lines: read, fingerprint, .. } => {
                    let (position, _) = offsets.get_mut(&source).unwrap();
                    for line in read {
                        position.reached = line.reached();
                        lines.push(String::from_utf8_lossy(line.content.kept()).into_owned());
                    }
                    if let Some(fingerprint) = fingerprint {
                        position.mark.fingerprint = fingerprint;
                    }
                }
                FromSource::StillKept(positions) => *still_kept = positions,
                FromSource::LookedAround => has_looked = true,
                FromSource::Closed { source } => offsets.get_mut(&source).unwrap().1 = false,
            }
            true
        };
        while follower.round(*now, &mut emit).unwrap() {}
        if has_looked {
            kept.clear();
        }
        std::mem::take(&mut self.lines)
    }

    /// Polls until rotated files count as read to their end.
    fn poll_long(&mut self) -> Vec<String> {
        (0..8).flat_map(|_| self.poll()).collect()
    }

    /// As if everything were mounted again, and the devices had other numbers now.
    fn number_devices_anew(&mut self) {
        self.offsets.values_mut().for_each(|(position, _)| position.mark.device += 1);
    }

    /// A new run that reads on from the kept positions.
    fn restart(&mut self, change: impl FnOnce(&mut Config)) {
        let open = self.offsets.values().filter(|(_, is_open)| *is_open);
        self.kept.extend(open.map(|(position, _)| position.clone()));
        self.kept.append(&mut self.still_kept);
        let mut config = config(self.dir.path());
        change(&mut config);
        self.follower = Follower::new(&config, Some(self.kept.clone()), Box::new(|| {}));
        self.offsets.clear();
    }
}

#[test]
fn file_that_grows_is_read_on_and_a_last_line_waits_for_its_end() {
    let mut bench = bench();
    bench.append("a.log", "one\ntw");
    assert_eq!(bench.poll(), ["one"]);
    bench.append("a.log", "o\n");
    assert_eq!(bench.poll(), ["two"]);
    assert!(bench.poll().is_empty());
}

#[test]
fn file_that_appears_later_is_read_from_its_beginning() {
    let mut bench = bench();
    let mut config = config(bench.dir.path());
    config.start_at = StartAt::End;
    bench.follower = Follower::new(&config, None, Box::new(|| {}));
    bench.append("a.log", "old\n");
    assert!(bench.poll().is_empty());
    bench.append("a.log", "new\n");
    bench.append("b.log", "other\n");
    assert_eq!(bench.poll(), ["new", "other"]);
}

#[test]
fn renamed_file_is_read_to_its_end_and_the_new_one_picked_up() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "three\n");
    bench.append("a.log.1", "two\nlast");
    assert_eq!(bench.poll(), ["two", "three"]);
    assert_eq!(bench.poll_long(), ["last"], "its writer is gone: the last line needs no end");
    assert_eq!(bench.follower.file_count(), 1);
    assert_eq!(bench.offsets.values().filter(|(_, is_open)| *is_open).count(), 1);
}

#[test]
fn file_that_is_renamed_to_a_matching_name_is_not_read_again() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    bench.rename("a.log", "old.log");
    bench.append("a.log", "two\n");
    assert_eq!(bench.poll_long(), ["two"]);
    bench.append("old.log", "late\n");
    assert_eq!(bench.poll(), ["late"]);
}

#[test]
fn truncated_file_is_read_from_its_beginning() {
    let mut bench = bench();
    bench.append("a.log", "one\ntwo\nunfinished");
    assert_eq!(bench.poll(), ["one", "two"]);
    fs::write(bench.path("a.log"), "new\n").unwrap();
    assert_eq!(bench.poll(), ["unfinished", "new"]);
}

#[test]
fn truncated_file_that_grew_beyond_its_old_length_is_noticed() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    fs::write(bench.path("a.log"), "two\nthree\nfour\n").unwrap();
    assert_eq!(bench.poll(), ["two", "three", "four"]);
}

#[test]
fn removed_file_is_read_to_its_end() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    bench.append("a.log", "two\n");
    fs::remove_file(bench.path("a.log")).unwrap();
    assert_eq!(bench.poll(), ["two"]);
    bench.poll_long();
    assert_eq!(bench.follower.file_count(), 0);
}

#[test]
fn rotated_file_is_read_to_its_end_before_the_new_one() {
    let mut bench = bench();
    bench.append("a.log", "0\n");
    bench.poll();
    let lines = |from: usize| (from..from + 50_000).map(|number| format!("{number}\n")).collect::<String>();
    bench.append("a.log", &lines(1));
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", &lines(50_001));
    let expected: Vec<String> = (1..100_001).map(|number| number.to_string()).collect();
    assert!(bench.poll() == expected, "in the order of writing");
}

#[test]
fn once_reads_everything_to_its_end_with_a_last_line_and_keeps_the_position() {
    let mut bench = bench();
    bench.append("a.log", "one\ntwo");
    bench.restart(|config| config.once = true);
    assert_eq!(bench.poll(), ["one", "two"]);
    bench.append("a.log", "\nthree\n");
    bench.restart(|config| config.once = true);
    assert_eq!(bench.poll(), ["", "three"]);
}

#[test]
fn once_fails_where_a_named_file_is_not_there() {
    let mut bench = bench();
    let missing = bench.path("missing.txt").to_string_lossy().into_owned();
    bench.restart(|config| (config.once, config.inputs) = (true, vec![missing]));
    let outcome = bench.follower.round(Instant::now(), &mut |_| true);
    assert!(matches!(outcome, Err(Error::Input { .. })), "{outcome:?}");
}

#[test]
fn new_file_that_begins_like_the_renamed_one_is_not_taken_for_it() {
    let mut bench = bench();
    bench.append("a.log", "m");
    assert!(bench.poll().is_empty());
    bench.append("a.log", "1\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "m2\n");
    bench.restart(|_| {});
    let mut lines = bench.poll_long();
    lines.sort();
    assert_eq!(lines, ["m1", "m2"]);
}

#[test]
fn strangers_file_that_has_the_inode_of_one_that_was_followed_is_left_alone() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    // The same inode under a name that no pattern has, and with other content: as if it were removed and its inode given out anew.
    bench.rename("a.log", "other.txt");
    fs::write(bench.path("other.txt"), "theirs\n").unwrap();
    bench.restart(|_| {});
    assert!(bench.poll_long().is_empty());
    assert_eq!(bench.follower.file_count(), 0);
}

#[test]
fn file_that_got_its_name_since_it_was_looked_at_and_is_followed_is_not_opened_twice() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    let path = bench.path("a.log");
    bench.follower.open(&path, Some(Reached::default()), &mut |message| panic!("{message:?}")).unwrap();
    assert_eq!(bench.follower.file_count(), 1);
}

#[test]
fn lines_of_one_stream_are_not_read_again_for_a_line_of_the_other_that_has_begun() {
    let mut bench = bench();
    bench.restart(|config| config.wrapping = Wrapping::Cri);
    bench.append("a.log", "T stdout P one \nT stderr F two\n");
    assert_eq!(bench.poll(), ["two"]);
    bench.append("a.log", "T stderr F three\nT stdout F line\n");
    bench.restart(|config| config.wrapping = Wrapping::Cri);
    assert_eq!(bench.poll(), ["three", "one line"]);
    bench.restart(|config| config.wrapping = Wrapping::Cri);
    assert!(bench.poll().is_empty());
}

#[test]
fn file_behind_two_names_is_read_once() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    std::os::unix::fs::symlink(bench.path("a.log"), bench.path("b.log")).unwrap();
    assert_eq!(bench.poll(), ["one"]);
}

/// What a writer and an operator may do between two polls.
#[derive(Clone, Debug)]
enum Act {
    Append(Vec<String>),
    AppendPart(String),
    Rotate,
    TruncateWhenRead,
    Poll,
    Restart,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => proptest::collection::vec("[a-z]{0,40}", 1..20).prop_map(Act::Append),
        2 => "[a-z]{1,10}".prop_map(Act::AppendPart),
        1 => Just(Act::Rotate),
        1 => Just(Act::TruncateWhenRead),
        3 => Just(Act::Poll),
        1 => Just(Act::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever is done to the files, every line comes exactly once where positions are kept.
    #[test]
    fn lines_are_the_same_through_rotation_truncation_and_restart(acts in proptest::collection::vec(act(), 1..30)) {
        let mut bench = bench();
        let (mut expected, mut found, mut part) = (Vec::new(), Vec::new(), String::new());
        let (mut rotated, mut line_number, mut is_seen) = (0, 0, false);
        for act in acts {
            match act {
                Act::Append(lines) => for line in lines {
                    line_number += 1;
                    bench.append("a.log", &format!("{line}{line_number}\n"));
                    expected.push(format!("{}{line}{line_number}", std::mem::take(&mut part)));
                },
                Act::AppendPart(text) => {
                    bench.append("a.log", &text);
                    part.push_str(&text);
                }
                // Writers rotate between lines.
                Act::Rotate if part.is_empty() && bench.path("a.log").exists() => {
                    // A file that is rotated away before anyone has seen it cannot be found.
                    if !is_seen {
                        found.extend(bench.poll());
                    }
                    is_seen = false;
                    rotated += 1;
                    bench.rename("a.log", &format!("a.log.{rotated}"));
                }
                // What was not read is lost by truncation, so it comes when all is read.
                Act::TruncateWhenRead if part.is_empty() && bench.path("a.log").exists() => {
                    found.extend(bench.poll());
                    OpenOptions::new().write(true).open(bench.path("a.log")).unwrap().set_len(0).unwrap();
                }
                Act::Poll => {
                    found.extend(bench.poll());
                    is_seen = bench.path("a.log").exists();
                }
                Act::Restart => bench.restart(|_| {}),
                Act::Rotate | Act::TruncateWhenRead => {}
            }
        }
        if !part.is_empty() {
            bench.append("a.log", "\n");
            expected.push(part);
        }
        found.extend(bench.poll_long());
        // Of several files, each keeps its order.
        found.sort();
        expected.sort();
        prop_assert_eq!(found, expected);
    }
}
