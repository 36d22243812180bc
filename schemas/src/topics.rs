//! Kafka topics: names, partition counts and settings of contract section 3.

/// One topic as `flowledger migrate` makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Topic {
    /// The name on the broker.
    pub name: &'static str,
    /// Partitions when it is made; operators may raise it. `connection-events`: a multiple of 16.
    pub partitions: i32,
    /// Topic configs beside `message.timestamp.type=LogAppendTime`, which all of them carry.
    pub settings: &'static [(&'static str, &'static str)],
}

const WEEK: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "604800000")];
/// A week, and whole records of `connection-events` with the facts of a letter: four times what a topic takes by Kafka's default.
const LETTERS: &[(&str, &str)] =
    &[("cleanup.policy", "delete"), ("retention.ms", "604800000"), ("max.message.bytes", "4194304")];
const MONTH: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "2592000000")];
const FOR_GOOD: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];
/// One record a key, for good. Small segments, so that a start reads little.
const COMPACTED: &[(&str, &str)] =
    &[("cleanup.policy", "compact"), ("segment.bytes", "16777216"), ("min.cleanable.dirty.ratio", "0.1")];

/// What Connectors report. Key: Remote Network id as decimal text. Value: `connection-event`.
pub const CONNECTION_EVENTS: Topic = Topic { name: "connection-events", partitions: 16, settings: WEEK };
/// Log lines that no event could be made of, as they were. Key: the Connector's file.
pub const CONNECTION_LINES_DEAD_LETTER: Topic =
    Topic { name: "connection-lines-dead-letter", partitions: 1, settings: WEEK };
/// Events that ingest refused, as they were; of what the topic does not take, the beginning. Key: source partition and offset.
pub const CONNECTION_EVENTS_DEAD_LETTER: Topic =
    Topic { name: "connection-events-dead-letter", partitions: 1, settings: LETTERS };
/// What tenants' admins ask for. Key: report id. Value: `report-request`.
pub const REPORT_REQUESTS: Topic = Topic { name: "report-requests", partitions: 4, settings: FOR_GOOD };
/// What happened to reports. Key: report id. Value: `report-event`.
pub const REPORT_EVENTS: Topic = Topic { name: "report-events", partitions: 4, settings: FOR_GOOD };
/// Pieces of large reports, for whichever exporter takes them. Key: report id. Value: `report-slice`.
pub const REPORT_SLICES: Topic = Topic { name: "report-slices", partitions: 16, settings: FOR_GOOD };
/// Requests that the exporter could not read or that are not allowed, and slices that it could not read, as they were. Key: report id.
pub const REPORT_REQUESTS_DEAD_LETTER: Topic =
    Topic { name: "report-requests-dead-letter", partitions: 1, settings: WEEK };
/// Reports that tenants keep, and when they are made. Key: schedule id. Value: `report-schedule`.
pub const REPORT_SCHEDULES: Topic = Topic { name: "report-schedules", partitions: 4, settings: COMPACTED };
/// Where tenants want to be told what becomes of their reports. Key: webhook id. Value: `webhook`.
pub const WEBHOOKS: Topic = Topic { name: "webhooks", partitions: 4, settings: COMPACTED };
/// What became of what webhooks are told. Key: webhook id. Value: `webhook-delivery`. Kept for a week at least: what is on it is not sent again.
pub const WEBHOOK_DELIVERIES: Topic = Topic { name: "webhook-deliveries", partitions: 4, settings: MONTH };
/// Bucket syncs: what people do to them, and what became of their objects. Key: sync id. Value: `bucket-sync-event`.
pub const BUCKET_SYNCS: Topic = Topic { name: "bucket-syncs", partitions: 4, settings: FOR_GOOD };
/// How far connectors that deliver exactly once have read. Key: the connector's instance and the file. Value: `connector-position`.
pub const CONNECTOR_POSITIONS: Topic = Topic { name: "connector-positions", partitions: 1, settings: COMPACTED };
/// What accounts did, in chains of hashes. One partition, never more: its order is part of what is checked. Key: chain. Value: `audit-event`.
pub const AUDIT_EVENTS: Topic = Topic { name: "audit-events", partitions: 1, settings: FOR_GOOD };

/// All of them.
pub const ALL: &[Topic] = &[
    CONNECTION_EVENTS,
    CONNECTION_LINES_DEAD_LETTER,
    CONNECTION_EVENTS_DEAD_LETTER,
    REPORT_REQUESTS,
    REPORT_EVENTS,
    REPORT_SLICES,
    REPORT_REQUESTS_DEAD_LETTER,
    REPORT_SCHEDULES,
    WEBHOOKS,
    WEBHOOK_DELIVERIES,
    BUCKET_SYNCS,
    CONNECTOR_POSITIONS,
    AUDIT_EVENTS,
];

/// The setting that every topic carries: Kafka's time is the broker's.
pub const TIMESTAMP_TYPE: (&str, &str) = ("message.timestamp.type", "LogAppendTime");

/// Header names on records of these topics. One place, so that writer and reader agree.
pub mod headers {
    /// Dead letters: why, in words.
    pub const REASON: &str = "reason";
    /// Dead letters of lines: the file, as the connector was told it. On events, only where the connector is set to add it.
    pub const FILE: &str = "file";
    /// Dead letters of lines: byte offset of the line's first byte in the file, decimal. On events as `FILE`.
    pub const FILE_OFFSET: &str = "file-offset";
    /// Dead letters of lines: length of the whole line in bytes, decimal, where the value holds only its beginning.
    pub const LINE_LENGTH: &str = "line-length";
    /// Dead letters of lines: SHA-256 of the whole line, hexadecimal.
    pub const LINE_SHA256: &str = "line-sha256";
    /// Dead letters of lines: the tenant of the connector that read it.
    pub const TENANT: &str = "tenant";
    /// Dead letters of lines: version of the log, `v2` or `v3`.
    pub const LOG_VERSION: &str = "log-version";
    /// Dead letters of events that the topic does not take whole: length of the record's value in bytes, decimal. A letter that has it holds the
    /// beginning of its record.
    pub const VALUE_LENGTH: &str = "value-length";
    /// SHA-256 of the record's value, hexadecimal, where `VALUE_LENGTH` is.
    pub const VALUE_SHA256: &str = "value-sha256";
    /// Dead letters of events and requests: topic the record came from.
    pub const SOURCE_TOPIC: &str = "source-topic";
    /// Its partition, decimal.
    pub const SOURCE_PARTITION: &str = "source-partition";
    /// Its offset, decimal.
    pub const SOURCE_OFFSET: &str = "source-offset";
    /// Its time on Kafka, Unix milliseconds, decimal.
    pub const SOURCE_TIMESTAMP_MS: &str = "source-timestamp-ms";
    /// Its key, raw bytes; absent where it had none.
    pub const SOURCE_KEY: &str = "source-key";
    /// Slices: the attempt that it belongs to, decimal. With the key and the next two it says which slice it is, also where nobody can read it.
    pub const ATTEMPT: &str = "attempt";
    /// Slices: the upload, which names the plan.
    pub const UPLOAD_ID: &str = "upload-id";
    /// Slices: its number, decimal.
    pub const SLICE: &str = "slice";
    /// Dead letters of events: configured name of that life of the topic, `ingest.source`.
    pub const SOURCE_NAME: &str = "source-name";

    /// Markers among dead letters of events: what became of the letter with this source, `replayed` or `discarded`. A record that
    /// has it is no letter; it names the letter by the `source-…` headers.
    pub const MARKER: &str = "marker";
    /// Markers: who did it.
    pub const MARKED_BY: &str = "marked-by";
    /// Markers: why.
    pub const MARKED_WHY: &str = "marked-why";
    /// Markers of a replay: where the record lies now, `partition-offset`.
    pub const REPLAYED_TO: &str = "replayed-to";

    /// Events that were replayed: name of the topic's life where the record lay first.
    pub const ORIGIN_NAME: &str = "origin-name";
    /// The topic where it lay first.
    pub const ORIGIN_TOPIC: &str = "origin-topic";
    /// Its partition there, decimal.
    pub const ORIGIN_PARTITION: &str = "origin-partition";
    /// Its offset there, decimal.
    pub const ORIGIN_OFFSET: &str = "origin-offset";
    /// Its first time on Kafka, Unix milliseconds, decimal.
    pub const ORIGIN_TIMESTAMP_MS: &str = "origin-timestamp-ms";
    /// How many times it has been replayed, decimal.
    pub const REPLAYS: &str = "replays";
}
