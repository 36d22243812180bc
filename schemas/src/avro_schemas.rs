//! The Avro schemas of the topics' values, as text, and every version that was ever published.

use crate::topics::{self, Topic};

/// One subject of the schema registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `<topic>-value`.
    pub name: &'static str,
    /// The topic whose values it describes.
    pub topic: Topic,
    /// Today's schema.
    pub schema: &'static str,
    /// Every published version, oldest first; the last one is today's.
    pub published: &'static [&'static str],
}

/// Compatibility of every subject: each version reads the data of each other.
pub const COMPATIBILITY: &str = "FULL_TRANSITIVE";

/// Values of `connection-events`.
pub const CONNECTION_EVENT: Subject = Subject {
    name: "connection-events-value",
    topic: topics::CONNECTION_EVENTS,
    schema: include_str!("../avsc/connection-event.avsc"),
    published: &[include_str!("../avsc/published/connection-event.1.avsc")],
};
/// Values of `report-requests`.
pub const REPORT_REQUEST: Subject = Subject {
    name: "report-requests-value",
    topic: topics::REPORT_REQUESTS,
    schema: include_str!("../avsc/report-request.avsc"),
    published: &[
        include_str!("../avsc/published/report-request.1.avsc"),
        include_str!("../avsc/published/report-request.2.avsc"),
        include_str!("../avsc/published/report-request.3.avsc"),
        include_str!("../avsc/published/report-request.4.avsc"),
        include_str!("../avsc/published/report-request.5.avsc"),
    ],
};
/// Values of `report-events`.
pub const REPORT_EVENT: Subject = Subject {
    name: "report-events-value",
    topic: topics::REPORT_EVENTS,
    schema: include_str!("../avsc/report-event.avsc"),
    published: &[
        include_str!("../avsc/published/report-event.1.avsc"),
        include_str!("../avsc/published/report-event.2.avsc"),
        include_str!("../avsc/published/report-event.3.avsc"),
        include_str!("../avsc/published/report-event.4.avsc"),
        include_str!("../avsc/published/report-event.5.avsc"),
        include_str!("../avsc/published/report-event.6.avsc"),
        include_str!("../avsc/published/report-event.7.avsc"),
        include_str!("../avsc/published/report-event.8.avsc"),
    ],
};
/// Values of `report-slices`.
pub const REPORT_SLICE: Subject = Subject {
    name: "report-slices-value",
    topic: topics::REPORT_SLICES,
    schema: include_str!("../avsc/report-slice.avsc"),
    published: &[
        include_str!("../avsc/published/report-slice.1.avsc"),
        include_str!("../avsc/published/report-slice.2.avsc"),
        include_str!("../avsc/published/report-slice.3.avsc"),
        include_str!("../avsc/published/report-slice.4.avsc"),
    ],
};
/// Values of `report-schedules`.
pub const REPORT_SCHEDULE: Subject = Subject {
    name: "report-schedules-value",
    topic: topics::REPORT_SCHEDULES,
    schema: include_str!("../avsc/report-schedule.avsc"),
    published: &[
        include_str!("../avsc/published/report-schedule.1.avsc"),
        include_str!("../avsc/published/report-schedule.2.avsc"),
        include_str!("../avsc/published/report-schedule.3.avsc"),
        include_str!("../avsc/published/report-schedule.4.avsc"),
    ],
};
/// Values of `webhooks`.
pub const WEBHOOK: Subject = Subject {
    name: "webhooks-value",
    topic: topics::WEBHOOKS,
    schema: include_str!("../avsc/webhook.avsc"),
    published: &[include_str!("../avsc/published/webhook.1.avsc")],
};
/// Values of `webhook-deliveries`.
pub const WEBHOOK_DELIVERY: Subject = Subject {
    name: "webhook-deliveries-value",
    topic: topics::WEBHOOK_DELIVERIES,
    schema: include_str!("../avsc/webhook-delivery.avsc"),
    published: &[include_str!("../avsc/published/webhook-delivery.1.avsc")],
};
/// Values of `bucket-syncs`.
pub const BUCKET_SYNC_EVENT: Subject = Subject {
    name: "bucket-syncs-value",
    topic: topics::BUCKET_SYNCS,
    schema: include_str!("../avsc/bucket-sync-event.avsc"),
    published: &[
        include_str!("../avsc/published/bucket-sync-event.1.avsc"),
        include_str!("../avsc/published/bucket-sync-event.2.avsc"),
        include_str!("../avsc/published/bucket-sync-event.3.avsc"),
    ],
};
/// Values of `connector-positions`.
pub const CONNECTOR_POSITION: Subject = Subject {
    name: "connector-positions-value",
    topic: topics::CONNECTOR_POSITIONS,
    schema: include_str!("../avsc/connector-position.avsc"),
    published: &[
        include_str!("../avsc/published/connector-position.1.avsc"),
        include_str!("../avsc/published/connector-position.2.avsc"),
    ],
};
/// Values of `audit-events`.
pub const AUDIT_EVENT: Subject = Subject {
    name: "audit-events-value",
    topic: topics::AUDIT_EVENTS,
    schema: include_str!("../avsc/audit-event.avsc"),
    published: &[
        include_str!("../avsc/published/audit-event.1.avsc"),
        include_str!("../avsc/published/audit-event.2.avsc"),
        include_str!("../avsc/published/audit-event.3.avsc"),
    ],
};

/// All of them.
pub const ALL: &[Subject] = &[
    CONNECTION_EVENT,
    REPORT_REQUEST,
    REPORT_EVENT,
    REPORT_SLICE,
    REPORT_SCHEDULE,
    WEBHOOK,
    WEBHOOK_DELIVERY,
    BUCKET_SYNC_EVENT,
    CONNECTOR_POSITION,
    AUDIT_EVENT,
];
