//! When the reports of a schedule are due and what is in each, as people write it: three lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use report_schedules::Timetable;
use schemas::times::Moment;

/// The hours before the clocks of Europe go back in 2026.
const NOW: Moment = Moment::from_millis(1_792_875_600_000);
const RUNS: usize = 5;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let (when, range, zone) = (lines.next(), lines.next().unwrap_or(""), lines.next().unwrap_or("UTC"));
    let _ = Timetable::seen_from(range, zone, NOW);
    let Ok(times) = Timetable::read(when, range, zone) else { return };
    let next = times.next(NOW, RUNS);
    assert!(next.iter().all(|run| run.due > NOW && run.from < run.to), "{next:?}");
    assert!(next.is_sorted_by(|one, other| one.due < other.due), "{next:?}");
    // Whoever was away until the last of them catches up with the same ones.
    if let Some(last) = next.last().filter(|_| next.len() == RUNS) {
        assert_eq!(times.due(NOW, last.due, RUNS), next);
    }
});
