//! A real engine's answer, over many hours and parts, becomes the same lines as the plain way, however it is cut.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod plain;

use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::{ConnectionColumns, Cut, ReportQuery, plan, read};
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{ClickHouse, ClickHouseConfig, migrate};
use jiff::tz::TimeZone;
use local_parts::{ClickHouseProcess, Silent, given};
use report_writer::{
    CsvOptions, CsvWriter, EventColumn, LineSorter, LineWriter, NdjsonWriter, SummaryWriter, TrafficWriter,
    UsersWriter, Writer,
};
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{ConnectionEvent, ConnectionStatus, EventType, Location, Relay};
use schemas::examples::connection;
use schemas::ids::{RemoteNetworkId, ResourceId, UserId};
use schemas::migrations;
use schemas::times::Moment;
use traffic_query::{Measure, TableQuery, TrafficFilter};

const HOUR_MS: u64 = 3_600_000;
const BEGIN_MS: u64 = 1_793_491_200_000;

/// Events over two days, two hours of them full and one between these that is not; of every network and kind.
fn events() -> Vec<ConnectionEvent> {
    let events = (0..6_000_u64).map(|number| {
        let event_type = match number % 10 {
            0 => EventType::FailedToConnect,
            1 => EventType::DeniedAccess,
            _ => EventType::ClosedConnection,
        };
        let spread = match number % 6 {
            0 => 20 * HOUR_MS + number * 599,
            3 => 22 * HOUR_MS + number * 599,
            _ => number * 7_919 % 48 * HOUR_MS + number * 7,
        };
        let mut event = connection(event_type, &format!("{number:x}-1"), BEGIN_MS + spread);
        event.remote_network_id = RemoteNetworkId::new(number % 37).unwrap();
        event.remote_network_name = format!("network, {}", number % 37);
        event.resource_id = ResourceId::new(number % 11).unwrap();
        event.resource_address = format!("host-{}.example", number * number % 97);
        event.client_ip = parse_bare_address(&format!("192.0.2.{}", number * 7 % 29)).filter(|_| number % 9 > 0);
        event.bytes_received = u64::MAX / 2 - number;
        event.user.as_mut().unwrap().id = UserId::new(number * 31 % 101).unwrap();
        event.user.as_mut().unwrap().email = format!("person{}@acme.example", number * 31 % 1_009);
        event.location = (number % 5 < 3).then(|| Location {
            city: (number % 5 == 0).then(|| format!("city {}", number % 7)),
            country: (number % 5 < 2).then(|| "DE".to_owned()),
            region: None,
            latitude: (number % 3 > 0).then_some(-0.5),
            longitude: (number % 3 > 0).then_some(13.375_000_4),
        });
        if event_type != EventType::ClosedConnection {
            event.error_message = format!("reason \"{}\"", number % 3);
        }
        event.relays = vec![Relay { name: "ams".to_owned(), ip: None, port: 1 }; (number % 4 / 2) as usize];
        event
    });
    events.collect()
}

fn table(bucket: Option<&str>, by: &[&str], measures: &[Measure]) -> TableQuery {
    let by: Vec<String> = by.iter().map(|it| (*it).to_owned()).collect();
    let measures: Vec<String> = measures.iter().map(|it| it.name().to_owned()).collect();
    TableQuery::of_words(bucket, &by, &measures).unwrap()
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn traffic(query: &TableQuery) -> Writer {
    Writer::of_groups(TrafficWriter::new(query.clone(), berlin()), CsvOptions::default())
}

fn traffic_of(connections: &[(&ConnectionEvent, ConnectionStatus)], query: &TableQuery) -> String {
    plain::traffic::table(connections, query, &berlin())
}

/// Gives slices, stretches, and what the writer made of each row, in order.
async fn records(clickhouse: &ClickHouse, writer: &mut dyn LineWriter, rows_max: u64) -> (usize, usize, Vec<Vec<u8>>) {
    let query = ReportQuery {
        tenant: "acme".parse().unwrap(),
        filter: TrafficFilter::default(),
        denied: false,
        columns: writer.columns(),
        offsets: None,
    };
    // Each slice is one statement then.
    let cut = Cut { stretch_rows: rows_max, slice_rows: rows_max, slices_max: u64::MAX };
    let slices = plan(clickhouse, &query, &cut, Moment::now()).await.unwrap();
    let (mut records, mut sorter) = (Vec::new(), LineSorter::default());
    for slice in &slices {
        let (mut answer, mut pieces) = (read(clickhouse, &query, slice).unwrap(), Vec::new());
        while let Some(piece) = answer.next().await.unwrap() {
            pieces.push(piece);
        }
        let mut pieces = pieces.into_iter();
        let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
        let (mut done, mut take) = (0, |line: &[u8]| {
            records.push(line.to_vec());
            true
        });
        while let Some(block) = reader.next_block().unwrap() {
            let columns = ConnectionColumns::of(&block, writer.columns()).unwrap();
            writer.block(&columns);
            for row in 0..columns.rows {
                while slice.stretches.get(done + 1).is_some_and(|it| it.from.as_micros() <= columns.end_micros(row)) {
                    assert_eq!(sorter.len() as u64, slice.stretches[done].rows);
                    sorter.drain(&mut take);
                    done += 1;
                }
                sorter.hold(&columns, row, writer.line(&columns, row).unwrap());
            }
        }
        sorter.drain(take);
        assert_eq!(done + 1, slice.stretches.len());
    }
    (slices.len(), slices.iter().map(|slice| slice.stretches.len()).sum(), records)
}

#[tokio::test]
async fn lines_are_the_same_however_the_range_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("test_lines_{}", std::process::id());
    let own;
    let config = match given::clickhouse() {
        Some(given) => ClickHouseConfig {
            url: given.url,
            user: given.user,
            password: given.password.map(Into::into),
            database,
            ..ClickHouseConfig::default()
        },
        None => {
            let binary = local_parts::flowledger_binary().unwrap();
            own = ClickHouseProcess::start(&binary, folder.path(), None, &Silent).await.unwrap();
            ClickHouseConfig { url: own.url(), database, ..ClickHouseConfig::default() }
        }
    };
    let clickhouse = ClickHouse::new(&config);
    migrate::migrate(&clickhouse, migrations::ALL).await.unwrap();
    let events = events();
    let row = |event: &ConnectionEvent, offset| {
        ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 3, offset })
    };
    // Several parts, and copies in another one than what they are copies of.
    for (first, events) in (0..).step_by(1_000).zip(events.chunks(1_000)) {
        let rows = (first..).zip(events).map(|(offset, event)| row(event, offset)).collect();
        insert(&clickhouse, EventTable::Connections, rows, &format!("main/{first}")).await.unwrap();
    }
    let copies = (6_000..).zip(events.iter().step_by(11)).map(|(offset, event)| row(event, offset)).collect();
    insert(&clickhouse, EventTable::Connections, copies, "main/copies").await.unwrap();

    let mut sorted: Vec<_> = events.iter().filter(|event| event.event_type != EventType::DeniedAccess).collect();
    sorted.sort_by_key(|event| (event.end_time, event.event_id));
    let names: Vec<&str> = EventColumn::ALL.iter().map(|column| column.name()).collect();
    let (mut contract, mut all, mut envelopes) = (Vec::new(), Vec::new(), String::new());
    for event in &sorted {
        let status = row(event, 0).status().unwrap();
        plain::render_row(&mut contract, event, status);
        plain::render_chosen(&mut all, event, status, &names);
        envelopes.push_str(&plain::envelope::render(event));
    }
    let connections: Vec<_> = sorted.iter().map(|event| (*event, row(event, 0).status().unwrap())).collect();
    let (summary, users) = (plain::groups::summary(&connections), plain::groups::users(&connections));
    let in_berlin = table(Some("day"), &["remote_network", "country"], Measure::ALL);
    let by_hand = table(None, &["user", "address", "client_address", "status"], &[Measure::Bytes]);
    let (by_day, by_all) = (traffic_of(&connections, &in_berlin), traffic_of(&connections, &by_hand));
    let csv = |columns| CsvWriter::new(CsvOptions::default(), columns);
    let mut writers: [(&str, &mut dyn LineWriter, String); 3] = [
        ("the contract's columns", &mut csv(&[]), String::from_utf8(contract).unwrap()),
        ("all columns", &mut csv(EventColumn::ALL), String::from_utf8(all).unwrap()),
        ("envelopes", &mut NdjsonWriter::default(), envelopes),
    ];
    for (rows_max, slices_min, stretches_min) in [(1_000_000, 1, 1), (3_000, 1, 2), (500, 5, 10), (60, 20, 80)] {
        for (what, writer, expected) in &mut writers {
            let (slices, stretches, lines) = records(&clickhouse, *writer, rows_max).await;
            assert!(lines.concat() == expected.as_bytes(), "{what}: stretches of {rows_max} give other lines");
            assert!(slices >= slices_min && stretches >= stretches_min, "{slices} slices, {stretches} stretches");
        }
        let groups = [
            (Writer::of_groups(SummaryWriter::default(), CsvOptions::default()), &summary),
            (Writer::of_groups(UsersWriter::default(), CsvOptions::default()), &users),
            (traffic(&in_berlin), &by_day),
            (traffic(&by_hand), &by_all),
        ];
        for (mut writer, expected) in groups {
            let (_, _, records) = records(&clickhouse, writer.rows(), rows_max).await;
            let mut text = Vec::new();
            let mut take = |line: &[u8]| {
                text.extend_from_slice(line);
                true
            };
            records.iter().for_each(|record| assert!(writer.add(record, &mut take).unwrap()));
            writer.end(&mut take).unwrap();
            assert!(text == expected.as_bytes(), "stretches of {rows_max} give other groups");
        }
    }
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}
