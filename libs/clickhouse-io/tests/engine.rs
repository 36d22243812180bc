//! Migrations, inserts and queries on the real engine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod engine_of_test;

use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::{Column, ColumnSet, ConnectionColumns, Cut, ReportQuery, Slice, plan, read};
use clickhouse_io::rollup::Unit;
use clickhouse_io::rows::{ConnectionRow, Source};
use clickhouse_io::traffic::{Searched, recent, search};
use clickhouse_io::write::{EventTable, insert};
use clickhouse_io::{migrate, rollup, stored};
use engine_of_test::engine;
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::event_id::EventId;
use schemas::examples::connection;
use schemas::ids::Tenant;
use schemas::times::Moment;
use schemas::{migrations, murmur2};
use traffic_query::TrafficFilter;

/// Values at the edges of what the contract allows, different from one number to the next.
fn event(number: u64, connection_id: &str) -> ConnectionEvent {
    let end_ms = 1_793_487_602_000 + number * 700;
    let event = connection(EventType::ClosedConnection, connection_id, end_ms);
    ConnectionEvent {
        start_time: Moment::from_micros(event.end_time.as_micros() - 1_234),
        remote_network_id: (64_890 + number % 5).to_string().parse().unwrap(),
        remote_network_name: "two\nlines 🏠".to_owned(),
        resource_id: "9223372036854775807".parse().unwrap(),
        applied_rule: String::new(),
        resource_ip: number.is_multiple_of(2).then(|| parse_bare_address("::").unwrap()),
        resource_port: 65_535,
        protocol: Protocol::Icmp,
        tunnel_path: TunnelPath::Relay,
        tunnel_protocol: number.is_multiple_of(3).then(|| "quic/udp".to_owned()),
        client_ip: parse_bare_address("192.0.2.1"),
        bytes_received: i64::MAX as u64,
        bytes_transferred: 0,
        device_id: (number % 2 == 1).then(|| "0".parse().unwrap()),
        user: number.is_multiple_of(2).then(|| User { id: "0".parse().unwrap(), email: String::new() }),
        service_account: (number % 2 == 1).then(|| ServiceAccount {
            id: "7".parse().unwrap(),
            name: "ci, nightly".to_owned(),
            key: String::new(),
            key_id: number.is_multiple_of(3).then(|| "0".parse().unwrap()),
        }),
        relays: vec![
            Relay { name: String::new(), ip: None, port: 0 },
            Relay { name: "relay-ams".to_owned(), ip: parse_bare_address("2001:db8::9"), port: 1 },
        ],
        location: (number % 4 < 2).then(|| Location {
            city: number.is_multiple_of(4).then(|| "Köln".to_owned()),
            latitude: (number % 4 == 1).then_some(-36.8),
            longitude: (number % 4 == 1).then_some(174.7),
            ..Location::default()
        }),
        ..event
    }
}

fn row(event: &ConnectionEvent, offset: i64) -> ConnectionRow {
    ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 3, offset })
}

fn everything() -> ReportQuery {
    ReportQuery {
        tenant: "acme".parse().unwrap(),
        filter: TrafficFilter::default(),
        denied: true,
        columns: ColumnSet::of(Column::ALL),
        offsets: None,
    }
}

#[tokio::test]
async fn stored_events_come_back_as_they_were() {
    let engine = engine().await;
    let clickhouse = engine.database("rows").await;
    let ids =
        ["5c11932a63f77b97-7a", "005c11932a63f779-118", "0-0", "opaque", "ffffffffffffffff-ffffffffffffffff", "00-1"];
    let events: Vec<ConnectionEvent> = ids.iter().zip(0..).map(|(id, number)| event(number, id)).collect();
    let rows: Vec<ConnectionRow> = events.iter().zip(0..).map(|(event, offset)| row(event, offset)).collect();

    // The same token again is swallowed: a retry stores nothing twice.
    insert(&clickhouse, EventTable::Connections, rows.clone(), "main/3/0-5").await.unwrap();
    insert(&clickhouse, EventTable::Connections, rows.clone(), "main/3/0-5").await.unwrap();
    // A copy under another offset is stored, and shown once.
    insert(&clickhouse, EventTable::Connections, vec![row(&events[0], 6)], "main/3/6-6").await.unwrap();
    let behind = async |source, end| stored::at_or_behind(&clickhouse, source, &[(3, end)].into()).await.unwrap();
    assert_eq!((behind("main", 6).await, behind("main", 0).await), ([(3, 6)].into(), [(3, 6)].into()));
    assert!(behind("main", 7).await.is_empty() && behind("other", 0).await.is_empty());

    let query = everything();
    // Each slice is one statement then.
    let cut = Cut { stretch_rows: 3, slice_rows: 3, slices_max: u64::MAX };
    let slices = plan(&clickhouse, &query, &cut, Moment::now()).await.unwrap();
    assert_eq!(slices.iter().map(Slice::rows).sum::<u64>(), 7);
    assert!(slices.len() > 1, "{slices:?}");
    for slice in &slices {
        let (mut answer, mut pieces) = (read(&clickhouse, &query, slice).unwrap(), Vec::new());
        while let Some(piece) = answer.next().await.unwrap() {
            pieces.push(piece);
        }
        let (mut pieces, mut rows) = (pieces.into_iter(), 0);
        let mut reader = BlockReader::new(|| Ok(pieces.next()), Vec::new());
        while let Some(block) = reader.next_block().unwrap() {
            rows += ConnectionColumns::of(&block, query.columns).unwrap().rows as u64;
        }
        assert_eq!(rows, slice.rows());
    }
    let mut read = engine.stored_events(&clickhouse).await;
    // The copy.
    read.remove(1);
    assert_eq!(read, events);

    let shown = clickhouse
        .text("SELECT connection_id, event_id FROM connections ORDER BY end_time, _kafka_offset LIMIT 1 BY event_id")
        .await
        .unwrap();
    let expected: String = events.iter().map(|it| format!("{}\t{}\n", it.connection_id, it.event_id)).collect();
    assert_eq!(shown, expected);

    let tenant: Tenant = "acme".parse().unwrap();
    let of_user = TrafficFilter { users: ["0".parse().unwrap()].into(), ..TrafficFilter::default() };
    let page = recent(&clickhouse, &tenant, &of_user, None, 10).await.unwrap();
    assert_eq!(page.connections, [events[4].clone(), events[2].clone(), events[0].clone()]);
    let names = async |searched, text: &str| {
        search(&clickhouse, &tenant, searched, text, 5, Moment::now()).await.unwrap().names
    };
    assert_eq!(names(Searched::RemoteNetworks, "").await.len(), 5);
    assert_eq!(names(Searched::Resources, "WIKI").await.len(), 1);
    assert!(names(Searched::Resources, "nope").await.is_empty());
    // A Resource is called by its applied rule, where there is one.
    let rule = ConnectionEvent { applied_rule: "*.corp.example".to_owned(), ..event(50, "5-5") };
    insert(&clickhouse, EventTable::Connections, vec![row(&rule, 7)], "main/3/7-7").await.unwrap();
    assert!(names(Searched::Resources, "WIKI").await.is_empty());
    assert_eq!(names(Searched::Resources, "").await[0].name, "*.corp.example");
    assert_eq!(names(Searched::Addresses, "WIKI").await.len(), 1);
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

#[tokio::test]
async fn no_table_keeps_statistics_that_each_question_would_read() {
    let engine = engine().await;
    let clickhouse = engine.database("statistics").await;
    let with = "SELECT arrayStringConcat(groupArray(name), ' ') FROM system.tables
        WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name NOT IN ('schema_migrations', 'migration_lock')
            AND position(create_table_query, 'auto_statistics_types = ') = 0";
    let known = "SELECT count() FROM system.merge_tree_settings WHERE name = 'auto_statistics_types'";
    assert_eq!(clickhouse.text(known).await.unwrap().trim(), "1", "a server that has them");
    assert_eq!(clickhouse.text(with).await.unwrap().trim(), "");
    engine.drop(&clickhouse).await;
}

#[tokio::test]
async fn migrations_run_once_and_a_changed_one_is_refused() {
    let engine = engine().await;
    let clickhouse = engine.database("migrate").await;
    assert!(migrate::migrate(&clickhouse, migrations::ALL).await.unwrap().is_empty());
    let mut changed = migrations::ALL.to_vec();
    changed[0].sql = "CREATE TABLE other (a UInt8) ENGINE = MergeTree ORDER BY a;\n";
    assert_eq!(
        migrate::migrate(&clickhouse, &changed).await,
        Err(migrate::MigrateError::Changed(migrations::ALL[0].name))
    );
    let older = &migrations::ALL[..1];
    assert_eq!(migrate::migrate(&clickhouse, older).await, Err(migrate::MigrateError::Newer(2)));
    // Two at once: one of them waits.
    let (first, second) =
        tokio::join!(migrate::migrate(&clickhouse, migrations::ALL), migrate::migrate(&clickhouse, migrations::ALL));
    assert!(first.unwrap().is_empty() && second.unwrap().is_empty());
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

#[tokio::test]
async fn rollup_equals_group_by_over_the_raw_rows_each_fact_once() {
    let engine = engine().await;
    let clickhouse = engine.database("rollup").await;
    let mut events: Vec<ConnectionEvent> =
        (0..4_000).map(|number| event(number * 13, &format!("{number:x}-1"))).collect();
    for (number, event) in events.iter_mut().enumerate().filter(|(number, _)| number % 4 == 0) {
        event.event_type = [EventType::FailedToConnect, EventType::DeniedAccess][number / 4 % 2];
        event.resource_address = ["wiki.corp.example", "10.0.0.1", ""][number % 3].to_owned();
    }
    let mut hours = std::collections::BTreeSet::new();
    // Some events are stored twice, and the whole is counted in two halves, the second one twice.
    for (half, events) in events.chunks(2_000).enumerate() {
        let rows = events.iter().chain(&events[..100]).zip(0..).map(|(event, offset)| row(event, offset)).collect();
        insert(&clickhouse, EventTable::Connections, rows, &format!("half-{half}")).await.unwrap();
        hours.extend(
            events.iter().map(|it| rollup::HourOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id)),
        );
        rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    }
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();

    let counted =
        "SELECT tenant, hour, remote_network_id, user_id, service_account_id, resource_id, connector_id, succeeded,
         protocol, tunnel_path, country, failed_dns, failed_other, denied, bytes_received FROM connections_by_hour FINAL ORDER BY ALL";
    let raw = "SELECT tenant, toStartOfHour(end_time) AS hour, remote_network_id, user_id, service_account_id, resource_id, connector_id,
         countIf(event_type = 'closed_connection'), protocol, tunnel_path, country,
         countIf(event_type = 'failed_to_connect' AND resource_address = 'wiki.corp.example' AND resource_ip IS NULL),
         countIf(event_type = 'failed_to_connect' AND NOT (resource_address = 'wiki.corp.example' AND resource_ip IS NULL)),
         countIf(event_type = 'denied_access'), sumIf(toUInt128(bytes_received), event_type = 'closed_connection')
         FROM (SELECT * FROM connections LIMIT 1 BY event_id_tail) GROUP BY ALL ORDER BY ALL";
    let (counted, raw) = (clickhouse.text(counted).await.unwrap(), clickhouse.text(raw).await.unwrap());
    assert!(counted.lines().count() > 100, "{counted}");
    assert_eq!(counted, raw);

    // Both sides agree; then a count is wrong, a group is missing and one is there that has no rows.
    let tenant: Tenant = "acme".parse().unwrap();
    let range = (events[0].end_time, Moment::from_micros(events[3_999].end_time.as_micros() + 1));
    assert_eq!(rollup::verify(&clickhouse, &tenant, Unit::Hour, range, 10).await.unwrap(), []);
    for sql in [
        "ALTER TABLE connections_by_hour UPDATE succeeded = succeeded + 1 WHERE hour = (SELECT min(hour) FROM connections_by_hour) SETTINGS mutations_sync = 1",
        "ALTER TABLE connections_by_hour DELETE WHERE hour = (SELECT max(hour) FROM connections_by_hour) SETTINGS mutations_sync = 1",
        "INSERT INTO connections_by_hour SELECT * REPLACE (99 AS resource_id) FROM connections_by_hour WHERE hour = (SELECT min(hour) FROM connections_by_hour) LIMIT 1",
    ] {
        clickhouse.execute(sql).await.unwrap();
    }
    let differences = rollup::verify(&clickhouse, &tenant, Unit::Hour, range, 10_000).await.unwrap();
    let count = |is: fn(&rollup::Difference) -> bool| differences.iter().filter(|it| is(it)).count();
    assert!(count(|it| it.rolled_up.is_empty()) > 0 && count(|it| !it.raw.is_empty() && !it.rolled_up.is_empty()) > 0);
    assert_eq!(count(|it| it.raw.is_empty()), 1, "{differences:?}");
    assert_eq!(
        rollup::verify(&clickhouse, &tenant, Unit::Day, range, 1).await.unwrap().len(),
        1,
        "days are not there yet"
    );
    let mut told = Vec::new();
    let rebuilt = rollup::rebuild(&clickhouse, rollup::DEFINITION, &tenant, range, |done, all| told.push((done, all)))
        .await
        .unwrap();
    assert_eq!(told.last(), Some(&(rebuilt, rebuilt)));
    assert_eq!(rollup::verify(&clickhouse, &tenant, Unit::Hour, range, 10).await.unwrap(), []);
    assert_eq!(rollup::verify(&clickhouse, &tenant, Unit::Day, range, 10).await.unwrap(), []);
    // A group of a day that no hour has goes too.
    clickhouse
        .execute("INSERT INTO connections_by_day SELECT * REPLACE (98 AS resource_id) FROM connections_by_day WHERE succeeded > 0 LIMIT 1")
        .await
        .unwrap();
    assert_eq!(rollup::verify(&clickhouse, &tenant, Unit::Day, range, 10).await.unwrap().len(), 1);
    rollup::rebuild(&clickhouse, rollup::DEFINITION, &tenant, range, |_, _| {}).await.unwrap();
    assert_eq!(rollup::verify(&clickhouse, &tenant, Unit::Day, range, 10).await.unwrap(), []);
    let other: Tenant = "globex".parse().unwrap();
    assert_eq!(rollup::verify(&clickhouse, &other, Unit::Hour, range, 10).await.unwrap(), []);
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

/// The n-th month from 2000 on, in its first hour.
fn months_later(event: ConnectionEvent, months: u64) -> ConnectionEvent {
    let end_time = Moment::from_millis(946_684_800_000 + i64::try_from(months * 31 * 86_400_000).unwrap());
    let end_ms = u64::try_from(end_time.as_millis()).unwrap();
    let event_id = EventId::of_fact(&event.tenant, event.connector_id, &event.connection_id, event.event_type, end_ms);
    ConnectionEvent { event_id, start_time: end_time, end_time, ..event }
}

#[tokio::test]
async fn backlog_of_many_months_and_hours_is_stored_and_counted() {
    let engine = engine().await;
    let clickhouse = engine.database("backlog").await;
    // More months than ClickHouse takes in one insert by default, and more hours than fit into one statement.
    let old = (0..150).map(|number| months_later(event(0, &format!("{number:x}-0")), number));
    let recent = (0..3_000).map(|number| event(number * 5_200, &format!("{number:x}-1")));
    let events: Vec<ConnectionEvent> = old.chain(recent).collect();
    let rows = events.iter().zip(0..).map(|(event, offset)| row(event, offset)).collect();
    insert(&clickhouse, EventTable::Connections, rows, "backlog").await.unwrap();
    let hours = events
        .iter()
        .map(|it| rollup::HourOfNetwork::of(it.tenant.clone(), it.end_time, it.remote_network_id))
        .collect::<std::collections::BTreeSet<_>>();
    assert!(hours.len() > 3_000, "{}", hours.len());
    rollup::count_again(&clickhouse, rollup::DEFINITION, &hours).await.unwrap();
    let counted = "SELECT sum(succeeded), uniqExact(tenant, hour, remote_network_id) FROM connections_by_hour FINAL";
    assert_eq!(clickhouse.text(counted).await.unwrap(), format!("{}\t{}\n", events.len(), hours.len()));
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

#[tokio::test]
async fn insert_of_one_partition_becomes_one_part() {
    let engine = engine().await;
    let clickhouse = engine.database("block").await;
    let of_one_network = |number: u64| ConnectionEvent {
        remote_network_id: "64894".parse().unwrap(),
        ..event(number, &format!("{number:x}-1"))
    };
    clickhouse.execute("SYSTEM STOP MERGES connections").await.unwrap();
    // More rows than the server makes one block of by default.
    let rows = (0..80_000_i64).map(|offset| row(&of_one_network(offset.unsigned_abs() / 100), offset)).collect();
    insert(&clickhouse, EventTable::Connections, rows, "one-block").await.unwrap();
    let parts = "SELECT count(), sum(rows) FROM system.parts
        WHERE active AND database = currentDatabase() AND table = 'connections'";
    assert_eq!(clickhouse.text(parts).await.unwrap(), "1\t80000\n");
    clickhouse.execute(&format!("DROP DATABASE {}", clickhouse.database())).await.unwrap();
}

/// The engine's partition of a row is the one that Kafka's clients put its event in.
#[tokio::test]
async fn partition_of_a_remote_network_is_the_engines() {
    let engine = engine().await;
    let clickhouse = engine.database("partition").await;
    let sql = "SELECT number * 7919 AS id, kafkaMurmurHash(toString(id)), kafkaMurmurHash(toString(id)) % 16 FROM numbers(5000)";
    let text = clickhouse.text(sql).await.unwrap();
    assert_eq!(text.lines().count(), 5000);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!((murmur2::hash(fields[0].as_bytes()) & 0x7fff_ffff).to_string(), fields[1], "{line}");
        // 16 divides every partition count that is allowed.
        for partitions in [16, 64, 1024] {
            assert_eq!((murmur2::partition(fields[0].as_bytes(), partitions) % 16).to_string(), fields[2], "{line}");
        }
    }
}
