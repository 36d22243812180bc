//! The engine against the plain way: the same events, the same bytes, however they are cut into blocks, and in whatever order they come.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "plain/guarded.rs"]
mod guarded;
#[path = "plain/parquet_text.rs"]
mod parquet_text;
mod plain;

use std::collections::BTreeMap;

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use guarded::guarded;
use jiff::tz::TimeZone;
use proptest::collection::vec;
use proptest::prelude::*;
use report_writer::{
    CsvOptions, CsvWriter, EventColumn, LineSorter, NdjsonWriter, TakeFiles, Writer, choose_writer, count_rows,
};
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{ConnectionEvent, EventType, Relay};
use schemas::event_id::EventId;
use schemas::examples::{report_request, right_events};
use schemas::ids::{ConnectorId, DeviceId, RemoteNetworkId, ResourceId, UserId};
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportSplit, ReportTable};
use schemas::times::Moment;
use traffic_query::{Bucket, Dimension, Measure, TABLE_BY_MAX, TableQuery};

/// A row of a report, and where it lay.
type Stored = (ConnectionEvent, (&'static str, i32, i64));

fn row((event, (name, partition, offset)): &Stored) -> ConnectionRow {
    ConnectionRow::from_event(event.clone(), Source { name, partition: *partition, offset: *offset })
}

/// Files, and how many rows each is said to have.
#[derive(Default)]
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

/// The file, but for what stands before its rows.
fn by_engine(writer: Writer, blocks: &[&[Stored]], piece: usize) -> Vec<u8> {
    let files = files_by_engine(writer, blocks, piece);
    assert_eq!(files.len(), 1);
    files.into_iter().next().unwrap().0
}

/// Files, of which the first one lacks what stands before its rows.
fn files_by_engine(mut writer: Writer, blocks: &[&[Stored]], piece: usize) -> Vec<(Vec<u8>, u64)> {
    let read = writer.rows().columns();
    let block = |block: &&[Stored]| native_block(&block.iter().map(row).collect::<Vec<_>>(), read);
    let answer: Vec<u8> = blocks.iter().flat_map(block).collect();
    let mut pieces = answer.chunks(piece).map(Bytes::copy_from_slice);
    let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
    let mut sorter = LineSorter::default();
    while let Some(block) = reader.next_block().unwrap() {
        let columns = ConnectionColumns::of(&block, read).unwrap();
        writer.rows().block(&columns);
        for row in 0..columns.rows {
            sorter.hold(&columns, row, writer.rows().line(&columns, row).unwrap());
        }
    }
    let mut files = Files::default();
    sorter.drain(|record| writer.add(record, &mut files).unwrap());
    writer.end(&mut files).unwrap();
    assert!(files.open.is_empty());
    files.ended
}

fn text_by_engine(writer: Writer, blocks: &[&[Stored]], piece: usize) -> String {
    String::from_utf8(by_engine(writer, blocks, piece)).unwrap()
}

/// Of each fact the copy that lies lowest, in order of end time and event id, as sentences of the contract have it.
fn facts(stored: &[Stored]) -> Vec<&Stored> {
    let mut facts: BTreeMap<EventId, &Stored> = BTreeMap::new();
    for one in stored {
        let kept = facts.entry(one.0.event_id).or_insert(one);
        if one.1 < kept.1 {
            *kept = one;
        }
    }
    let mut facts: Vec<_> = facts.into_values().collect();
    facts.sort_by_key(|(event, _)| (event.end_time, event.event_id));
    facts
}

fn csv_the_plain_way(stored: &[Stored], columns: &[EventColumn]) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
    let mut text = Vec::new();
    for one in facts(stored) {
        match row(one).status().unwrap() {
            status if names.is_empty() => plain::render_row(&mut text, &one.0, status),
            status => plain::render_chosen(&mut text, &one.0, status, &names),
        }
    }
    String::from_utf8(text).unwrap()
}

fn request() -> ReportRequest {
    ReportRequest { compression: Compression::None, ..report_request() }
}

fn names() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,5}", "[a-z,\"\r\n;=]{0,6}", "[a-z]{31,34}", Just("x".repeat(300)), Just("10.0.0.7".to_owned())]
}

prop_compose! {
    /// An event with names that need care and a time that others share.
    fn careful_events()(
        event in right_events(),
        (user, network, asked, relay, error) in (names(), names(), names(), names(), names()),
        (close, id) in (0..4_i64, 0..3_u8),
    ) -> ConnectionEvent {
        let mut event = event;
        // Few milliseconds, and in them few microseconds and few ids: ties and copies.
        if event.end_time.as_micros() % 3 > 0 {
            let lasted = event.end_time.as_micros() - event.start_time.as_micros();
            event.end_time = Moment::from_micros(1_793_491_200_000_000 + close * 500);
            event.start_time = Moment::from_micros(event.end_time.as_micros() - lasted);
            let millis = u64::try_from(event.end_time.as_millis()).unwrap();
            event.event_id = EventId::from_parts(millis, [0x80, 1, 0x80, 0, 0, 0, 0, 0, id / 2, id]);
        }
        if event.event_type == EventType::EstablishedConnection {
            event.event_type = EventType::FailedToConnect;
        }
        if let Some(it) = &mut event.user {
            it.email = user;
        }
        event.relays.extend(event.relays.first().cloned().map(|it| Relay { name: relay, ip: None, ..it }));
        event.remote_network_name = network;
        event.resource_address = asked;
        event.error_message = error;
        event.tenant = "acme".parse().unwrap();
        event
    }
}

prop_compose! {
    /// An event of few Resources and Users, with addresses that come again, and as many bytes as there may be.
    fn group_events()(
        event in careful_events(),
        (resource, user, device, client) in (0..3_u64, 0..3_u64, 0..3_u64, 0..14_u8),
        asked in prop::sample::select(vec!["", "a.example", "a, b.example", "é.example", "10.0.0.7", "2001:db8::7"]),
        bytes in prop_oneof![0..10_u64, Just(i64::MAX.unsigned_abs())],
    ) -> ConnectionEvent {
        let mut event = event;
        if event.event_type == EventType::DeniedAccess {
            event.event_type = EventType::ClosedConnection;
        }
        event.resource_id = ResourceId::new(resource).unwrap();
        event.resource_address = if client < 12 { asked.to_owned() } else { event.resource_address };
        event.bytes_received = bytes;
        if let Some(it) = &mut event.user {
            it.id = UserId::new(user).unwrap();
        }
        event.device_id = DeviceId::new(device).filter(|it| it.get() > 0);
        event.client_ip = parse_bare_address(&format!("192.0.2.{client}")).filter(|_| client > 0);
        event
    }
}

prop_compose! {
    /// The same, also denied, by few Remote Networks and Connectors, and half of them around a night in which clocks change.
    fn traffic_events()(
        event in group_events(),
        (network, connector, port, seconds) in (0..2_u64, 0..3_u64, prop::sample::select(vec![0, 53, 443]), 0..200_000_i64),
        (is_denied, is_moved) in (prop::bool::weighted(0.2), any::<bool>()),
    ) -> ConnectionEvent {
        let mut event = event;
        event.remote_network_id = RemoteNetworkId::new(network).unwrap();
        event.connector_id = ConnectorId::new(connector).unwrap();
        event.resource_port = port;
        if is_denied {
            event.event_type = EventType::DeniedAccess;
        }
        if is_moved {
            let lasted = event.end_time.as_micros() - event.start_time.as_micros();
            event.end_time = Moment::from_micros((1_792_800_000 + seconds) * 1_000_000);
            event.start_time = Moment::from_micros(event.end_time.as_micros() - lasted);
            let millis = u64::try_from(event.end_time.as_millis()).unwrap();
            event.event_id = EventId::from_parts(millis, [0x80, 1, 0x80, 0, 0, 0, 0, 0, 0, 1]);
        }
        event
    }
}

/// The same event, in which each text that somebody chose begins as a formula does.
fn with_formulas(mut event: ConnectionEvent, sign: char) -> ConnectionEvent {
    let location = event.location.get_or_insert_default();
    let of_location = [&mut location.country, &mut location.city].map(Option::get_or_insert_default);
    let account = event.service_account.iter_mut().flat_map(|it| [&mut it.name, &mut it.key]);
    let texts = [
        &mut event.connection_id,
        &mut event.connector_name,
        &mut event.remote_network_name,
        &mut event.resource_address,
        &mut event.applied_rule,
        &mut event.error_message,
    ];
    let named = event.user.iter_mut().map(|it| &mut it.email).chain(event.relays.iter_mut().map(|it| &mut it.name));
    for text in texts.into_iter().chain(of_location).chain(account).chain(named) {
        text.insert(0, sign);
    }
    event
}

/// The same rows in files: each but the last is as full as it may be, and together they are the rows of the one file. Of a table where the bytes end is
/// its own matter.
fn assert_split(
    writer: impl Fn() -> Writer,
    blocks: &[&[Stored]],
    (rows_max, bytes_max): (usize, usize),
) -> Result<(), TestCaseError> {
    let (header, whole) = (writer().begin(), by_engine(writer(), blocks, 1 << 20));
    let is_table = whole.starts_with(b"PAR1");
    let bytes = (!is_table).then_some(bytes_max as i64);
    let split = ReportSplit { rows: Some(rows_max as i64), bytes };
    let mut files = files_by_engine(writer().split(split), blocks, 1 << 20);
    // What stands before the rows of the first is its caller's.
    files[0].0.splice(..0, header.iter().copied());
    if is_table {
        let texts: String = files.iter().map(|(file, _)| parquet_text::read(file)).collect();
        prop_assert_eq!(&texts, &parquet_text::read(&whole));
        let of_rows: Vec<usize> = files.iter().map(|(_, rows)| *rows as usize).collect();
        let (last, full) = of_rows.split_last().unwrap();
        prop_assert!(full.iter().all(|rows| *rows == rows_max) && *last <= rows_max, "{:?}", of_rows);
        let split = ReportSplit { rows: None, bytes: Some(2_000) };
        let files = files_by_engine(writer().split(split), blocks, 1 << 20);
        let texts: String = files.iter().map(|(file, _)| parquet_text::read(file)).collect();
        prop_assert_eq!(&texts, &parquet_text::read(&whole));
        prop_assert!(files.len() == 1 || files.iter().all(|(_, rows)| *rows > 0), "an empty file");
        prop_assert_eq!(files.iter().map(|(_, rows)| *rows as usize).sum::<usize>(), of_rows.iter().sum::<usize>());
        return Ok(());
    }
    let mut rows = Vec::new();
    for (number, (file, count)) in files.iter().enumerate() {
        let text = file.strip_prefix(&header[..]).unwrap();
        rows.extend_from_slice(text);
        let of_one = count_rows(file.as_slice(), ReportFormat::Csv, Compression::None).unwrap().unwrap();
        let is_csv = !header.is_empty();
        prop_assert!(!is_csv || of_one == *count, "{} rows of {}", of_one, count);
        prop_assert!(*count <= rows_max as u64 && (file.len() <= bytes_max || *count <= 1));
        prop_assert!(*count > 0 || files.len() == 1, "an empty file");
        if is_csv && let Some((next, _)) = files.get(number + 1) {
            // The first line of the next one had no room.
            let next = next.strip_prefix(&header[..]).unwrap();
            let mut is_quoted = false;
            let ends = |byte: &u8| {
                is_quoted ^= *byte == b'"';
                *byte == b'\n' && !is_quoted
            };
            let line = next.iter().position(ends).unwrap() + 1;
            prop_assert!(*count == rows_max as u64 || file.len() + line > bytes_max);
        }
    }
    prop_assert!(rows == whole);
    Ok(())
}

proptest! {
    #[test]
    fn same_events_give_the_same_bytes(
        events in vec((careful_events(), prop::sample::select(vec!["b", "a"]), 0..2, 0..1_000_i64), 1..40),
        cut in 0..40_usize,
        piece in prop::sample::select(vec![1, 7, 100, 1 << 20]),
        chosen in Just(EventColumn::ALL.to_vec()).prop_shuffle(),
        chosen_count in 1..12_usize,
        most in (1..12_usize, 300..4_000_usize),
    ) {
        let mut stored: Vec<Stored> = Vec::new();
        for (event, source, partition, offset) in events {
            let place = (source, partition, offset);
            // Two events never lie in the same place.
            if stored.iter().all(|it| it.1 != place) {
                stored.push((event, place));
            }
        }
        let (first, second) = stored.split_at(cut.min(stored.len()));
        // A server sends no block without rows.
        let blocks: Vec<_> = [first, second].into_iter().filter(|block| !block.is_empty()).collect();
        for columns in [&[][..], &chosen[..chosen_count]] {
            let expected = csv_the_plain_way(&stored, columns);
            let csv = Writer::of_lines(CsvWriter::new(CsvOptions::default(), columns));
            prop_assert_eq!(text_by_engine(csv, &blocks, piece), &*expected);
            let table = Writer::of_event_table(columns).unwrap();
            prop_assert_eq!(parquet_text::read(&by_engine(table, &blocks, piece)), expected);
        }
        let envelopes: String = facts(&stored).into_iter().map(|one| plain::envelope::render(&one.0)).collect();
        prop_assert_eq!(text_by_engine(Writer::of_lines(NdjsonWriter::default()), &blocks, piece), envelopes);
        let csv = || Writer::of_lines(CsvWriter::new(CsvOptions { byte_order_mark: true, ..CsvOptions::default() }, &[]));
        assert_split(csv, &blocks, most)?;
        assert_split(|| Writer::of_lines(NdjsonWriter::default()), &blocks, most)?;
        assert_split(|| Writer::of_event_table(&[]).unwrap(), &blocks, most)?;
    }
    #[test]
    fn groups_are_what_the_contract_says(
        events in vec((group_events(), 0..300_i64), 1..60),
        cut in 0..60_usize,
        most in (1..4_usize, 300..2_000_usize),
    ) {
        let mut stored: Vec<Stored> = Vec::new();
        for (event, offset) in events {
            let place = ("a", 0, offset);
            // Two events never lie in the same place.
            if stored.iter().all(|it| it.1 != place) {
                stored.push((event, place));
            }
        }
        let (first, second) = stored.split_at(cut.min(stored.len()));
        let blocks: Vec<_> = [first, second].into_iter().filter(|block| !block.is_empty()).collect();
        let facts: Vec<_> = facts(&stored).into_iter().map(|one| (&one.0, row(one).status().unwrap())).collect();
        let (summary, users) = (plain::groups::summary(&facts), plain::groups::users(&facts));
        for (kind, expected) in [(ReportKind::Summary, summary), (ReportKind::UserActivity, users)] {
            let writer = |format| choose_writer(&ReportRequest { kind, format, ..request() }).unwrap();
            prop_assert_eq!(text_by_engine(writer(ReportFormat::Csv), &blocks, 1 << 20), &*expected);
            let table = by_engine(writer(ReportFormat::Parquet), &blocks, 1 << 20);
            prop_assert_eq!(parquet_text::read(&table), expected);
            assert_split(|| writer(ReportFormat::Csv), &blocks, most)?;
            assert_split(|| writer(ReportFormat::Parquet), &blocks, most)?;
        }
    }
    #[test]
    fn traffic_is_what_its_table_asks_for(
        events in vec((traffic_events(), 0..300_i64), 1..60),
        cut in 0..60_usize,
        most in (1..4_usize, 300..2_000_usize),
        (zone, bucket) in (
            prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu"]),
            prop::option::of(prop::sample::select(Bucket::ALL.to_vec())),
        ),
        by in Just(Dimension::ALL.to_vec()).prop_shuffle(),
        measures in Just(Measure::ALL.to_vec()).prop_shuffle(),
        (by_count, measure_count) in (0..=TABLE_BY_MAX, 0..=Measure::ALL.len()),
    ) {
        let by_count = if bucket.is_none() { by_count.max(1) } else { by_count };
        let table = ReportTable {
            bucket: bucket.map(|it| it.name().to_owned()),
            by: by[..by_count].iter().map(|it| it.name().to_owned()).collect(),
            measures: measures[..measure_count].iter().map(|it| it.name().to_owned()).collect(),
        };
        let query = TableQuery::of_words(table.bucket.as_deref(), &table.by, &table.measures).unwrap();
        let mut stored: Vec<Stored> = Vec::new();
        for (event, offset) in events {
            let place = ("a", 0, offset);
            // Two events never lie in the same place. What nothing counts is not read.
            let is_read = query.counts_denied() || event.event_type != EventType::DeniedAccess;
            if is_read && stored.iter().all(|it| it.1 != place) {
                stored.push((event, place));
            }
        }
        let (first, second) = stored.split_at(cut.min(stored.len()));
        let blocks: Vec<_> = [first, second].into_iter().filter(|block| !block.is_empty()).collect();
        let facts: Vec<_> = facts(&stored).into_iter().map(|one| (&one.0, row(one).status().unwrap())).collect();
        let expected = plain::traffic::table(&facts, &query, &TimeZone::get(zone).unwrap());
        let asked = ReportRequest { kind: ReportKind::Traffic, zone: zone.to_owned(), table: Some(table), ..request() };
        let writer = |format| choose_writer(&ReportRequest { format, ..asked.clone() }).unwrap();
        prop_assert_eq!(text_by_engine(writer(ReportFormat::Csv), &blocks, 1 << 20), &*expected);
        prop_assert_eq!(parquet_text::read(&by_engine(writer(ReportFormat::Parquet), &blocks, 1 << 20)), expected);
        assert_split(|| writer(ReportFormat::Csv), &blocks, most)?;
        assert_split(|| writer(ReportFormat::Parquet), &blocks, most)?;
    }
}

proptest! {
    #[test]
    fn what_a_spreadsheet_would_take_for_a_formula_is_guarded_in_every_kind_and_column(
        events in vec((group_events(), prop::sample::select(vec!['=', '+', '-', '@', '\t', '\r', 'x']), 0..300_i64), 1..30),
        by in Just(Dimension::ALL.to_vec()).prop_shuffle(),
    ) {
        let mut stored: Vec<Stored> = Vec::new();
        for (event, sign, offset) in events {
            let place = ("a", 0, offset);
            // Two events never lie in the same place.
            if stored.iter().all(|it| it.1 != place) {
                stored.push((with_formulas(event, sign), place));
            }
        }
        let asked = |kind| ReportRequest { kind, formula_guard: true, ..request() };
        let made = |asked: &ReportRequest| text_by_engine(choose_writer(asked).unwrap(), &[&stored[..]], 1 << 20);
        for columns in [&[][..], EventColumn::ALL] {
            let expected = guarded(&csv_the_plain_way(&stored, columns));
            let columns = columns.iter().map(|it| it.name().to_owned()).collect();
            prop_assert_eq!(made(&ReportRequest { columns, ..asked(ReportKind::Events) }), expected);
        }
        let facts: Vec<_> = facts(&stored).into_iter().map(|one| (&one.0, row(one).status().unwrap())).collect();
        prop_assert_eq!(made(&asked(ReportKind::Summary)), guarded(&plain::groups::summary(&facts)));
        prop_assert_eq!(made(&asked(ReportKind::UserActivity)), guarded(&plain::groups::users(&facts)));
        for by in by.chunks(TABLE_BY_MAX) {
            let by: Vec<String> = by.iter().map(|it| it.name().to_owned()).collect();
            let query = TableQuery::of_words(None, &by, &[]).unwrap();
            let table = Some(ReportTable { bucket: None, by, measures: Vec::new() });
            let expected = guarded(&plain::traffic::table(&facts, &query, &TimeZone::UTC));
            prop_assert_eq!(made(&ReportRequest { table, ..asked(ReportKind::Traffic) }), expected);
        }
    }
}

#[test]
fn header_of_traffic_names_what_was_asked_for() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let header = |bucket: Option<&str>, by: &[&str], measures: &[&str]| {
        let bucket = bucket.map(str::to_owned);
        let table = Some(ReportTable { bucket, by: words(by), measures: words(measures) });
        let asked = ReportRequest { kind: ReportKind::Traffic, table, byte_order_mark: true, ..request() };
        String::from_utf8(choose_writer(&asked).unwrap().begin()).unwrap()
    };
    let all: Vec<&str> = Dimension::ALL.iter().map(|it| it.name()).collect();
    let headers: Vec<String> = all.chunks(TABLE_BY_MAX).map(|some| header(None, some, &[])).collect();
    assert_eq!(
        headers.concat(),
        "\u{feff}remote_network,remote_network_id,user,user_id,service_account,service_account_id,resource_address,\
         resource_id,connections\n\
         \u{feff}applied_rule,connector,connector_id,device_id,protocol,connections\n\
         \u{feff}resource_port,status,tunnel_path,country,connections\n\
         \u{feff}client_ip,address,connections\n"
    );
    let all: Vec<&str> = Measure::ALL.iter().map(|it| it.name()).collect();
    assert_eq!(header(Some("month"), &[], &all), format!("\u{feff}month,{}\n", all.join(",")));
}
