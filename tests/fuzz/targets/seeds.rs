//! What fuzzing begins with: right values of each kind, one a file, in `<FOLDER>/<target>`.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a program for developers")]

mod topic_seeds;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use clickhouse_io::native::read::BlockReader;
use clickhouse_io::report::ConnectionColumns;
use clickhouse_io::report::examples::native_block;
use clickhouse_io::rows::{ConnectionRow, Source};
use jiff::tz::TimeZone;
// What counts branches is called here too, and has to be there.
use libfuzzer_sys as _;
use report_life::{Manifest, ManifestFile};
use report_writer::{
    CsvOptions, CsvWriter, EventColumn, LineWriter, NdjsonWriter, Packer, Packing, SummaryWriter, TrafficWriter,
    UsersWriter, Writer,
};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::{CONNECTION_EVENT, REPORT_REQUEST};
use schemas::connection_event::{ConnectionEvent, EventType, Relay};
use schemas::event_id::EventId;
use schemas::examples::{connection, report_request};
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, ReportFilter, ReportRequest, ReportSplit, ReportTable};
use schemas::times::Moment;
use traffic_query::TableQuery;

/// What S3 answers to who asks for uploads that have no end.
const UPLOADS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
<NextKeyMarker>a&amp;b</NextKeyMarker><NextUploadIdMarker>2</NextUploadIdMarker><Upload><Key>a&amp;b</Key><UploadId>1</UploadId>\
</Upload><Upload><Key>c</Key><UploadId>&quot;2&quot;</UploadId></Upload></ListMultipartUploadsResult>";
/// Lines of the samples that are taken.
const LINES: usize = 200;
const KINDS: [EventType; 4] = [
    EventType::EstablishedConnection,
    EventType::ClosedConnection,
    EventType::FailedToConnect,
    EventType::DeniedAccess,
];

fn main() {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(samples)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: seeds <FOLDER> <SAMPLES>");
        std::process::exit(2);
    };
    let log = std::fs::read(samples.join("traffic-v2.log")).unwrap();
    write(&folder, "log-line", log.split(|byte| *byte == b'\n').take(LINES).map(<[u8]>::to_vec));
    let events: Vec<ConnectionEvent> = (0..8).map(event).collect();
    let encoder = Encoder::new(SchemaId::new(1), &CONNECTION_EVENT).unwrap();
    write(&folder, "avro-event", events.iter().map(|event| encoder.encode(event).unwrap()[5..].to_vec()));
    let encoder = Encoder::new(SchemaId::new(1), &REPORT_REQUEST).unwrap();
    write(&folder, "report-request", [encoder.encode(&request()).unwrap()]);
    let filters = [
        r#"{"from":"2026-03-29T00:00","to":"2026-10-25T03:00","zone":"Europe/Berlin","remote_networks":["1","22"],"protocols":["tcp"],"statuses":["DNS_ERROR"]}"#,
        r#"{"users":["7"],"ports":["1-1024"],"client_addresses":["192.0.2.0/24","2001:db8::/32"],"tunnel_paths":["relay"],"countries":["DE"],"domain":"corp"}"#,
        "users=7&resources=9&ports=443&client_addresses=::1&from=2026-01-01T00:00:00Z",
    ];
    write(&folder, "filter", filters.map(|filter| filter.as_bytes().to_vec()));
    let ids = events.iter().map(|event| event.event_id).map(|id: EventId| id.to_string());
    write(&folder, "cursor", ids.chain([ReportId::generate().to_string()]).map(String::into_bytes));
    // Openings and denials are in no line of most kinds.
    let shown = [EventType::ClosedConnection, EventType::FailedToConnect];
    let rows = (0..)
        .zip(events.iter().filter(|event| shown.contains(&event.event_type)))
        .map(|(offset, event)| ConnectionRow::from_event(event.clone(), Source { name: "main", partition: 0, offset }));
    let rows: Vec<ConnectionRow> = rows.collect();
    let options = CsvOptions { formula_guard: true, ..CsvOptions::default() };
    // A table of events is made of what their CSV is made of.
    let writers: [&dyn LineWriter; 6] = [
        &CsvWriter::new(options, EventColumn::ALL),
        &NdjsonWriter::default(),
        &SummaryWriter::default(),
        &UsersWriter::default(),
        &traffic(),
        &CsvWriter::new(options, EventColumn::ALL),
    ];
    let block = |(kind, writer): (u8, &dyn LineWriter)| {
        let mut seed = vec![kind];
        seed.extend(native_block(&rows, writer.columns()));
        seed
    };
    write(&folder, "native-block", (0..).zip(writers).map(block));
    let schedules = [
        "daily at 06:00\nyesterday\nEurope/Berlin",
        "0 6 * * 1\nlast week\nAsia/Kolkata",
        "hourly at :15\nsince last run\nUTC",
    ];
    write(&folder, "schedule", schedules.map(|text| text.as_bytes().to_vec()));
    write(&folder, "topic-value", topic_seeds::seeds(&request()));
    write(&folder, "store-answer", [UPLOADS.as_bytes().to_vec()]);
    write(&folder, "report-file", files());
    write(&folder, "counted-groups", (0..6).map(|kind| counted(kind, &rows)));
}

/// A manifest, and files as the target tells them apart.
fn files() -> Vec<Vec<u8>> {
    let text = b"a,b\n1,\"two\nlines\"\n3,4\n";
    let file =
        |name: &str| ManifestFile { name: name.to_owned(), size_bytes: 7, sha256: "00".repeat(32), rows: Some(2) };
    let manifest = Manifest::of(&request(), 4, vec![file("part-00000.csv"), file("part-00001.csv")], Moment::END);
    let table = Writer::of_event_table(&EventColumn::ALL[..3]).unwrap();
    let mut parquet = Vec::new();
    let mut keep = |bytes: &[u8]| {
        parquet.extend_from_slice(bytes);
        true
    };
    table.end(&mut keep).unwrap();
    let packed = |packing| {
        let mut part = Vec::new();
        Packer::new(packing).unwrap().pack(text, &mut part).unwrap();
        part
    };
    let all =
        [serde_json::to_vec(&manifest).unwrap(), parquet, packed(Packing::Gzip), packed(Packing::Zstd), text.to_vec()];
    (0..).zip(all).map(|(kind, file)| [vec![kind], file].concat()).collect()
}

/// What one slice has counted of these rows.
fn counted(kind: u8, rows: &[ConnectionRow]) -> Vec<u8> {
    let writer = match kind % 3 {
        0 => Writer::of_groups(SummaryWriter::default(), CsvOptions::default()),
        1 => Writer::of_groups(UsersWriter::default(), CsvOptions::default()),
        _ => Writer::of_groups(traffic(), CsvOptions::default()),
    };
    let (mut writer, mut object) = (writer.into_runs(usize::MAX), vec![kind]);
    let mut block = Some(Bytes::from(native_block(rows, writer.rows().columns())));
    let mut reader = BlockReader::new(|| Ok(block.take()), Vec::new());
    let read = writer.rows().columns();
    let block = reader.next_block().unwrap().unwrap();
    let columns = ConnectionColumns::of(&block, read).unwrap();
    writer.rows().block(&columns);
    let mut keep = |bytes: &[u8]| {
        object.extend_from_slice(bytes);
        true
    };
    for row in 0..columns.rows {
        let record = writer.rows().line(&columns, row).unwrap().to_vec();
        writer.add(&record, &mut keep).unwrap();
    }
    writer.end(&mut keep).unwrap();
    object
}

/// Days of Users, as the target makes them.
fn traffic() -> TrafficWriter {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let measures = words(&["connections", "bytes", "users", "devices", "duration_p95_us"]);
    TrafficWriter::new(
        TableQuery::of_words(Some("day"), &words(&["user", "status"]), &measures).unwrap(),
        TimeZone::UTC,
    )
}

fn event(number: u64) -> ConnectionEvent {
    let kind = KINDS[usize::try_from(number).unwrap() % KINDS.len()];
    let mut event = connection(kind, &format!("5c11932a63f77b97-{number}"), 1_793_491_200_000 + number);
    event.relays = vec![Relay { name: "relay-ams".to_owned(), ip: None, port: 30_501 }; number as usize % 3];
    event
}

fn request() -> ReportRequest {
    ReportRequest {
        zone: "Europe/Berlin".to_owned(),
        filter: ReportFilter {
            remote_networks: vec![64894],
            denied: true,
            service_accounts: vec![7, 8],
            applied_rules: vec!["*.corp.example".to_owned()],
            ports: vec!["443".to_owned(), "8000-8999".to_owned()],
            tunnel_paths: vec!["relay".to_owned()],
            countries: vec!["DE".to_owned()],
            client_addresses: vec!["192.0.2.0/24".to_owned()],
            resource_addresses: vec!["2001:db8::/32".to_owned()],
            domain: Some("wiki".to_owned()),
            ..ReportFilter::default()
        },
        columns: vec!["end_time".to_owned()],
        requested_at: Moment::from_millis(1_793_487_602_665),
        receivers: vec!["admin@acme.example".to_owned()],
        barrier: vec![BarrierOffset { partition: 3, offset: 17 }],
        byte_order_mark: true,
        formula_guard: true,
        split: Some(ReportSplit { rows: Some(1_048_575), bytes: None }),
        table: Some(ReportTable { bucket: Some("day".to_owned()), by: vec!["user".to_owned()], measures: Vec::new() }),
        ..report_request()
    }
}

fn write(folder: &Path, target: &str, values: impl IntoIterator<Item = Vec<u8>>) {
    let folder = folder.join(target);
    std::fs::create_dir_all(&folder).unwrap();
    for (number, value) in values.into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), value).unwrap();
    }
}
