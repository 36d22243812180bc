//! What the next run makes of positions that are kept.

use super::*;

#[test]
fn next_run_reads_on_from_the_kept_position() {
    let mut bench = bench();
    bench.append("a.log", "one\ntwo\nthr");
    bench.poll();
    bench.append("a.log", "ee\nfour\n");
    bench.restart(|_| {});
    assert_eq!(bench.poll(), ["three", "four"]);
}

#[test]
fn file_that_was_renamed_between_two_runs_is_found_and_read_to_its_end() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    bench.append("a.log", "two\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "three\n");
    bench.restart(|_| {});
    let mut lines = bench.poll_long();
    lines.sort();
    assert_eq!(lines, ["three", "two"]);
}

#[test]
fn target_of_a_symbolic_link_that_was_renamed_between_two_runs_is_found() {
    let mut bench = bench();
    fs::create_dir(bench.path("pods")).unwrap();
    bench.append("pods/0", "one\n");
    std::os::unix::fs::symlink(bench.path("pods/0"), bench.path("a.log")).unwrap();
    assert_eq!(bench.poll(), ["one"]);
    bench.append("pods/0", "two\n");
    bench.rename("pods/0", "pods/0.old");
    bench.append("pods/0", "three\n");
    bench.restart(|_| {});
    assert_eq!(bench.poll_long(), ["two", "three"]);
}

#[test]
fn file_that_was_rewritten_between_two_runs_is_read_from_its_beginning() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    fs::write(bench.path("a.log"), "two\nthree\n").unwrap();
    bench.restart(|config| config.start_at = StartAt::End);
    assert_eq!(bench.poll(), ["two", "three"]);
}

#[test]
fn file_that_was_empty_is_known_again_by_the_beginning_of_its_name_only() {
    for (name, found) in [("a.log.1", vec!["one"]), ("other.txt", vec![])] {
        let mut bench = bench();
        bench.append("a.log", "");
        assert!(bench.poll().is_empty());
        bench.append("a.log", "one\n");
        bench.rename("a.log", name);
        bench.restart(|_| {});
        assert_eq!(bench.poll_long(), found, "{name}");
    }
}

#[test]
fn file_that_was_rewritten_and_then_rotated_between_two_runs_is_read_from_its_beginning() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.poll();
    fs::write(bench.path("a.log"), "two\nthree\n").unwrap();
    bench.rename("a.log", "a.log.1");
    bench.restart(|_| {});
    assert_eq!(bench.poll_long(), ["two", "three"]);
}

#[test]
fn folder_that_comes_back_after_the_first_look_is_read_on() {
    let mut bench = bench();
    let inputs = vec![bench.path("pod/*.log").to_string_lossy().into_owned()];
    bench.restart(|config| config.inputs.clone_from(&inputs));
    fs::create_dir(bench.path("pod")).unwrap();
    bench.append("pod/a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    bench.rename("pod", "away");
    bench.restart(|config| config.inputs.clone_from(&inputs));
    assert!(bench.poll().is_empty());
    bench.rename("away", "pod");
    assert!(bench.poll().is_empty());
    bench.append("pod/a.log", "two\n");
    assert_eq!(bench.poll(), ["two"]);
}

#[test]
fn position_on_a_volume_that_is_not_mounted_stays_kept_from_run_to_run() {
    let mut bench = bench();
    let inputs = vec![bench.path("pod/*.log").to_string_lossy().into_owned()];
    bench.restart(|config| config.inputs.clone_from(&inputs));
    fs::create_dir(bench.path("pod")).unwrap();
    bench.append("pod/a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    // As if the folder lay on another volume, and only its mount point were there.
    bench.offsets.values_mut().for_each(|(position, _)| position.mark.device += 1);
    bench.rename("pod", "away");
    for _ in 0..2 {
        bench.restart(|config| config.inputs.clone_from(&inputs));
        assert!(bench.poll().is_empty());
        assert_eq!(bench.still_kept.len(), 1);
    }
    bench.still_kept[0].mark.device -= 1;
    bench.rename("away", "pod");
    bench.restart(|config| config.inputs.clone_from(&inputs));
    assert!(bench.poll().is_empty());
    assert!(bench.still_kept.is_empty());
    bench.append("pod/a.log", "two\n");
    assert_eq!(bench.poll(), ["two"]);
}

#[test]
fn file_whose_device_has_another_number_is_read_on_also_where_it_was_rotated_meanwhile() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    bench.number_devices_anew();
    bench.append("a.log", "two\n");
    bench.restart(|_| {});
    assert_eq!(bench.poll(), ["two"]);
    bench.number_devices_anew();
    bench.append("a.log", "three\n");
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "four\n");
    bench.restart(|_| {});
    let mut lines = bench.poll_long();
    lines.sort();
    assert_eq!(lines, ["four", "three"]);
    bench.restart(|_| {});
    assert!(bench.poll_long().is_empty());
    assert!(bench.still_kept.is_empty());
}

#[test]
fn position_is_over_where_another_volume_has_a_file_of_that_name() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    assert_eq!(bench.poll(), ["one"]);
    bench.number_devices_anew();
    bench.rename("a.log", "gone");
    bench.append("a.log", "one\nother\n");
    fs::remove_file(bench.path("gone")).unwrap();
    bench.restart(|_| {});
    assert_eq!(bench.poll(), ["one", "other"], "another file");
    assert!(bench.still_kept.is_empty(), "nobody waits for the old one");
    bench.restart(|_| {});
    assert!(bench.poll().is_empty());
}
