//! Reports of every kind, format and packing, of the same traffic, made by two exporters: the oracle's bytes.

use report_life::Journal;
use schemas::ids::ReportId;
use schemas::report_request::{BarrierOffset, Compression, ReportFilter, ReportFormat, ReportKind, ReportRequest};
use schemas::times::Moment;
use schemas::topics::CONNECTION_EVENTS;
use service_kit::CancellationToken;

use crate::oracle::{assert_same, report, traffic};
use crate::stack::{Stack, tenant};
use crate::totals::wait_rolled_up;

/// Arguments of the oracle, and the same in a request.
type Question = (&'static [&'static str], ReportKind, ReportFormat, bool);

const QUESTIONS: [Question; 5] = [
    (&[], ReportKind::Events, ReportFormat::Csv, false),
    (&["--denied"], ReportKind::Events, ReportFormat::Csv, true),
    (&["--format", "ndjson", "--denied"], ReportKind::Events, ReportFormat::Ndjson, true),
    (&["--kind", "summary"], ReportKind::Summary, ReportFormat::Csv, false),
    (&["--kind", "users"], ReportKind::UserActivity, ReportFormat::Csv, false),
];

/// The range and Remote Networks that half of the reports are of.
const HALF: [&str; 8] =
    ["--from", "2026-10-31T23:30:00Z", "--to", "2026-11-01T00:45:00.5Z", "--network", "64895", "--network", "70017"];

fn half(mut request: ReportRequest) -> ReportRequest {
    let moment = |text: &str| Moment::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    (request.range_from, request.range_to) = (moment(HALF[1]), moment(HALF[3]));
    request.filter.remote_networks = vec![64895, 70017];
    request
}

#[tokio::test]
async fn reports_of_every_kind_have_the_bytes_of_the_oracle() {
    let tenants = [(tenant("second"), "v2", 21), (tenant("third"), "v3", 22)];
    let mut stack = Stack::start(&tenants.each_ref().map(|(name, version, _)| (name.as_str(), Some(*version)))).await;
    stack.add_exporter();
    let (producer, registry) = stack.parts.journal_parts();
    let journal = Journal::open(producer, &registry, &CancellationToken::new()).await.unwrap().unwrap();
    for (name, version, seed) in &tenants {
        // So many that the exporter, which sorts 1000 rows at once here, cuts hours into minutes and packs several parts.
        let lines = traffic(*seed, 4_000, version);
        stack.append(name, &lines);
        let all = report(name, version, &["--format", "ndjson", "--denied"], &lines);
        let stored = stack.wait_stored(name, all.lines().count() as u64).await;
        // A plan takes hours that are over for what the roll-up has of them, and their rows have only just come.
        wait_rolled_up(&stack, name, stored).await;
        let ends = kafka_io::admin::stable_ends(&stack.parts.kafka_config(), CONNECTION_EVENTS.name).await.unwrap();
        let barrier = ends.into_iter().map(|(partition, offset)| BarrierOffset { partition, offset });
        let asked = ReportRequest {
            report_id: ReportId::generate(),
            tenant: name.parse().unwrap(),
            kind: ReportKind::Events,
            format: ReportFormat::Csv,
            compression: Compression::None,
            range_from: Moment::FIRST,
            range_to: Moment::END,
            zone: "UTC".to_owned(),
            filter: ReportFilter::default(),
            columns: Vec::new(),
            requested_by: "admin".to_owned(),
            requested_at: Moment::now(),
            receivers: vec![format!("admin@{name}.example")],
            barrier: barrier.collect(),
            byte_order_mark: false,
            formula_guard: false,
            split: None,
            table: None,
        };
        let mut reports = Vec::new();
        for (arguments, kind, format, denied) in QUESTIONS {
            for (of_half, compression) in
                [(false, Compression::None), (false, Compression::Zstd), (true, Compression::Gzip)]
            {
                let filter = ReportFilter { denied, ..ReportFilter::default() };
                let of_all = ReportRequest {
                    report_id: ReportId::generate(),
                    kind,
                    format,
                    compression,
                    filter,
                    ..asked.clone()
                };
                let request = if of_half { half(of_all) } else { of_all };
                journal.request(&request).await.unwrap();
                let more: &[&str] = if of_half { &HALF } else { &[] };
                reports.push((request.report_id.to_string(), [arguments, more].concat()));
            }
        }
        let session = stack.sign_in(name).await;
        for (id, arguments) in reports {
            let told = session.wait_completed(&id).await;
            let expected = report(name, version, &arguments, &lines);
            assert_same(&session.download(&id).await, &expected, &format!("{version} {arguments:?}"));
            assert!(told["rows"].as_u64().unwrap() > 0, "{told}");
            // All of the traffic is several slices, of groups too: both exporters take them.
            let is_half = arguments.contains(&HALF[0]);
            assert!(is_half || told["slices_expected"].as_i64().unwrap() > 1, "{told}");
        }
    }
    let made = [&stack.exporter, &stack.exporters[0]].map(|it| it.logged(&["a slice is done"]));
    assert!(made.iter().all(|slices| *slices > 0), "slices by the two exporters: {made:?}");
    stack.end().await;
}
