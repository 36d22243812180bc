//! The bytes that are made of known events are tied to the version: files of every kind and format, packed in every way, and what is stored
//! of groups.
//!
//! They are the same on every machine. No clock, thread or random order is in them; crate parquet numbers texts of a dictionary as they come.
//! zstd promises the same bytes of the same text, level and version, and libdeflate has the same output on all CPUs (since its 0.8). zstd's
//! matchers by rows, of levels 5 to 12, have differed with what SIMD there was; level 3 has none. Of two versions none of the three libraries
//! promises anything: that is what this test is for. A build that takes a library of the system instead of ours may have another version.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write;

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use report_writer::{
    ENCODER_VERSION, EventColumn, LineSorter, PART_TEXT_BYTES, Packer, Packing, TakeFiles, Writer, choose_writer,
};
use schemas::addresses::parse_bare_address;
use schemas::connection_event::{
    ConnectionEvent, EventType, Location, Protocol, Relay, ServiceAccount, TunnelPath, User,
};
use schemas::examples::{connection, report_request};
use schemas::ids::{ConnectorId, DeviceId, RemoteNetworkId, ResourceId, ServiceAccountId, ServiceAccountKeyId, UserId};
use schemas::report_request::{Compression, ReportFormat, ReportKind, ReportRequest, ReportSplit, ReportTable};
use schemas::times::Moment;
use sha2::{Digest, Sha256};
use traffic_query::Measure;

/// Enough that text has full parts and a rest: packers choose by the size of what they pack.
const EVENTS: u64 = 5_000;
const BLOCK_ROWS: usize = 1_000;
const BEGIN_MS: u64 = 1_793_491_200_000;
const PACKINGS: [(&str, Packing); 3] = [("plain", Packing::Plain), ("gzip", Packing::Gzip), ("zstd", Packing::Zstd)];

/// The version, and of what it makes the beginnings of SHA-256s.
const GOLDEN: (i32, &str) = (
    5,
    "\
events csv plain 6ef69594aaaa9577
events csv gzip c995d52d73c17dda
events csv zstd bed88ee973863b87
events csv, split plain 7b80ef7bfca86b07
events csv, split gzip 6b2ff672aa9c495f
events csv, split zstd f587c1bd690acf57
events csv, all columns plain 0c8c520c3441bb54
events csv, all columns gzip 18f28e86608485cd
events csv, all columns zstd 4647a5e0ee1c74a4
events ndjson plain f193f7a42aa0ab2f
events ndjson gzip 5410e8371916223a
events ndjson zstd 0611cc1a88d327c9
events ndjson, split plain faa0be6434f49c1e
events ndjson, split gzip e2b6aa9868737b43
events ndjson, split zstd 7e389db1542f872d
events parquet plain 12623668e19826b4
events parquet, split plain 1fa8f8759f3e2c68
events parquet, all columns plain c22c56c3d4e7cfc2
summary csv plain e007940dadfca3f8
summary csv gzip 8b505ce5a694b23e
summary csv zstd d4db921365da2d0a
summary parquet plain c25f4acf5265eea7
summary counted 90a02f310b7ab37e
users csv plain f24b9277e46e08bd
users csv gzip d2f6121a3fd0df71
users csv zstd 9cb0712ab4ccc3f0
users parquet plain 58eec57551850ba2
users counted aaa0463216ee6a2d
traffic csv plain 3f12d529c5fb2276
traffic csv gzip 36c34f7cb833af5f
traffic csv zstd 032208f01690a805
traffic parquet plain 53f774eac6acd8bb
traffic counted 9562db60d3270f52",
);

fn pick<T: Clone>(of: &[T], number: u64) -> T {
    of[(number % of.len() as u64) as usize].clone()
}

/// Values that are there and not there, short and long, with what CSV and JSON have to guard; they come in no order, over two days.
fn event(number: u64) -> ConnectionEvent {
    let event_type =
        pick(&[EventType::ClosedConnection, EventType::FailedToConnect, EventType::ClosedConnection], number);
    let event_type = if number.is_multiple_of(7) { EventType::DeniedAccess } else { event_type };
    let connection_id = match number % 3 {
        0 => format!("{:x}-{number:x}", number * 0x9e37_79b9),
        1 => format!("{:016x}-{number}", number * 0x1234_5678),
        _ => format!("opaque {number}"),
    };
    let event = connection(event_type, &connection_id, BEGIN_MS + number * 7_777_777 % 172_800_000);
    let is_closed = event_type == EventType::ClosedConnection;
    let lasted = if is_closed { i64::try_from(number % 900 * 1_234_567).unwrap() } else { 0 };
    let text = |kinds: u64, name: &str| format!("{name} {}{}", number % kinds, "-long".repeat((number % 9) as usize));
    let address = |net: &str, hosts: u64| parse_bare_address(&format!("{net}{}", number % hosts));
    ConnectionEvent {
        start_time: Moment::from_micros(event.end_time.as_micros() - lasted),
        connector_id: ConnectorId::new(number % 11).unwrap(),
        connector_name: text(11, "heron"),
        remote_network_id: RemoteNetworkId::new(number % 5).unwrap(),
        remote_network_name: text(5, "Büro, \"West\""),
        resource_id: ResourceId::new(number % 120).unwrap(),
        resource_address: match number % 8 {
            place @ 0..3 => ["", "10.0.0.7", "=cmd"][place as usize].to_owned(),
            _ => text(120, "é\n.example"),
        },
        applied_rule: if number.is_multiple_of(5) { String::new() } else { text(20, "*.rule") },
        resource_ip: address("2001:db8::", 90).filter(|_| !number.is_multiple_of(6)),
        resource_port: (number % 65_536) as u16,
        protocol: pick(&[Protocol::Tcp, Protocol::Udp, Protocol::Icmp], number),
        tunnel_path: pick(&[TunnelPath::Direct, TunnelPath::Relay], number / 2),
        client_ip: address("192.0.2.", 250).filter(|_| !number.is_multiple_of(8)),
        bytes_received: if is_closed { number.pow(4) } else { 0 },
        error_message: if is_closed { String::new() } else { text(4, "reason: \t") },
        device_id: DeviceId::new(number % 70 + 1).filter(|_| number.is_multiple_of(3)),
        user: (!number.is_multiple_of(10))
            .then(|| User { id: UserId::new(number % 200).unwrap(), email: text(200, "person") }),
        service_account: number.is_multiple_of(10).then(|| ServiceAccount {
            id: ServiceAccountId::new(number % 4).unwrap(),
            name: text(4, "ci"),
            key: text(6, "key"),
            key_id: ServiceAccountKeyId::new(7).filter(|_| number.is_multiple_of(20)),
        }),
        relays: (0..number % 4)
            .map(|at| Relay { name: format!("relay-{at}"), ip: address("198.51.100.", 9), port: 30_500 })
            .collect(),
        location: (!number.is_multiple_of(4)).then(|| Location {
            city: number.is_multiple_of(3).then(|| text(40, "City")),
            country: Some(pick(&["DE", "FR", "US"], number).to_owned()),
            region: None,
            latitude: (number % 8 != 1).then_some(40.25),
            longitude: (number % 8 != 1).then_some(-20.5),
        }),
        ..event
    }
}

/// What reports of this kind read.
fn rows(kind: ReportKind) -> Vec<ConnectionRow> {
    let has_denied = matches!(kind, ReportKind::Events | ReportKind::Traffic);
    let events = (0..EVENTS).map(event).filter(|event| has_denied || event.event_type != EventType::DeniedAccess);
    let source = |offset| Source { name: "main", partition: 0, offset };
    (0..).zip(events).map(|(offset, event)| ConnectionRow::from_event(event, source(offset))).collect()
}

fn request(kind: ReportKind, format: ReportFormat) -> ReportRequest {
    let table = ReportTable {
        bucket: Some("day".to_owned()),
        by: ["user", "resource", "country"].map(str::to_owned).to_vec(),
        measures: Measure::ALL.iter().map(|it| it.name().to_owned()).collect(),
    };
    let table = (kind == ReportKind::Traffic).then_some(table);
    ReportRequest { kind, format, table, compression: Compression::None, ..report_request() }
}

/// Parts of files, and behind how many of them one of so many rows ends.
#[derive(Default)]
struct Parts {
    open: Vec<u8>,
    full: Vec<Vec<u8>>,
    ends: Vec<(usize, u64)>,
}

impl Parts {
    fn end_part(&mut self) {
        self.full.extend(Some(std::mem::take(&mut self.open)).filter(|part| !part.is_empty()));
    }

    fn hash(&self, packing: Packing) -> String {
        let (mut packer, mut packed) = (Packer::new(packing).unwrap(), Vec::new());
        let mut hash = Sha256::new_with_prefix(format!("{:?}", self.ends));
        for part in &self.full {
            packer.pack(part, &mut packed).unwrap();
            hash.update(&packed);
        }
        hash.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }
}

impl TakeFiles for Parts {
    fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.open.extend_from_slice(bytes);
        if self.open.len() >= PART_TEXT_BYTES {
            self.end_part();
        }
        true
    }

    fn file_ends(&mut self, rows: u64) -> bool {
        self.end_part();
        self.ends.push((self.full.len(), rows));
        true
    }
}

fn parts(mut writer: Writer, rows: &[ConnectionRow]) -> Parts {
    let read = writer.rows().columns();
    let answer: Vec<u8> = rows.chunks(BLOCK_ROWS).flat_map(|rows| native_block(rows, read)).collect();
    let (mut answer, mut sorter) = (Some(Bytes::from(answer)), LineSorter::default());
    let mut reader = BlockReader::new(|| Ok(answer.take()), Vec::new());
    while let Some(block) = reader.next_block().unwrap() {
        let columns = ConnectionColumns::of(&block, read).unwrap();
        writer.rows().block(&columns);
        for row in 0..columns.rows {
            sorter.hold(&columns, row, writer.rows().line(&columns, row).unwrap());
        }
    }
    let mut parts = Parts { open: writer.begin(), ..Parts::default() };
    sorter.drain(|record| writer.add(record, &mut parts).unwrap());
    writer.end(&mut parts).unwrap();
    parts
}

/// A line for each way in which what a request asks for is packed.
fn lines(name: &str, asked: &ReportRequest, rows: &[ConnectionRow]) -> Vec<String> {
    let parts = parts(choose_writer(asked).unwrap(), rows);
    // Parquet is packed inside.
    let packings = if asked.format == ReportFormat::Parquet { &PACKINGS[..1] } else { &PACKINGS };
    let lines = packings.iter().map(|(packing, by)| format!("{name} {packing} {}", parts.hash(*by)));
    lines.collect()
}

#[test]
fn files_of_known_events_belong_to_the_version() {
    let mut made = Vec::new();
    let events = rows(ReportKind::Events);
    for (name, format) in
        [("csv", ReportFormat::Csv), ("ndjson", ReportFormat::Ndjson), ("parquet", ReportFormat::Parquet)]
    {
        let asked = request(ReportKind::Events, format);
        made.extend(lines(&format!("events {name}"), &asked, &events));
        let split = Some(ReportSplit { rows: Some(2_000), bytes: None });
        made.extend(lines(&format!("events {name}, split"), &ReportRequest { split, ..asked.clone() }, &events));
        if format != ReportFormat::Ndjson {
            let columns = EventColumn::ALL.iter().map(|column| column.name().to_owned()).collect();
            let for_spreadsheets = format == ReportFormat::Csv;
            let (byte_order_mark, formula_guard) = (for_spreadsheets, for_spreadsheets);
            let asked = ReportRequest { columns, byte_order_mark, formula_guard, ..asked };
            made.extend(lines(&format!("events {name}, all columns"), &asked, &events));
        }
    }
    for (name, kind) in
        [("summary", ReportKind::Summary), ("users", ReportKind::UserActivity), ("traffic", ReportKind::Traffic)]
    {
        let rows = rows(kind);
        let csv = request(kind, ReportFormat::Csv);
        made.extend(lines(&format!("{name} csv"), &csv, &rows));
        made.extend(lines(&format!("{name} parquet"), &request(kind, ReportFormat::Parquet), &rows));
        let counted = parts(choose_writer(&csv).unwrap().into_runs(usize::MAX), &rows);
        made.push(format!("{name} counted {}", counted.hash(Packing::Plain)));
    }
    let made = made.join("\n");
    assert!(
        (ENCODER_VERSION, made.as_str()) == GOLDEN,
        "other bytes than those of version {}: a report that goes on behind an upgrade would be joined of both. Raise ENCODER_VERSION, which \
         Parquet files say, run this again, and put here:\n({ENCODER_VERSION}, \"\\\n{made}\")\n",
        GOLDEN.0
    );
}
