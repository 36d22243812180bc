//! What is folded in pieces, by several, is what is folded at once.

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{ConnectionEvent, EventType, User};
use schemas::examples::{connection, report_request};
use schemas::ids::{DeviceId, ResourceId, UserId};
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportSplit, ReportTable};
use schemas::times::Moment;
use traffic_query::{Measure, TableQuery};

use super::*;
use crate::{LineSorter, TakeFiles, Writer, choose_writer};

const BEGIN_MS: u64 = 1_793_491_200_000;

/// Files, one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
struct Files {
    open: Vec<u8>,
    ended: Vec<(Vec<u8>, u64)>,
}

impl TakeFiles for Files {
    fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.open.extend_from_slice(bytes);
        true
    }

    fn file_ends(&mut self, rows: u64) -> bool {
        self.ended.push((std::mem::take(&mut self.open), rows));
        true
    }
}

prop_compose! {
    /// Few Resources, Users and names, so that each comes in several pieces.
    fn rows()(
        (resource, user, device, client) in (0..4_u64, 0..4_u64, 0..3_u64, 0..14_u8),
        asked in prop::sample::select(vec!["", "a.example", "a, b.example", "é.example", "a\0b", "10.0.0.7"]),
        (rule, email) in (prop::sample::select(vec!["", "*.example"]), prop::sample::select(vec!["a@x", "b@x"])),
        bytes in prop_oneof![0..10_u64, Just(i64::MAX.unsigned_abs())],
        (failed, lasted_ms, minutes) in (prop::bool::weighted(0.2), 0..5_i64, 0..4_000_u64),
    ) -> ConnectionEvent {
        let event_type = if failed { EventType::FailedToConnect } else { EventType::ClosedConnection };
        let mut event = connection(event_type, "c", BEGIN_MS + minutes * 60_000);
        event.start_time = Moment::from_micros(event.end_time.as_micros() - lasted_ms * 1_000);
        event.resource_id = ResourceId::new(resource).unwrap();
        (event.resource_address, event.applied_rule) = (asked.to_owned(), rule.to_owned());
        (event.bytes_received, event.bytes_transferred) = (bytes, bytes);
        event.device_id = DeviceId::new(device).filter(|it| it.get() > 0);
        event.client_ip = parse_bare_address(&format!("192.0.2.{client}")).filter(|_| client > 0);
        event.user = (user > 0).then(|| User { id: UserId::new(user).unwrap(), email: email.to_owned() });
        event
    }
}

/// Adds the rows of a piece stretch by stretch, all of which come in one block.
fn add(writer: &mut Writer, files: &mut Files, rows: &[ConnectionRow], stretch: usize) {
    if rows.is_empty() {
        return;
    }
    let read = writer.rows().columns();
    let mut block = Some(Bytes::from(native_block(rows, read)));
    let mut reader = BlockReader::new(|| Ok(block.take()), Vec::new());
    let block = reader.next_block().unwrap().unwrap();
    let columns = ConnectionColumns::of(&block, read).unwrap();
    writer.rows().block(&columns);
    let mut sorter = LineSorter::default();
    for row in 0..columns.rows {
        sorter.hold(&columns, row, writer.rows().line(&columns, row).unwrap());
        if (row + 1) % stretch == 0 || row + 1 == columns.rows {
            sorter.drain(|record| writer.add(record, files).unwrap());
            if writer.relieve(files) {
                writer.rows().block(&columns);
            }
        }
    }
}

fn at_once(mut writer: Writer, rows: &[ConnectionRow]) -> Files {
    let mut files = Files::default();
    files.bytes(&writer.begin());
    add(&mut writer, &mut files, rows, usize::MAX);
    writer.end(&mut files).unwrap();
    files
}

/// Each piece becomes an object, in one run or several; their runs are merged, and rows sorted in several runs too. Names that are not held
/// come behind their rows.
fn in_pieces(
    writer: &dyn Fn() -> Writer,
    pieces: &[&[ConnectionRow]],
    (run_bytes, held_rows, names_bytes): (usize, usize, usize),
) -> Files {
    let objects: Vec<Vec<u8>> = pieces
        .iter()
        .map(|rows| {
            let (mut writer, mut files) = (writer().into_runs(run_bytes), Files::default());
            add(&mut writer, &mut files, rows, 7);
            assert_eq!(writer.end(&mut files).unwrap(), None);
            files.ended.remove(0).0
        })
        .collect();
    let mut files = Files::default();
    files.bytes(&writer().begin());
    let (mut rows, mut lines) = writer().into_rows(names_bytes).unwrap();
    let (mut sorter, mut sorted, mut named, mut held) = (RowSorter::default(), Vec::new(), Vec::new(), 0);
    merge_all(&objects, &mut |key, value| {
        rows.add(key, value, &mut |key, cells| {
            sorter.push(key, cells);
            held += 1;
        })
        .unwrap();
        if held >= held_rows {
            sorted.push(sorter.take_run());
            named.extend(rows.names().map(RowSorter::take_run));
            held = 0;
        }
    });
    rows.end(&mut |key, cells| sorter.push(key, cells));
    sorted.push(sorter.take_run());
    named.extend(rows.names().map(RowSorter::take_run));
    let objects = |runs: Vec<Vec<u8>>| -> Vec<Vec<u8>> {
        runs.into_iter().map(|run| [&run[..], &footer(&[run.len() as u64])].concat()).collect()
    };
    let mut naming = Naming::default();
    merge_all(&objects(named), &mut |key, name| {
        naming.add(key, name, &mut sorter).unwrap();
        if sorter.size_bytes() >= 100 * held_rows {
            sorted.push(sorter.take_run());
        }
    });
    sorted.push(sorter.take_run());
    merge_all(&objects(sorted), &mut |key, value| assert!(lines.add(key, value, &mut files).unwrap()));
    lines.end(&mut files).unwrap();
    files
}

fn merge_all(objects: &[Vec<u8>], take: &mut dyn FnMut(&[u8], &[u8])) {
    let of_object = |object: &Vec<u8>| {
        let places = runs(object.len() as u64, object).unwrap();
        places.into_iter().map(|place| object[place.start as usize..place.end as usize].to_vec()).collect::<Vec<_>>()
    };
    let all: Vec<Vec<u8>> = objects.iter().flat_map(of_object).collect();
    let mut merge = Merge::new(all.len());
    all.iter().enumerate().for_each(|(number, run)| merge.feed(number, run, true));
    let step = merge.step(|key, value| {
        take(key, value);
        Ok(true)
    });
    assert_eq!(step, Ok(MergeStep::Done));
}

proptest! {
    #[test]
    fn pieces_that_are_merged_are_the_same_files_as_all_at_once(
        events in prop::collection::vec(rows(), 1..120),
        cuts in prop::collection::vec(0..120_usize, 0..5),
        held in (
            prop::sample::select(vec![1, 3_000, 1 << 30]),
            prop::sample::select(vec![1, 3, 1_000]),
            prop::sample::select(vec![0, 70, 150, 1 << 30]),
        ),
    ) {
        let mut events = events;
        events.sort_by_key(|event| event.end_time);
        for (number, event) in events.iter_mut().enumerate() {
            // Each a fact of its own, in this order.
            let millis = u64::try_from(event.end_time.as_millis()).unwrap() + number as u64;
            event.event_id = connection(event.event_type, &format!("c-{number}"), millis).event_id;
            let lasted = event.end_time.as_micros() - event.start_time.as_micros();
            event.end_time = Moment::from_millis(i64::try_from(millis).unwrap());
            event.start_time = Moment::from_micros(event.end_time.as_micros() - lasted);
        }
        let rows: Vec<ConnectionRow> = (0..)
            .zip(events)
            .map(|(offset, event)| ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset }))
            .collect();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(rows.len())).chain([0, rows.len()]).collect();
        cuts.sort_unstable();
        let pieces: Vec<&[ConnectionRow]> = cuts.windows(2).map(|two| &rows[two[0]..two[1]]).collect();
        let table = |bucket: Option<&str>, by: &[&str], measures: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            Some(ReportTable { bucket: bucket.map(str::to_owned), by: words(by), measures: words(measures) })
        };
        let all: Vec<&str> = Measure::ALL.iter().map(|it| it.name()).collect();
        for (kind, table) in [
            (ReportKind::Summary, None),
            (ReportKind::UserActivity, None),
            (ReportKind::Traffic, table(Some("day"), &["user", "address"], &all)),
            (ReportKind::Traffic, table(None, &["protocol", "user", "resource", "device"], &["connections"])),
            (ReportKind::Traffic, table(None, &["resource", "client_address", "status"], &["duration_p95_us", "users"])),
            (ReportKind::Traffic, table(Some("hour"), &[], &["addresses"])),
        ] {
            for (format, split) in [
                (ReportFormat::Csv, None),
                (ReportFormat::Parquet, None),
                (ReportFormat::Csv, Some(ReportSplit { rows: Some(2), bytes: None })),
                (ReportFormat::Parquet, Some(ReportSplit { rows: None, bytes: Some(300) })),
            ] {
                let asked = ReportRequest {
                    kind,
                    format,
                    table: table.clone(),
                    compression: Compression::None,
                    zone: "Europe/Berlin".to_owned(),
                    ..report_request()
                };
                let writer = || {
                    let writer = choose_writer(&asked).unwrap();
                    match split {
                        Some(split) => writer.split(split),
                        None => writer,
                    }
                };
                prop_assert_eq!(in_pieces(&writer, &pieces, held), at_once(writer(), &rows));
            }
        }
    }
}

/// The cells of what these rows give: a device each, and what it adds to each measure.
fn measured(measures: &[Measure], rows: &[(u64, &[u64])]) -> Vec<Vec<Cell<'static>>> {
    let measures: Vec<String> = measures.iter().map(|it| it.name().to_owned()).collect();
    let query = TableQuery::of_words(None, &["device".to_owned()], &measures).unwrap();
    let mut writer = TrafficWriter::new(query, TimeZone::UTC);
    for (device, parts) in rows {
        let words = [&[0, *device, 0][..], parts].concat();
        writer.add(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>());
    }
    let (mut made, mut all) = (writer.rows(usize::MAX), Vec::new());
    let own = |cell: &Cell<'_>| match *cell {
        Cell::Number(number) => Cell::Number(number),
        Cell::Sum(sum) => Cell::Sum(sum),
        _ => Cell::Absent,
    };
    let mut take = |_: &[u8], cells: &[Cell<'_>]| all.push(cells[1..].iter().map(own).collect());
    writer.give(&mut |key, value| made.add(key, value, &mut take).is_ok());
    made.end(&mut take);
    all
}

/// The word of what is not there.
const NOTHING: u64 = u64::MAX;

#[test]
fn sums_are_exact_beyond_64_bits_and_values_count_once() {
    let rows: [(u64, &[u64]); 5] =
        [(1, &[u64::MAX - 1, 7]), (1, &[u64::MAX - 1, 7]), (1, &[0, NOTHING]), (1, &[1, 8]), (2, &[5, 7])];
    let cells = measured(&[Measure::Bytes, Measure::Devices], &rows);
    assert_eq!(cells[0], [Cell::Sum(2 * u128::from(u64::MAX) - 1), Cell::Number(2)]);
    assert_eq!(cells[1], [Cell::Sum(5), Cell::Number(1)], "what another group has seen is new to this one");
}

#[test]
fn durations_are_those_of_the_engine() {
    let measures = [Measure::DurationP95, Measure::DurationP50];
    let rows: Vec<[u64; 2]> = (1..=20).rev().map(|duration| [duration, duration]).collect();
    let rows: Vec<(u64, &[u64])> = rows.iter().map(|row| (1, &row[..])).collect();
    // quantileExact takes the one behind so many of all.
    assert_eq!(measured(&measures, &rows)[0], [Cell::Number(20), Cell::Number(11)]);
    assert_eq!(measured(&measures, &rows[1..2])[0], [Cell::Number(19), Cell::Number(19)]);
    assert_eq!(measured(&measures, &[(1, &[NOTHING, NOTHING])])[0], [Cell::Absent, Cell::Absent]);
}

#[test]
fn pairs_of_another_kind_are_refused() {
    let mut take = |_: &[u8], _: &[Cell<'_>]| {};
    for mut rows in [SummaryWriter::default().rows(0), UsersWriter::default().rows(0)] {
        assert_eq!(rows.add(&[0; 9], &[1], &mut take), Err(BadRun), "a head that is cut");
        assert_eq!(rows.add(&[0; 8], &[], &mut take), Err(BadRun));
        assert_eq!(rows.add(&[9; 9], &[], &mut take), Err(BadRun));
    }
}

#[test]
fn counts_beyond_what_can_be_counted_are_refused_and_do_not_go_around() {
    let table =
        ReportTable { bucket: Some("day".to_owned()), measures: vec!["bytes".to_owned()], ..ReportTable::default() };
    let request = ReportRequest { kind: ReportKind::Traffic, table: Some(table), ..report_request() };
    let (mut rows, _) = choose_writer(&request).unwrap().into_rows(usize::MAX).unwrap();
    let key = [&[1][..], &0_u64.to_be_bytes(), &[HEAD]].concat();
    let value = |bytes: u128, durations: u64| {
        let mut out = Vec::new();
        number::push_number(&mut out, bytes);
        number::push_number(&mut out, durations);
        out
    };
    let mut add = |value: &[u8]| rows.add(&key, value, &mut |_, _| {});
    assert_eq!(add(&value(u128::MAX, u64::MAX)), Ok(()));
    assert_eq!(add(&value(1, 0)), Err(BadRun));
    assert_eq!(add(&value(0, 1)), Err(BadRun));
    assert_eq!(add(&value(0, 0)), Ok(()));
}

#[test]
fn files_of_a_table_end_by_the_bytes_of_its_values() {
    let rows: Vec<ConnectionRow> = (0..5_i64)
        .map(|number| {
            let id = ResourceId::try_from(number + 1).unwrap();
            let mut event = connection(EventType::ClosedConnection, &number.to_string(), BEGIN_MS);
            event.resource_id = id;
            ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset: number })
        })
        .collect();
    let asked = ReportRequest {
        kind: ReportKind::Summary,
        format: ReportFormat::Parquet,
        compression: Compression::None,
        ..report_request()
    };
    let of_rows = |bytes| {
        let writer = choose_writer(&asked).unwrap().split(ReportSplit { rows: None, bytes: Some(bytes) });
        at_once(writer, &rows).ended.iter().map(|(_, rows)| *rows).collect::<Vec<_>>()
    };
    assert_eq!(of_rows(1 << 20), [5]);
    assert_eq!(of_rows(1), [1; 5], "each row is longer than that");
    // Two of them, but not three.
    let of_one = (1..).find(|bytes| of_rows(5 * bytes) == [5]).unwrap();
    assert!((100..1_000).contains(&of_one), "{of_one} bytes a row");
    assert_eq!(of_rows(2 * of_one), [2, 2, 1]);
    assert_eq!(of_rows(2 * of_one - 1), [1; 5]);
}
