//! Reports that are split: what is in which file, and whoever dies, is cancelled or cannot reach the store.

mod taken_over;

use std::io::Read;
use std::sync::atomic::Ordering;
use std::time::Duration;

use report_life::{Manifest, Phase, ReportState, manifest_key};
use report_writer::{FILES_MAX, SPREADSHEET_ROWS};
use schemas::report_event::{ReportEvent, ReportEventType};
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportSplit};
use schemas::times::Moment;

use super::*;
use crate::fakes::{Fake, a_record};
use crate::stages::check_request::tests::request;
use crate::stages::name_file::object_key;

/// Rows of each of three stretches: files end within them.
const ROWS: u64 = 900;
const ALL_ROWS: u64 = 3 * ROWS;

fn large() -> Fake {
    let fake = Fake::default();
    fake.0.rows.store(ROWS, Ordering::Relaxed);
    // Not split, events would be made slice by slice.
    fake.0.is_large.store(true, Ordering::Relaxed);
    *fake.0.read_takes.lock().unwrap() = Duration::from_millis(40);
    fake
}

fn by_rows(rows: i64) -> Option<ReportSplit> {
    Some(ReportSplit { rows: Some(rows), bytes: None })
}

fn asked(format: ReportFormat, compression: Compression, split: Option<ReportSplit>) -> ReportRequest {
    ReportRequest { format, compression, split, receivers: Vec::new(), ..request() }
}

fn csv() -> ReportRequest {
    asked(ReportFormat::Csv, Compression::Gzip, by_rows(1_000))
}

async fn live(fake: &Fake, asked: &ReportRequest) {
    fake.life().live(asked, a_record()).await.unwrap();
}

fn state(fake: &Fake) -> ReportState {
    fake.known(request().report_id).unwrap()
}

/// All files there are, which are the report's own, in order.
fn files(fake: &Fake) -> Vec<Vec<u8>> {
    assert!(fake.0.uploads.lock().unwrap().is_empty(), "{:?}", fake.0.uploads.lock().unwrap());
    let files = fake.0.files.lock().unwrap();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), state(fake).file_keys());
    files.values().cloned().collect()
}

fn unpacked(file: &[u8], compression: Compression) -> String {
    let mut text = String::new();
    match compression {
        Compression::Gzip => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap(),
        _ => (&mut &*file).read_to_string(&mut text).unwrap(),
    };
    text
}

fn manifest(fake: &Fake) -> Manifest {
    let manifests = fake.0.manifests.lock().unwrap();
    serde_json::from_slice(&manifests[&manifest_key(&state(fake).object_key.unwrap())]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn each_file_is_whole_and_together_they_are_the_report() {
    for (format, compression, has_header) in [
        (ReportFormat::Csv, Compression::Gzip, true),
        (ReportFormat::Csv, Compression::None, true),
        (ReportFormat::Ndjson, Compression::Gzip, false),
    ] {
        let whole = Fake::default();
        whole.0.rows.store(ROWS, Ordering::Relaxed);
        let byte_order_mark = has_header;
        live(&whole, &ReportRequest { byte_order_mark, ..asked(format, compression, None) }).await;
        let whole = unpacked(&files(&whole)[0], compression);
        let header = if has_header { whole.split_inclusive('\n').next().unwrap() } else { "" };
        let of_rows = vec![1_000, 1_000, 700];
        let line = whole.lines().last().unwrap().len() as i64 + 1;
        for (split, expected) in [
            (by_rows(1_000), Some(of_rows.clone())),
            (by_rows(2_700), Some(vec![2_700])),
            (by_rows(SPREADSHEET_ROWS), Some(vec![2_700])),
            (Some(ReportSplit { rows: Some(1_000), bytes: Some(1_000_000_000) }), Some(of_rows)),
            (Some(ReportSplit { rows: None, bytes: Some(1_000_000) }), None),
        ] {
            let fake = large();
            live(&fake, &ReportRequest { byte_order_mark, ..asked(format, compression, split) }).await;
            let texts: Vec<String> = files(&fake).iter().map(|file| unpacked(file, compression)).collect();
            let rows: Vec<&str> = texts.iter().map(|text| text.strip_prefix(header).unwrap()).collect();
            assert!(rows.concat() == whole.strip_prefix(header).unwrap(), "{format:?} {split:?}");
            let counts: Vec<u64> = rows.iter().map(|rows| rows.lines().count() as u64).collect();
            match expected {
                Some(expected) => assert_eq!(counts, expected, "{format:?} {split:?}"),
                None => {
                    let most = 1_000_000;
                    let is_full = |text: &String| text.len() <= most && text.len() as i64 + 2 * line > most as i64;
                    let (last, full) = texts.split_last().unwrap();
                    assert!(full.iter().all(is_full) && last.len() <= most, "{format:?}");
                    assert!(whole.len() <= most || !full.is_empty(), "{} bytes", whole.len());
                }
            }
            let (state, manifest) = (state(&fake), manifest(&fake));
            assert_eq!((state.rows, state.attempt, state.files), (2_700, 1, counts.len() as i64));
            assert_eq!(state.size_bytes, files(&fake).iter().map(|file| file.len() as i64).sum::<i64>());
            assert!(fake.0.queue.lock().unwrap().is_empty(), "made by its owner");
            assert_eq!((manifest.rows, manifest.split), (ALL_ROWS, split));
            let told: Vec<_> = manifest.files.iter().map(|file| (file.rows.unwrap(), file.size_bytes)).collect();
            assert_eq!(
                told,
                counts.into_iter().zip(files(&fake).iter().map(|file| file.len() as u64)).collect::<Vec<_>>()
            );
            assert!(manifest.files[0].name.starts_with("part-00000."), "{}", manifest.files[0].name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tables_are_whole_each_and_groups_are_split_too() {
    let fake = large();
    live(&fake, &asked(ReportFormat::Parquet, Compression::None, by_rows(1_000))).await;
    let made = files(&fake);
    assert!(made.len() == 3 && made.iter().all(|it| it.starts_with(b"PAR1") && it.ends_with(b"PAR1")));
    let told: Vec<_> = manifest(&fake).files.iter().map(|file| file.rows).collect();
    assert_eq!(told, [Some(1_000), Some(1_000), Some(700)]);
    // Of one slice; of several, all exporters count: see `spread`.
    let fake = large();
    fake.0.is_large.store(false, Ordering::Relaxed);
    let summary =
        ReportRequest { kind: ReportKind::Summary, ..asked(ReportFormat::Csv, Compression::None, by_rows(1_000)) };
    live(&fake, &summary).await;
    assert_eq!((files(&fake).len(), state(&fake).rows, state(&fake).is_folder), (1, 4, true));
}

#[tokio::test(start_paused = true)]
async fn report_without_rows_is_one_file() {
    for (format, text) in [(ReportFormat::Csv, "start_time,"), (ReportFormat::Ndjson, "")] {
        let (fake, request) = (Fake::default(), asked(format, Compression::None, by_rows(1_000)));
        fake.0.is_empty.store(true, Ordering::Relaxed);
        live(&fake, &request).await;
        assert_eq!((state(&fake).phase, state(&fake).rows), (Phase::Completed, 0));
        let made = files(&fake);
        assert!(made.len() == 1 && made[0].starts_with(text.as_bytes()), "{format:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_at_any_moment_the_files_are_the_same() {
    let calm = large();
    live(&calm, &csv()).await;
    let expected = files(&calm);
    assert_eq!(expected.len(), 3);
    let assert_same = |fake: &Fake| {
        assert!(files(fake) == expected);
        assert_eq!((state(fake).phase, state(fake).rows), (Phase::Completed, 2_700));
    };
    for dies_after in (0..160).step_by(5).map(Duration::from_millis) {
        let fake = large();
        _ = tokio::time::timeout(dies_after, fake.life().live(&csv(), a_record())).await;
        live(&fake, &csv()).await;
        assert_same(&fake);
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_at_any_moment_no_file_and_no_upload_is_left() {
    let mut cancelled = 0;
    for cancelled_after in (5..130).step_by(5).map(Duration::from_millis) {
        let fake = large();
        let cancelling = async {
            tokio::time::sleep(cancelled_after).await;
            let tenant = request().tenant;
            let wish = ReportEvent::new(request().report_id, tenant, ReportEventType::CancelRequested, Moment::FIRST);
            fake.append(&wish).await.unwrap();
        };
        let asked = csv();
        tokio::join!(live(&fake, &asked), cancelling);
        if state(&fake).phase == Phase::Completed {
            assert_eq!(files(&fake).len(), 3);
            continue;
        }
        cancelled += 1;
        assert_eq!(state(&fake).phase, Phase::Cancelled, "after {cancelled_after:?}");
        assert!(fake.0.files.lock().unwrap().is_empty() && fake.0.uploads.lock().unwrap().is_empty());
        assert_eq!(fake.0.reading.load(Ordering::Relaxed), 0);
    }
    assert!(cancelled > 10, "{cancelled}");
}

#[tokio::test(start_paused = true)]
async fn store_that_fails_in_mid_series_begins_anew_and_leaves_nothing() {
    let calm = large();
    live(&calm, &csv()).await;
    for (begins, writes) in [(Some(0), None), (Some(2), None), (None, Some(0)), (None, Some(1)), (None, Some(2))] {
        let (fake, away) = (large(), StoreError::Failed { action: "writing", reason: "no route".to_owned() });
        fake.0.begin_faults.lock().unwrap().extend(begins.map(|call| (call, away.clone())));
        fake.0.write_faults.lock().unwrap().extend(writes.map(|call| (call, away)));
        live(&fake, &csv()).await;
        assert_eq!((state(&fake).attempt, state(&fake).phase), (2, Phase::Completed));
        assert!(files(&fake) == files(&calm), "{begins:?} {writes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_files_than_there_may_be_fail_before_anything_is_written() {
    let fake = large();
    fake.0.rows.store(FILES_MAX * 1_000 / 3 + 1, Ordering::Relaxed);
    live(&fake, &csv()).await;
    let state = state(&fake);
    assert_eq!((state.phase, state.attempt, fake.0.calls("read")), (Phase::Failed, 0, 0));
    let reason = state.reason.unwrap();
    assert!(reason.starts_with(&format!("it would be split into more than {FILES_MAX} files")), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn plan_of_slices_that_was_made_of_it_is_left() {
    let (fake, tenant) = (large(), request().tenant);
    let said = |event_type| ReportEvent::new(request().report_id, tenant.clone(), event_type, Moment::FIRST);
    fake.append(&report_life::Journal::requested(&csv())).await.unwrap();
    fake.append(&ReportEvent { attempt: Some(1), slices_expected: Some(3), ..said(ReportEventType::Started) })
        .await
        .unwrap();
    // By an exporter that knows nothing of splitting.
    let upload_id = Some(fake.begin_slices(&object_key(&csv(), 1)).await.unwrap());
    let encoder_version = Some(report_writer::ENCODER_VERSION);
    let planned = said(ReportEventType::Planned);
    fake.append(&ReportEvent { attempt: Some(1), slices_expected: Some(3), upload_id, encoder_version, ..planned })
        .await
        .unwrap();
    live(&fake, &csv()).await;
    assert_eq!((state(&fake).attempt, files(&fake).len()), (2, 3));
}
