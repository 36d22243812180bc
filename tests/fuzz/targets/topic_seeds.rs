//! Values as services write them to the topics that are folded: of each topic several, one behind the other.

use report_schedules::{Saved, saved};
use schema_registry::{Encoder, SchemaId};
use schemas::avro_schemas::{
    BUCKET_SYNC_EVENT, REPORT_EVENT, REPORT_SCHEDULE, REPORT_SLICE, WEBHOOK, WEBHOOK_DELIVERY,
};
use schemas::bucket_sync_event::{BucketSyncEvent, BucketSyncEventType, BucketSyncSettings};
use schemas::ids::{DeliveryId, ReportId, SyncId, WebhookId};
use schemas::report_event::{FileDone, ReportEvent, ReportEventType, RowPlace, UploadedPart};
use schemas::report_request::{BarrierOffset, Compression, ReportFormat, ReportRequest};
use schemas::report_slice::{ReportSlice, SliceStretch};
use schemas::times::Moment;
use schemas::webhook::{Webhook, WebhookEvent, WebhookState};
use schemas::webhook_delivery::{DeliveryStep, WebhookDelivery};

const AT: Moment = Moment::from_millis(1_793_487_602_665);

/// Of each topic, as the target tells them apart.
pub(crate) fn seeds(request: &ReportRequest) -> Vec<Vec<u8>> {
    macro_rules! values {
        ($subject:ident, $values:expr) => {{
            let encoder = Encoder::new(SchemaId::new(1), &$subject).unwrap();
            $values.iter().flat_map(|value| behind_length(&encoder.encode(value).unwrap())).collect::<Vec<u8>>()
        }};
    }
    let webhook = webhook();
    let all = [
        values!(REPORT_EVENT, report_events(request)),
        values!(REPORT_SLICE, [slice(request)]),
        values!(REPORT_SCHEDULE, [saved(to_save(request), AT)]),
        values!(BUCKET_SYNC_EVENT, sync_events(request)),
        values!(WEBHOOK, [webhook.clone(), Webhook { state: WebhookState::Paused, ..webhook.clone() }]),
        values!(WEBHOOK_DELIVERY, deliveries(&webhook)),
    ];
    (0..).zip(all).map(|(topic, values)| [vec![topic], values].concat()).collect()
}

fn behind_length(value: &[u8]) -> Vec<u8> {
    [&u16::try_from(value.len()).unwrap().to_le_bytes(), value].concat()
}

/// A report in slices that is completed, deleted, and asked for again: one that is split.
fn report_events(request: &ReportRequest) -> Vec<ReportEvent> {
    use ReportEventType::{
        Completed, Expired, FileDone as FileIsDone, Planned, Requested, Retried, SliceDone, Started,
    };
    let event = |event_type| ReportEvent::new(request.report_id, request.tenant.clone(), event_type, AT);
    let of_attempt = |attempt, event_type| ReportEvent {
        attempt: Some(attempt),
        slices_expected: Some(2),
        rows: Some(7),
        size_bytes: Some(70),
        upload_id: Some("upload".to_owned()),
        encoder_version: Some(5),
        ..event(event_type)
    };
    let done = |slice| ReportEvent {
        slice: Some(slice),
        staged_key: Some(format!("reports/acme/1/slices/{slice:05}")),
        staged_bytes: Some(5),
        parts: Some(vec![UploadedPart { number: 2, etag: "\"a\"".to_owned(), size_bytes: 65 }]),
        ..of_attempt(1, SliceDone)
    };
    let files = Some(2);
    let object_key = Some("reports/acme/1/x.csv".to_owned());
    let later = Moment::from_millis(AT.as_millis() + 1);
    let again = ReportRequest { requested_at: later, ..request.clone() };
    let event_id = crate::event(1).event_id;
    let last_row = RowPlace { end_time: AT, event_id, of_millisecond: 1 };
    let file = FileDone { number: 0, rows: 7, size_bytes: 70, sha256: "00".repeat(32), last_row };
    vec![
        ReportEvent { request: Some(request.clone()), ..event(Requested) },
        of_attempt(1, Started),
        of_attempt(1, Planned),
        done(0),
        done(1),
        ReportEvent { files, object_key, ..of_attempt(1, Completed) },
        event(Expired),
        ReportEvent { request: Some(again), actor: Some("jo".to_owned()), ..event(Retried) },
        of_attempt(3, Started),
        ReportEvent { file: Some(file), ..of_attempt(3, FileIsDone) },
    ]
}

fn slice(request: &ReportRequest) -> ReportSlice {
    ReportSlice {
        report_id: request.report_id,
        tenant: request.tenant.clone(),
        attempt: 1,
        upload_id: "upload".to_owned(),
        object_key: "reports/acme/1/x.csv".to_owned(),
        encoder_version: 5,
        slice: 1,
        first_part: 11,
        last_part: 20,
        rows_expected: 14,
        stretches: vec![SliceStretch { range_from: Moment::FIRST, range_to: AT, rows: 7 }],
        request: request.clone(),
    }
}

fn to_save(request: &ReportRequest) -> Saved {
    let when = Some("weekly on monday at 06:00".to_owned());
    Saved { name: "Every week".to_owned(), range: "last week".to_owned(), when, request: request.clone() }
}

fn sync_events(request: &ReportRequest) -> Vec<BucketSyncEvent> {
    use BucketSyncEventType::{BackfillRequested, Created, Failed, Looked, Packed, Planned, Stored};
    let id = SyncId::generate();
    let event = |event_type| BucketSyncEvent::new(id, request.tenant.clone(), event_type, AT);
    let numbered = |event_type| BucketSyncEvent {
        number: Some(1),
        interval_end: Some(AT),
        until: vec![BarrierOffset { partition: 3, offset: 17 }],
        rows: Some(7),
        size_bytes: Some(70),
        sha256: Some("00".repeat(32)),
        ..event(event_type)
    };
    let settings = BucketSyncSettings {
        name: "Lake".to_owned(),
        destination: "lake".to_owned(),
        format: ReportFormat::Ndjson,
        compression: Compression::Zstd,
        denied: true,
        interval_seconds: 300,
        receivers: vec!["admin@acme.example".to_owned()],
        filter: Some(request.filter.clone()),
    };
    let object_key = Some("acme/1.ndjson.zst".to_owned());
    let (range_from, range_to) = (Some(Moment::FIRST), Some(Moment::from_millis(7_200_000)));
    vec![
        BucketSyncEvent { settings: Some(settings), ..event(Created) },
        numbered(Looked),
        numbered(Planned),
        numbered(Packed),
        BucketSyncEvent { object_key, ..numbered(Stored) },
        BucketSyncEvent { range_from, range_to, ..event(BackfillRequested) },
        BucketSyncEvent { reason: Some("it is away".to_owned()), ..event(Failed) },
    ]
}

fn webhook() -> Webhook {
    Webhook {
        webhook_id: WebhookId::generate(),
        tenant: "acme".parse().unwrap(),
        name: "Tickets".to_owned(),
        state: WebhookState::Active,
        url: "https://hooks.acme.example/flowledger".to_owned(),
        events: WebhookEvent::ALL.to_vec(),
        contact: "admin@acme.example".to_owned(),
        generation: 2,
        former_until: Some(AT),
        events_after: Moment::FIRST,
        changed_at: AT,
        changed_by: "admin".to_owned(),
    }
}

/// A try that failed, one that did not, and a wish for another.
fn deliveries(webhook: &Webhook) -> [WebhookDelivery; 3] {
    let (report_id, event) = (ReportId::generate(), WebhookEvent::ReportCompleted);
    let failed = WebhookDelivery {
        delivery_id: DeliveryId::of(webhook.webhook_id, report_id, 1, event.name(), AT),
        webhook_id: webhook.webhook_id,
        tenant: webhook.tenant.clone(),
        event,
        report_id,
        report_attempt: 1,
        happened_at: AT,
        step: DeliveryStep::Failed,
        round: 0,
        tries: 1,
        at: AT,
        status: Some(503),
        problem: Some("it answered 503".to_owned()),
        took_ms: Some(12),
        actor: None,
        failing_since: Some(AT),
    };
    let delivered = WebhookDelivery {
        step: DeliveryStep::Delivered,
        tries: 2,
        status: Some(200),
        problem: None,
        failing_since: None,
        ..failed.clone()
    };
    let actor = Some("admin".to_owned());
    let asked = WebhookDelivery { step: DeliveryStep::Requested, round: 1, tries: 0, actor, ..delivered.clone() };
    [failed, delivered, asked]
}
