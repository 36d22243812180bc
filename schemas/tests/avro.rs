//! Rust types and `.avsc` files say the same, with apache-avro as the judge, and every published version reads every other.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema_compatibility::SchemaCompatibility;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use apache_avro::{Schema, from_value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use schemas::audit_event::{
    AuditAction, AuditDoor, AuditEvent, AuditEventId, AuditHash, AuditOutcome, ChainHead, ChainId,
};
use schemas::avro_schemas::{self, Subject};
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
use schemas::connection_event::{ConnectionEvent, EventType};
use schemas::event_id::EventId;
use schemas::examples::{events, report_request};
use schemas::ids::{DeliveryId, ReportId, ScheduleId, SyncId, WebhookId};
use schemas::known_reason::KnownReason;
use schemas::report_event::{FileDone, ReportEvent, ReportEventType, RowPlace, UploadedPart};
use schemas::report_request::{
    BarrierOffset, Compression, ReportFilter, ReportFormat, ReportRequest, ReportSplit, ReportTable,
};
use schemas::report_schedule::{ReportSchedule, ScheduleState};
use schemas::report_slice::{ReportSlice, SliceStretch};
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent, WebhookState};
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn parsed(schema: &str) -> Schema {
    Schema::parse_str(schema).unwrap()
}

/// Written from the Rust type and read back by the schema, and written by the schema and read back into the Rust type.
fn round_trip<T: Serialize + DeserializeOwned>(subject: &Subject, value: &T) -> T {
    let schema = parsed(subject.schema);
    let writer = GenericDatumWriter::builder(&schema).human_readable(false).build().unwrap();
    let reader = GenericDatumReader::builder(&schema).human_readable(false).build().unwrap();
    let from_type = writer.write_ser_to_vec(value).unwrap();
    let by_schema = reader.read_value(&mut from_type.as_slice()).unwrap();
    assert!(by_schema.validate(&schema));
    let from_schema = writer.write_value_to_vec(by_schema.clone()).unwrap();
    assert_eq!(from_type, from_schema);
    let direct: T = reader.read_deser(&mut from_schema.as_slice()).unwrap();
    let through_value: T = from_value(&by_schema).unwrap();
    assert_eq!(writer.write_ser_to_vec(&direct).unwrap(), writer.write_ser_to_vec(&through_value).unwrap());
    direct
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn connection_event_and_its_schema_agree(event in events()) {
        prop_assert_eq!(round_trip(&avro_schemas::CONNECTION_EVENT, &event), event);
    }
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

#[test]
fn report_request_and_its_schema_agree() {
    let asked = request();
    assert_eq!(round_trip(&avro_schemas::REPORT_REQUEST, &asked), asked);
}

/// Whoever asked before the filter had all of its fields narrowed nothing by those.
#[test]
fn filter_of_an_older_request_lets_everything_through_in_fields_that_it_has_not() {
    let subject = avro_schemas::REPORT_REQUEST;
    let asked = request();
    let (older, newest) = (parsed(subject.published[3]), parsed(subject.schema));
    let writer = GenericDatumWriter::builder(&newest).human_readable(false).build().unwrap();
    let written = writer.write_ser_to_vec(&asked).unwrap();
    let read = GenericDatumReader::builder(&newest).reader_schema(&older).build().unwrap();
    let as_older = read.read_value(&mut written.as_slice()).unwrap();
    let written = GenericDatumWriter::builder(&older).build().unwrap().write_value_to_vec(as_older).unwrap();
    let read = GenericDatumReader::builder(&older).reader_schema(&newest).build().unwrap();
    let again: ReportRequest = from_value(&read.read_value(&mut written.as_slice()).unwrap()).unwrap();
    let filter = ReportFilter { remote_networks: vec![64894], denied: true, ..ReportFilter::default() };
    assert_eq!(again, ReportRequest { filter, ..asked });
}

#[test]
fn report_schedule_and_its_schema_agree() {
    let saved = ReportSchedule {
        schedule_id: ScheduleId::generate(),
        tenant: "acme".parse().unwrap(),
        name: "Every week".to_owned(),
        state: ScheduleState::Active,
        request: request(),
        range: "last week".to_owned(),
        when: Some("weekly on monday at 06:00".to_owned()),
        runs_after: Moment::FIRST,
        changed_at: Moment::from_millis(1_793_487_602_665),
        changed_by: "admin".to_owned(),
    };
    assert_eq!(round_trip(&avro_schemas::REPORT_SCHEDULE, &saved), saved);
    let without = ReportSchedule { when: None, state: ScheduleState::Paused, ..saved };
    assert_eq!(round_trip(&avro_schemas::REPORT_SCHEDULE, &without), without);
}

#[test]
fn webhook_and_its_schema_agree() {
    let webhook = Webhook {
        webhook_id: WebhookId::generate(),
        tenant: "acme".parse().unwrap(),
        name: "Build".to_owned(),
        state: WebhookState::Active,
        url: "https://build.acme.example/hook".to_owned(),
        events: WebhookEvent::ALL.to_vec(),
        contact: "admin@acme.example".to_owned(),
        generation: 2,
        former_until: Some(Moment::END),
        events_after: Moment::FIRST,
        changed_at: Moment::from_millis(1_793_487_602_665),
        changed_by: "admin".to_owned(),
    };
    assert_eq!(round_trip(&avro_schemas::WEBHOOK, &webhook), webhook);
    let without = Webhook { former_until: None, state: WebhookState::Deleted, events: Vec::new(), ..webhook };
    assert_eq!(round_trip(&avro_schemas::WEBHOOK, &without), without);
}

#[test]
fn webhook_delivery_and_its_schema_agree() {
    let (webhook_id, report_id, event) = (WebhookId::generate(), ReportId::generate(), WebhookEvent::ReportFailed);
    let bare = WebhookDelivery {
        delivery_id: DeliveryId::of(webhook_id, report_id, 1, event.name(), Moment::FIRST),
        webhook_id,
        tenant: "acme".parse().unwrap(),
        event,
        report_id,
        report_attempt: 1,
        happened_at: Moment::FIRST,
        step: DeliveryStep::Requested,
        round: 1,
        tries: 0,
        at: Moment::END,
        status: None,
        problem: None,
        took_ms: None,
        actor: Some("admin".to_owned()),
        failing_since: None,
    };
    let failed = WebhookDelivery {
        step: DeliveryStep::Failed,
        tries: 3,
        status: Some(500),
        problem: Some("it answered 500".to_owned()),
        took_ms: Some(17),
        failing_since: Some(Moment::FIRST),
        ..bare.clone()
    };
    for delivery in [bare, failed] {
        assert_eq!(round_trip(&avro_schemas::WEBHOOK_DELIVERY, &delivery), delivery);
    }
}

fn known_reason() -> KnownReason {
    KnownReason { code: "limit_rows".to_owned(), values: vec!["7".to_owned(), "8".to_owned()] }
}

#[test]
fn bucket_sync_event_and_its_schema_agree() {
    let (id, tenant) = (SyncId::generate(), "acme".parse().unwrap());
    let bare = BucketSyncEvent::new(id, tenant, BucketSyncEventType::Looked, Moment::END);
    let settings = BucketSyncSettings {
        name: "To our lake".to_owned(),
        destination: "lake".to_owned(),
        format: ReportFormat::Ndjson,
        compression: Compression::Gzip,
        denied: true,
        interval_seconds: 300,
        receivers: vec!["admin@acme.example".to_owned()],
        filter: Some(request().filter),
    };
    let of_all = BucketSyncSettings { filter: None, ..settings.clone() };
    let full = BucketSyncEvent {
        actor: Some("admin".to_owned()),
        settings: Some(settings),
        number: Some(7),
        interval_end: Some(Moment::FIRST),
        is_behind: true,
        until: vec![BarrierOffset { partition: 3, offset: 17 }],
        range_from: Some(Moment::FIRST),
        range_to: Some(Moment::END),
        rows: Some(1),
        size_bytes: Some(2),
        objects: Some(3),
        object_key: Some("acme/object".to_owned()),
        reason: Some("the bucket is away".to_owned()),
        known_reason: Some(known_reason()),
        sha256: Some("ba7816bf".to_owned()),
        receiver: Some("admin@acme.example".to_owned()),
        ..bare.clone()
    };
    let of_all = BucketSyncEvent { settings: Some(of_all), ..full.clone() };
    let cancelled = BucketSyncEvent { event_type: BucketSyncEventType::BackfillCancelled, ..bare.clone() };
    for event in [bare, full, of_all, cancelled] {
        assert_eq!(round_trip(&avro_schemas::BUCKET_SYNC_EVENT, &event), event);
    }
}

#[test]
fn report_event_and_its_schema_agree() {
    let asked = request();
    let bare = ReportEvent::new(asked.report_id, asked.tenant.clone(), ReportEventType::Waiting, Moment::END);
    let full = ReportEvent {
        request: Some(asked),
        attempt: Some(2),
        rows: Some(7),
        reason: Some("no space".to_owned()),
        receiver: Some("admin@acme.example".to_owned()),
        slice: Some(3),
        parts: Some(vec![UploadedPart { number: 31, etag: "\"9b66\"".to_owned(), size_bytes: 5 << 20 }]),
        file_upload_id: Some("upload".to_owned()),
        files: Some(3),
        file: Some(FileDone {
            number: 3,
            rows: 1_000,
            size_bytes: 5 << 30,
            sha256: "0f".repeat(32),
            last_row: RowPlace {
                end_time: Moment::from_micros(1_793_487_602_665_001),
                event_id: EventId::from_parts(1_793_487_602_665, [0x80, 1, 0x80, 0, 0, 0, 0, 0, 0xfe, 0xff]),
                of_millisecond: 2,
            },
        }),
        known_reason: Some(known_reason()),
        sha256: Some("e3".repeat(32)),
        ..bare.clone()
    };
    for event in [bare, full] {
        assert_eq!(round_trip(&avro_schemas::REPORT_EVENT, &event), event);
    }
}

#[test]
fn report_slice_and_its_schema_agree() {
    let asked = request();
    let slice = ReportSlice {
        report_id: asked.report_id,
        tenant: asked.tenant.clone(),
        attempt: 2,
        upload_id: "upload".to_owned(),
        object_key: "reports/acme/1/2/x.csv.gz".to_owned(),
        encoder_version: 1,
        slice: 3,
        first_part: 31,
        last_part: 40,
        rows_expected: 1_000,
        stretches: vec![SliceStretch { range_from: Moment::FIRST, range_to: Moment::END, rows: 7 }],
        request: asked,
    };
    assert_eq!(round_trip(&avro_schemas::REPORT_SLICE, &slice), slice);
}

#[test]
fn audit_event_and_its_schema_agree() {
    let bare = AuditEvent {
        event_id: AuditEventId::generate(),
        tenant: None,
        at: Moment::END,
        account: None,
        address: None,
        door: AuditDoor::CommandLine,
        action: AuditAction::ChainBegun,
        subject: None,
        outcome: AuditOutcome::Allowed,
        details: [("version".to_owned(), "1".to_owned())].into(),
        heads: vec![ChainHead { chain: ChainId::generate(), sequence: 3, hash: AuditHash::from_bytes([7; 32]) }],
        chain: ChainId::generate(),
        sequence: 0,
        previous: None,
        hash: AuditHash::from_bytes([0xfe; 32]),
    };
    let full = AuditEvent {
        tenant: Some("acme".parse().unwrap()),
        account: Some("admin".to_owned()),
        address: Some("192.0.2.7".to_owned()),
        action: AuditAction::ScheduleDeleted,
        subject: Some(ReportId::generate().to_string()),
        details: [].into(),
        heads: Vec::new(),
        sequence: i64::MAX,
        previous: Some(bare.hash),
        ..bare.clone()
    };
    for event in [bare, full] {
        assert_eq!(round_trip(&avro_schemas::AUDIT_EVENT, &event), event);
    }
}

#[test]
fn every_published_version_reads_the_data_of_every_other() {
    for subject in avro_schemas::ALL {
        for (writer_version, writer) in subject.published.iter().enumerate() {
            for (reader_version, reader) in subject.published.iter().enumerate() {
                let found = SchemaCompatibility::can_read(&parsed(writer), &parsed(reader));
                assert!(found.is_ok(), "{} {writer_version} by {reader_version}: {found:?}", subject.name);
            }
        }
    }
}

#[test]
fn todays_schema_is_the_last_published_one() {
    for subject in avro_schemas::ALL {
        assert_eq!(subject.published.last(), Some(&subject.schema), "{}: publish a new version", subject.name);
    }
}

/// A reader one field and one symbol ahead, and one behind: what FULL_TRANSITIVE promises, tried on data.
#[test]
fn data_of_a_newer_and_of_an_older_schema_is_read() {
    for subject in avro_schemas::ALL {
        let mut newer: serde_json::Value = serde_json::from_str(subject.schema).unwrap();
        let fields = newer["fields"].as_array_mut().unwrap();
        fields.push(serde_json::json!({ "name": "from_the_future", "type": ["null", "string"], "default": null }));
        let newer = newer.to_string();
        SchemaCompatibility::mutual_read(&parsed(&newer), &parsed(subject.schema)).unwrap();
    }
    let newer = avro_schemas::CONNECTION_EVENT.schema.replace("\"DENIED_ACCESS\"", "\"DENIED_ACCESS\", \"PAUSED\"");
    let (newer, older) = (parsed(&newer), parsed(avro_schemas::CONNECTION_EVENT.schema));
    let event = sample_event();
    let written = GenericDatumWriter::builder(&older).build().unwrap().write_ser_to_vec(&event).unwrap();
    let mut value = GenericDatumReader::builder(&older).build().unwrap().read_value(&mut written.as_slice()).unwrap();
    if let Value::Record(fields) = &mut value {
        let (_, event_type) = fields.iter_mut().find(|(name, _)| name == "event_type").unwrap();
        *event_type = Value::Enum(5, "PAUSED".to_owned());
    }
    let written = GenericDatumWriter::builder(&newer).build().unwrap().write_value_to_vec(value).unwrap();
    let read = GenericDatumReader::builder(&newer).reader_schema(&older).build().unwrap();
    let event: ConnectionEvent = from_value(&read.read_value(&mut written.as_slice()).unwrap()).unwrap();
    assert_eq!(event.event_type, EventType::Unknown);
}

fn sample_event() -> ConnectionEvent {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    events().new_tree(&mut runner).unwrap().current()
}
