//! What slices have counted of groups, as it comes back from the store; the first byte says of which kind of report, and as what it is written.
#![no_main]
#![expect(clippy::unwrap_used, reason = "what cannot be is a finding")]

use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use report_writer::{BadRun, Cell, Merge, MergeStep, Naming, RowSorter, RunWriter, choose_writer, footer, runs};
use schemas::examples::report_request;
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportTable};

/// A run comes in pieces.
const PIECE_BYTES: usize = 97;
/// Names that are held: few, so that some have to find their rows.
const NAMES_BYTES_MAX: usize = 200;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, object)) = bytes.split_first() else { return };
    if let Ok(run) = one_run(object) {
        // What is merged is a run itself, and merged alone it stays as it is.
        assert_eq!(one_run(&[&run[..], &footer(&[run.len() as u64])].concat()).as_ref(), Ok(&run));
    }
    let _ = file_of(*kind, object);
});

/// Days of Users, with a measure of each kind.
fn request(kind: u8) -> ReportRequest {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect();
    let table = ReportTable {
        bucket: Some("day".to_owned()),
        by: words(&["user", "status"]),
        measures: words(&["connections", "bytes", "users", "devices", "duration_p95_us"]),
    };
    let (kind, table) = match kind % 3 {
        0 => (ReportKind::Summary, None),
        1 => (ReportKind::UserActivity, None),
        _ => (ReportKind::Traffic, Some(table)),
    };
    ReportRequest { kind, table, ..report_request() }
}

/// The rows of all groups in the order of the report, with the names that come behind them, as a file.
fn file_of(kind: u8, object: &[u8]) -> Result<(), BadRun> {
    let format = if kind < 3 { ReportFormat::Csv } else { ReportFormat::Parquet };
    let compression = Compression::None;
    let writer = choose_writer(&ReportRequest { format, compression, ..request(kind) }).unwrap();
    let (mut rows, mut lines) = writer.into_rows(NAMES_BYTES_MAX).unwrap();
    let (mut sorter, mut given) = (RowSorter::default(), 0_u64);
    let mut hold = |key: &[u8], cells: &[Cell<'_>]| {
        given += 1;
        sorter.push(key, cells);
    };
    merge(object, |key, value| rows.add(key, value, &mut hold))?;
    rows.end(&mut hold);
    let (mut naming, mut names) = (Naming::default(), RowSorter::default());
    let has_names = rows.names().is_some();
    if let Some(wanted) = rows.names() {
        merge(&as_object(&[wanted.take_run()]), |key, name| naming.add(key, name, &mut names))?;
    }
    let sorted = as_object(&[sorter.take_run(), names.take_run()]);
    let mut is_refused = false;
    merge(&sorted, |key, value| {
        is_refused |= lines.add(key, value, &mut |_: &[u8]| true).is_err();
        if is_refused { Err(BadRun) } else { Ok(()) }
    })?;
    // A row that the format cannot hold may be the last one.
    if let Ok(written) = lines.end(&mut |_: &[u8]| true) {
        assert!(has_names || written == given);
    }
    Ok(())
}

/// All pairs as one run.
fn one_run(object: &[u8]) -> Result<Vec<u8>, BadRun> {
    let (mut writer, mut run) = (RunWriter::default(), Vec::new());
    merge(object, |key, value| {
        writer.push(&mut run, key, value);
        Ok(())
    })?;
    Ok(run)
}

fn as_object(all: &[Vec<u8>]) -> Vec<u8> {
    let lengths: Vec<u64> = all.iter().map(|run| run.len() as u64).collect();
    [all.concat(), footer(&lengths)].concat()
}

fn merge(object: &[u8], mut take: impl FnMut(&[u8], &[u8]) -> Result<(), BadRun>) -> Result<(), BadRun> {
    let places = runs(object.len() as u64, object)?;
    let mut left: Vec<Range<usize>> = places.iter().map(|run| run.start as usize..run.end as usize).collect();
    let mut merge = Merge::new(left.len());
    loop {
        match merge.step(|key, value| take(key, value).map(|()| true))? {
            MergeStep::Done => return Ok(()),
            MergeStep::Full => {}
            MergeStep::Wants(run) => {
                let rest = &mut left[run];
                let piece = rest.start..rest.end.min(rest.start + PIECE_BYTES);
                rest.start = piece.end;
                merge.feed(run, &object[piece], rest.start == rest.end);
            }
        }
    }
}
