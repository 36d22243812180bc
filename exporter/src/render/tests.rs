//! Slices that come whole, broken, short, and out of order.

use clickhouse_io::report::examples::native_block;
use clickhouse_io::report::{ColumnSet, Stretch};
use clickhouse_io::rows::{ConnectionRow, Source};
use proptest::prelude::*;
use report_writer::{
    CsvOptions, GroupRows, GroupWriter, LineWriter, Merge, MergeStep, OddValue, RowSorter, SortedBy, TableColumn, runs,
};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::examples::connection;
use schemas::report_request::{ReportKind, ReportRequest, ReportSplit};
use schemas::times::Moment;

use super::*;
use crate::fakes::row;
use crate::stages::check_request::tests::request;
use report_writer::choose_writer;

const BEGIN: i64 = 1_793_491_200_000_000;
const HOUR: i64 = 3_600_000_000;

fn writer() -> Writer {
    choose_writer(&request()).unwrap_or_else(|refused| panic!("{refused}"))
}

fn header() -> String {
    String::from_utf8(writer().begin()).unwrap()
}

/// Three hours, of which each has two rows.
fn slice() -> Slice {
    let at = |hour: i64| Moment::from_micros(BEGIN + hour * HOUR);
    Slice { stretches: (0..3).map(|hour| Stretch { from: at(hour), to: at(hour + 1), rows: 2 }).collect() }
}

/// The rows of some hours, in no order within an hour.
fn block(hours: &[i64]) -> Result<Option<Bytes>, QueryError> {
    let rows: Vec<_> =
        hours.iter().flat_map(|hour| [2, 1].map(|number| row(BEGIN + hour * HOUR + number * 10_000))).collect();
    Ok(Some(native_block(&rows, writer().rows().columns()).into()))
}

fn away() -> Result<Option<Bytes>, QueryError> {
    Err(QueryError::NoAnswer("connection reset".to_owned()))
}

type Pieces = Vec<Result<Option<Bytes>, QueryError>>;

/// Reads one answer after the other, each as from the first stretch that is not done. Gives how each ended, and the text.
async fn rendered(answers: Vec<Pieces>) -> (Vec<(usize, Result<(), QueryError>)>, String) {
    let (parts, mut received) = mpsc::channel(10);
    let (progress, progressed) = watch::channel(Written::default());
    let mut renderer = Renderer::new(writer(), Start::Beginning, parts, Tools::new(2), progress, Counter::default());
    let (mut done, mut ends) = (0, Vec::new());
    for pieces in answers {
        let mut pieces = pieces.into_iter();
        let (more, ended) = renderer.slice(&slice().rest(done), || pieces.next().unwrap_or(Ok(None)));
        done += more;
        ends.push((more, ended));
    }
    renderer.finish(&RenderThread::start().unwrap()).await.unwrap();
    let Some(Text::Part(text)) = received.recv().await else { panic!("no text") };
    let ended = received.recv().await;
    assert!(matches!(ended, Some(Text::FileEnds { rows, last_row: None }) if rows == done as u64 * 2));
    let text = String::from_utf8(text).unwrap();
    assert_eq!(progressed.borrow().rows, done as u64 * 2);
    (ends, text)
}

#[tokio::test]
async fn answer_that_breaks_off_goes_on_behind_what_is_done_and_changes_no_byte() {
    let (ends, whole) = rendered(vec![vec![block(&[0, 1]), block(&[2])]]).await;
    assert_eq!(ends, [(3, Ok(()))]);
    let lines: Vec<_> = whole.strip_prefix(&header()).unwrap().lines().collect();
    assert!(lines.len() == 6 && lines.is_sorted(), "{lines:#?}");
    // Rows of the second hour have come: the first one is done, the second may lack some.
    let (ends, broken) = rendered(vec![vec![block(&[0, 1]), away()], vec![block(&[1]), block(&[2])]]).await;
    assert_eq!((ends[0].0, ends[1].0), (1, 2));
    assert!(ends[0].1.is_err() && ends[1].1.is_ok());
    assert_eq!(broken, whole);
}

#[tokio::test]
async fn fewer_rows_than_were_planned_are_no_whole_stretch() {
    let (ends, _) = rendered(vec![vec![block(&[0]), block(&[2])]]).await;
    assert_eq!(ends, [(1, Err(QueryError::Cut { expected: 2, found: 0 }))]);
    let (ends, text) = rendered(vec![vec![]]).await;
    assert_eq!((ends, text.as_str()), (vec![(0, Err(QueryError::Cut { expected: 2, found: 0 }))], &*header()));
}

#[tokio::test]
async fn bytes_of_an_error_behind_a_whole_block_are_no_end() {
    let message = "Code: 241. DB::Exception: Memory limit exceeded".to_owned();
    let (ends, _) = rendered(vec![vec![block(&[0, 1, 2]), Ok(Some(message.into()))]]).await;
    assert_eq!(ends[0].0, 2);
    assert!(matches!(ends[0].1, Err(QueryError::NoAnswer(_))), "{ends:?}");
}

#[tokio::test]
async fn rows_that_do_not_come_hour_by_hour_are_refused() {
    let (ends, _) = rendered(vec![vec![block(&[0]), block(&[1]), block(&[0])]]).await;
    assert!(matches!(ends[0], (1, Err(QueryError::Mismatch(_)))), "{ends:?}");
}

/// Counts more than may be held from the first row on.
struct Greedy;

impl LineWriter for Greedy {
    fn columns(&self) -> ColumnSet {
        writer().rows().columns()
    }

    fn block(&mut self, _: &ConnectionColumns<'_>) {}

    fn line(&mut self, _: &ConnectionColumns<'_>, _: usize) -> Result<&[u8], OddValue> {
        Ok(b"")
    }
}

impl GroupWriter for Greedy {
    fn add(&mut self, _: &[u8]) {}

    fn size_bytes(&self) -> usize {
        GROUPS_BYTES_MAX + 1
    }

    fn table(&self) -> Vec<TableColumn> {
        Vec::new()
    }

    fn order(&self) -> Vec<SortedBy> {
        Vec::new()
    }

    fn give(&mut self, _: &mut dyn FnMut(&[u8], &[u8]) -> bool) {}

    fn rows(&self, _: usize) -> Box<dyn GroupRows> {
        unreachable!("it is too large before")
    }
}

#[test]
fn what_is_counted_beyond_memory_ends_after_the_stretch_that_it_grew_in() {
    let (parts, _received) = mpsc::channel(10);
    let (progress, _) = watch::channel(Written::default());
    let greedy = Writer::of_groups(Greedy, CsvOptions::default());
    let mut renderer = Renderer::new(greedy, Start::Beginning, parts, Tools::new(2), progress, Counter::default());
    let mut pieces = vec![block(&[0, 1]), block(&[2])].into_iter();
    let (done, ended) = renderer.slice(&slice(), || pieces.next().unwrap_or(Ok(None)));
    assert!(done == 1 && ended.is_err() && renderer.is_too_large());
}

/// A row of each of three hours, asked for by a name of its own.
fn named_rows() -> Vec<ConnectionRow> {
    let row = |hour: u64| {
        let event = connection(EventType::ClosedConnection, "c", (BEGIN + 10_000) as u64 / 1_000 + hour * 3_600_000);
        let (resource_address, applied_rule) = (format!("host-{}.example", 3 - hour), String::new());
        let event = ConnectionEvent { resource_address, applied_rule, ..event };
        ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset: hour as i64 })
    };
    (0..3).map(row).collect()
}

/// What comes of those rows in one block.
fn text_of(mut writer: Writer, start: Start) -> Vec<u8> {
    let (parts, mut received) = mpsc::channel(10);
    let (progress, _) = watch::channel(Written::default());
    let mut block = Some(native_block(&named_rows(), writer.rows().columns()).into());
    let mut renderer = Renderer::new(writer, start, parts, Tools::new(2), progress, Counter::default());
    let stretches = slice().stretches.into_iter().map(|stretch| Stretch { rows: 1, ..stretch }).collect();
    assert_eq!(renderer.slice(&Slice { stretches }, || Ok(block.take())), (3, Ok(())));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(renderer.finish(&RenderThread::start().unwrap())).unwrap();
    let mut text = Vec::new();
    while let Some(Text::Part(part)) = received.blocking_recv() {
        text.extend(part);
    }
    text
}

#[test]
fn what_was_counted_is_given_away_in_mid_block_and_names_stay_right() {
    let asked = ReportRequest { kind: ReportKind::Summary, ..request() };
    let writer = || choose_writer(&asked).unwrap();
    let object = text_of(writer().into_runs(1), Start::Counted);
    let places = runs(object.len() as u64, &object).unwrap();
    assert_eq!(places.len(), 3, "one for each stretch, and none of what was left: nothing");
    let mut merge = Merge::new(places.len());
    for (run, place) in places.into_iter().enumerate() {
        merge.feed(run, &object[place.start as usize..place.end as usize], true);
    }
    let (mut text, mut sorter, (mut rows, mut lines)) =
        (writer().begin(), RowSorter::default(), writer().into_rows(usize::MAX).unwrap());
    let step = merge.step(|key, value| rows.add(key, value, &mut |key, cells| sorter.push(key, cells)).map(|()| true));
    assert_eq!(step, Ok(MergeStep::Done));
    rows.end(&mut |key, cells| sorter.push(key, cells));
    let mut merge = Merge::new(1);
    merge.feed(0, &sorter.take_run(), true);
    let mut take = |bytes: &[u8]| {
        text.extend_from_slice(bytes);
        true
    };
    assert_eq!(merge.step(|key, record| Ok(lines.add(key, record, &mut take).unwrap())), Ok(MergeStep::Done));
    assert_eq!(lines.end(&mut take), Ok(1));
    let (text, at_once) = (String::from_utf8(text).unwrap(), text_of(writer(), Start::Beginning));
    assert_eq!(text, String::from_utf8(at_once).unwrap());
    assert!(text.contains("host-1.example (1);host-2.example (1);host-3.example (1)"), "{text}");
}

/// A connection, and its end time, microseconds behind the beginning: where both are of one millisecond, they are copies.
type Fact = (u8, i64);

fn row_of(&(connection_number, micros): &Fact, offset: usize) -> ConnectionRow {
    let end = Moment::from_micros(BEGIN + micros);
    let millis = u64::try_from(end.as_millis()).unwrap();
    let event = connection(EventType::ClosedConnection, &format!("c-{connection_number}"), millis);
    // Which copy counts is seen in the file.
    let bytes_received = offset as u64;
    let event = ConnectionEvent { start_time: end, end_time: end, bytes_received, ..event };
    ConnectionRow::from_event(event, Source { name: "main", partition: 0, offset: offset as i64 })
}

/// Files of three rows each, with the last row of each that another comes behind; none where the row to begin behind was missed.
fn files_of(rows: &[ConnectionRow], start: Start) -> Option<Vec<(String, Option<RowPlace>)>> {
    let (parts, mut received) = mpsc::channel(1_000);
    let (progress, progressed) = watch::channel(Written::default());
    let split = writer().split(ReportSplit { rows: Some(3), bytes: None });
    let mut renderer = Renderer::new(split, start, parts, Tools::new(2), progress, Counter::default());
    let (from, to) = (Moment::from_micros(BEGIN), Moment::from_micros(BEGIN + HOUR));
    let slice = Slice { stretches: vec![Stretch { from, to, rows: rows.len() as u64 }] };
    let mut block = Some(native_block(rows, writer().rows().columns()).into());
    let (_, ended) = renderer.slice(&slice, || Ok(block.take()));
    assert_eq!(ended.is_err(), renderer.misses_its_start(), "{ended:?}");
    if renderer.has_not_begun() {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(renderer.finish(&RenderThread::start().unwrap())).unwrap();
    let (mut files, mut open, mut all) = (Vec::new(), Vec::new(), 0);
    while let Some(text) = received.blocking_recv() {
        match text {
            Text::Part(part) => open.extend(part),
            Text::FileEnds { rows, last_row } => {
                files.push((String::from_utf8(std::mem::take(&mut open)).unwrap(), last_row));
                all += rows;
            }
        }
    }
    assert_eq!(progressed.borrow().rows, all, "what is passed is not counted");
    Some(files)
}

proptest! {
    /// Few milliseconds, in each two microseconds and few facts: copies lie on both sides of where a file ends.
    #[test]
    fn what_begins_behind_a_row_is_the_rest_of_the_files(
        facts in prop::collection::vec((0..4_u8, (0..8_i64).prop_map(|half| half * 500)), 1..50),
    ) {
        let rows = |wanted: &dyn Fn(&Fact) -> bool| {
            let all = facts.iter().enumerate().filter(|(_, fact)| wanted(fact));
            all.map(|(offset, fact)| row_of(fact, offset)).collect::<Vec<_>>()
        };
        let all = files_of(&rows(&|_| true), Start::Beginning).unwrap();
        prop_assert!(all.last().unwrap().1.is_none() && all.iter().rev().skip(1).all(|(_, last_row)| last_row.is_some()));
        for (number, last_row) in all.iter().enumerate().filter_map(|(number, (_, last_row))| Some((number, (*last_row)?))) {
            let millis = last_row.end_time.as_millis();
            let is_read = |fact: &Fact| Moment::from_micros(BEGIN + fact.1).as_millis() >= millis;
            let rest = files_of(&rows(&is_read), Start::Behind(last_row)).unwrap();
            prop_assert_eq!(&rest[..], &all[number + 1..]);
            // All of the hour is as good.
            let rest = files_of(&rows(&|_| true), Start::Behind(last_row)).unwrap();
            prop_assert_eq!(&rest[..], &all[number + 1..]);
            // Not behind one that is not there, or is another one of its millisecond.
            let is_other = |fact: &Fact| row_of(fact, 0).event_id() != last_row.event_id;
            prop_assert!(files_of(&rows(&is_other), Start::Behind(last_row)).is_none());
            let moved = RowPlace { of_millisecond: last_row.of_millisecond + 1, ..last_row };
            prop_assert!(files_of(&rows(&is_read), Start::Behind(moved)).is_none());
        }
    }
}

#[test]
fn parts_hold_little_beyond_what_they_are_to_have() {
    let (parts, mut received) = mpsc::channel(10);
    let (tools, progress) = (Tools::new(2), watch::channel(Written::default()).0);
    let mut file = FileText::new(b"", parts, tools.clone(), progress, Counter::default());
    for _ in 0..3 {
        // Also of buffers that were used before.
        (0..PART_TEXT_BYTES).step_by(300).for_each(|_| assert!(file.bytes(&[7; 300])));
        let Ok(Text::Part(part)) = received.try_recv() else { panic!("no part came") };
        assert!((PART_TEXT_BYTES..PART_TEXT_BYTES + 300).contains(&part.len()));
        assert!(part.capacity() <= PART_TEXT_BYTES + LINE_ROOM_BYTES, "{}", part.capacity());
        tools.buffers.give(part);
    }
}
